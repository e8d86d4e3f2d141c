"""Names of extensions: `{namespace}name` inside, compact URIs by a JSON-LD `@context` outside.

A context is read as far as it stands in the document: prefixes, terms and `@vocab`. One given by its address is not
fetched; a bare name that it may define is kept as `{}name`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from careledger.anchoring.canonical_json import Json
from careledger.serialization.epcis.vocabulary import CBV, GS1

__all__ = [
    "BRACE",
    "EPCIS",
    "MASTER_DATA",
    "NAMESPACE",
    "PREFIXES",
    "STANDARD_CONTEXT",
    "Names",
    "beside_the_standard",
    "clark",
    "split",
]

MASTER_DATA = "urn:epcglobal:cbv:mda:"
EPCIS = "https://ref.gs1.org/epcis/"
STANDARD_CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
STANDARD = re.compile(
    r"https://(?:ref\.gs1\.org/standards/epcis/(?:2[0-9.]*/)?|gs1\.github\.io/EPCIS/)epcis-context\.jsonld"
)
PREFIXES = {
    "epcis": EPCIS,
    "cbv": CBV,
    "cbvmda": MASTER_DATA,
    "gs1": GS1,
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}
"""Those that the standard context declares."""

BRACE = re.compile("[{}]")
"""What no name and no namespace may have: names inside are told by it."""

NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^{}]*", re.DOTALL)
"""An absolute URI, also one of its beginning."""

URI = re.compile(r"(.*[/#:])([^/#:]*)", re.DOTALL)


def clark(namespace: str, name: str) -> str:
    """The name inside. The namespace of the CBV's master data, which XML writes without its last colon, is one."""
    return f"{{{MASTER_DATA if namespace == MASTER_DATA[:-1] else namespace}}}{name}"


def split(name: str) -> tuple[str, str]:
    """Namespace and name of `{namespace}name`."""
    namespace, _, local = name[1:].partition("}")
    return namespace, local


def beside_the_standard(context: Json) -> tuple[Json, ...]:
    """The entries of an `@context` without the standard one."""
    entries = context if isinstance(context, Sequence) and not isinstance(context, str) else [context]
    return tuple(one for one in entries if not (isinstance(one, str) and STANDARD.fullmatch(one)))


class Names:
    """What the names mean under a context, and how they are written under it."""

    def __init__(self, context: Iterable[Json]) -> None:
        """`context` is what stands beside the standard one, in order; a later entry goes before an earlier one."""
        self._declared = dict(PREFIXES)
        self._vocabulary: str | None = None
        self._fetched = False
        for entry in context:
            if isinstance(entry, Mapping):
                for name, value in entry.items():
                    self._declare(name, value)
            else:
                self._fetched = True

    def inside(self, name: str) -> str | None:
        """`{namespace}name`; None for a bare name that nothing defines, and for JSON-LD's own that begin with `@`."""
        if name.startswith("@"):
            return None
        prefix, colon, rest = name.partition(":")
        if not colon:
            if name in self._declared:
                return self._split(self._declared[name])
            if self._vocabulary is not None:
                return clark(self._vocabulary, name)
            return clark("", name) if self._fetched else None
        if prefix in self._declared and not rest.startswith("//"):
            return clark(self._declared[prefix], rest)
        return self._split(name)

    def outside(self, name: str) -> str:
        """A name `{namespace}name` as a term, a compact URI, or a URI."""
        namespace, local = split(name)
        if not namespace or namespace == self._vocabulary:
            return local
        uri = namespace + local
        for term, value in self._declared.items():
            if value == uri and term not in PREFIXES:
                return term
        for prefix, value in self._declared.items():
            if value == namespace and not local.startswith("//"):
                return f"{prefix}:{local}"
        return uri

    def _declare(self, name: str, value: Json) -> None:
        if isinstance(value, Mapping):
            value = value.get("@id")
        if not isinstance(value, str):
            return
        prefix, colon, rest = value.partition(":")
        if colon and prefix in self._declared and not rest.startswith("//"):
            value = self._declared[prefix] + rest
        if not NAMESPACE.fullmatch(value):
            return
        if name == "@vocab":
            self._vocabulary = value
        elif not name.startswith("@"):
            self._declared[name] = value

    def _split(self, uri: str) -> str:
        """By the longest declared namespace, or after the last delimiter."""
        namespaces = [one for one in self._declared.values() if uri.startswith(one) and uri != one]
        if namespaces:
            namespace = max(namespaces, key=len)
            return clark(namespace, uri.removeprefix(namespace))
        found = URI.fullmatch(uri)
        return clark(found[1], found[2]) if found else clark("", uri)
