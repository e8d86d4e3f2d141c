"""Both hashes of an event: the published vectors, our own, and what each of them tells apart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from careledger.anchoring import Canonicalization, DocumentKind, FieldTree, Fingerprint, canonical_bytes, digest
from careledger.errors import InvalidInput
from careledger.serialization.epcis import event_hash, event_record, pre_hash, read_document, strict_hash
from epcis_events import (
    AGGREGATION,
    ASSOCIATION,
    EVENTS,
    OBJECT,
    PACK_1,
    PACK_2,
    SHARED,
    STANDARD,
    TRANSACTION,
    VECTORS,
    changed,
    document,
    event_of,
    first_event,
    shared,
)

OWN = json.loads((VECTORS / "epcis-event.json").read_text())["accepted"]
ORGANIZATION = "0x" + 12 * "ab"
Record = Callable[[str, object], None]


# --------------------------------------------------------------------- vectors


def test_every_published_hash_is_ours(record_property: Record) -> None:
    published = json.loads(shared("event_hash", "reference_hashes.json").read_text())
    count = 0
    for name, vector in published.items():
        found = [event_hash(event) for event in read_document((SHARED / name).read_bytes()).events]
        assert found == vector["hashes"], name
        count += len(found)
    assert count >= 16
    record_property("counted: EPCIS event hash vectors", count)


def test_every_published_pre_hash_is_ours(record_property: Record) -> None:
    count = 0
    for path in sorted(shared("event_hash").glob("*.prehashes")):
        (expected,) = path.read_text().splitlines()
        (hashed,) = path.with_suffix(".hashes").read_text().splitlines()
        for suffix in (".jsonld", ".xml"):
            event = first_event(path.with_suffix(suffix))
            assert pre_hash(event) == expected, path.name
            assert event_hash(event) == hashed
            count += 1
    assert count >= 6
    record_property("counted: EPCIS pre-hash strings, JSON and XML", count)


@pytest.mark.parametrize("vector", OWN, ids=lambda vector: vector["name"])
def test_our_own_vectors(vector: dict[str, str]) -> None:
    (event,) = read_document(vector["text"].encode()).events
    assert pre_hash(event) == vector["pre_hash"]
    hashed = hashlib.sha256(vector["pre_hash"].encode()).hexdigest()
    assert event_hash(event) == f"ni:///sha-256;{hashed}?ver=CBV2.0"
    assert strict_hash(event) == hashlib.sha256(vector["strict"].encode()).digest()


# -------------------------------------------------------- what is told apart


def lot_of(text: str) -> dict[str, Any]:
    return changed(OBJECT, ilmd={"cbvmda:lotNumber": text})


@pytest.mark.parametrize(("one", "other"), [("0012", "12"), ("1e5", "100000"), ("1.50", "1.5"), (" L1", "L1")])
def test_only_the_strict_hash_tells_lots_apart_that_look_like_one_number(one: str, other: str) -> None:
    first, second = event_of(lot_of(one)), event_of(lot_of(other))
    assert event_hash(first) == event_hash(second)
    assert strict_hash(first) != strict_hash(second)


def test_lots_that_only_a_double_would_take_for_one_are_told_apart_by_both() -> None:
    first, second = event_of(lot_of("12345678901234567890")), event_of(lot_of("12345678901234567891"))
    assert event_hash(first) != event_hash(second)
    assert strict_hash(first) != strict_hash(second)


LEFT_OUT: tuple[dict[str, Any], ...] = (
    {"eventID": "urn:uuid:6b1c2f9e-30cd-4a2f-9b51-0d8a3f1f6a09"},
    {"errorDeclaration": {"declarationTime": "2026-03-05T00:00:00Z"}},
    {"eventTime": "2026-03-02T09:30:00+01:00"},
    {"eventTime": "2026-03-02T08:30:00Z"},
    {"epcList": [PACK_2, PACK_1]},
    {"epcList": ["https://id.gs1.org/01/09521321100015/21/SN1", PACK_2]},
    {"rdfs:comment": "no content"},
)


@pytest.mark.parametrize("change", LEFT_OUT, ids=lambda change: next(iter(change)))
def test_what_the_event_hash_takes_for_one_event_the_strict_one_does_not(change: dict[str, Any]) -> None:
    first, second = event_of(OBJECT), event_of({**OBJECT, **change})
    assert event_hash(first) == event_hash(second)
    assert strict_hash(first) != strict_hash(second)


def test_the_record_time_is_in_neither() -> None:
    first = event_of(OBJECT)
    second = event_of({**OBJECT, "recordTime": "2026-03-02T09:31:00Z"})
    assert first != second
    assert (event_hash(first), strict_hash(first)) == (event_hash(second), strict_hash(second))


def test_a_report_by_its_own_rule_is_told_apart_by_the_strict_hash_only() -> None:
    report = {"type": "Temperature", "value": 5.25, "bizRules": "https://maker.example/rule"}
    plain = {name: value for name, value in report.items() if name != "bizRules"}
    first, second = (event_of(changed(OBJECT, sensorElementList=[{"sensorReport": [one]}])) for one in (report, plain))
    assert event_hash(first) == event_hash(second)
    assert strict_hash(first) != strict_hash(second)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values that hold no other."""
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in leaves(item, (*path, name))]
    if isinstance(value, list):
        return [found for i, item in enumerate(value) for found in leaves(item, (*path, i))]
    return [path]


OTHERS: dict[Any, Any] = {
    "eventTime": "2026-03-02T09:30:00.001+01:00",
    "eventTimeZoneOffset": "+02:00",
    "action": "OBSERVE",
    "bizStep": "holding",
    "disposition": "inactive",
    "bizTransaction": "urn:x:other",
    "quantity": 13,
    "uom": "LTR",
    "declarationTime": "2026-03-05T00:00:01Z",
    "reason": "did_not_occur",
    "value": 5.26,
    "deviceID": "urn:x:other",
    "certificationInfo": "https://certificate.example/2",
    "correctiveEventIDs": "urn:x:other",
    "eventID": "urn:x:other",
    "recordTime": "2026-03-02T08:31:01Z",
    "transformationID": "urn:x:other",
    "set": "recalled",
    "unset": "recalled",
}


def other_value(path: tuple[Any, ...], value: Any) -> Any:
    """Another value that may stand in a place."""
    name = next(step for step in reversed(path) if isinstance(step, str))
    if name == "type":
        return {"Temperature": "Speed", "po": "inv", "owning_party": "location", "location": "owning_party"}.get(value)
    if name in OTHERS:
        return OTHERS[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if value is None:
        return "something"
    if value.startswith("urn:epc:class"):
        return value + "X"
    if value.startswith("urn:epc:idpat"):
        return "urn:epc:idpat:sgtin:9521321.010002.*"
    return "urn:x:other" if value.startswith("urn:") else value + "X"


def test_a_change_of_any_value_changes_the_hashes(record_property: Record) -> None:
    """But of what it leaves out: both the record time, the event hash also the id and the error declaration."""
    count = 0
    for event in EVENTS:
        first = event_of(event)
        for path in leaves(event):
            value: Any = event
            for step in path:
                value = value[step]
            other = other_value(path, value)
            if other is None or (path == ("action",) and "ilmd" in event):
                continue
            copy = deepcopy(event)
            holder: Any = copy
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = other
            second = event_of(copy)
            same = path[0] in ("eventID", "errorDeclaration", "recordTime")
            assert (event_hash(first) == event_hash(second)) is same, path
            assert (strict_hash(first) == strict_hash(second)) is (path[0] == "recordTime"), path
            count += 1
    assert count > 60
    record_property("counted: EPCIS events with one value changed", count)


def test_names_and_namespaces_are_in_both() -> None:
    plain = [event_of({**ASSOCIATION, name: "7"}) for name in ("maker:a", "maker:b", "rdfs:a")]
    assert len({event_hash(event) for event in plain}) == len({strict_hash(event) for event in plain}) == 3


@pytest.mark.parametrize(
    ("time", "rounded"),
    [
        ("2023-01-18T11:04:03.1415Z", "2023-01-18T11:04:03.142Z"),
        ("2023-01-18T11:04:03.1414999999999999Z", "2023-01-18T11:04:03.141Z"),
        ("2023-01-18T11:04:03.1425Z", "2023-01-18T11:04:03.143Z"),
        ("2023-12-31T23:59:59.9995-01:00", "2024-01-01T01:00:00.000Z"),
        ("1969-12-31T23:59:59.9999Z", "1970-01-01T00:00:00.000Z"),
        ("2024-02-29T00:00:00+14:00", "2024-02-28T10:00:00.000Z"),
        ("2023-01-18T11:04:03.1Z", "2023-01-18T11:04:03.100Z"),
    ],
)
def test_times_are_in_utc_and_rounded_half_up_to_milliseconds(time: str, rounded: str) -> None:
    assert f"eventTime={rounded}event" in pre_hash(event_of(changed(ASSOCIATION, eventTime=time)))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("007", "7"),
        ("+1.0", "1"),
        ("-0.50", "-0.5"),
        ("1e-7", "0.0000001"),
        ("12345678901234567890", "12345678901234567890"),
        ("0.0", "0"),
        ("1_000", "1_000"),
        ("inf", "inf"),
        ("٣", "٣"),
        (7.50, "7.5"),
        (True, "true"),
        ("gs1:Temperature", "https://gs1.org/voc/Temperature"),
        ("urn:epcglobal:cbv:bizstep:packing", "https://ref.gs1.org/cbv/BizStep-packing"),
        (PACK_1, "https://id.gs1.org/01/09521321100015/21/SN1"),
        ("https://maker.example/x", "https://maker.example/x"),
    ],
)
def test_values_are_normalized_by_the_rules(value: object, shown: str) -> None:
    found = pre_hash(event_of({**ASSOCIATION, "maker:a": value}))
    assert found.endswith(f"action=ADD{{https://maker.example/epcis/}}a={shown}")


def test_fields_stand_in_the_order_of_the_standard() -> None:
    every = changed(
        OBJECT,
        bizTransactionList=TRANSACTION["bizTransactionList"],
        sourceList=TRANSACTION["sourceList"],
        destinationList=TRANSACTION["destinationList"],
        bizLocation=TRANSACTION["bizLocation"],
        quantityList=TRANSACTION["quantityList"],
        persistentDisposition=AGGREGATION["persistentDisposition"],
        certificationInfo="https://certificate.example/1",
    )
    names = [
        "eventType=",
        "eventTime=",
        "eventTimeZoneOffset=",
        "certificationInfo=",
        "epcList",
        "quantityList",
        "action=",
        "bizStep=",
        "disposition=",
        "persistentDisposition",
        "readPointid=",
        "bizLocationid=",
        "bizTransactionListtype=",
        "destinationListtype=",
        "sourceListtype=",
        "sensorElementListsensorElement",
        "ilmd{",
        "{https://maker.example/epcis/}batch",
    ]
    found = pre_hash(event_of(every))
    places = [found.index(name) for name in names]
    assert places == sorted(places)


# ------------------------------------------------------------------- anchored


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
def test_an_event_is_anchored_by_both_hashes_and_shown_by_them(event: dict[str, Any]) -> None:
    text = json.dumps({"@context": [STANDARD, {"maker": "https://maker.example/epcis/"}], **event}).encode()
    (found,) = read_document(text).events
    record = event_record(found)
    assert json.loads(record) == {"eventHash": event_hash(found), "strictHash": "0x" + strict_hash(found).hex()}
    kept = Fingerprint.of(text, ORGANIZATION, DocumentKind.CUSTODY, Canonicalization.EPCIS_EVENT)
    shown = Fingerprint(
        ORGANIZATION,
        DocumentKind.CUSTODY,
        Canonicalization.EPCIS_EVENT,
        digest(Canonicalization.EPCIS_EVENT, record),
        salt=kept.salt,
    )
    assert shown.leaf == kept.leaf
    assert Fingerprint.of(text, ORGANIZATION, DocumentKind.CUSTODY, Canonicalization.EPCIS_EVENT).leaf != kept.leaf


def test_one_of_the_hashes_is_disclosed_without_the_other() -> None:
    record = event_record(event_of(OBJECT))
    tree = FieldTree.of(record)
    disclosure = tree.disclose("eventHash")
    (field,) = disclosure.verify(tree.digest)
    assert json.loads(field.value) == event_hash(event_of(OBJECT))
    assert json.loads(record)["strictHash"] not in disclosure.to_json()


def test_only_one_event_is_anchored_at_a_time() -> None:
    for events in ((), (OBJECT, AGGREGATION)):
        with pytest.raises(InvalidInput, match=f"events '{len(events)}': must be one"):
            canonical_bytes(Canonicalization.EPCIS_EVENT, json.dumps(document(*events)).encode())
