"""`fhir-json-static`: FHIR JSON as it stays when a resource moves from server to server.

It follows HL7's http://hl7.org/fhir/canonicalization/json#static (FHIR R4, 2.6.2.6: names in order, no whitespace,
without `Resource.text` and `Resource.meta`) and settles what that leaves open:

- Names, strings and whitespace are as RFC 8785 writes them. **Numbers stay the text that they came in**: FHIR decimals
  carry their precision, so `1.0`, `1.00` and `1e0` are three values.
- `meta` and the narrative `text` are left out of every *resource*: the outermost one, those in `contained`, and those
  in the entries of a Bundle or Parameters. What is a resource is told by its place, never by a property called
  `resourceType` elsewhere; `CodeableConcept.text`, `Composition.section.text` and the like stay.
- **The `id` of the outermost resource is left out too.** A server that stores a resource gives it an id of its own
  (FHIR R4, 3.1.0.8), as it gives it a `meta`. HL7's `#document` does the same with `Bundle.id`. Ids of contained
  resources and entries stay: references inside the document name them.
- References, `fullUrl` and `identifier` stay as they are. A server that rewrites references makes another document.
- FHIR has no empty arrays, empty objects or null, except null where an array of primitives and the array of their
  extensions fill each other up (R4, 2.6.2.3). They are refused, so that none can be slipped in.

What is left out is not vouched for: a narrative can be replaced and security labels in `meta` can be removed without
a trace. Whoever needs them anchors the bytes with `raw`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from careledger.anchoring.canonical_json import Json, parse, write
from careledger.errors import InvalidInput

__all__ = ["static_bytes"]

OMITTED = ("meta", "text")
OMITTED_OUTERMOST = ("meta", "text", "id")


def static_bytes(content: bytes) -> bytes:
    """The canonical bytes of a FHIR resource in JSON. Raises InvalidInput naming the element that is refused."""
    resource = parse(content)
    if not _is_resource(resource):
        raise InvalidInput("content", "resourceType", "must be a FHIR resource: an object with a resourceType")
    kept = _resource(resource, OMITTED_OUTERMOST, str(resource["resourceType"]))
    _check_filled(kept, str(resource["resourceType"]))
    return write(kept).encode()


def _is_resource(value: Json) -> TypeGuard[Mapping[str, Json]]:
    return isinstance(value, Mapping) and type(value.get("resourceType")) is str


def _resource(resource: Mapping[str, Json], omitted: tuple[str, ...], path: str) -> dict[str, Json]:
    for name in omitted:
        if name in resource:
            _check_omitted(name, resource[name], path)
    kept = {name: value for name, value in resource.items() if name not in omitted}
    _replace_each(kept, "contained", path)
    if resource["resourceType"] == "Bundle":
        _replace(kept, "issues", path)
        entries = kept.get("entry")
        if isinstance(entries, list):
            kept["entry"] = [_entry(entry, f"{path}.entry[{i}]") for i, entry in enumerate(entries)]
    elif resource["resourceType"] == "Parameters":
        _parameters(kept, "parameter", path)
    return kept


def _check_omitted(name: str, value: Json, path: str) -> None:
    """What is left out must be what FHIR has there, so that nothing else can hide under its name."""
    if name == "id":
        right = type(value) is str
    elif name == "text":
        right = isinstance(value, Mapping) and type(value.get("div")) is str
    else:
        right = isinstance(value, Mapping)
    if not right:
        kind = {"id": "an id", "text": "a Narrative with a div", "meta": "a Meta"}[name]
        raise InvalidInput(f"{path}.{name}", type(value).__name__, f"must be {kind}")


def _replace(owner: dict[str, Json], name: str, path: str) -> None:
    """Puts the kept part of the resource that stands under a name in its place."""
    value = owner.get(name)
    if _is_resource(value):
        owner[name] = _resource(value, OMITTED, f"{path}.{name}")


def _replace_each(owner: dict[str, Json], name: str, path: str) -> None:
    values = owner.get(name)
    if isinstance(values, list):
        owner[name] = [
            _resource(value, OMITTED, f"{path}.{name}[{i}]") if _is_resource(value) else value
            for i, value in enumerate(values)
        ]


def _entry(entry: Json, path: str) -> Json:
    if not isinstance(entry, Mapping):
        return entry
    kept = dict(entry)
    _replace(kept, "resource", path)
    response = kept.get("response")
    if isinstance(response, Mapping):
        answer = dict(response)
        _replace(answer, "outcome", f"{path}.response")
        kept["response"] = answer
    return kept


def _parameters(owner: dict[str, Json], name: str, path: str) -> None:
    values = owner.get(name)
    if not isinstance(values, list):
        return
    kept: list[Json] = []
    for i, value in enumerate(values):
        if isinstance(value, Mapping):
            parameter = dict(value)
            _replace(parameter, "resource", f"{path}.{name}[{i}]")
            _parameters(parameter, "part", f"{path}.{name}[{i}]")
            kept.append(parameter)
        else:
            kept.append(value)
    owner[name] = kept


def _check_filled(value: Json, path: str) -> None:
    """Refuses empty objects and arrays, and null where no array of primitives needs it."""
    if isinstance(value, Mapping):
        if not value:
            raise InvalidInput(path, "{}", "FHIR has no empty objects")
        for name, item in value.items():
            if isinstance(item, list):
                other = value.get(name[1:] if name.startswith("_") else "_" + name)
                _check_array(item, other, f"{path}.{name}")
            else:
                _check_filled(item, f"{path}.{name}")
    elif value is None:
        raise InvalidInput(path, "null", "FHIR has no null but to fill up arrays of primitives and their extensions")


def _check_array(items: Sequence[Json], other: Json, path: str) -> None:
    if not items:
        raise InvalidInput(path, "[]", "FHIR has no empty arrays")
    for i, item in enumerate(items):
        place = f"{path}[{i}]"
        if isinstance(item, list):
            raise InvalidInput(place, "[", "FHIR has no arrays of arrays")
        if item is None and isinstance(other, list) and len(other) == len(items) and other[i] is not None:
            continue
        _check_filled(item, place)
