"""EPCIS 2.0 JSON and JSON-LD: a document, a query document, one event, or a list of events.

What was read is written equal as JSON, but for these: values of the CBV are bare words; `certificationInfo` is a list;
what is empty or null in a field of the standard is left out; an extension's name is written as its `@context` has it,
however it came; an `@context` is a list that begins with the standard one of release 2.0.0, and one inside an event
holds only what the document's does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from careledger.anchoring.canonical_json import Json, Number, parse
from careledger.anchoring.field_paths import Path
from careledger.errors import EpcisInvalid, InvalidInput
from careledger.serialization.epcis.documents import Document, DocumentType
from careledger.serialization.epcis.events import Event
from careledger.serialization.epcis.names import BRACE, STANDARD_CONTEXT, Names, beside_the_standard
from careledger.serialization.epcis.reading import check_size, exact_number, read_event, refuse
from careledger.serialization.epcis.writing import FIELDS, event_tree, renamed

__all__ = ["document_json", "event_json", "read_json"]

BODIES: dict[str, tuple[str, ...]] = {
    DocumentType.CAPTURE: ("epcisBody", "eventList"),
    DocumentType.QUERY: ("epcisBody", "queryResults", "resultsBody", "eventList"),
}
"""Where a document has its events."""

AROUND = frozenset(
    {
        "schemaVersion",
        "creationDate",
        "instanceIdentifier",
        "sender",
        "receiver",
        "epcisHeader",
        "epcisMasterData",
        "vocabularyList",
        "vocabularyElementList",
        "attributes",
        "attribute",
        "children",
        "epcisBody",
        "queryResults",
        "queryName",
        "subscriptionID",
        "resultsBody",
    }
)
"""Names that the standard has around events."""


def read_json(content: bytes) -> Document:
    """The document of a JSON text in UTF-8. An event that is wrong is an EpcisInvalid in its place.

    Raises EpcisInvalid if the text is longer than `reading.MAX_BYTES`, no JSON as `careledger.anchoring.canonical_json`
    reads it, or neither a document nor events.
    """
    check_size(content)
    try:
        value = parse(content)
    except InvalidInput as problem:
        raise EpcisInvalid(problem.name, problem.value, problem.problem) from None
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Document(DocumentType.EVENTS, tuple(_entry(one, (i,), ()) for i, one in enumerate(value)))
    if not isinstance(value, Mapping):
        refuse((), value, "must be an EPCIS document, an event, or a list of events")
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in BODIES:
        return Document(DocumentType.EVENT, (_entry(value, (), ()),))
    context = _context(value, ())
    around = {name: item for name, item in value.items() if name not in ("@context", "type")}
    header, events = _parted(around, BODIES[kind])
    return Document(
        type=DocumentType(kind),
        entries=tuple(_entry(one, ("eventList", i), context) for i, one in enumerate(events)),
        header=_inside(header, Names(context), ()),
        context=context,
    )


def document_json(document: Document) -> dict[str, Json]:
    """The EPCIS 2.0 JSON-LD of a capture or query document. Numbers are `Number`: write it by `canonical_json.write`.

    Raises EpcisInvalid if one of its entries is one, and ValueError for what is no document.
    """
    if document.type not in BODIES:
        raise ValueError(f"{document.type} is no document")
    events = [_within(event, document.context) for event in document.events]
    header = renamed(document.header, Names(document.context).outside)
    opening: dict[str, Json] = {"@context": [STANDARD_CONTEXT, *document.context], "type": document.type.value}
    return opening | _joined(header, BODIES[document.type], events)


def event_json(event: Event) -> dict[str, Json]:
    """The EPCIS 2.0 JSON-LD of an event that stands by itself. Numbers are `Number`."""
    return {"@context": [STANDARD_CONTEXT, *event.context]} | event_tree(event, Names(event.context).outside)


def _entry(value: Json, place: Path, context: tuple[Json, ...]) -> Event | EpcisInvalid:
    try:
        if not isinstance(value, Mapping):
            refuse(place, value, "must be an event, an object")
        context += _context(value, place)
        fields = {name: item for name, item in value.items() if name != "@context"}
        return read_event(_inside(fields, Names(context), place), place, context)
    except EpcisInvalid as problem:
        return problem


def _context(tree: Mapping[str, Json], place: Path) -> tuple[Json, ...]:
    """What an object's `@context` says beside the standard one."""
    entries = beside_the_standard(tree.get("@context", []))
    for entry in entries:
        if isinstance(entry, Number) or not isinstance(entry, str | Mapping):
            refuse((*place, "@context"), entry, "must be an address, an object, or a list of them")
    return entries


def _inside(tree: Mapping[str, Json], names: Names, place: Path) -> dict[str, Json]:
    """A tree whose names that a context defines are `{namespace}name`, and whose numbers can be hashed."""
    found: dict[str, Json] = {}
    for name, item in tree.items():
        if BRACE.search(name):
            refuse((*place, name), name, "is no name: it has a brace")
        inside = name if name in FIELDS or name in AROUND else names.inside(name) or name
        if inside in found:
            refuse((*place, name), name, "is another spelling of a name beside it")
        found[inside] = item if name == "@context" else _value_inside(item, names, (*place, name))
    return found


def _value_inside(value: Json, names: Names, place: Path) -> Json:
    if isinstance(value, Number):
        exact_number(value, place)
    elif isinstance(value, Mapping):
        return _inside(value, names, place)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        return [_value_inside(item, names, (*place, i)) for i, item in enumerate(value)]
    return value


def _within(event: Event, context: tuple[Json, ...]) -> dict[str, Json]:
    """An event in a document with a context of its own."""
    tree = event_tree(event, Names(event.context).outside)
    if event.context == context:
        return tree
    inherited = len(context) if event.context[: len(context)] == context else 0
    return {"@context": list(event.context[inherited:])} | tree


def _parted(tree: Mapping[str, Json], path: Sequence[str], place: Path = ()) -> tuple[dict[str, Json], Sequence[Json]]:
    """A tree without the list at a path, and the list."""
    name, *rest = path
    below = tree.get(name)
    if rest:
        if not isinstance(below, Mapping):
            refuse((*place, name), below, "must be an object that holds the events")
        without, events = _parted(below, rest, (*place, name))
        return {**tree, name: without}, events
    if isinstance(below, str) or not isinstance(below, Sequence):
        refuse((*place, name), below, "must be the list of events")
    return {one: item for one, item in tree.items() if one != name}, below


def _joined(tree: Mapping[str, Json], path: Sequence[str], events: list[dict[str, Json]]) -> dict[str, Json]:
    """A tree with a list at a path."""
    name, *rest = path
    if not rest:
        return {**tree, name: events}
    below = tree.get(name, {})
    return {**tree, name: _joined(below if isinstance(below, Mapping) else {}, rest, events)}
