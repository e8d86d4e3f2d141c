"""EPCIS 1.2 and 2.0 XML: documents and query documents, read into the tree of EPCIS 2.0 JSON.

What only XML has becomes what JSON has instead: `extension` and `baseExtension` of EPCIS 1.2 are the places of their
contents; attributes of an extension are names beside its elements; an element that comes several times is a list; text
beside elements is `#text`. Attributes of the XML schema's own namespace say nothing of a standard field. Values of user
extensions stay text: XML does not tell numbers.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from careledger.anchoring.canonical_json import MAX_DEPTH, Json, Number
from careledger.anchoring.field_paths import Path
from careledger.errors import EpcisInvalid
from careledger.serialization.epcis.documents import Document, DocumentType
from careledger.serialization.epcis.events import Event
from careledger.serialization.epcis.names import NAMESPACE, PREFIXES, clark, split
from careledger.serialization.epcis.reading import check_size, read_event, refuse

__all__ = ["MAX_ELEMENTS", "read_xml"]

MAX_ELEMENTS = 400_000
"""How many elements and attributes a document may have."""

STANDARD = re.compile(r"urn:epcglobal:epcis(?:-query|-masterdata)?:xsd:[12]")
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
WRAPPERS = frozenset({"extension", "baseExtension"})
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
SCHEMES = frozenset({"http", "https", "ni", "urn"})
"""Prefixes by which a compact URI would look like a URI."""

LISTS = {
    "epcList": "epc",
    "childEPCs": "epc",
    "inputEPCList": "epc",
    "outputEPCList": "epc",
    "quantityList": "quantityElement",
    "childQuantityList": "quantityElement",
    "inputQuantityList": "quantityElement",
    "outputQuantityList": "quantityElement",
    "bizTransactionList": "bizTransaction",
    "sourceList": "source",
    "destinationList": "destination",
    "correctiveEventIDs": "correctiveEventID",
    "sensorElementList": "sensorElement",
}
"""Lists of the standard, and what their items are called."""

OBJECTS = frozenset(
    {
        "readPoint",
        "bizLocation",
        "errorDeclaration",
        "persistentDisposition",
        "quantityElement",
        "sensorElement",
        "ilmd",
    }
)
"""Objects of the standard that are elements with elements."""

RECORDS = frozenset({"sensorMetadata", "sensorReport"})
"""Objects of the standard whose fields are attributes."""

TYPED = frozenset({"bizTransaction", "source", "destination"})
"""Objects of the standard that are text with a type."""

REPEATED = frozenset({"sensorReport", "certificationInfo", "set", "unset"})
"""Fields of lists that XML does not wrap."""

NUMBERS = frozenset({"quantity", "value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"})

Tree = dict[str, Any]


def read_xml(content: bytes) -> Document:
    """The document of an XML text. An event that is wrong is an EpcisInvalid in its place.

    Raises EpcisInvalid if the text is longer than `reading.MAX_BYTES`, no XML, has a document type definition, has more
    elements than MAX_ELEMENTS or is nested deeper than JSON may be, or is no EPCIS document.
    """
    check_size(content)
    root, prefixes = _parsed(content)
    kind = _name(root.tag)
    header: Tree = {name: value for name, value in _attributes(root) if name != "schemaVersion"}
    header["schemaVersion"] = "2.0"
    for child in root:
        match _name(child.tag):
            case "EPCISHeader":
                header["epcisHeader"] = _header(child)
            case "EPCISBody":
                pass
            case name:
                header[name] = _extension(child)
    body = _only(root, "EPCISBody")
    if kind == DocumentType.CAPTURE:
        holder = body
        header["epcisBody"] = _beside(body, "EventList")
    elif kind == DocumentType.QUERY:
        results = _only(body, "QueryResults")
        holder = _only(results, "resultsBody")
        around = _beside(results, "resultsBody") | {"resultsBody": _beside(holder, "EventList")}
        header["epcisBody"] = {"queryResults": around}
    else:
        refuse((), kind, "is no EPCIS document: neither EPCISDocument nor EPCISQueryDocument")
    trees = [_tree(one, ("eventList", i)) for i, one in enumerate(_unwrapped(_only(holder, "EventList")))]
    context = _context([header, *(tree for tree in trees if isinstance(tree, dict))], prefixes)
    entries = tuple(_entry(tree, ("eventList", i), context) for i, tree in enumerate(trees))
    return Document(DocumentType(kind), entries, header, context)


class _Target:
    """What the parser fills: a tree, and the prefixes that were declared."""

    def __init__(self) -> None:
        self.prefixes: dict[str, str] = {}
        self._builder = TreeBuilder()
        self._depth = 0
        self._count = 0

    def start_ns(self, prefix: str, uri: str) -> None:
        if uri and not NAMESPACE.fullmatch(uri):
            refuse((), uri, "is no namespace that JSON-LD can have: an absolute URI without braces")
        if prefix and prefix not in SCHEMES:
            self.prefixes.setdefault(prefix, uri)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1 + len(attributes)
        if self._depth > MAX_DEPTH:
            refuse((), f"{MAX_DEPTH} levels", "are the most: this XML is nested too deep")
        if self._count > MAX_ELEMENTS:
            refuse((), f"{MAX_ELEMENTS} elements", "and attributes are the most: send it in parts")
        self._builder.start(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._builder.end(tag)

    def data(self, text: str) -> None:
        self._builder.data(text)

    def close(self) -> Element:
        return self._builder.close()


def _parsed(content: bytes) -> tuple[Element, Mapping[str, str]]:
    target = _Target()
    parser = DefusedXMLParser(target=target, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(content)
        root: Element = parser.close()
    except DefusedXmlException as problem:
        name = type(problem).__name__
        raise EpcisInvalid("content", name, "document types and entities are not read: send the XML without") from None
    except ParseError as problem:
        line, column = problem.position
        raise EpcisInvalid("content", f"line {line} column {column}", "is not well-formed XML") from None
    except (LookupError, ValueError) as problem:
        raise EpcisInvalid("content", type(problem).__name__, "is in an encoding that is not known") from None
    return root, target.prefixes


def _tree(element: Element, place: Path) -> Tree | EpcisInvalid:
    try:
        return {"type": _name(element.tag)} | _object(element, place)
    except EpcisInvalid as problem:
        return problem


def _entry(tree: Tree | EpcisInvalid, place: Path, context: tuple[Json, ...]) -> Event | EpcisInvalid:
    try:
        return tree if isinstance(tree, EpcisInvalid) else read_event(tree, place, context)
    except EpcisInvalid as problem:
        return problem


def _object(element: Element, place: Path) -> Tree:
    """The object of an element of the standard: its fields by name, each once, and extensions."""
    found: Tree = dict(_attributes(element))
    _no_text(element, place)
    for child in _unwrapped(element):
        name = _name(child.tag)
        if name.startswith("{"):
            _add(found, name, _extension(child))
        elif name in REPEATED:
            found.setdefault(name, []).append(_field(child, name, (*place, name)))
        elif name in found:
            refuse((*place, name), name, "stands twice")
        else:
            found[name] = _field(child, name, (*place, name))
    return found


def _field(element: Element, name: str, place: Path) -> Json:
    """The value of a field of the standard."""
    if name in LISTS:
        _no_text(element, place)
        items = []
        for i, child in enumerate(element):
            if _name(child.tag) != LISTS[name]:
                refuse((*place, i), _name(child.tag), f"must be {LISTS[name]}")
            items.append(_field(child, LISTS[name], (*place, i)))
        return items
    if name in OBJECTS:
        return _object(element, place)
    if name in RECORDS:
        return _record(element, place)
    attributes = dict(_attributes(element))
    text = (element.text or "").strip()
    if len(element) or (attributes and (name not in TYPED or attributes.keys() != {"type"})):
        inside = _name(element[0].tag) if len(element) else next(iter(attributes))
        refuse(place, inside, "stands where the standard has text only")
    if name in TYPED:
        return {name: text} | attributes
    return _number(text) if name in NUMBERS else text


def _record(element: Element, place: Path) -> Tree:
    """Sensor metadata or a sensor report."""
    found: Tree = {}
    for name, text in _attributes(element):
        if name in NUMBERS:
            found[name] = _number(text)
        else:
            found[name] = BOOLEANS.get(text, text) if name == "booleanValue" else text
    _no_text(element, place)
    for child in element:
        _add(found, _name(child.tag), _extension(child))
    return found


def _extension(element: Element) -> Json:
    """The value of an element that the standard does not know."""
    found: Tree = {_clark(name): text for name, text in element.items()}
    for child in element:
        _add(found, _clark(child.tag), _extension(child))
    text = _text(element)
    if not found:
        return text
    return found | ({"#text": text.strip()} if text.strip() else {})


def _header(element: Element) -> Tree:
    """The header's master data as JSON has them, and the rest as extensions."""
    found: Tree = {}
    for child in _unwrapped(element):
        if _name(child.tag) == "EPCISMasterData":
            lists = [one for one in child if _name(one.tag) == "VocabularyList"]
            found["epcisMasterData"] = {"vocabularyList": [_vocabulary(one) for part in lists for one in part]}
        else:
            _add(found, _clark(child.tag), _extension(child))
    return found


def _vocabulary(element: Element) -> Tree:
    elements = [item for part in element if _name(part.tag) == "VocabularyElementList" for item in part]
    return {"type": element.get("type"), "vocabularyElementList": [_vocabulary_element(one) for one in elements]}


def _vocabulary_element(element: Element) -> Tree:
    found: Tree = {"id": element.get("id")}
    attributes = [one for one in element if _name(one.tag) == "attribute"]
    if attributes:
        found["attributes"] = [{"id": one.get("id"), "attribute": _extension_of_attribute(one)} for one in attributes]
    children = [_text(item).strip() for one in element if _name(one.tag) == "children" for item in one]
    if children:
        found["children"] = children
    return found


def _extension_of_attribute(element: Element) -> Json:
    """What a master data attribute holds: text, or elements."""
    value = _extension(element)
    if isinstance(value, Mapping):
        rest = {name: item for name, item in value.items() if name != "id"}
        return rest.get("#text", "") if rest.keys() <= {"#text"} else rest
    return value


def _beside(element: Element, name: str) -> Tree:
    """What an element has beside the child of a name."""
    found: Tree = dict(_attributes(element))
    for child in element:
        if _name(child.tag) != name:
            _add(found, _name(child.tag), _extension(child))
    return found


def _only(element: Element, name: str) -> Element:
    """The one child of a name."""
    found = [child for child in element if _name(child.tag) == name]
    if len(found) != 1:
        refuse((), name, f"must stand once in {_name(element.tag)}, not {len(found)} times")
    return found[0]


def _unwrapped(element: Element) -> Iterator[Element]:
    """The children, with those of wrappers in their places."""
    for child in element:
        if _name(child.tag) in WRAPPERS:
            yield from _unwrapped(child)
        else:
            yield child


def _attributes(element: Element) -> Iterator[tuple[str, str]]:
    for name, value in element.items():
        if not name.startswith(f"{{{SCHEMA_INSTANCE}}}"):
            yield _name(name), value.strip()


def _add(found: Tree, name: str, value: Json) -> None:
    """One more value of a name. No value is a list before: one element has none."""
    former = found.get(name)
    if isinstance(former, list):
        former.append(value)
    else:
        found[name] = [former, value] if name in found else value


def _number(text: str) -> str:
    return Number(text) if NUMBER.fullmatch(text) else text


def _text(element: Element) -> str:
    """All text that stands directly in an element."""
    return (element.text or "") + "".join(child.tail or "" for child in element)


def _no_text(element: Element, place: Path) -> None:
    text = _text(element).strip()
    if text:
        refuse(place, text, "is text where the standard has elements only")


def _name(tag: str) -> str:
    """A name of the standard without its namespace, another as `{namespace}name`."""
    name = _clark(tag)
    return split(name)[1] if name.startswith("{") and STANDARD.fullmatch(split(name)[0]) else name


def _clark(tag: str) -> str:
    return clark(*split(tag)) if tag.startswith("{") else tag


def _context(trees: Json, prefixes: Mapping[str, str]) -> tuple[Json, ...]:
    """The prefixes that trees need beside the standard ones: those of the document, and `ns1` and so on."""
    declared = {uri: prefix for prefix, uri in prefixes.items() if prefix not in PREFIXES}
    fresh = (name for i in itertools.count(1) if (name := f"ns{i}") not in prefixes)
    needed: Tree = {}
    for namespace in dict.fromkeys(split(name)[0] for name in _names(trees)):
        if namespace not in PREFIXES.values():
            needed[declared.get(namespace) or next(fresh)] = namespace
    return (needed,) if needed else ()


def _names(value: Json) -> Iterator[str]:
    """All names with a namespace."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name.startswith("{"):
                yield name
            yield from _names(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _names(item)
