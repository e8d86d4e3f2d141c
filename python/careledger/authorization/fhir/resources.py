"""FHIR JSON, read strictly and checked against R4B, and the references between the entries of a Bundle.

`fhir.resources.R4B` is FHIR 4.3, whose resources here are those of R4; the library's default is R5, which refuses every
published PAS example. It checks names, types and what must be there, and no code lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from careledger.anchoring.canonical_json import Json, Number, parse, write
from careledger.authorization.fhir.elements import Element
from careledger.authorization.fhir.issues import Issue, refuse
from careledger.errors import InvalidInput

__all__ = ["Bundle", "Entry", "bundle_of", "check_references", "dump", "parse_bundle", "parse_resource"]

TYPE = re.compile("[A-Z][A-Za-z]{1,63}")
RESTFUL = re.compile(r"(?P<base>https?://.+)/(?P<type>[A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}")
RELATIVE = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})")
HISTORY = re.compile(r"/_history/[^/]*$")
ENTRIES_AT_MOST = 1_000
PROBLEMS = {"missing": "is needed", "extra_forbidden": "is not an element of FHIR R4 here"}


@dataclass(frozen=True)
class Entry:
    """An entry of a Bundle."""

    full_url: str = field(repr=False)
    resource: Element = field(repr=False)

    @property
    def type(self) -> str:
        """The resource's type."""
        return str(self.resource.value["resourceType"])


@dataclass(frozen=True)
class Bundle:
    """A Bundle whose entries are valid resources, each with a fullUrl of its own."""

    envelope: Element = field(repr=False)
    entries: tuple[Entry, ...]
    _by_full_url: Mapping[str, Entry] = field(init=False, repr=False, compare=False)
    _by_type_and_id: Mapping[tuple[str, Json], list[Entry]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_type_and_id: dict[tuple[str, Json], list[Entry]] = {}
        for entry in self.entries:
            by_type_and_id.setdefault((entry.type, entry.resource.text("id")), []).append(entry)
        object.__setattr__(self, "_by_full_url", {entry.full_url: entry for entry in self.entries})
        object.__setattr__(self, "_by_type_and_id", by_type_and_id)

    def resolve(self, reference: str, source: Entry) -> Entry | None:
        """The entry that a reference in another entry means, by R4's rules for bundles: by fullUrl, or relative to the
        server of the source. Where the source's fullUrl names no server, a relative reference is taken by type and id,
        if only one entry has them."""
        wanted = HISTORY.sub("", reference)
        relative = RELATIVE.fullmatch(wanted)
        if relative is None:
            return self._by_full_url.get(wanted)
        server = RESTFUL.fullmatch(HISTORY.sub("", source.full_url))
        if server:
            return self._by_full_url.get(f"{server['base']}/{wanted}")
        found = self._by_type_and_id.get((relative["type"], relative["id"]), [])
        return found[0] if len(found) == 1 else None

    def reachable(self, source: Entry) -> Iterator[tuple[Entry, str, str, Entry | None]]:
        """Every reference that can be followed from an entry: where it stands, its path, the reference, and what it
        means, None if that is not in the bundle. What a Claim that is not the source itself was an update of is left
        out: PAS keeps it out of the bundle."""
        seen, left = {source.full_url}, [source]
        while left:
            entry = left.pop()
            for path, reference in _references(entry, skip_related=entry is not source):
                target = self.resolve(reference, entry)
                yield entry, path, reference, target
                if target is not None and target.full_url not in seen:
                    seen.add(target.full_url)
                    left.append(target)


def parse_resource(content: bytes, resource_type: str) -> Element:
    """A resource of one type, valid by R4B. Raises BundleRefused."""
    resource = _object(content, resource_type)
    problems = _problems(resource, resource_type)
    if problems:
        refuse(problems)
    return Element(resource, resource_type)


def parse_bundle(content: bytes, first: str) -> Bundle:
    """A Bundle of type collection whose first entry is of the type `first`. Raises BundleRefused."""
    return bundle_of(_object(content, "Bundle"), first, "Bundle")


def bundle_of(value: Mapping[str, Json], first: str, path: str) -> Bundle:
    """The Bundle of a JSON object; `path` leads to it. Raises BundleRefused."""
    envelope = Element(value, path)
    issues = envelope.issues
    kind = envelope.text("type")
    if kind != "collection":
        envelope.wrong_code("type", kind, "must be collection")
    entries: list[Entry] = []
    found = envelope.elements("entry")
    if len(found) > ENTRIES_AT_MOST:
        envelope.wrong("entry", f"are more than {ENTRIES_AT_MOST}", str(len(found)), "too-costly")
        refuse(issues)
    urls: set[str] = set()
    for entry in found:
        resource, url = entry.element("resource"), entry.text("fullUrl")
        if resource is None:
            entry.wrong("resource", "is needed", code="required")
            continue
        if not url:
            entry.wrong("fullUrl", "is needed", code="required")
        elif url in urls:
            entry.wrong("fullUrl", "stands twice: a resource appears once", code="duplicate")
        urls.add(url or "")
        kind = resource.text("resourceType")
        problems = _problems(resource.value, resource.path)
        issues.extend(problems)
        if not problems and kind and url:
            entries.append(Entry(url, resource))
    if not found:
        envelope.wrong("entry", "is needed", code="required")
    else:
        leading = found[0].element("resource")
        kind = leading.text("resourceType") if leading else None
        if kind != first:
            shown = kind if kind and TYPE.fullmatch(kind) else None
            found[0].wrong("resource", f"must be a {first}: it comes first", shown, "structure")
    outside = {name: item for name, item in value.items() if name != "entry"}
    issues.extend(_problems(outside, path))
    if issues:
        refuse(issues)
    return Bundle(envelope, tuple(entries))


def check_references(bundle: Bundle, source: Entry) -> None:
    """Notes an issue for each reference, followed from an entry, that leads out of the bundle. The reference itself is
    not shown: an id can be a patient's."""
    for entry, path, reference, target in bundle.reachable(source):
        if target is None:
            relative = RELATIVE.fullmatch(HISTORY.sub("", reference))
            shown = f"{relative['type']}/..." if relative and TYPE.fullmatch(relative["type"]) else None
            entry.resource.issues.append(Issue(path, "is not in the bundle", shown, "not-found"))


def dump(resource: Mapping[str, Json]) -> bytes:
    """A resource as JSON in UTF-8: names in order, no whitespace, numbers as they are."""
    return write(resource).encode()


# ------------------------------------------------------------------ R4B


def _object(content: bytes, resource_type: str) -> Mapping[str, Json]:
    try:
        value = parse(content)
    except InvalidInput as problem:
        shown = problem.value if problem.name == "name" and TYPE.fullmatch(problem.value.capitalize()) else None
        refuse([Issue(resource_type, problem.problem, shown, "structure")])
    if not isinstance(value, Mapping):
        refuse([Issue(resource_type, "must be a JSON object", None, "structure")])
    kind = value.get("resourceType")
    if kind != resource_type:
        shown = kind if isinstance(kind, str) and TYPE.fullmatch(kind) else None
        refuse([Issue(f"{resource_type}.resourceType", f"must be {resource_type}", shown, "structure")])
    return value


def _problems(resource: Mapping[str, Json], path: str) -> list[Issue]:
    """What R4B has against a resource. Values stand in none: they could be anything."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not TYPE.fullmatch(kind):
        return [Issue(f"{path}.resourceType", "is no FHIR resource", None, "structure")]
    try:
        model = get_fhir_model_class(kind)
    except (KeyError, ValueError, LookupError):
        return [Issue(f"{path}.resourceType", "is no FHIR R4 resource", kind, "structure")]
    try:
        model.model_validate(_plain(resource))
    except ValidationError as refusal:
        return [_problem(dict(error), path) for error in refusal.errors(include_input=False, include_url=False)]
    except Exception:  # the library looks up what it is given before it checks it: any kind of error means a refusal
        return [Issue(path, f"is no {kind} of FHIR R4", None, "structure")]
    return []


def _problem(error: Mapping[str, Any], path: str) -> Issue:
    where = path
    for part in error["loc"]:
        if isinstance(part, int):
            where += f"[{part}]"
        elif part != "root":
            where += "." + str(part).removesuffix("_fhir")
    kind = str(error["type"])
    return Issue(where, PROBLEMS.get(kind, "is not a valid value"), None, "required" if kind == "missing" else "value")


def _plain(value: Json) -> Any:
    """A copy with numbers as `int` and `Decimal`, which the library takes and may change."""
    if isinstance(value, Number):
        return int(value) if value.lstrip("-").isdigit() and len(value) < 20 else Decimal(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


# ------------------------------------------------------------------ references


def _references(entry: Entry, skip_related: bool) -> Iterator[tuple[str, str]]:
    """Path and text of every literal reference in a resource that leads out of it."""
    left: list[tuple[str, Json]] = [(entry.resource.path, entry.resource.value)]
    while left:
        path, value = left.pop()
        if isinstance(value, Mapping):
            reference = value.get("reference")
            if isinstance(reference, str) and not reference.startswith("#"):
                yield f"{path}.reference", reference
            for name, item in value.items():
                if not (skip_related and name == "related" and path == entry.resource.path and entry.type == "Claim"):
                    left.append((f"{path}.{name}", item))
        elif isinstance(value, list):
            left.extend((f"{path}[{i}]", item) for i, item in enumerate(value))
