"""A lot recalled over HTTP, and who holds what of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serialization.told_events import shipping
from serialization.trade_stage import GTIN
from supply_gateway import Goods, SupplyGateway, supply_gateway


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupplyGateway]:
    with supply_gateway(tmp_path_factory.mktemp("recalls")) as found:
        yield found


def terms(goods: Goods, **changes: object) -> dict[str, object]:
    named = {"gtin": GTIN, "lot_number": goods.number}
    return {**named, "recall_class": "II", "reason": "CONTAMINATION", **changes}


def test_a_lot_is_recalled_and_its_packs_say_so(maker: SupplyGateway) -> None:
    goods = maker.made()
    answer = maker.call("POST", "/recalls", "recalls.write", json=terms(goods))
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert len(job["result"]["transactions"]) == 2
    found = maker.verify(goods.code())
    assert (found["verified"], found["finding"]) == (False, "RECALLED")
    assert (found["recall_class"], found["recall_reason"]) == ("CLASS_II", "CONTAMINATION")


def test_the_same_request_again_is_the_same_job(maker: SupplyGateway) -> None:
    goods = maker.made()
    options = {"json": terms(goods, keep_closed=True), "headers": {"Idempotency-Key": goods.number}}
    first = maker.call("POST", "/recalls", "recalls.write", **options)
    sent = maker.sent()
    again = maker.call("POST", "/recalls", "recalls.write", **options)
    assert first.json()["job"] == again.json()["job"]
    assert maker.sent() == sent
    lighter = maker.call("POST", "/recalls", "recalls.write", json=terms(goods, recall_class="III"))
    assert lighter.status_code == 409, lighter.text


def test_the_report_says_who_holds_what_and_how_long_it_took(maker: SupplyGateway) -> None:
    goods, kept = maker.made(5), maker.made(2)
    assert maker.capture(shipping(goods.case, "maker", "pharmacy"))["success"]
    maker.receive(goods, dispensed=2)
    done = maker.call("POST", "/recalls", "recalls.write", json=terms(goods, recall_class="I")).json()
    headers = {"Careledger-Min-Block": str(done["block_number"])}
    named = {"gtin": GTIN, "lot_number": goods.number}
    answer = maker.call("POST", "/recalls/report", "recalls.read", json=named, headers=headers)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    (holder,) = found["holders"]
    assert (holder["name"], holder["units"]) == (maker.names["pharmacy"], 3)
    assert (found["recall_class"], found["held"], found["ended"]) == ("CLASS_I", 3, {"DISPENSED": 2})
    assert found["commissioned"] == 5 + found["not_packed"] + found["left_out"]
    assert found["took_milliseconds"] >= 0
    by_id = maker.call("POST", "/recalls/report", "recalls.read", json={"lot": found["lot"]}, headers=headers)
    assert by_id.json()["holders"] == found["holders"]
    named = {"gtin": GTIN, "lot_number": kept.number}
    at_maker = maker.call("POST", "/recalls/report", "recalls.read", json=named, headers=headers).json()
    assert (at_maker["held"], at_maker["recall_class"]) == (2, "NOT_RECALLED")


def test_what_is_not_there_or_not_allowed_is_refused(maker: SupplyGateway) -> None:
    goods = maker.made()
    unknown = {"gtin": GTIN, "lot_number": "NO-LOT"}
    assert maker.call("POST", "/recalls/report", "recalls.read", json=unknown).status_code == 404
    assert maker.call("POST", "/recalls/report", "recalls.read", json={}).status_code == 422
    assert maker.call("POST", "/recalls", "recalls.write", json=terms(goods, lot_number="NO-LOT")).status_code == 404
    assert maker.call("POST", "/recalls", "recalls.write", json=terms(goods, recall_class="IV")).status_code == 422
    assert maker.call("POST", "/recalls", "recalls.read", json=terms(goods)).status_code == 403
    assert maker.call("POST", "/recalls/report", "recalls.write", json=unknown).status_code == 403
    guest = maker.served.system("guest").call("POST", "/recalls", "recalls.write", json=terms(goods))
    assert guest.status_code == 403
    assert maker.verify(goods.code())["verified"]
