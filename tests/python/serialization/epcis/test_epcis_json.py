"""EPCIS 2.0 JSON-LD: what is read comes back, every spelling is one, nothing is lost or let in by a wrong name."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from careledger.errors import EpcisInvalid
from careledger.serialization.epcis import (
    Action,
    AggregationEvent,
    AssociationEvent,
    DocumentType,
    ObjectEvent,
    SensorReport,
    TransactionEvent,
    TransformationEvent,
    document_json,
    event_json,
    read_document,
    strict_hash,
)
from careledger.serialization.epcis.reading import MAX_BYTES
from epcis_events import (
    AGGREGATION,
    ASSOCIATION,
    CASE,
    CONTEXT,
    EVENTS,
    MAKER,
    OBJECT,
    PACK_1,
    PACK_2,
    STANDARD,
    TRANSACTION,
    as_json,
    changed,
    document,
    event_of,
    published_documents,
    read,
    shared,
)
from hypothesis import given
from hypothesis import strategies as st

Record = Callable[[str, object], None]


# --------------------------------------------------------------- published ones


def test_every_published_json_document_is_written_equal_to_what_came(record_property: Record) -> None:
    count = 0
    for path in published_documents():
        if path.suffix == ".jsonld":
            found = read_document(path.read_bytes())
            assert as_json(document_json(found)) == json.loads(path.read_text()), path.name
            count += len(found.events)
    assert count >= 13
    record_property("counted: published EPCIS events written equal to what came", count)


def test_every_published_document_is_written_as_the_published_schema_asks() -> None:
    schema = json.loads(shared("epcis_schema", "EPCIS-JSON-Schema.json").read_text())
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker(["date-time"]))
    for path in published_documents():
        validator.validate(as_json(document_json(read_document(path.read_bytes()))))
    validator.validate(as_json(document_json(read(document(*EVENTS)))))
    parent_alone = changed(TRANSACTION, quantityList=None, epcList=[])
    written = as_json(document_json(read(document(parent_alone))))
    assert written == document(parent_alone)
    validator.validate(written)


def test_vocabularies_are_the_published_ones() -> None:
    from careledger.serialization.epcis import vocabulary

    published = json.loads(shared("epcis_schema", "cbv_vocab_lists.json").read_text())
    ours = {
        "bizStep": vocabulary.BIZ_STEP,
        "disposition": vocabulary.DISPOSITION,
        "bizTransaction-type": vocabulary.BIZ_TRANSACTION_TYPE,
        "source-dest-type": vocabulary.SOURCE_DESTINATION_TYPE,
        "error-reason": vocabulary.ERROR_REASON,
        "sensor-alert-type": vocabulary.SENSOR_ALERT_TYPE,
        "component": vocabulary.COMPONENT,
        "measurement-type": vocabulary.MEASUREMENT_TYPE,
    }
    assert {name: set(words) for name, words in published.items()} == {name: one.words for name, one in ours.items()}


# ------------------------------------------------------------------- the form


def test_an_object_event_has_all_of_its_fields() -> None:
    event = event_of(OBJECT)
    assert isinstance(event, ObjectEvent)
    assert (event.type, event.action, event.biz_step) == ("ObjectEvent", Action.ADD, "commissioning")
    assert event.epcs == (PACK_1, PACK_2)
    assert event.time_ms == 1772440200000
    assert event.ilmd["{urn:epcglobal:cbv:mda:}lotNumber"] == "L-0042"
    assert event.read_point is not None
    assert event.read_point.extensions == {f"{{{MAKER}}}line": "7"}
    (element,) = event.sensor_elements
    assert element.metadata is not None
    assert element.metadata.extensions == {f"{{{MAKER}}}firmware": "2.10"}
    assert element.reports == (
        SensorReport(type="Temperature", value=Decimal("5.25"), uom="CEL", extensions={f"{{{MAKER}}}raw": "1"}),
    )
    assert list(event.extensions) == [f"{{{MAKER}}}batch"]


def test_the_other_events_have_theirs() -> None:
    packed, shipped, made, tied = map(event_of, EVENTS[1:])
    assert isinstance(packed, AggregationEvent)
    assert (packed.parent_id, packed.child_epcs) == (CASE, (PACK_1, PACK_2))
    assert packed.child_quantities[0].quantity == Decimal("2.5")
    assert isinstance(shipped, TransactionEvent)
    assert shipped.biz_transactions[0].type == "po"
    assert (shipped.sources[0].type, shipped.destinations[0].type) == ("owning_party", "location")
    assert isinstance(made, TransformationEvent)
    assert made.error_declaration is not None
    assert made.error_declaration.reason == "incorrect_data"
    assert isinstance(tied, AssociationEvent)
    assert tied.parent_id == "urn:epc:id:grai:9521321.00001.55"


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        event_of(OBJECT).event_time = "2026-03-02T09:30:01Z"  # type: ignore[misc]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
def test_an_event_is_written_equal_to_what_came(event: dict[str, Any]) -> None:
    assert as_json(event_json(event_of(event))) == {"@context": CONTEXT, **event}
    whole = document(event)
    assert as_json(document_json(read(whole))) == whole


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
def test_a_bare_event_and_a_list_of_events_are_read(event: dict[str, Any]) -> None:
    bare = {"@context": CONTEXT, **event}
    alone, listed = read(bare), read([bare, bare])
    assert (alone.type, listed.type) == (DocumentType.EVENT, DocumentType.EVENTS)
    assert alone.events == (event_of(event),)
    assert listed.events == (event_of(event), event_of(event))
    assert as_json(event_json(alone.events[0])) == bare


def test_a_query_document_keeps_what_is_around_its_events() -> None:
    results = {
        "queryName": "SimpleEventQuery",
        "subscriptionID": "7",
        "resultsBody": {"eventList": [OBJECT], "vocabularyList": [{"type": "urn:epcglobal:epcis:vtype:Location"}]},
    }
    whole = {"@context": CONTEXT, "type": "EPCISQueryDocument", "epcisBody": {"queryResults": results}, "maker:page": 2}
    found = read(whole)
    assert found.type is DocumentType.QUERY
    assert found.header[f"{{{MAKER}}}page"] == "2"
    assert as_json(document_json(found)) == whole


def test_events_of_several_contexts_stand_in_one_document() -> None:
    other = {"@context": {"maker": "https://other.example/"}, **changed(ASSOCIATION, **{"maker:x": "1"})}
    whole = document(OBJECT, other)
    found = read(whole)
    assert found.events[1].extensions == {"{https://other.example/}x": "1"}
    written = as_json(document_json(found))
    assert written["epcisBody"]["eventList"][1] == {**other, "@context": [other["@context"]]}
    assert read(written).events == found.events
    alone = [as_json(event_json(event)) for event in found.events]
    assert read(alone).events == found.events


def test_a_wrong_event_stands_in_its_place_beside_the_others() -> None:
    found = read(document(OBJECT, changed(AGGREGATION, action="PUT"), ASSOCIATION, "no event"))
    kinds = [type(entry).__name__ for entry in found.entries]
    assert kinds == ["ObjectEvent", "EpcisInvalid", "AssociationEvent", "EpcisInvalid"]
    with pytest.raises(EpcisInvalid, match=r"eventList\[1\].action 'PUT'"):
        _ = found.events


# ------------------------------------------------------------------- spellings

STEPS = ("shipping", "cbv:BizStep-shipping", "https://ref.gs1.org/cbv/BizStep-shipping")
SPELLINGS: dict[str, tuple[Callable[[str], dict[str, Any]], tuple[str, ...]]] = {
    "bizStep": (lambda value: changed(OBJECT, bizStep=value), (*STEPS, "urn:epcglobal:cbv:bizstep:shipping")),
    "disposition": (
        lambda value: changed(OBJECT, disposition=value),
        ("active", "cbv:Disp-active", "https://ref.gs1.org/cbv/Disp-active", "urn:epcglobal:cbv:disp:active"),
    ),
    "bizTransaction": (
        lambda value: changed(TRANSACTION, bizTransactionList=[{"type": value, "bizTransaction": "urn:x:1"}]),
        ("po", "cbv:BTT-po", "https://ref.gs1.org/cbv/BTT-po", "urn:epcglobal:cbv:btt:po"),
    ),
    "source": (
        lambda value: changed(TRANSACTION, sourceList=[{"type": value, "source": "urn:epc:id:sgln:9521321.00001.0"}]),
        ("location", "cbv:SDT-location", "https://ref.gs1.org/cbv/SDT-location", "urn:epcglobal:cbv:sdt:location"),
    ),
    "reason": (
        lambda value: changed(OBJECT, errorDeclaration={"declarationTime": "2026-03-05T00:00:00Z", "reason": value}),
        ("did_not_occur", "cbv:ER-did_not_occur", "urn:epcglobal:cbv:er:did_not_occur"),
    ),
    "persistent": (
        lambda value: changed(AGGREGATION, persistentDisposition={"set": [value]}),
        ("recalled", "cbv:Disp-recalled", "urn:epcglobal:cbv:disp:recalled"),
    ),
    "measurement": (
        lambda value: changed(OBJECT, sensorElementList=[{"sensorReport": [{"type": value, "value": 1}]}]),
        ("Speed", "gs1:Speed", "https://gs1.org/voc/Speed", "https://www.gs1.org/voc/Speed"),
    ),
    "exception": (
        lambda value: changed(OBJECT, sensorElementList=[{"sensorReport": [{"type": "Time", "exception": value}]}]),
        ("ALARM_CONDITION", "gs1:ALARM_CONDITION", "https://gs1.org/voc/ALARM_CONDITION"),
    ),
    "component": (
        lambda value: changed(OBJECT, sensorElementList=[{"sensorReport": [{"type": "Angle", "component": value}]}]),
        ("latitude", "cbv:Comp-latitude", "https://ref.gs1.org/cbv/Comp-latitude"),
    ),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings_of_a_cbv_value_are_one(name: str) -> None:
    make, spellings = SPELLINGS[name]
    events = [event_of(make(spelling)) for spelling in spellings]
    assert all(event == events[0] for event in events)
    assert len({strict_hash(event) for event in events}) == 1
    assert as_json(event_json(events[-1])) == {"@context": CONTEXT, **make(spellings[0])}


def test_values_of_other_vocabularies_and_other_releases_stay() -> None:
    assert event_of(changed(OBJECT, bizStep="https://maker.example/step/1")).biz_step == "https://maker.example/step/1"
    former = event_of(changed(OBJECT, disposition="urn:epcglobal:cbv:disp:non_sellable_expired"))
    assert former.disposition == "https://ref.gs1.org/cbv/Disp-non_sellable_expired"


def test_an_extension_is_one_by_whatever_name_its_context_gives_it() -> None:
    contexts: list[tuple[Any, str]] = [
        ({"maker": MAKER}, "maker:line"),
        ({"m": MAKER}, "m:line"),
        ({"line": f"{MAKER}line"}, "line"),
        ({"m": MAKER, "line": {"@id": "m:line", "@type": "@id"}}, "line"),
        ({"@vocab": MAKER}, "line"),
        ({}, f"{MAKER}line"),
    ]
    events = [
        read({"@context": [STANDARD, context], **changed(ASSOCIATION, **{name: "7"})}).events[0]
        for context, name in contexts
    ]
    assert all(event == events[0] for event in events)
    assert events[0].extensions == {f"{{{MAKER}}}line": "7"}
    assert len({strict_hash(event) for event in events}) == 1
    for event, (context, name) in zip(events, contexts, strict=True):
        assert as_json(event_json(event)) == {"@context": [STANDARD, context], **ASSOCIATION, name: "7"}


def test_a_prefix_that_means_something_else_is_another_event() -> None:
    event = {**ASSOCIATION, "maker:line": "7"}
    one, other = (
        read({"@context": [STANDARD, {"maker": uri}], **event}).events[0] for uri in (MAKER, "https://other.example/")
    )
    assert one != other
    assert strict_hash(one) != strict_hash(other)


def test_a_bare_name_is_kept_where_a_context_that_is_not_fetched_may_define_it() -> None:
    context = [STANDARD, "https://maker.example/context.jsonld"]
    event = {"@context": context, **ASSOCIATION, "line": {"inner": "7"}}
    found = read(event).events[0]
    assert found.extensions == {"{}line": {"{}inner": "7"}}
    assert as_json(event_json(found)) == event


def test_fields_around_events_are_no_extensions_under_any_context() -> None:
    whole = document(ASSOCIATION, **{"@context": [STANDARD, {"@vocab": MAKER}, "https://maker.example/c.jsonld"]})
    found = read(whole)
    assert found.header.keys() == {"schemaVersion", "creationDate", "epcisBody"}
    assert as_json(document_json(found)) == whole


def test_what_is_normalized_is_what_the_module_says() -> None:
    came = {
        **OBJECT,
        "@context": "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
        "maker:batch": None,
        "certificationInfo": "https://certificate.example/1",
        "quantityList": [],
        "bizStep": "cbv:BizStep-commissioning",
    }
    whole = document(came)
    written = as_json(document_json(read(whole)))
    (event,) = written["epcisBody"]["eventList"]
    assert written["@context"] == CONTEXT
    assert event == {**OBJECT, "maker:batch": None, "certificationInfo": ["https://certificate.example/1"]}


# -------------------------------------------------------------------- property

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="{}"), min_size=1, max_size=12)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True).map(lambda name: f"maker:{name}")
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15).filter(lambda value: value != 0)
VALUES = st.recursive(
    TEXT | NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(EVENTS), st.dictionaries(NAMES, VALUES, max_size=4), st.randoms())
def test_any_extension_comes_back_and_the_order_of_names_says_nothing(
    event: dict[str, Any], extensions: dict[str, Any], chance: Any
) -> None:
    came = {**event, **extensions}
    shuffled = list(came.items())
    chance.shuffle(shuffled)
    one, other = event_of(came), event_of(dict(shuffled))
    assert as_json(event_json(one)) == {"@context": CONTEXT, **came}
    assert strict_hash(one) == strict_hash(other)


# -------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[1", "is not JSON"),
        (b'{"type": "ObjectEvent", "type": "ObjectEvent"}', "stands twice"),
        (b'\xef\xbb\xbf{"type": "ObjectEvent"}', "byte order mark"),
        (b"[" * 200 + b"]" * 200, "nested too deep"),
        (b"7", "must be an EPCIS document"),
        (b'"ObjectEvent"', "must be an EPCIS document"),
        (b" " * (MAX_BYTES + 1), "are too many"),
        (b'{"type": "EPCISDocument", "@context": [7], "epcisBody": {"eventList": []}}', "must be an address"),
        (b'{"type": "EPCISDocument", "@context": true, "epcisBody": {"eventList": []}}', "must be an address"),
        (b'{"type": "EPCISDocument", "epcisBody": {}}', "must be the list of events"),
        (b'{"type": "EPCISQueryDocument", "epcisBody": {"queryResults": 1}}', "must be an object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "json",
)
def test_a_text_that_is_no_document_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(EpcisInvalid, match=problem):
        read_document(content)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("bizstep", "is no field"),
        ("parentID", "is no field"),
        ("@type", "is no field"),
        ("epcis:action", "namespace of EPCIS"),
        ("https://ref.gs1.org/epcis/action", "namespace of EPCIS"),
        ("{https://maker.example/epcis/}line", "brace"),
    ],
)
def test_a_name_that_could_be_taken_for_a_field_is_refused(name: str, problem: str) -> None:
    with pytest.raises(EpcisInvalid, match=problem) as refusal:
        event_of({**OBJECT, name: "DELETE"})
    assert refusal.value.value in (name, "https://ref.gs1.org/epcis/action")
    assert refusal.value.name.startswith("eventList[0]")


def test_two_spellings_of_one_name_are_refused() -> None:
    with pytest.raises(EpcisInvalid, match="another spelling"):
        event_of({**ASSOCIATION, "maker:line": "7", f"{MAKER}line": "8"})
    with pytest.raises(EpcisInvalid, match="no extension in this place"):
        event_of(
            changed(TRANSACTION, quantityList=[{"epcClass": "urn:epc:idpat:sgtin:9521321.010001.*", "maker:x": 1}])
        )


@pytest.mark.parametrize("uri", ["https://maker.example/}x{", "", "relative", "/path"])
def test_what_is_no_namespace_declares_nothing(uri: str) -> None:
    event = {"@context": [STANDARD, {"m": uri}], **ASSOCIATION, "m:line": "7"}
    found = read(event).events[0]
    assert found.extensions == {"{m:}line": "7"}
    assert as_json(event_json(found)) == event
