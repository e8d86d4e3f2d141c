"""Packs verified by what a scanner reads, and traced, at a maker's gateway."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from serialization.told_events import shipping
from serialization.trade_stage import GTIN
from supply_gateway import Goods, SupplyGateway, supply_gateway


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupplyGateway]:
    with supply_gateway(tmp_path_factory.mktemp("units")) as found:
        yield found


@pytest.fixture(scope="module")
def goods(maker: SupplyGateway) -> Goods:
    return maker.made()


def test_a_genuine_pack_is_verified_as_of_a_block(maker: SupplyGateway, goods: Goods) -> None:
    found = maker.verify(goods.code())
    assert (found["verified"], found["finding"], found["likelier_cause"]) == (True, "VERIFIED", None)
    assert (found["product"], found["lot_number"]) == (f"gtin:{GTIN}", goods.number)
    assert (found["holder_name"], found["expires"]) == (maker.names["maker"], "2050-01-31")
    assert 0 < found["as_of_block"] <= maker.stage.connection.block_number()


def test_every_form_of_code_is_read(maker: SupplyGateway, goods: Goods) -> None:
    serial, lot = goods.serials[0], goods.number
    for code in (
        f"]d201{GTIN}21{serial}\x1d1750013110{lot}",
        f"https://id.gs1.org/01/{GTIN}/10/{lot}/21/{serial}?17=500131",
    ):
        assert maker.verify(code)["verified"], code


def test_what_is_not_verified_has_its_own_answer_and_cause(maker: SupplyGateway, goods: Goods) -> None:
    unknown = maker.verify(goods.code(serial="NOTTHIS1"))
    assert (unknown["verified"], unknown["finding"]) == (False, "NOT_KNOWN_HERE")
    assert unknown["likelier_cause"]
    assert maker.verify(goods.code(expiry="490131"))["finding"] == "NO_MATCH_EXPIRY"
    swapped = maker.verify(goods.code(serial=goods.serials[0].swapcase()))
    assert (swapped["verified"], swapped["finding"]) == (False, "NOT_KNOWN_HERE")
    assert "caps lock" in swapped["likelier_cause"]
    (fault,) = swapped["barcode"]
    assert (fault["fault"], goods.serials[0] in fault["likelier"]) == ("WRONG_CASE", True)
    (fault,) = maker.verify(f"(01){GTIN}(10){goods.number}")["barcode"]
    assert fault["fault"] == "NO_SERIAL"


def test_a_pack_that_was_dispensed_says_so(maker: SupplyGateway) -> None:
    goods = maker.made()
    assert maker.capture(shipping(goods.case, "maker", "pharmacy"))["success"]
    maker.receive(goods, dispensed=1)
    found = maker.verify(goods.code(0))
    assert (found["verified"], found["finding"], found["status"]) == (False, "DISPENSED", "DISPENSED")
    assert "copy" in found["likelier_cause"]
    other = maker.verify(goods.code(1))
    assert (other["verified"], other["holder_name"]) == (True, maker.names["pharmacy"])


def test_a_code_that_cannot_be_read_is_422_and_says_nothing_of_the_pack(maker: SupplyGateway, goods: Goods) -> None:
    wrong = goods.code().replace(GTIN, "00300010000016")
    answer = maker.call("POST", "/units/verify", "units.read", json={"code": wrong})
    assert answer.status_code == 422, answer.text
    body = answer.json()
    assert (body["title"], body["fault"]) == ("BarcodeUnreadable", "CHECK_DIGIT")
    assert "likelier" in body
    assert "verified" not in body


def test_a_trace_tells_each_act_in_order(maker: SupplyGateway) -> None:
    goods = maker.made()
    assert maker.capture(shipping(goods.case, "maker", "pharmacy"))["success"]
    maker.receive(goods, dispensed=1)
    block = maker.stage.connection.block_number()
    answer = maker.call(
        "POST", "/units/trace", "units.read", json={"code": goods.code()}, headers={"Careledger-Min-Block": str(block)}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["as_of"]["block_number"] >= block
    assert found["location"]["status"] == "DISPENSED"
    acts = [step["act"] for step in found["steps"]]
    assert len(acts) >= 5
    assert [step["block_number"] for step in found["steps"]] == sorted(step["block_number"] for step in found["steps"])
    assert goods.case in {step["sscc"] for step in found["steps"]}
    assert found["windows"] == []
    none = maker.call("POST", "/units/trace", "units.read", json={"code": goods.code(serial="NOTTHIS1")})
    assert none.status_code == 404


def test_who_has_no_scope_is_refused(maker: SupplyGateway, goods: Goods) -> None:
    for path in ("/units/verify", "/units/trace"):
        assert maker.call("POST", path, "epcis.query", json={"code": goods.code()}).status_code == 403
        assert maker.call("POST", path, None, json={"code": goods.code()}).status_code == 401


def test_no_serial_is_in_a_line_that_is_logged(
    maker: SupplyGateway, goods: Goods, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("careledger", "uvicorn", "uvicorn.access", "uvicorn.error"):
        caplog.set_level(logging.DEBUG, logger=name)
    fresh = maker.made()
    lines_before = len(caplog.records)
    assert lines_before
    for one in (goods, fresh):
        maker.verify(one.code())
        maker.verify(one.code(serial=one.serials[0].swapcase()))
        maker.call("POST", "/units/verify", "units.read", json={"code": one.code().replace("(01)", "(01)9")})
        maker.call("POST", "/units/trace", "units.read", json={"code": one.code()})
        maker.call("GET", f"/epcs/https%3A%2F%2Fid.gs1.org%2F01%2F{GTIN}%2F21%2F{one.serials[0]}/state", "epcis.query")
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    told = "\n".join(ours).lower()
    assert "/units/verify" in told
    for secret in (*goods.serials, *fresh.serials, goods.number, fresh.number, fresh.case):
        assert secret.lower() not in told
