"""EPCIS 2.0 over HTTP: documents captured on an Anvil, all or nothing or each by itself, and asked for page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from serialization.told_events import container_uri, document, objects, pack_uri, shipping
from serialization.trade_stage import sscc
from supply_gateway import Goods, SupplyGateway, supply_gateway

XML = """<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"
 creationDate="2026-01-02T00:00:00Z"><EPCISBody><EventList><ObjectEvent><eventTime>2026-01-03T00:00:00Z</eventTime>
<eventTimeZoneOffset>+00:00</eventTimeZoneOffset><epcList><epc>{uri}</epc></epcList><action>OBSERVE</action>
<bizStep>urn:epcglobal:cbv:bizstep:storing</bizStep></ObjectEvent></EventList></EPCISBody></epcis:EPCISDocument>"""


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupplyGateway]:
    with supply_gateway(tmp_path_factory.mktemp("epcis")) as found:
        yield found


def state(maker: SupplyGateway, uri: str) -> dict[str, Any]:
    answer = maker.call("GET", f"/epcs/{quote(uri, safe='')}/state", "epcis.query")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def found(maker: SupplyGateway, **parameters: str) -> list[dict[str, Any]]:
    answer = maker.call("GET", "/events", "epcis.query", params=parameters)
    assert answer.status_code == 200, answer.text
    return events_in(answer.json())


def events_in(body: dict[str, Any]) -> list[dict[str, Any]]:
    assert body["type"] == "EPCISQueryDocument"
    events: list[dict[str, Any]] = body["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return events


def test_a_document_is_captured_and_the_chain_follows_it(maker: SupplyGateway) -> None:
    goods = Goods.made_up()
    answer = maker.post(document(*goods.told()))
    assert answer.status_code == 202, answer.text
    assert answer.headers["GS1-EPCIS-Version"] == "2.0.0"
    done = maker.captured(answer.headers["Location"])
    assert done["captureID"] == answer.headers["Location"].rpartition("/")[2]
    assert (done["success"], done["captureErrorBehaviour"], done["errors"]) == (True, "rollback", [])
    assert done["createdAt"] <= done["finishedAt"]
    moving = state(maker, pack_uri(goods.serials[0]))
    assert (moving["state"], moving["container"]) == ("in transit", goods.case)
    assert moving["receiver"] == maker.stage.suite.organizations().known(maker.names["pharmacy"])
    listed = maker.call("GET", "/capture", "epcis.capture").json()
    assert done["captureID"] in [one["captureID"] for one in listed]
    job = maker.call("GET", f"/jobs/{done['captureID']}", "epcis.capture").json()
    assert job["result"]["captured"] == job["result"]["anchored"] == 3


def test_the_same_document_again_sends_nothing(maker: SupplyGateway) -> None:
    goods = Goods.made_up()
    told = goods.told()
    assert maker.capture(*told)["success"]
    sent, known = maker.sent(), len(found(maker, MATCH_anyEPC=container_uri(goods.case)))
    assert maker.capture(*told)["success"]
    assert maker.sent() == sent
    assert len(found(maker, MATCH_anyEPC=container_uri(goods.case))) == known == 2


def test_one_bad_event_rolls_all_back(maker: SupplyGateway) -> None:
    goods, sent = Goods.made_up(), maker.sent()
    done = maker.capture(*goods.begun(), shipping(sscc(), "maker", "pharmacy"))
    assert not done["success"]
    (error,) = done["errors"]
    assert (error["type"], error["place"]) == ("epcisException:ValidationException", 2)
    assert maker.sent() == sent
    assert state(maker, pack_uri(goods.serials[0]))["state"] == "unknown"
    assert found(maker, MATCH_anyEPC=container_uri(goods.case)) == []


def test_proceed_captures_the_others(maker: SupplyGateway) -> None:
    goods = Goods.made_up()
    bad, unread = shipping(sscc(), "maker", "pharmacy"), {"type": "ObjectEvent"}
    done = maker.capture(bad, *goods.begun(), unread, GS1_Capture_Error_Behaviour="proceed")
    assert (done["success"], done["captureErrorBehaviour"]) == (False, "proceed")
    assert [one["place"] for one in done["errors"]] == [0, 3]
    assert state(maker, pack_uri(goods.serials[0]))["state"] == "held"


def test_xml_is_captured_too(maker: SupplyGateway) -> None:
    goods = maker.made()
    answer = maker.post(XML.format(uri=container_uri(goods.case)).encode(), Content_Type="application/xml")
    assert answer.status_code == 202, answer.text
    assert maker.captured(answer.headers["Location"])["success"]
    (seen,) = found(maker, MATCH_anyEPC=container_uri(goods.case), EQ_bizStep="storing")
    assert seen["action"] == "OBSERVE"


def test_queries_narrow_and_page_to_the_end(maker: SupplyGateway) -> None:
    goods = maker.made()
    seen = [objects("maker", "inspecting", [container_uri(goods.case)]) for _ in range(5)]
    assert maker.capture(*seen)["success"]
    uri = container_uri(goods.case)
    assert len(found(maker, MATCH_anyEPC=uri, EQ_bizStep="inspecting")) == 5
    assert len(found(maker, MATCH_anyEPC=uri, EQ_bizStep="inspecting|packing", eventType="ObjectEvent")) == 5
    assert [one["type"] for one in found(maker, MATCH_parentID=uri)] == ["AggregationEvent"]
    late = seen[3]["eventTime"]
    assert len(found(maker, MATCH_anyEPC=uri, GE_eventTime=late)) == 2
    path, pages = f"/events?MATCH_anyEPC={quote(uri, safe='')}&perPage=2&orderDirection=ASC", []
    while path:
        answer = maker.call("GET", path, "epcis.query")
        pages.append([one["eventTime"] for one in events_in(answer.json())])
        following = answer.headers.get("Link", "")
        assert bool(following) == ("GS1-Next-Page-Token-Expires" in answer.headers)
        path = following.partition("<")[2].partition(">")[0]
    assert [len(page) for page in pages] == [2, 2, 2]
    times = [each for page in pages for each in page]
    assert times == sorted(times)
    limited = maker.call("GET", "/events", "epcis.query", params={"MATCH_anyEPC": uri, "maxEventCount": 2})
    assert (limited.status_code, limited.json()["type"]) == (413, "epcisException:QueryTooLargeException")


def test_pages_are_of_what_was_known_at_the_first(maker: SupplyGateway) -> None:
    goods = maker.made()
    uri = quote(container_uri(goods.case), safe="")
    seen = [objects("maker", "inspecting", [container_uri(goods.case)]) for _ in range(2)]
    assert maker.capture(*seen)["success"]
    first = maker.call("GET", f"/epcs/{uri}/events?perPage=2", "epcis.query")
    assert maker.capture(objects("maker", "inspecting", [container_uri(goods.case)]))["success"]
    path = first.headers["Link"].partition("<")[2].partition(">")[0]
    rest = maker.call("GET", path, "epcis.query")
    assert [one["bizStep"] for one in events_in(rest.json())] == ["packing"]
    assert "Link" not in rest.headers


def test_an_event_is_found_by_its_hash_and_an_unknown_epc_has_none(maker: SupplyGateway) -> None:
    goods = maker.made()
    last = state(maker, container_uri(goods.case))["last_event"]
    answer = maker.call("GET", f"/events/{quote(last, safe='')}", "epcis.query")
    assert [one["bizStep"] for one in events_in(answer.json())] == ["packing"]
    none = maker.call("GET", "/events/ni%3A%2F%2F%2Fnothing", "epcis.query")
    assert (none.status_code, none.json()["type"]) == (404, "epcisException:NoSuchResourceException")
    unknown = quote(pack_uri("nowhere1"), safe="")
    assert events_in(maker.call("GET", f"/epcs/{unknown}/events", "epcis.query").json()) == []
    assert state(maker, pack_uri("nowhere1"))["state"] == "unknown"
    assert maker.call("GET", "/epcs/of-nothing/state", "epcis.query").status_code == 400


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("EQ_nothing=1", "QueryParameterException"),
        ("orderBy=colour", "QueryParameterException"),
        ("GE_eventTime=yesterday", "QueryParameterException"),
        ("nextPageToken=abc", "QueryParameterException"),
        ("perPage=0", "QueryParameterException"),
    ],
)
def test_a_query_that_is_wrong_is_refused_as_the_standard_says(maker: SupplyGateway, query: str, kind: str) -> None:
    answer = maker.call("GET", f"/events?{query}", "epcis.query")
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == f"epcisException:{kind}"


def test_what_is_no_document_is_refused_at_once(maker: SupplyGateway) -> None:
    event = json.dumps(Goods.made_up().begun()[0]).encode()
    for content in (b'{"type": "EPCISDocument"}', b'{"type": {}}', event, document()):
        answer = maker.post(content)
        assert (answer.status_code, answer.json()["type"]) == (400, "epcisException:ValidationException"), answer.text
    assert maker.post(b"<a", Content_Type="application/xml").status_code == 400
    assert maker.post(b"a,b", Content_Type="text/csv").json()["type"] == "epcisException:UnsupportedMediaTypeException"
    wrong = maker.post(document(*Goods.made_up().begun()), GS1_Capture_Error_Behaviour="perhaps")
    assert (wrong.status_code, wrong.json()["type"]) == (400, "epcisException:ValidationException")


def test_who_may_not_is_refused(maker: SupplyGateway) -> None:
    for method, path, scope in (("POST", "/capture", "epcis.query"), ("GET", "/events", "epcis.capture")):
        answer = maker.call(method, path, scope, headers={"Content-Type": "application/json"}, data=b"{}")
        assert (answer.status_code, answer.json()["type"]) == (403, "epcisException:SecurityException")
        assert maker.call(method, path, None).status_code == 401
    others = maker.served.system("guest").call("GET", "/events", "epcis.query")
    assert (others.status_code, others.json()["type"]) == (403, "epcisException:SecurityException")
    accepted = maker.call("GET", "/events", "epcis.query", headers={"Accept": "text/csv"})
    assert accepted.json()["type"] == "epcisException:NotAcceptableException"
