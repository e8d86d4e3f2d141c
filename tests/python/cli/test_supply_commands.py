"""`careledger lot`, `container`, `ship`, `receive`, `unit`, `dispense`, `recall` on an Anvil, as traders run them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from careledger.contract_enums import UnitStatus
from careledger.serialization.lots import Lots
from cli.supply_world import CARRIER, MAKER, PHARMACY, REGULATOR, WHOLESALER, SupplyWorld
from serialization.trade_stage import GTIN, PRODUCT, sscc

UNKNOWN = "0x" + 24 * "7"


# ---------------------------------------------------------------------- from the maker to the patient


def test_goods_go_from_the_maker_to_the_patient_with_a_recall_in_the_middle(trade: SupplyWorld) -> None:
    made = trade.lot(40)
    pallet, cases = sscc(), [sscc() for _ in range(4)]
    file = trade.folder / "cases.txt"
    file.write_text("\n".join(cases))
    packed = trade.ok(MAKER, "container", "pack", pallet, "--lot", made.number, "--count", 40, "--cases", file)
    assert len(packed["transactions"]) == 1
    trade.deliver(pallet, MAKER, WHOLESALER)
    taken = trade.ok(WHOLESALER, "container", "unpack", pallet, cases[2], "--case", 0)
    assert [each["sscc"] for each in taken["cases"]] == [cases[0], cases[2]]
    trade.deliver(cases[2], WHOLESALER, PHARMACY)
    verified = trade.ok(PHARMACY, "unit", "verify", made.code(25))["packs"][0]
    assert (verified["finding"], verified["holder"], verified["number"]) == ("VERIFIED", trade.id_of(PHARMACY), 25)
    assert verified["holder_name"] == trade.names[PHARMACY]
    assert (verified["expires"], verified["recall_class"]) == ("2050-01-31", "NOT_RECALLED")
    done = trade.ok(PHARMACY, "dispense", scanned=[made.code(index) for index in (25, 20, 21, 25)])
    assert (done["dispensed"], len(done["transactions"])) == (3, 1)
    lots = Lots(trade.stage.as_(None))
    assert [lots.unit(made.lot, index).status for index in (20, 21, 22, 25)] == [
        *(UnitStatus.DISPENSED, UnitStatus.DISPENSED, UnitStatus.IN_SUPPLY, UnitStatus.DISPENSED)
    ]
    recalled = trade.ok(MAKER, "recall", made.number, "--class", "I", "--reason", "contamination")
    assert (recalled["class"], recalled["reason"], recalled["opened"]) == ("CLASS_I", "CONTAMINATION", True)
    result = trade(PHARMACY, "unit", "verify", made.code(22))
    assert result.exit_code == 9
    (found,) = result.body["packs"]
    assert (found["finding"], found["recall_class"], found["recall_reason"]) == ("RECALLED", "CLASS_I", "CONTAMINATION")
    assert "follow the recall" in found["likelier_cause"]
    refused = trade(PHARMACY, "dispense", made.code(22))
    assert (refused.exit_code, refused.body["dispensed"]) == (9, 0)
    report = trade.ok(REGULATOR, "recall", "report", made.lot)
    shares = {one["holder"]: one["units"] for one in report["report"]["holders"]}
    assert shares == {trade.id_of(WHOLESALER): 30, trade.id_of(PHARMACY): 7}
    assert report["report"]["ended"] == {"DISPENSED": 3}
    assert report["report"]["total"] == report["report"]["commissioned"]
    assert (report["took_milliseconds"] > 0, report["blocks_behind"]) == (True, 0)
    shown = trade.shown(MAKER, "recall", "report", made.number)
    assert "RECALLED: class I, contamination" in shown
    assert trade.names[WHOLESALER] in shown
    assert " ms" in shown


def test_a_recall_report_comes_from_an_index_that_is_named(trade: SupplyWorld) -> None:
    made = trade.delivered(10)
    url = f"sqlite:///{trade.folder / 'index.db'}"
    trade.ok(MAKER, "index", "sync", "--index", url, "--supply", trade.stage.operator)
    report = trade.ok(MAKER, "recall", "report", made.lot, "--index", url)["report"]
    assert [(one["name"], one["units"]) for one in report["holders"]] == [(trade.names[PHARMACY], 10)]
    unknown = trade(MAKER, "recall", "report", UNKNOWN, "--index", url)
    assert (unknown.exit_code, unknown.body["report"]) == (9, None)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--class", "IV", "--reason", "potency"), "IV"),
        (("--class", "II", "--reason", "mood"), "mood"),
        (("--class", "II", "--reason", "unspecified"), "unspecified"),
    ],
)
def test_a_recall_says_what_it_takes(trade: SupplyWorld, arguments: tuple[str, ...], named: str) -> None:
    before = trade.sent_by(MAKER)
    result = trade(MAKER, "recall", UNKNOWN, *arguments)
    assert (result.exit_code, result.error["fields"]["value"]) == (2, named)
    assert trade.sent_by(MAKER) == before


def test_a_regulator_recalls_by_the_id_on_the_chain(trade: SupplyWorld) -> None:
    made = trade.lot(4)
    recalled = trade.ok(REGULATOR, "recall", made.lot, "--class", "II", "--reason", "regulator-order")
    assert (recalled["opened"], len(recalled["transactions"])) == (False, 1)
    again = trade.ok(REGULATOR, "recall", made.lot, "--class", "II", "--reason", "regulator-order")
    assert again["transactions"][0]["events"] == []
    closed = trade.lot(4)
    body = trade.ok(MAKER, "recall", closed.number, "--class", "III", "--reason", "mislabelling", "--keep-closed")
    assert len(body["transactions"]) == 1


# ---------------------------------------------------------------------- lots


def test_the_same_lot_again_sends_nothing(trade: SupplyWorld) -> None:
    made = trade.lot(12)
    arguments = ("lot", "commission", GTIN, made.number, "--serials", "-", "--expiry", "2050-01-31")
    again = trade.ok(MAKER, *arguments, scanned=made.serials)
    assert (again["lot"], again["transactions"]) == (made.lot, [])


def test_lots_are_listed_and_shown(trade: SupplyWorld) -> None:
    made = trade.lot(12)
    (listed,) = [one for one in trade.ok(MAKER, "lot", "list") if one["lot"] == made.lot]
    assert listed["kept"] == {"product": PRODUCT, "lot_number": made.number}
    assert listed["expires"] == "2050-01-31"
    assert trade.ok(MAKER, "lot", "show", made.code(3))["lot"] == made.lot
    text = trade.shown(MAKER, "lot", "show", made.number)
    assert trade.names[MAKER] in text
    assert "not recalled" in text
    unknown = trade(MAKER, "lot", "show", UNKNOWN)
    assert (unknown.exit_code, unknown.body["on_chain"]) == (9, None)
    nothing = trade(MAKER, "lot", "show", "no-such-lot")
    assert (nothing.exit_code, nothing.error["type"]) == (15, "NotInBook")


def test_a_lot_is_extended(trade: SupplyWorld) -> None:
    made = trade.lot(8, "--depth", 3)
    further = ["X1", "X2"]
    trade.ok(MAKER, "lot", "extend", made.number, "--serials", "-", scanned=further)
    assert trade.ok(MAKER, "lot", "show", made.number)["on_chain"]["tranches"] == 2
    code = f"(01){GTIN}(21)X2(17)500131(10){made.number}"
    assert trade.ok(MAKER, "unit", "show", code)["number"] == 9


def test_containers_are_repackaged_into_a_lot(trade: SupplyWorld) -> None:
    carton = trade.carton(trade.lot(20))
    trade.deliver(carton, MAKER, WHOLESALER)
    number = f"R{os.urandom(4).hex()}"
    arguments = ("lot", "repackage", GTIN, number, "--serials", "-", "--expiry", "2049-12-31", "--container", carton)
    made = trade.ok(WHOLESALER, *arguments, scanned=["R1", "R2"])
    assert (made["units"], len(made["inputs"])) == (2, 1)
    trade.ok(WHOLESALER, "container", "pack", sscc(), "--lot", made["lot"], "--count", 2)
    assert trade.ok(WHOLESALER, "unit", "verify", f"(01){GTIN}(21)R2(17)491231(10){number}")["packs"][0]["verified"]


def test_limits_are_set_in_degrees(trade: SupplyWorld) -> None:
    made = trade.lot(4)
    arguments = ("--lowest", "-20.5", "--highest", "8", "--highest-mean", "5.25")
    trade.ok(MAKER, "lot", "limits", made.number, *arguments)
    found = trade.ok(MAKER, "lot", "show", made.number)["limits"]
    assert found == {"lowest": -2050, "highest": 800, "highest_mean": 525}
    assert "-20.50 °C to 8.00 °C" in trade.shown(MAKER, "lot", "show", made.number)
    wrong = trade(MAKER, "lot", "limits", made.number, *arguments[:-1], "cold")
    assert wrong.exit_code == 2


def test_a_lot_is_disclosed_to_a_regulator_only(trade: SupplyWorld) -> None:
    made, out = trade.lot(20), trade.folder / "disclosed.json"
    arguments = ("lot", "disclose", made.number, "--reason", "inspection 7", "--number", "0-4", "--out", out)
    refused = trade(MAKER, *arguments, "--card", trade.card(PHARMACY))
    assert (refused.exit_code, refused.error["fields"]["problem"]) == (2, "is no active regulator")
    assert not out.exists()
    trade.ok(MAKER, *arguments, "--card", trade.card(REGULATOR))
    assert out.stat().st_mode & 0o777 == 0o600
    opened = trade.ok(REGULATOR, "bundle", "open", out)
    assert (opened[0]["reason"], opened[0]["lots"]) == ("inspection 7", [made.lot])
    disclosed = trade.ok(MAKER, "lot", "show", made.number)["disclosures"]
    assert [(one["receiver"], one["numbers"]) for one in disclosed] == [(trade.id_of(REGULATOR), [[0, 5]])]
    listed = trade.ok(MAKER, "bundle", "list")["disclosed"]
    assert made.lot in [one["lot"] for one in listed]
    assert "inspection 7" in trade.shown(REGULATOR, "bundle", "list")
    suspect = trade.ok(REGULATOR, "unit", "suspect", made.code(2))
    assert suspect["number"] == 2


def test_a_lot_is_opened_for_everybody(trade: SupplyWorld) -> None:
    made = trade.lot(4)
    (sent,) = trade.ok(MAKER, "lot", "open", made.number)["transactions"]
    (event,) = sent["events"]
    assert bytes.fromhex(event["lot_number"][2:]).rstrip(b"\0").decode() == made.number


# ---------------------------------------------------------------------- verify and dispense


def test_a_verification_never_says_a_bare_no(trade: SupplyWorld) -> None:
    made = trade.delivered(10)
    codes = {
        made.code(1): "VERIFIED",
        made.code(2, expiry="500228"): "NO_MATCH_EXPIRY",
        made.code(30): "NOT_KNOWN_HERE",
        made.code(3, serial=made.serials[3].swapcase()): "NOT_KNOWN_HERE",
        "(01)00300010000016(21)A": "UNREADABLE",
    }
    result = trade(PHARMACY, "unit", "verify", scanned=list(codes))
    assert result.exit_code == 9
    packs = result.body["packs"]
    assert {one["code"]: one["finding"] for one in packs} == codes
    assert all(one["likelier_cause"] for one in packs[1:])
    assert "caps lock" in packs[3]["likelier_cause"]
    assert packs[4]["likelier_cause"] == "check digit"
    shown = trade.shown(PHARMACY, "unit", "verify", *codes, exit_code=9)
    assert "is verified: genuine" in shown
    assert "NOT verified: no match expiry" in shown
    assert "This says nothing about the pack" in shown
    assert trade(PHARMACY, "unit", "verify", "(01)00300010000016(21)A").exit_code == 2
    assert trade(PHARMACY, "unit", "verify", made.code(1), sscc()).exit_code == 2
    assert trade(PHARMACY, "unit", "verify", made.code(1), "--rpc", "http://127.0.0.1:1").exit_code == 4


def test_codes_of_scanners_keep_their_separator(trade: SupplyWorld) -> None:
    made = trade.delivered(10)
    scanned = f"]d201{GTIN}21{made.serials[4]}\x1d1750013110{made.number}"
    (found,) = trade.ok(PHARMACY, "unit", "verify", "-", scanned=[scanned, ""])["packs"]
    assert found["number"] == 4
    nothing = trade(PHARMACY, "unit", "verify", scanned=[])
    assert nothing.exit_code == 2


def test_nothing_is_dispensed_if_one_pack_is_not_verified(trade: SupplyWorld) -> None:
    made = trade.delivered(10)
    before = trade.sent_by(PHARMACY)
    result = trade(PHARMACY, "dispense", made.code(1), made.code(30))
    assert (result.exit_code, result.body["dispensed"]) == (9, 0)
    assert trade.sent_by(PHARMACY) == before
    shown = trade.shown(PHARMACY, "dispense", made.code(30), exit_code=9)
    assert "nothing was dispensed" in shown
    assert "careledger bundle open" in shown


def test_a_dispensing_is_undone(trade: SupplyWorld) -> None:
    made = trade.delivered(10)
    trade.ok(PHARMACY, "dispense", made.code(1))
    again = trade(PHARMACY, "dispense", made.code(1))
    assert (again.exit_code, again.body["packs"][0]["finding"]) == (9, "DISPENSED")
    assert trade.ok(PHARMACY, "dispense", "--undo", made.code(1))["undone"] == 1
    assert trade.ok(PHARMACY, "unit", "verify", made.code(1))["packs"][0]["verified"]


def test_verifying_needs_no_key(trade: SupplyWorld) -> None:
    made = trade.delivered(10)
    for name, value in trade.settings(PHARMACY).items():
        trade.careledger.monkeypatch.setenv(f"CARELEDGER_{name}", value)
    trade.careledger.monkeypatch.delenv("CARELEDGER_SIGNER")
    assert trade.careledger("unit", "verify", made.code(1), "--json").exit_code == 0
    trade.careledger.monkeypatch.setenv("CARELEDGER_ORGANIZATION", trade.names[MAKER])
    other = trade.careledger("unit", "verify", made.code(1), "--json")
    assert (other.exit_code, other.body["packs"][0]["finding"]) == (9, "NOT_KNOWN_HERE")


def test_a_vault_without_a_book_asks_whose_it_is(trade: SupplyWorld) -> None:
    result = trade(CARRIER, "unit", "verify", f"(01){GTIN}(21)A(10)B")
    assert (result.exit_code, result.error["type"]) == (3, "ConfigurationError")
    assert "--organization" in result.error["message"]


# ---------------------------------------------------------------------- units


def test_a_pack_is_suspected_cleared_found_illegitimate_and_reported(trade: SupplyWorld) -> None:
    made = trade.delivered(10)
    why = trade.folder / "why.txt"
    why.write_text("the label is of another print")
    trade.ok(PHARMACY, "unit", "suspect", made.code(1), "--reason", why)
    assert (trade.folder / "why.txt.statement.json").exists()
    assert "SUSPECT" in trade.shown(PHARMACY, "unit", "show", made.code(1))
    trade.ok(PHARMACY, "unit", "clear", made.code(1))
    assert trade.ok(PHARMACY, "unit", "verify", made.code(1))["packs"][0]["verified"]
    trade.ok(PHARMACY, "unit", "suspect", made.code(1))
    found = trade.ok(REGULATOR, "unit", "illegitimate", f"{made.lot}/1")
    assert found["notice_due_at"] > trade.stage.suite.now
    trade.ok(REGULATOR, "unit", "notice", f"{made.lot}/1", "--notice", why)
    body = trade.ok(PHARMACY, "unit", "show", made.code(1))
    assert body["state"]["status"] == "ILLEGITIMATE"
    assert body["investigation"]["notified_at"] > 0
    result = trade(PHARMACY, "unit", "verify", made.code(1))
    assert (result.exit_code, result.body["packs"][0]["finding"]) == (9, "ILLEGITIMATE")


def test_packs_are_ended(trade: SupplyWorld) -> None:
    made = trade.delivered(10)
    body = trade.ok(PHARMACY, "unit", "end", "--as", "destroyed", made.code(1), made.code(2))
    assert (body["packs"], len(body["transactions"])) == (2, 1)
    assert trade(PHARMACY, "unit", "verify", made.code(2)).body["packs"][0]["finding"] == "DESTROYED"
    assert re.search("destroyed since 20[0-9-]{8}", trade.shown(PHARMACY, "unit", "show", made.code(2)))
    wrong = trade(PHARMACY, "unit", "end", "--as", "dispensed", made.code(3))
    assert wrong.exit_code == 2


# ---------------------------------------------------------------------- containers and handover


def test_mixed_containers_are_packed_and_unpacked(trade: SupplyWorld) -> None:
    made = trade.lot(40)
    carton, other, tote = trade.carton(made), trade.carton(made), sscc()
    loose = made.code(12)
    trade.ok(MAKER, "container", "unpack", other, loose)
    packed = trade.ok(MAKER, "container", "pack", tote, carton, loose)
    again = trade.ok(MAKER, "container", "pack", tote, carton, loose)
    assert (again["container"], again["transactions"]) == (packed["container"], [])
    trade.ok(MAKER, "container", "unpack", other, made.code(13))
    trade.ok(MAKER, "container", "add", tote, made.code(13))
    shown = trade.ok(MAKER, "container", "show", tote)
    assert [each["sscc"] for each in shown["known_containers"]] == [carton]
    assert [(part["first"], part["count"]) for part in shown["known_ranges"]] == [(12, 2)]
    trade.deliver(tote, MAKER, PHARMACY)
    assert trade.ok(PHARMACY, "unit", "verify", loose, made.code(3), made.code(13))
    trade.ok(PHARMACY, "container", "unpack", tote, scanned=[carton, loose])
    assert trade.ok(PHARMACY, "container", "show", carton)["on_chain"]["holder"] == trade.id_of(PHARMACY)


@pytest.mark.parametrize("arguments", [(), ("--lot", UNKNOWN), ("--count", "3"), (UNKNOWN, "--lot", UNKNOWN)])
def test_packing_says_what_it_takes(trade: SupplyWorld, arguments: tuple[str, ...]) -> None:
    assert trade(MAKER, "container", "pack", sscc(), *arguments).exit_code == 2


def test_a_shipment_goes_out_once_and_its_bundle_is_written_anew(trade: SupplyWorld) -> None:
    made = trade.lot(20)
    carton = trade.carton(made)
    out = trade.folder / "a.json"
    arguments = ("ship", carton, "--card", trade.card(PHARMACY), "--deadline", trade.deadline, "--out", out)
    first = trade.ok(MAKER, *arguments, "--carrier", trade.names[CARRIER])
    assert (len(first["transactions"]), first["receiver"]) == (1, trade.id_of(PHARMACY))
    written = out.read_bytes()
    again = trade.ok(MAKER, *arguments)
    assert again["transactions"] == []
    assert out.read_bytes() != written
    shown = trade.shown(MAKER, "container", "show", carton)
    assert "in transit" in shown
    assert trade.names[CARRIER] in shown
    assert made.number not in json.loads(out.read_bytes())
    not_opened = trade(PHARMACY, "receive", carton)
    assert (not_opened.exit_code, not_opened.error["type"]) == (15, "NotInBook")
    other = trade(WHOLESALER, "receive", carton, "--bundle", out)
    assert (other.exit_code, other.error["type"]) == (15, "SealedForAnother")
    trade.ok(CARRIER, "container", "hand-over", first["container"], "--to", trade.names[WHOLESALER])
    received = trade.ok(PHARMACY, "receive", carton, "--bundle", out)
    assert (received["received"], len(received["transactions"])) == (True, 1)
    assert trade.ok(PHARMACY, "receive", carton)["transactions"] == []


def test_a_shipment_is_rejected_and_comes_back(trade: SupplyWorld) -> None:
    made = trade.lot(20)
    carton = trade.carton(made)
    bundle = trade.ship(carton, MAKER, PHARMACY)
    rejected = trade.ok(PHARMACY, "receive", carton, "--bundle", bundle, "--reject")
    assert rejected["received"] is False
    trade.ok(MAKER, "container", "report-missing", carton)
    assert trade.ok(MAKER, "container", "show", carton)["on_chain"]["state"] == "MISSING"
    trade.ok(MAKER, "container", "confirm-return", carton)
    assert trade.ok(MAKER, "container", "show", carton)["on_chain"]["state"] == "HELD"


def test_a_shipment_is_received_but_for_some_of_it(trade: SupplyWorld) -> None:
    made = trade.lot(20)
    carton, back = trade.carton(made), sscc()
    bundle = trade.ship(carton, MAKER, PHARMACY)
    without = trade(PHARMACY, "receive", carton, "--bundle", bundle, "--except", made.code(3))
    assert (without.exit_code, without.error["fields"]["name"]) == (2, "--rejected-sscc")
    arguments = ("--except", made.code(3), "--except", made.code(4), "--rejected-sscc", back)
    body = trade.ok(PHARMACY, "receive", carton, "--bundle", bundle, *arguments)
    told = trade.ok(PHARMACY, "container", "show", back)["on_chain"]
    assert (body["rejected_in"], told["state"]) == (
        trade.ok(PHARMACY, "container", "show", back)["container"],
        "REJECTED",
    )
    assert trade(PHARMACY, "unit", "verify", made.code(5)).exit_code == 0
    assert trade(PHARMACY, "dispense", made.code(3)).exit_code != 0


def test_a_return_is_verified_before_it_is_sold_again(trade: SupplyWorld) -> None:
    made = trade.lot(20)
    carton = trade.carton(made)
    trade.deliver(carton, MAKER, WHOLESALER)
    bundle = trade.ship(carton, WHOLESALER, MAKER, "--return")
    trade.ok(MAKER, "receive", carton, "--bundle", bundle)
    result = trade(MAKER, "unit", "verify", made.code(1))
    assert (result.exit_code, result.body["packs"][0]["finding"]) == (9, "NOT_FOR_REDISTRIBUTION")
    trade.ok(MAKER, "container", "verify-return", carton)
    assert trade(MAKER, "unit", "verify", made.code(1)).exit_code == 0


def test_containers_are_opened_and_ended(trade: SupplyWorld) -> None:
    made = trade.lot(20)
    carton, other = trade.carton(made), trade.carton(made)
    trade.ok(MAKER, "container", "open", carton)
    assert "opened" in trade.shown(MAKER, "container", "show", carton)
    trade.ok(MAKER, "container", "end", other, "--as", "exported")
    told = trade.ok(MAKER, "container", "show", other)["on_chain"]
    assert (told["state"], told["ended"]) == ("ENDED", "EXPORTED")
    unknown = trade(MAKER, "container", "show", UNKNOWN)
    assert (unknown.exit_code, unknown.body["on_chain"]) == (9, None)


def test_cards_are_made_anew_and_older_bundles_open(trade: SupplyWorld) -> None:
    made = trade.lot(20)
    carton = trade.carton(made)
    path: Path = trade.folder / f"{os.urandom(4).hex()}.card.json"
    first = trade.ok(WHOLESALER, "bundle", "card", "--out", path)
    bundle = trade.folder / "b.json"
    trade.ok(MAKER, "ship", carton, "--card", path, "--deadline", trade.deadline, "--out", bundle)
    second = trade.ok(WHOLESALER, "bundle", "card", "--out", trade.card(WHOLESALER), "--rotate")
    assert first["bundle_key"] != second["bundle_key"]
    trade.ok(WHOLESALER, "receive", carton, "--bundle", bundle)
    assert made.lot in [lot for one in trade.ok(WHOLESALER, "bundle", "list")["opened"] for lot in one["lots"]]


def test_without_a_supply_chain_nothing_is_asked(trade: SupplyWorld) -> None:
    for name, value in trade.settings(MAKER).items():
        trade.careledger.monkeypatch.setenv(f"CARELEDGER_{name}", value)
    trade.careledger.monkeypatch.delenv("CARELEDGER_SUPPLY")
    result = trade.careledger("lot", "list", "--json")
    assert (result.exit_code, "CARELEDGER_SUPPLY" in result.error["message"]) == (3, True)
