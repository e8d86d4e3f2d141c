"""What is wrong in an event is refused by its place in the document and its value."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from careledger.errors import EpcisInvalid
from careledger.serialization.epcis import read_json
from epcis_events import (
    AGGREGATION,
    ASSOCIATION,
    CASE,
    OBJECT,
    PACK_1,
    TRANSACTION,
    TRANSFORMATION,
    changed,
    document,
    event_of,
    read,
)

SGLN = "urn:epc:id:sgln:9521321.00001.0"
CLASS = "urn:epc:class:lgtin:9521321.020002.L1"
REPORT = {"type": "Temperature", "value": 5}


def sensed(**changes: Any) -> dict[str, Any]:
    report = {name: value for name, value in {**REPORT, **changes}.items() if value is not None}
    return changed(OBJECT, sensorElementList=[{"sensorReport": [report]}])


def declared(**changes: Any) -> dict[str, Any]:
    return changed(OBJECT, errorDeclaration={"declarationTime": "2026-03-05T00:00:00Z", **changes})


def counted(**changes: Any) -> dict[str, Any]:
    return changed(AGGREGATION, childQuantityList=[{"epcClass": CLASS, "quantity": 2, "uom": "KGM", **changes}])


WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    # the event
    (changed(OBJECT, type=None), "type", "", "is missing"),
    (changed(OBJECT, type="QuantityEvent"), "type", "QuantityEvent", "is no type of event"),
    (changed(OBJECT, type="https://maker.example/Event"), "type", "https://maker.example/Event", "is no type of event"),
    (changed(OBJECT, type=7), "type", "7", "must be text"),
    (changed(OBJECT, eventTime=None), "eventTime", "", "is missing"),
    (changed(OBJECT, eventTime="2026-03-02T09:30:00"), "eventTime", "2026-03-02T09:30:00", "with its offset"),
    (changed(OBJECT, eventTime="2026-02-30T09:30:00Z"), "eventTime", "2026-02-30T09:30:00Z", "must be a date"),
    (changed(OBJECT, eventTime="2026-03-02T24:00:00Z"), "eventTime", "2026-03-02T24:00:00Z", "must be a date"),
    (
        changed(OBJECT, eventTime="2026-03-02T09:30:00+14:01"),
        "eventTime",
        "2026-03-02T09:30:00+14:01",
        "must be a date",
    ),
    (
        changed(OBJECT, eventTime="2026-03-02T09:30:00+01:60"),
        "eventTime",
        "2026-03-02T09:30:00+01:60",
        "must be a date",
    ),
    (changed(OBJECT, eventTime="0000-01-01T00:00:00Z"), "eventTime", "0000-01-01T00:00:00Z", "must be a date"),
    (
        changed(OBJECT, eventTime="9999-12-31T23:59:59.9995Z"),
        "eventTime",
        "9999-12-31T23:59:59.9995Z",
        "must be a date",
    ),
    (
        changed(OBJECT, eventTime="0001-01-01T00:00:00+00:01"),
        "eventTime",
        "0001-01-01T00:00:00+00:01",
        "must be a date",
    ),
    (changed(OBJECT, eventTime="2026-03-02 09:30:00Z"), "eventTime", "2026-03-02 09:30:00Z", "must be a date"),
    (changed(OBJECT, eventTime="٢٠٢٦-03-02T09:30:00Z"), "eventTime", "٢٠٢٦-03-02T09:30:00Z", "must be a date"),
    (changed(OBJECT, recordTime="yesterday"), "recordTime", "yesterday", "must be a date"),
    (changed(OBJECT, eventTimeZoneOffset=None), "eventTimeZoneOffset", "", "is missing"),
    (changed(OBJECT, eventTimeZoneOffset="Z"), "eventTimeZoneOffset", "Z", "offset from UTC"),
    (changed(OBJECT, eventTimeZoneOffset="+14:30"), "eventTimeZoneOffset", "+14:30", "offset from UTC"),
    (changed(OBJECT, eventTimeZoneOffset="01:00"), "eventTimeZoneOffset", "01:00", "offset from UTC"),
    (changed(OBJECT, eventID="seven"), "eventID", "seven", "must be a URI"),
    (changed(OBJECT, eventID=""), "eventID", "", "is empty"),
    (changed(OBJECT, certificationInfo=["x"]), "certificationInfo[0]", "x", "must be a URI"),
    (changed(OBJECT, certificationInfo={"id": "x"}), "certificationInfo", "object", "a URI or a list"),
    # what, why, where
    (changed(OBJECT, action=None), "action", "", "is missing"),
    (changed(OBJECT, action="add"), "action", "add", "is no action; there are ADD, OBSERVE, DELETE"),
    (changed(OBJECT, bizStep="shiping"), "bizStep", "shiping", "no business step of the CBV"),
    (changed(OBJECT, bizStep="my:step two"), "bizStep", "my:step two", "no business step of the CBV"),
    (changed(OBJECT, disposition="shipping"), "disposition", "shipping", "no disposition of the CBV"),
    (changed(OBJECT, persistentDisposition={}), "persistentDisposition", "", "must set or unset"),
    (
        changed(OBJECT, persistentDisposition={"set": ["x"]}),
        "persistentDisposition.set[0]",
        "x",
        "no disposition of the CBV",
    ),
    (changed(OBJECT, persistentDisposition={"set": ["active"], "maker:x": 1}), "x", "x", "no extension in this place"),
    (changed(OBJECT, readPoint="urn:x:1"), "readPoint", "urn:x:1", "must be an object"),
    (changed(OBJECT, readPoint={}), "readPoint.id", "", "is missing"),
    (changed(OBJECT, readPoint={"id": CLASS}), "readPoint.id", CLASS, "names a class"),
    (changed(OBJECT, bizLocation={"id": SGLN, "name": "x"}), "bizLocation.name", "name", "no field of EPCIS"),
    (changed(OBJECT, epcList=PACK_1), "epcList", PACK_1, "must be a list"),
    (changed(OBJECT, epcList=[PACK_1, PACK_1]), "epcList[1]", PACK_1, "stands twice"),
    (changed(OBJECT, epcList=[PACK_1, "SN1"]), "epcList[1]", "SN1", "must be a URI"),
    (changed(OBJECT, epcList=["urn:epc:id:sgtin:1.2.3"]), "epcList[0]", "urn:epc:id:sgtin:1.2.3", "no EPC URI"),
    (changed(OBJECT, epcList=[CLASS]), "epcList[0]", CLASS, "names a class"),
    (
        changed(OBJECT, epcList=["https://id.gs1.org/01/09521321100014/21/SN1"]),
        "epcList[0]",
        "https://id.gs1.org/01/09521321100014/21/SN1",
        "check digit 4, which must be 5",
    ),
    (changed(OBJECT, epcList=[], sensorElementList=None), "epcList", "", "must name an object"),
    (changed(OBJECT, epcList=None, readPoint=None), "epcList", "", "must name an object"),
    (changed(OBJECT, action="OBSERVE"), "ilmd", "OBSERVE", "belongs to ADD only"),
    (changed(OBJECT, ilmd={"lot": "1"}), "ilmd.lot", "lot", "no field of EPCIS"),
    # quantities
    (counted(epcClass=PACK_1), "childQuantityList[0].epcClass", PACK_1, "names one object"),
    (counted(epcClass=None), "childQuantityList[0].epcClass", "", "is missing"),
    (counted(quantity=-1), "childQuantityList[0].quantity", "-1", "must not be negative"),
    (counted(quantity="2"), "childQuantityList[0].quantity", "2", "must be a number"),
    (counted(quantity=2.5, uom=None), "childQuantityList[0].quantity", "2.5", "must be whole"),
    (counted(quantity=2**53), "childQuantityList[0].quantity", str(2**53), "beyond 2^53 - 1"),
    (counted(uom="kg"), "childQuantityList[0].uom", "kg", "2 or 3 capitals"),
    (counted(quantity=None), "childQuantityList[0].uom", "KGM", "with a quantity"),
    (counted(note="x"), "childQuantityList[0].note", "note", "no extension in this place"),
    # aggregation, transaction, transformation, association
    (changed(AGGREGATION, parentID=None), "parentID", "", "is missing: ADD names the parent"),
    (changed(AGGREGATION, parentID=None, action="DELETE"), "parentID", "", "is missing: DELETE names the parent"),
    (changed(AGGREGATION, parentID="SSCC"), "parentID", "SSCC", "must be a URI"),
    (changed(AGGREGATION, childEPCs=None, childQuantityList=None), "childEPCs", "", "must name a child"),
    (changed(AGGREGATION, epcList=[PACK_1]), "epcList", "epcList", "no field of EPCIS"),
    (changed(AGGREGATION, ilmd={}), "ilmd", "ilmd", "no field of EPCIS"),
    (changed(TRANSACTION, bizTransactionList=None), "bizTransactionList", "", "at least one transaction"),
    (changed(TRANSACTION, bizTransactionList=[]), "bizTransactionList", "", "at least one transaction"),
    (changed(TRANSACTION, quantityList=None, parentID=None), "epcList", "", "must name an object"),
    (
        changed(TRANSACTION, bizTransactionList=[{"type": "po"}]),
        "bizTransactionList[0].bizTransaction",
        "",
        "is missing",
    ),
    (
        changed(TRANSACTION, bizTransactionList=[{"type": "order", "bizTransaction": "urn:x:1"}]),
        "bizTransactionList[0].type",
        "order",
        "no type of business transaction",
    ),
    (changed(TRANSACTION, sourceList=[{"source": SGLN}]), "sourceList[0].type", "", "is missing"),
    (changed(TRANSACTION, sourceList=[{"type": "location"}]), "sourceList[0].source", "", "is missing"),
    (
        changed(TRANSACTION, destinationList=[{"type": "seller", "destination": SGLN}]),
        "destinationList[0].type",
        "seller",
        "no type of source or destination",
    ),
    (
        changed(TRANSFORMATION, inputEPCList=None, inputQuantityList=None, transformationID=None),
        "inputEPCList",
        "",
        "must name an input",
    ),
    (
        changed(TRANSFORMATION, outputEPCList=None, outputQuantityList=None, transformationID=None),
        "outputEPCList",
        "",
        "must name an output",
    ),
    (changed(TRANSFORMATION, action="ADD"), "action", "action", "no field of EPCIS"),
    (changed(ASSOCIATION, parentID=None), "parentID", "", "is missing"),
    (changed(ASSOCIATION, childEPCs=None), "childEPCs", "", "must name a child"),
    # error declarations
    (declared(declarationTime=None), "errorDeclaration.declarationTime", "", "is missing"),
    (declared(declarationTime="now"), "errorDeclaration.declarationTime", "now", "must be a date"),
    (declared(reason="mistake"), "errorDeclaration.reason", "mistake", "no reason of an error"),
    (declared(correctiveEventIDs=["x"]), "errorDeclaration.correctiveEventIDs[0]", "x", "must be a URI"),
    (declared(by="x"), "errorDeclaration.by", "by", "no field of EPCIS"),
    # sensors
    (changed(OBJECT, sensorElementList=[{}]), "sensorElementList[0].sensorReport", "", "at least one"),
    (changed(OBJECT, sensorElementList=[[]]), "sensorElementList[0]", "array", "must be an object"),
    (sensed(type="Heat"), "sensorElementList[0].sensorReport[0].type", "Heat", "no measurement type"),
    (sensed(value="5"), "sensorElementList[0].sensorReport[0].value", "5", "must be a number"),
    (sensed(value=True), "sensorElementList[0].sensorReport[0].value", "true", "must be a number"),
    (sensed(time="5"), "sensorElementList[0].sensorReport[0].time", "5", "must be a date"),
    (sensed(exception="FIRE"), "sensorElementList[0].sensorReport[0].exception", "FIRE", "no sensor alert"),
    (sensed(component="w"), "sensorElementList[0].sensorReport[0].component", "w", "no component"),
    (sensed(hexBinaryValue="abc"), "sensorElementList[0].sensorReport[0].hexBinaryValue", "abc", "pairs of hex"),
    (sensed(booleanValue="true"), "sensorElementList[0].sensorReport[0].booleanValue", "true", "true or false"),
    (sensed(deviceID="LOG1"), "sensorElementList[0].sensorReport[0].deviceID", "LOG1", "must be a URI"),
]


@pytest.mark.parametrize(
    ("event", "place", "value", "problem"),
    WRONG,
    ids=[f"{event.get('type')}: {place} {problem}" for event, place, _, problem in WRONG],
)
def test_what_is_wrong_is_refused_by_its_place_and_value(
    event: dict[str, Any], place: str, value: str, problem: str
) -> None:
    found = read(document(ASSOCIATION, event))
    right, wrong = found.entries
    assert right == event_of(ASSOCIATION)
    assert isinstance(wrong, EpcisInvalid)
    if problem == "no extension in this place" and "maker:x" in str(event):
        assert wrong.value == "{https://maker.example/epcis/}x"
        assert wrong.name == 'eventList[1].persistentDisposition["{https://maker.example/epcis/}x"]'
    else:
        assert (wrong.name, wrong.value) == (f"eventList[1].{place}", value)
    assert problem in wrong.problem
    assert wrong.name in str(wrong)
    assert repr(wrong.value) in str(wrong)


ALLOWED: list[dict[str, Any]] = [
    changed(OBJECT, epcList=None),
    changed(OBJECT, epcList=None, sensorElementList=None, quantityList=[{"epcClass": CLASS}]),
    changed(OBJECT, action="DELETE", ilmd=None),
    changed(OBJECT, epcList=["https://maker.example/01/1/21/SN1", "urn:uuid:6b1c2f9e-30cd-4a2f-9b51-0d8a3f1f6a01"]),
    changed(AGGREGATION, action="OBSERVE", parentID=None),
    changed(AGGREGATION, action="DELETE", childEPCs=None, childQuantityList=None),
    changed(AGGREGATION, childEPCs=None),
    changed(TRANSACTION, action="DELETE", quantityList=None, parentID=None),
    changed(TRANSFORMATION, inputEPCList=None, inputQuantityList=None),
    changed(TRANSFORMATION, outputEPCList=None, outputQuantityList=None),
    changed(TRANSFORMATION, transformationID=None),
    changed(ASSOCIATION, action="DELETE", childEPCs=None),
    changed(ASSOCIATION, eventTime="2024-02-29T23:59:59.123456789-13:59", eventTimeZoneOffset="+14:00"),
    sensed(type=None, stringValue="open", value=None),
    counted(quantity=2**53 - 1),
    counted(quantity=0, uom=None),
    changed(ASSOCIATION, parentID=CASE),
    changed(ASSOCIATION, eventTime="9999-12-31T23:59:59.9994Z"),
    changed(ASSOCIATION, eventTime="0001-01-01T00:00:00Z"),
]


@pytest.mark.parametrize("event", ALLOWED, ids=lambda event: event["type"])
def test_what_the_standard_allows_is_read(event: dict[str, Any]) -> None:
    assert event_of(event).type == event["type"]


@pytest.mark.parametrize(
    "number", ["1e999", "1e99999999999999999999", "0e99999999999999999999", "1e-99999999999999999999"]
)
def test_a_number_that_no_double_has_is_refused_wherever_it_stands(number: str) -> None:
    text = json.dumps(document(ASSOCIATION, {**ASSOCIATION, "maker:a": ["@"]})).replace('"@"', number)
    _, wrong = read_json(text.encode()).entries
    assert isinstance(wrong, EpcisInvalid)
    assert (wrong.name, wrong.value) == ('eventList[1]["maker:a"][0]', number)


def test_an_input_without_a_transformation_id_needs_an_output() -> None:
    """One of several events of a transformation has inputs or outputs alone; it says which transformation."""
    for missing in ("input", "output"):
        event = changed(TRANSFORMATION, **{f"{missing}EPCList": None, f"{missing}QuantityList": None})
        assert event_of(event).type == "TransformationEvent"
        with pytest.raises(EpcisInvalid, match=re.escape(f"eventList[0].{missing}EPCList")):
            event_of(changed(event, transformationID=None))
    neither = {f"{name}{kind}List": None for name in ("input", "output") for kind in ("EPC", "Quantity")}
    with pytest.raises(EpcisInvalid, match="must name an input"):
        event_of(changed(TRANSFORMATION, **neither))
