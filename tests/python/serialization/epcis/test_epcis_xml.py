"""EPCIS 1.2 and 2.0 XML: the same events as in JSON, with nothing lost, and no entity, depth or size let in."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from careledger.anchoring.canonical_json import MAX_DEPTH
from careledger.errors import EpcisInvalid
from careledger.serialization.epcis import (
    DocumentType,
    ObjectEvent,
    document_json,
    event_hash,
    event_json,
    read_document,
    read_json,
    read_xml,
    strict_hash,
)
from careledger.serialization.epcis.reading import MAX_BYTES
from careledger.serialization.epcis.xml_form import MAX_ELEMENTS
from epcis_events import (
    AGGREGATION,
    ASSOCIATION,
    CASE,
    MAKER,
    PACK_1,
    PACK_2,
    STANDARD,
    TRANSACTION,
    TRANSFORMATION,
    as_json,
    event_of,
    first_event,
    shared,
)

WHEN = "<eventTime>2026-03-02T09:30:00.000+01:00</eventTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset>"
PACKS = f"<epc>{PACK_1}</epc><epc>{PACK_2}</epc>"
NAMESPACES = f'xmlns:maker="{MAKER}" xmlns:cbvmda="urn:epcglobal:cbv:mda"'


def epcis(events: str, version: str = "2", attributes: str = "", header: str = "") -> bytes:
    """A capture document of events in XML."""
    return (
        f'<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:{version}" {NAMESPACES} '
        f'schemaVersion="{version}.0" creationDate="2026-03-02T10:00:00Z" {attributes}>'
        f"{header}<EPCISBody><EventList>{events}</EventList></EPCISBody></epcis:EPCISDocument>"
    ).encode()


def observed(inside: str) -> str:
    return f"<ObjectEvent>{WHEN}<epcList>{PACKS}</epcList><action>OBSERVE</action>{inside}</ObjectEvent>"


AGGREGATION_2 = f"""<AggregationEvent>{WHEN}<parentID>{CASE}</parentID><childEPCs>{PACKS}</childEPCs>
<action>ADD</action><bizStep>urn:epcglobal:cbv:bizstep:packing</bizStep>
<childQuantityList><quantityElement><epcClass>urn:epc:class:lgtin:9521321.020002.L1</epcClass>
<quantity>2.50</quantity><uom>KGM</uom></quantityElement></childQuantityList>
<persistentDisposition><set>urn:epcglobal:cbv:disp:completeness_verified</set>
<unset>urn:epcglobal:cbv:disp:available</unset></persistentDisposition></AggregationEvent>"""
AGGREGATION_1 = f"""<AggregationEvent>{WHEN}<parentID>{CASE}</parentID><childEPCs>{PACKS}</childEPCs>
<action>ADD</action><bizStep>urn:epcglobal:cbv:bizstep:packing</bizStep>
<extension><childQuantityList><quantityElement><epcClass>urn:epc:class:lgtin:9521321.020002.L1</epcClass>
<quantity>2.5</quantity><uom>KGM</uom></quantityElement></childQuantityList>
<extension><persistentDisposition><set>cbv:Disp-completeness_verified</set><unset>available</unset>
</persistentDisposition></extension></extension></AggregationEvent>"""
TRANSACTION_1 = f"""<TransactionEvent>{WHEN}<bizTransactionList>
<bizTransaction type="urn:epcglobal:cbv:btt:po">urn:epcglobal:cbv:bt:9521321000018:1152</bizTransaction>
</bizTransactionList><parentID>{CASE}</parentID><epcList/><action>ADD</action>
<bizLocation><id>urn:epc:id:sgln:9521321.00001.0</id></bizLocation>
<extension><quantityList><quantityElement><epcClass>urn:epc:idpat:sgtin:9521321.010001.*</epcClass>
<quantity>12.0</quantity></quantityElement></quantityList>
<sourceList><source type="urn:epcglobal:cbv:sdt:owning_party">urn:epc:id:pgln:9521321.00001</source></sourceList>
<destinationList><destination type="urn:epcglobal:cbv:sdt:location">urn:epc:id:sgln:9521321.00002.B1</destination>
</destinationList></extension>
<certificationInfo>https://certificate.example/1</certificationInfo></TransactionEvent>"""
TRANSFORMATION_1 = f"""<extension><TransformationEvent><eventTime>2026-03-02T09:30:00.000+01:00</eventTime>
<recordTime>2026-03-02T08:31:00Z</recordTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset>
<baseExtension><errorDeclaration><declarationTime>2026-03-05T00:00:00Z</declarationTime>
<reason>urn:epcglobal:cbv:er:incorrect_data</reason><correctiveEventIDs>
<correctiveEventID>urn:uuid:6b1c2f9e-30cd-4a2f-9b51-0d8a3f1f6a02</correctiveEventID></correctiveEventIDs>
<extension><maker:by>quality</maker:by></extension></errorDeclaration></baseExtension>
<inputEPCList><epc>{PACK_1}</epc></inputEPCList>
<inputQuantityList><quantityElement><epcClass>urn:epc:class:lgtin:9521321.010001.A7</epcClass></quantityElement>
</inputQuantityList><outputEPCList><epc>urn:epc:id:sgtin:9521321.040004.T1</epc></outputEPCList>
<outputQuantityList><quantityElement><epcClass>urn:epc:class:lgtin:9521321.040004.B8</epcClass>
<quantity>3</quantity></quantityElement></outputQuantityList>
<transformationID>urn:epc:id:gdti:9521321.00001.8</transformationID>
<ilmd><cbvmda:lotNumber>B8</cbvmda:lotNumber></ilmd></TransformationEvent></extension>"""
ASSOCIATION_2 = f"""<AssociationEvent>{WHEN}<parentID>urn:epc:id:grai:9521321.00001.55</parentID>
<childEPCs><epc>urn:epc:id:giai:9521321.LOG1</epc></childEPCs><action>ADD</action></AssociationEvent>"""


@pytest.mark.parametrize(
    ("text", "event"),
    [
        pytest.param(epcis(AGGREGATION_2), AGGREGATION, id="AggregationEvent of 2.0"),
        pytest.param(epcis(AGGREGATION_1, "1"), AGGREGATION, id="AggregationEvent of 1.2"),
        pytest.param(epcis(TRANSACTION_1, "1"), TRANSACTION, id="TransactionEvent of 1.2"),
        pytest.param(epcis(TRANSFORMATION_1, "1"), TRANSFORMATION, id="TransformationEvent of 1.2"),
        pytest.param(epcis(ASSOCIATION_2), ASSOCIATION, id="AssociationEvent of 2.0"),
        pytest.param(
            epcis(f"<extension><extension>{ASSOCIATION_2}</extension></extension>", "1"), ASSOCIATION, id="1.2"
        ),
    ],
)
def test_an_event_in_xml_is_the_one_in_json(text: bytes, event: dict[str, object]) -> None:
    (found,) = read_document(text).events
    expected = event_of(event)
    assert found == expected
    assert (event_hash(found), strict_hash(found)) == (event_hash(expected), strict_hash(expected))
    written = as_json(event_json(found))
    assert {name: value for name, value in written.items() if name != "@context"} == event


def test_published_xml_says_what_published_json_says() -> None:
    for path in sorted(shared("event_hash").glob("*.xml")):
        found, expected = first_event(path), first_event(path.with_suffix(".jsonld"))
        assert event_hash(found) == event_hash(expected)
        assert found.extensions == expected.extensions
        assert found.time_ms == expected.time_ms
        assert as_json(event_json(found)).keys() >= as_json(event_json(expected)).keys() - {"@context"}


def test_a_document_is_written_as_epcis_2_json() -> None:
    found = read_document(epcis(AGGREGATION_1 + TRANSFORMATION_1, "1"))
    written = as_json(document_json(found))
    context = written.pop("@context")
    assert context == [STANDARD, {"maker": MAKER}]
    assert written.pop("epcisBody") == {"eventList": [AGGREGATION, TRANSFORMATION]}
    assert written == {"type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-03-02T10:00:00Z"}
    assert read_json(json.dumps({"@context": context, **written, "epcisBody": {"eventList": []}}).encode()).events == ()


def test_a_query_document_is_read() -> None:
    text = f"""<epcisq:EPCISQueryDocument xmlns:epcisq="urn:epcglobal:epcis-query:xsd:1" schemaVersion="1.2"
        creationDate="2026-03-02T10:00:00Z"><EPCISBody><epcisq:QueryResults><queryName>SimpleEventQuery</queryName>
        <resultsBody><EventList>{ASSOCIATION_2}</EventList></resultsBody></epcisq:QueryResults></EPCISBody>
        </epcisq:EPCISQueryDocument>"""
    found = read_document(text.encode())
    assert found.type is DocumentType.QUERY
    assert found.events == (event_of(ASSOCIATION),)
    results = as_json(document_json(found))["epcisBody"]["queryResults"]
    assert results == {"queryName": "SimpleEventQuery", "resultsBody": {"eventList": [ASSOCIATION]}}


def test_master_data_and_message_headers_are_kept() -> None:
    header = """<EPCISHeader><sbdh:StandardBusinessDocumentHeader xmlns:sbdh="https://unece.example/sbdh">
        <sbdh:Sender><sbdh:Identifier Authority="SGLN">urn:epc:id:sgln:9521321.00001.0</sbdh:Identifier></sbdh:Sender>
        </sbdh:StandardBusinessDocumentHeader><extension><EPCISMasterData><VocabularyList>
        <Vocabulary type="urn:epcglobal:epcis:vtype:Location"><VocabularyElementList>
        <VocabularyElement id="urn:epc:id:sgln:9521321.00001.0"><attribute id="urn:epcglobal:cbv:mda#latitude">+18.0
        </attribute><attribute id="urn:epcglobal:cbv:mda#address"><maker:street>Kiln Road</maker:street></attribute>
        <children><id>urn:epc:id:sgln:9521321.00001.1</id></children></VocabularyElement></VocabularyElementList>
        </Vocabulary></VocabularyList></EPCISMasterData></extension></EPCISHeader>"""
    written = as_json(document_json(read_document(epcis(ASSOCIATION_2, header=header))))
    assert written["epcisHeader"] == {
        "sbdh:StandardBusinessDocumentHeader": {
            "sbdh:Sender": {"sbdh:Identifier": {"Authority": "SGLN", "#text": "urn:epc:id:sgln:9521321.00001.0"}}
        },
        "epcisMasterData": {
            "vocabularyList": [
                {
                    "type": "urn:epcglobal:epcis:vtype:Location",
                    "vocabularyElementList": [
                        {
                            "id": "urn:epc:id:sgln:9521321.00001.0",
                            "attributes": [
                                {"id": "urn:epcglobal:cbv:mda#latitude", "attribute": "+18.0"},
                                {
                                    "id": "urn:epcglobal:cbv:mda#address",
                                    "attribute": {"maker:street": "Kiln Road"},
                                },
                            ],
                            "children": ["urn:epc:id:sgln:9521321.00001.1"],
                        }
                    ],
                }
            ]
        },
    }
    assert written["@context"][1]["sbdh"] == "https://unece.example/sbdh"


def test_sensor_data_are_typed() -> None:
    text = """<sensorElementList><sensorElement>
        <sensorMetadata time="2026-03-02T09:00:00Z" deviceID="urn:epc:id:giai:9521321.LOG1" maker:firmware="2.10"/>
        <sensorReport type="gs1:Temperature" value="5.250" sDev="1E-1" uom="CEL"/>
        <sensorReport type="gs1:Temperature" booleanValue="true" hexBinaryValue="0a"><maker:raw>1</maker:raw>
        </sensorReport><maker:seal>whole</maker:seal></sensorElement></sensorElementList>"""
    (event,) = read_document(epcis(observed(text))).events
    (element,) = event.sensor_elements
    assert element.metadata is not None
    assert element.metadata.extensions == {f"{{{MAKER}}}firmware": "2.10"}
    first, second = element.reports
    assert (first.type, first.value, first.s_dev, first.uom) == ("Temperature", Decimal("5.25"), Decimal("0.1"), "CEL")
    assert (second.boolean_value, second.hex_binary_value) == (True, "0a")
    assert second.extensions == {f"{{{MAKER}}}raw": "1"}
    assert element.extensions == {f"{{{MAKER}}}seal": "whole"}


def test_extensions_keep_attributes_lists_text_and_order() -> None:
    text = """<maker:batch unit="kg" maker:grade="A">heavy<maker:part>1</maker:part> and <maker:part>2</maker:part>
        <plain/></maker:batch><maker:twice>x</maker:twice><maker:twice>y</maker:twice><maker:none/>"""
    (event,) = read_document(epcis(observed(text))).events
    assert event.extensions == {
        f"{{{MAKER}}}batch": {
            "unit": "kg",
            f"{{{MAKER}}}grade": "A",
            f"{{{MAKER}}}part": ["1", "2"],
            "plain": "",
            "#text": "heavy and",
        },
        f"{{{MAKER}}}twice": ["x", "y"],
        f"{{{MAKER}}}none": "",
    }
    written = as_json(event_json(event))
    assert read_json(json.dumps(written).encode()).events == (event,)


def test_an_extension_that_is_called_extension_is_one() -> None:
    text = "<maker:extension><extension><maker:a>1</maker:a></extension></maker:extension>"
    (event,) = read_document(epcis(observed(text))).events
    assert event.extensions == {f"{{{MAKER}}}extension": {"extension": {f"{{{MAKER}}}a": "1"}}}


@pytest.mark.parametrize(
    ("declared", "used", "prefix"),
    [
        ('xmlns:other="https://other.example/"', "other:a", "other"),
        ('xmlns:https="https://other.example/"', "https:a", "ns1"),
        ('xmlns:cbv="https://other.example/"', "cbv:a", "ns1"),
        ('xmlns:ns1="https://unused.example/" xmlns:gs1="https://other.example/"', "gs1:a", "ns2"),
        ("", 'a xmlns="https://other.example/"', "ns1"),
    ],
)
def test_a_namespace_has_a_prefix_that_json_can_have(declared: str, used: str, prefix: str) -> None:
    (event,) = read_document(epcis(observed(f"<{used}>1</{used.split()[0]}>"), attributes=declared)).events
    assert event.extensions == {"{https://other.example/}a": "1"}
    written = as_json(event_json(event))
    assert written["@context"] == [STANDARD, {prefix: "https://other.example/"}]
    assert written[f"{prefix}:a"] == "1"


def test_a_document_whose_elements_are_all_in_the_namespace_of_epcis_is_read() -> None:
    text = epcis(ASSOCIATION_2).replace(b"epcis:EPCISDocument", b"EPCISDocument").replace(b"xmlns:epcis", b"xmlns")
    assert read_document(text).events == (event_of(ASSOCIATION),)


def test_other_encodings_and_marks_are_read() -> None:
    text = epcis(observed("<maker:note>Prüfung</maker:note>")).decode()
    expected = read_document(text.encode()).events
    assert read_document(b"\xef\xbb\xbf" + text.encode()).events == expected
    assert read_document(f'<?xml version="1.0" encoding="UTF-16"?>{text}'.encode("utf-16")).events == expected
    assert read_document(f'\n <?xml version="1.0"?>{text}'.strip().encode()).events == expected
    latin = f'<?xml version="1.0" encoding="ISO-8859-1"?>{text}'.encode("latin-1")
    assert read_document(latin).events == expected


# -------------------------------------------------------------------- refusals

BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (BOMB.encode() + epcis(observed("<maker:a>&b;</maker:a>")), "document types and entities"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + epcis(ASSOCIATION_2), "document types and entities"),
        (
            b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + epcis(observed("<maker:a>&f;</maker:a>")),
            "document types and entities",
        ),
        (b'<!DOCTYPE a [<!ENTITY % p SYSTEM "https://maker.example/p">%p;]>' + epcis(ASSOCIATION_2), "document types"),
        (b"<!DOCTYPE a>" + epcis(ASSOCIATION_2), "document types and entities"),
        (epcis(observed("<maker:a>&b;</maker:a>")), "not well-formed"),
        (epcis(ASSOCIATION_2)[:-5], "not well-formed"),
        (b"<", "not well-formed"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "encoding|not well-formed"),
        (epcis("<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH), "nested too deep"),
        (epcis("<a/>" * MAX_ELEMENTS), "are the most"),
        (b"<" + b" " * MAX_BYTES, "are too many"),
        (b"<html/>", "EPCISBody 'html'|must stand once"),
        (b"<EPCISDocument/>", "must stand once"),
        (b"<EPCISDocument><EPCISBody/></EPCISDocument>", "must stand once"),
        (b"<EPCISQueryDocument><EPCISBody/></EPCISQueryDocument>", "must stand once"),
        (b"<Other><EPCISBody/></Other>", "neither EPCISDocument nor EPCISQueryDocument"),
        (epcis("", attributes='xmlns:a="https://maker.example/{"'), "brace"),
        (epcis("", attributes='xmlns:a="relative"'), "absolute URI"),
    ],
    ids=lambda value: value if isinstance(value, str) else "xml",
)
def test_what_is_no_plain_epcis_document_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(EpcisInvalid, match=problem):
        read_xml(content)


@pytest.mark.parametrize(
    ("event", "place", "value", "problem"),
    [
        ("<QuantityEvent/>", "eventList[0].type", "QuantityEvent", "no type of event"),
        (observed("<bizstep>x</bizstep>"), "eventList[0].bizstep", "bizstep", "no field of EPCIS"),
        (observed("<action>ADD</action>"), "eventList[0].action", "action", "stands twice"),
        (observed("<extension><epcList/></extension>"), "eventList[0].epcList", "epcList", "stands twice"),
        (observed("<quantityList><epc/></quantityList>"), "eventList[0].quantityList[0]", "epc", "quantityElement"),
        (observed("stray"), "eventList[0]", "stray", "elements only"),
        (observed("<bizStep>x<maker:a/></bizStep>"), "eventList[0].bizStep", f"{{{MAKER}}}a", "text only"),
        (observed('<bizStep maker:a="1">shipping</bizStep>'), "eventList[0].bizStep", f"{{{MAKER}}}a", "text only"),
        (observed("<bizStep/>"), "eventList[0].bizStep", "", "is empty"),
        (
            observed("<quantityList><quantityElement><epcClass>urn:x:c</epcClass><quantity>two</quantity></quantityElement>"
                     "</quantityList>"),
            "eventList[0].quantityList[0].quantity",
            "two",
            "must be a number",
        ),
        (
            observed('<sensorElementList><sensorElement><sensorReport type="Speed" booleanValue="yes"/></sensorElement>'
                     "</sensorElementList>"),
            "eventList[0].sensorElementList[0].sensorReport[0].booleanValue",
            "yes",
            "must be true or false",
        ),
    ],
)  # fmt: skip
def test_a_wrong_event_is_refused_by_its_place_and_value(event: str, place: str, value: str, problem: str) -> None:
    found = read_document(epcis(event + ASSOCIATION_2))
    wrong, right = found.entries
    assert isinstance(wrong, EpcisInvalid)
    assert (wrong.name, wrong.value) == (place, value)
    assert problem in wrong.problem
    assert right == event_of(ASSOCIATION)


def test_attributes_of_the_schema_say_nothing() -> None:
    schema = (
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:epcglobal:epcis:xsd:2 x.xsd"'
    )
    text = observed('<bizStep xsi:type="xsd:anyURI">shipping</bizStep>')
    found = read_document(epcis(text, attributes=schema))
    (event,) = found.events
    assert isinstance(event, ObjectEvent)
    assert event.biz_step == "shipping"
    assert found.header.keys() == {"creationDate", "schemaVersion", "epcisBody"}
