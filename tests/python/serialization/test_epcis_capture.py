"""EPCIS documents captured: what is done on chain, what is anchored only, what is refused, and the answers after."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from careledger.anchoring.canonical_json import write
from careledger.anchoring.receipt_vault import ReceiptVault
from careledger.contract_enums import ContainerState, Curve, PackFinding, UnitStatus
from careledger.contract_events import Shipped
from careledger.errors import InvalidInput
from careledger.identity import MemberRole
from careledger.serialization import barcodes
from careledger.serialization.cold_chain import ColdChain, DeviceKey, Limits
from careledger.serialization.epcis import read_json
from careledger.serialization.epcis.capture import Capture, CaptureReport
from careledger.serialization.epcis.event_log import EventLog, Outcome, identity
from careledger.serialization.epcis.forms import read_document
from careledger.serialization.epcis.query import ObjectState, query, query_document, state_of
from careledger.serialization.epcis.sensing import SensorDevice, Sensors, readings_of
from careledger.serialization.epcis.times import utc_text
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import ReceivedBundle, SupplyId
from careledger.serialization.lots import Lots
from careledger.serialization.master_data import MasterData, parse_master_data
from careledger.serialization.readings import Reading
from careledger.serialization.stock import Stock
from identity.suite import DAY, travel
from serialization.supply_stage import SupplyStage, Trader
from serialization.told_events import (
    GLNS,
    commissioning,
    container_uri,
    document,
    event,
    master_data,
    objects,
    pack_uri,
    packing,
    receiving,
    shipping,
)
from serialization.trade_stage import GTIN, Trade, sscc, trade_on

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "epcis"


@pytest.fixture(scope="module")
def trade(supply_on_anvil: SupplyStage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trade]:
    with trade_on(supply_on_anvil, tmp_path_factory.mktemp("trade")) as made:
        yield made


@pytest.fixture(scope="module")
def master(trade: Trade) -> MasterData:
    return parse_master_data(master_data({name: getattr(trade, name).name for name in GLNS}))


def log_of(trade: Trade, of: Trader) -> EventLog:
    return EventLog(trade.vault, SupplyId.of(trade.stage.as_(None)), of.name)


def captured(
    trade: Trade, master: MasterData, of: Trader, *events: dict[str, Any], all_or_none: bool = False, **changes: Any
) -> CaptureReport:
    ledger = trade.stage.suite.ledger.acting_as(of.key)
    capture = Capture(
        trade.stock(of), log_of(trade, of), master, documents=ledger.documents, receipts=ReceiptVault(trade.vault)
    )
    return capture.run(read_json(document(*events)), all_or_none=all_or_none, **changes)


def outcomes(report: CaptureReport) -> list[Outcome]:
    return [result.outcome for result in report.results]


def handed_on(trade: Trade, name: str, sender: Trader, receiver: Trader) -> None:
    """What comes with a shipment beside the goods."""
    given = trade.stock(sender)
    identity = given.container(name)
    handed = given.book.with_shipment([identity])
    lots = tuple(lot.id for lot in handed.lots)
    bundle = ReceivedBundle("0x" + os.urandom(32).hex(), sender.id, 0, "", lots, (identity,))
    trade.stock(receiver).book.take_over(handed, bundle, b"")


def new_serials(count: int) -> list[str]:
    return [f"E{os.urandom(5).hex()}" for _ in range(count)]


def new_lot() -> str:
    return f"L-{os.urandom(3).hex()}"


def test_a_supply_chain_told_by_events(trade: Trade, master: MasterData) -> None:
    serials, number, cases, pallet = new_serials(6), new_lot(), [sscc(), sscc()], sscc()
    made = captured(
        trade,
        master,
        trade.maker,
        commissioning(trade.expiry, serials, number),
        packing(cases[0], [pack_uri(serial) for serial in serials[3:]]),
        packing(cases[1], [pack_uri(serial) for serial in serials[:3]]),
        packing(pallet, [container_uri(case) for case in cases]),
        shipping(pallet, "maker", "wholesaler"),
    )
    assert outcomes(made) == [Outcome.APPLIED] * 5
    assert all(result.transactions and result.leaf for result in made.results)
    handed_on(trade, pallet, trade.maker, trade.wholesaler)
    sold = captured(
        trade,
        master,
        trade.wholesaler,
        receiving(pallet, "wholesaler"),
        packing(pallet, [container_uri(cases[1])], "DELETE", "wholesaler"),
        shipping(cases[1], "wholesaler", "pharmacy"),
    )
    assert outcomes(sold) == [Outcome.APPLIED] * 3
    handed_on(trade, cases[1], trade.wholesaler, trade.pharmacy)
    given = captured(
        trade,
        master,
        trade.pharmacy,
        receiving(cases[1], "pharmacy"),
        objects("pharmacy", "dispensing", [pack_uri(serials[0])]),
        objects("pharmacy", "destroying", [pack_uri(serials[1])], action="DELETE"),
    )
    assert outcomes(given) == [Outcome.APPLIED] * 3
    pharmacy = trade.stock(trade.pharmacy)
    found = [pharmacy.verify(barcodes.Pack(GTIN, serial)).answer.finding for serial in serials[:3]]
    assert found == [PackFinding.DISPENSED, PackFinding.DESTROYED, PackFinding.VERIFIED]
    held = trade.stock(trade.wholesaler).custody.container(trade.stock(trade.wholesaler).container(cases[0]))
    assert held is not None
    assert (held.state, held.holder) == (ContainerState.HELD, trade.wholesaler.id)


def test_a_shipment_is_tied_to_the_event_that_is_anchored(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(2), new_lot(), sscc()
    report = captured(
        trade,
        master,
        trade.maker,
        commissioning(trade.expiry, serials, number),
        packing(case, [pack_uri(serial) for serial in serials]),
        shipping(case, "maker", "pharmacy", bizTransactionList=[{"type": "po", "bizTransaction": "urn:example:po:1"}]),
    )
    shipped = report.results[2]
    supply = trade.stage.as_(None)
    (entry,) = [
        log.event
        for log in supply.connection.logs(supply.custody.address, [Shipped], supply.first_block)
        if log.transaction_hash == shipped.transactions[0]
    ]
    assert isinstance(entry, Shipped)
    assert entry.terms == shipped.leaf
    assert shipped.leaf is not None
    receipt = ReceiptVault(trade.vault).get(shipped.leaf)
    assert receipt.leaf == shipped.leaf
    kept = log_of(trade, trade.maker).by_hash(shipped.hash or "")
    assert kept is not None
    assert (kept.outcome, kept.leaf) == (Outcome.APPLIED, shipped.leaf)


def test_the_same_document_again_changes_nothing(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(2), new_lot(), sscc()
    events = [commissioning(trade.expiry, serials, number), packing(case, [pack_uri(serial) for serial in serials])]
    captured(trade, master, trade.maker, *events)
    sent = trade.stage.connection.nonce(trade.maker.key.address)
    again = captured(trade, master, trade.maker, *events)
    assert outcomes(again) == [Outcome.STANDING] * 2
    assert trade.stage.connection.nonce(trade.maker.key.address) == sent


def test_what_an_interrupted_run_did_is_found_standing(trade: Trade, master: MasterData) -> None:
    """As if the run had ended before it kept the events."""
    serials, number, case = new_serials(2), new_lot(), sscc()
    stock = trade.stock(trade.maker)
    lot = stock.commission(f"gtin:{GTIN}", number, (trade.expiry - trade.expiry.fromtimestamp(0)).days, serials).lot
    stock.pack_range(lot.id, case, 2)
    stock.custody.ship(stock.container(case), trade.pharmacy.name, trade.stage.suite.soon + DAY)
    report = captured(
        trade,
        master,
        trade.maker,
        commissioning(trade.expiry, serials, number),
        packing(case, [pack_uri(serial) for serial in serials]),
        shipping(case, "maker", "pharmacy"),
    )
    assert outcomes(report) == [Outcome.STANDING] * 3
    assert all(result.leaf for result in report.results)


def test_further_serials_of_a_lot_are_a_tranche(trade: Trade, master: MasterData) -> None:
    first, more, number = new_serials(2), new_serials(3), new_lot()
    captured(trade, master, trade.maker, commissioning(trade.expiry, first, number))
    report = captured(trade, master, trade.maker, commissioning(trade.expiry, more, number))
    assert outcomes(report) == [Outcome.APPLIED]
    lot = trade.stock(trade.maker).find(barcodes.Pack(GTIN, more[2])).lot
    standing = trade.stock(trade.maker).lots.lot(lot.id)
    assert standing is not None
    assert standing.tranches == 2


# ---------------------------------------------------------------------- what is refused


def test_rollback_sends_nothing_if_one_is_refused(trade: Trade, master: MasterData) -> None:
    serials, number = new_serials(2), new_lot()
    sent = trade.stage.connection.nonce(trade.maker.key.address)
    report = captured(
        trade,
        master,
        trade.maker,
        commissioning(trade.expiry, serials, number),
        packing(sscc(), [pack_uri("never-commissioned")]),
        all_or_none=True,
    )
    assert outcomes(report) == [Outcome.NOT_CAPTURED, Outcome.REFUSED]
    assert report.refused == 2
    assert trade.stage.connection.nonce(trade.maker.key.address) == sent
    kept = {hashed.hash for hashed in log_of(trade, trade.maker)}
    assert not kept & {result.hash for result in report.results}


def test_proceed_takes_the_others(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(2), new_lot(), sscc()
    broken = {**commissioning(trade.expiry, new_serials(1), number), "action": "PERHAPS"}
    report = captured(
        trade,
        master,
        trade.maker,
        broken,
        commissioning(trade.expiry, serials, number),
        packing(sscc(), [pack_uri("never-commissioned")]),
        packing(case, [pack_uri(serial) for serial in serials]),
    )
    assert outcomes(report) == [Outcome.REFUSED, Outcome.APPLIED, Outcome.REFUSED, Outcome.APPLIED]
    assert "PERHAPS" in report.results[0].problem
    assert "never-commissioned" in report.results[2].problem


def test_what_cannot_follow_is_refused_before_it_is_sent(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(3), new_lot(), sscc()
    captured(
        trade,
        master,
        trade.maker,
        commissioning(trade.expiry, serials, number),
        packing(case, [pack_uri(serial) for serial in serials[:2]]),
        objects("maker", "decommissioning", [pack_uri(serials[2])], action="DELETE"),
    )
    other = sscc()
    cases = {
        "packed already": packing(other, [pack_uri(serials[0])]),
        "commissioned before": commissioning(trade.expiry, serials[:1], new_lot()),
        "is not in": packing(case, [pack_uri(serials[2])], "DELETE"),
        "must name a child": packing(other, []),
    }
    for problem, told in cases.items():
        (result,) = captured(trade, master, trade.maker, told).results
        assert (result.outcome, problem in result.problem) == (Outcome.REFUSED, True), result


def test_an_event_out_of_order_is_refused(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(2), new_lot(), sscc()
    early = packing(case, [pack_uri(serial) for serial in serials])
    captured(trade, master, trade.maker, commissioning(trade.expiry, serials, number))
    (result,) = captured(trade, master, trade.maker, early).results
    assert result.outcome is Outcome.REFUSED
    assert "out of order" in result.problem


def test_events_are_taken_by_their_times(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(2), new_lot(), sscc()
    first = commissioning(trade.expiry, serials, number)
    second = packing(case, [pack_uri(serial) for serial in serials])
    assert outcomes(captured(trade, master, trade.maker, second, first)) == [Outcome.APPLIED] * 2


def test_what_the_chain_refuses_is_told(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(2), new_lot(), sscc()
    captured(
        trade,
        master,
        trade.maker,
        commissioning(trade.expiry, serials, number),
        packing(case, [pack_uri(serial) for serial in serials]),
    )
    (result,) = captured(trade, master, trade.maker, objects("maker", "dispensing", [pack_uri(serials[0])])).results
    assert result.outcome is Outcome.REFUSED
    assert "MissingMemberRole" in result.problem


# ---------------------------------------------------------------------- what is anchored only


def test_what_is_not_ours_is_anchored_and_told(trade: Trade, master: MasterData) -> None:
    serials, number = new_serials(1), new_lot()
    cases = {
        "whose key is not here": commissioning(trade.expiry, serials, number, at="wholesaler"),
        "no party that master data know": {
            **commissioning(trade.expiry, serials, number),
            "readPoint": {"id": "https://id.gs1.org/414/4012345000009"},
        },
        "changes nothing on chain": objects("maker", "inspecting", [pack_uri("any")]),
        "it links objects to business transactions": event(
            "TransactionEvent",
            "maker",
            action="ADD",
            bizTransactionList=[{"type": "po", "bizTransaction": "urn:example:po:1"}],
            epcList=[pack_uri("any")],
        ),
        "no lotNumber": {**commissioning(trade.expiry, serials, number), "ilmd": {}},
        "it counts objects": event(
            "ObjectEvent",
            "maker",
            action="OBSERVE",
            bizStep="shipping",
            quantityList=[{"epcClass": f"https://id.gs1.org/01/{GTIN}/10/L1", "quantity": 4}],
        ),
    }
    for note, told in cases.items():
        (result,) = captured(trade, master, trade.maker, told).results
        assert (result.outcome, result.transactions) == (Outcome.ANCHORED, ()), result
        assert note in result.note
        assert result.leaf is not None
        assert ReceiptVault(trade.vault).get(result.leaf)


def test_nothing_is_sent_when_only_asked(trade: Trade, master: MasterData) -> None:
    sent = trade.stage.connection.nonce(trade.maker.key.address)
    events = (commissioning(trade.expiry, new_serials(1), new_lot()), objects("maker", "inspecting", [pack_uri("any")]))
    report = captured(trade, master, trade.maker, *events, send=False)
    assert outcomes(report) == [Outcome.PLANNED] * 2
    assert trade.stage.connection.nonce(trade.maker.key.address) == sent


# ---------------------------------------------------------------------- corrections


def declared(told: dict[str, Any], reason: str = "did_not_occur") -> dict[str, Any]:
    error = {"declarationTime": "2026-01-03T00:00:00Z", "reason": reason}
    return {**told, "errorDeclaration": error}


def test_what_did_not_occur_is_taken_back_where_the_chain_can(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(2), new_lot(), sscc()
    stock = trade.stock(trade.maker)
    captured(
        trade,
        master,
        trade.maker,
        commissioning(trade.expiry, serials, number),
        packing(case, [pack_uri(serial) for serial in serials]),
        shipping(case, "maker", "pharmacy"),
    )
    handed_on(trade, case, trade.maker, trade.pharmacy)
    captured(trade, master, trade.pharmacy, receiving(case, "pharmacy"))
    travel(trade.stage.connection, DAY)
    given = {**objects("pharmacy", "dispensing", [pack_uri(serials[0])]), "eventID": f"urn:uuid:{os.urandom(8).hex()}"}
    captured(trade, master, trade.pharmacy, given)
    unit = trade.stock(trade.pharmacy).find(barcodes.Pack(GTIN, serials[0])).unit
    assert stock.lots.unit(unit.lot, unit.index).status is UnitStatus.DISPENSED
    (result,) = captured(trade, master, trade.pharmacy, declared(given)).results
    assert result.outcome is Outcome.APPLIED, result
    assert stock.lots.unit(unit.lot, unit.index).status is UnitStatus.IN_SUPPLY
    assert len(query(log_of(trade, trade.pharmacy), {"EXISTS_errorDeclaration": []})) == 1


@pytest.mark.parametrize("reason", ["did_not_occur", "incorrect_data"])
def test_a_correction_that_the_chain_does_not_take_is_anchored(trade: Trade, master: MasterData, reason: str) -> None:
    told = {**commissioning(trade.expiry, new_serials(1), new_lot()), "eventID": f"urn:uuid:{os.urandom(8).hex()}"}
    (unknown,) = captured(trade, master, trade.maker, declared(told, reason)).results
    assert unknown.outcome is Outcome.ANCHORED
    captured(trade, master, trade.maker, told)
    (result,) = captured(trade, master, trade.maker, declared({**told, "disposition": "active"}, reason)).results
    assert result.outcome is Outcome.ANCHORED
    assert result.note


# ---------------------------------------------------------------------- sensors


def sensor_report(uri: str, *readings: tuple[int, str], **fields: Any) -> dict[str, Any]:
    """Temperatures at Unix seconds."""
    reports = [
        {"type": "Temperature", "value": json.loads(value), "uom": "CEL", "time": utc_text(second * 1000)}
        for second, value in readings
    ]
    return {"sensorElementList": [{"sensorMetadata": {"deviceID": uri}, "sensorReport": reports}], **fields}


def test_sensor_data_are_windows_of_a_device_that_signs_here(trade: Trade, master: MasterData) -> None:
    operator = trade.stage.trader(MemberRole.DEVICE_OPERATOR, MemberRole.MANUFACTURER)
    supply = trade.stage.as_(operator.key)
    trade.stocks[operator.name] = Stock(supply, LotBook(trade.vault, SupplyId.of(supply), operator.name))
    Lots(trade.stage.as_(trade.stage.suite.registrar)).assign_product(f"gtin:{GTIN}", operator.name)
    own = parse_master_data(master_data({"maker": operator.name}))
    key, cold_chain = DeviceKey.generate(Curve.P256), ColdChain(supply)
    cold_chain.register(key.public)
    device = key.public.device_id(operator.id)
    uri = f"urn:epc:id:giai:4000001.{os.urandom(3).hex()}"
    sensors = Sensors(supply, trade.vault, {uri: SensorDevice(device, key, Limits(200, 800, 800))})
    capture = Capture(trade.stock(operator), log_of(trade, operator), own, sensors=sensors)
    serials, number, case = new_serials(2), new_lot(), sscc()
    begun = commissioning(trade.expiry, serials, number)
    packed = packing(case, [pack_uri(serial) for serial in serials])
    tied = event("AssociationEvent", "maker", action="ADD", parentID=container_uri(case), childEPCs=[uri])
    report = capture.run(read_json(document(begun, packed, tied)))
    assert outcomes(report) == [Outcome.APPLIED] * 3, report
    binding = cold_chain.binding(device)
    assert binding is not None
    assert binding.container == trade.stock(operator).container(case)
    travel(trade.stage.connection, 3 * 3600)
    seconds = [binding.end + 600, binding.end + 1200]
    warm = sensor_report(uri, (seconds[0], "5.25"), (seconds[1], "9.1"))
    seen = objects("maker", "inspecting", [container_uri(case)], **warm)
    (result,) = capture.run(read_json(document(seen))).results
    assert (result.outcome, len(result.transactions)) == (Outcome.APPLIED, 1), result
    (window,) = [recorded.window for recorded in cold_chain.windows(device, binding.container)]
    assert (window.lowest, window.highest, window.end) == (525, 910, seconds[1])
    flagged = trade.stock(operator).custody.container(binding.container)
    assert flagged is not None
    assert flagged.excursion
    late = {**seen, "disposition": "active"}
    (again,) = capture.run(read_json(document(late))).results
    assert (again.outcome, "later readings" in again.note) == (Outcome.ANCHORED, True)
    other = objects("maker", "inspecting", [], **sensor_report("urn:epc:id:giai:4000001.7", (seconds[1], "5")))
    (unknown,) = capture.run(read_json(document(other))).results
    assert (unknown.outcome, "is not known here" in unknown.note) == (Outcome.ANCHORED, True)
    untied = {**tied, "action": "DELETE", "eventTime": event("AssociationEvent", "maker")["eventTime"]}
    assert outcomes(capture.run(read_json(document(untied)))) == [Outcome.APPLIED]
    assert cold_chain.binding(device) is None


def test_readings_are_hundredths_of_a_degree() -> None:
    uri = "urn:epc:id:giai:4000001.7"
    told = objects("maker", "inspecting", [], **sensor_report(uri, (200, "5.125"), (100, "-0.005"), (200, "6")))
    told["sensorElementList"][0]["sensorReport"].append({"type": "Temperature", "value": 41, "uom": "FAH"})
    (read,) = read_json(document(told)).events
    assert readings_of(read) == {uri: (Reading(100, 0), Reading(200, 600))}


# ---------------------------------------------------------------------- answers


def test_captured_events_are_given_back_as_epcis(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(2), new_lot(), sscc()
    told = [commissioning(trade.expiry, serials, number), packing(case, [pack_uri(serial) for serial in serials])]
    captured(trade, master, trade.maker, *told)
    log = log_of(trade, trade.maker)
    found = query(log, {"MATCH_anyEPC": [pack_uri(serials[0])]}, descending=False)
    assert [one.event for one in found] == list(read_json(document(*told)).events)
    answer = query_document(found)
    assert answer["type"] == "EPCISQueryDocument"
    assert read_json(write(answer).encode()).events == tuple(one.event for one in found)


def test_every_parameter_narrows_the_answer(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(2), new_lot(), sscc()
    first, second = (
        commissioning(trade.expiry, serials, number),
        packing(case, [pack_uri(serial) for serial in serials]),
    )
    order = [{"type": "po", "bizTransaction": f"urn:example:po:{number}"}]
    third = shipping(case, "maker", "pharmacy", bizTransactionList=order, disposition="in_transit")
    captured(trade, master, trade.maker, first, second, third)
    log = log_of(trade, trade.maker)

    def asked(**parameters: Any) -> list[str]:
        narrowed = {"MATCH_anyEPC": [pack_uri(serials[0]), container_uri(case)], **parameters}
        return [one.event.biz_step or "" for one in query(log, narrowed, descending=False)]

    assert asked() == ["commissioning", "packing", "shipping"]
    assert asked(eventType=["AggregationEvent"]) == ["packing"]
    assert asked(EQ_action=["ADD"]) == ["commissioning", "packing"]
    assert asked(EQ_bizStep=["https://ref.gs1.org/cbv/BizStep-shipping", "packing"]) == ["packing", "shipping"]
    assert asked(EQ_disposition=["in_transit"]) == ["shipping"]
    assert asked(EQ_readPoint=[f"https://id.gs1.org/414/{GLNS['maker']}"]) == asked()
    assert asked(EQ_readPoint=[f"https://id.gs1.org/414/{GLNS['pharmacy']}"]) == []
    assert asked(MATCH_parentID=[container_uri(case)]) == ["packing"]
    assert asked(MATCH_epc=[container_uri(case)]) == ["shipping"]
    assert asked(MATCH_epc=[f"https://id.gs1.org/01/{GTIN}/21/*"]) == ["commissioning", "packing"]
    assert asked(GE_eventTime=[second["eventTime"]]) == ["packing", "shipping"]
    assert asked(LT_eventTime=[second["eventTime"]]) == ["commissioning"]
    assert asked(EQ_bizTransaction_po=[f"urn:example:po:{number}"]) == ["shipping"]
    assert asked(EQ_destination_possessing_party=[f"https://id.gs1.org/417/{GLNS['pharmacy']}"]) == ["shipping"]
    with pytest.raises(InvalidInput, match="MATCH_nothing"):
        asked(MATCH_nothing=["x"])
    assert [one.event.biz_step for one in query(log, {"MATCH_anyEPC": [container_uri(case)]}, most=1)] == ["shipping"]
    with pytest.raises(InvalidInput, match="price"):
        query(log, {}, order_by="price")


def test_the_state_of_an_object_is_the_chain_s(trade: Trade, master: MasterData) -> None:
    serials, number, case = new_serials(2), new_lot(), sscc()
    captured(
        trade,
        master,
        trade.maker,
        commissioning(trade.expiry, serials, number),
        packing(case, [pack_uri(serial) for serial in serials]),
    )
    stock, log = trade.stock(trade.maker), log_of(trade, trade.maker)
    held = state_of(pack_uri(serials[0]), stock, log)
    assert (held.state, held.holder, held.container, held.finding) == (
        ObjectState.HELD,
        trade.maker.id,
        case,
        PackFinding.VERIFIED,
    )
    assert held.last is not None
    assert held.last.event.biz_step == "packing"
    captured(trade, master, trade.maker, shipping(case, "maker", "pharmacy"))
    moving = state_of(container_uri(case), stock, log_of(trade, trade.maker))
    assert (moving.state, moving.receiver) == (ObjectState.IN_TRANSIT, trade.pharmacy.id)
    assert state_of(pack_uri("unheard-of"), stock, log).state is ObjectState.UNKNOWN
    with pytest.raises(InvalidInput, match="neither"):
        state_of("urn:epc:id:sgln:0614141.07346.1234", stock, log)


# ---------------------------------------------------------------------- other people's documents


@pytest.mark.skipif(not SHARED.is_dir(), reason="the examples of EPCIS are not beside this clone")
def test_published_examples_are_captured_as_real_input(trade: Trade, master: MasterData, record_property: Any) -> None:
    """All are of parties that nobody knows here: anchored, kept as they came, and told why nothing was done."""
    log, events = log_of(trade, trade.maker), 0
    for path in sorted(SHARED.glob("*.jsonld")):
        found = read_document(path.read_bytes())
        ledger = trade.stage.suite.ledger.acting_as(trade.maker.key)
        vault = ReceiptVault(trade.vault)
        capture = Capture(trade.stock(trade.maker), log, master, documents=ledger.documents, receipts=vault)
        report = capture.run(found)
        assert {result.outcome for result in report.results} <= {Outcome.ANCHORED, Outcome.STANDING}, path.name
        for result, one in zip(report.results, found.events, strict=True):
            known_by = identity(one, result.hash or "")
            (kept,) = [entry for entry in log if identity(entry.event, entry.hash) == known_by]
            assert kept.event == one or result.outcome is Outcome.STANDING
            assert kept.note
            events += 1
    assert events >= 8
    record_property("counted: published EPCIS example events captured", events)


def test_what_another_capture_kept_meanwhile_is_left_to_it(trade: Trade, master: MasterData) -> None:
    ledger = trade.stage.suite.ledger.acting_as(trade.maker.key)
    log = log_of(trade, trade.maker)
    receipts = ReceiptVault(trade.vault)
    capture = Capture(trade.stock(trade.maker), log, master, documents=ledger.documents, receipts=receipts)
    seen, alone = (objects("maker", "inspecting", [pack_uri(serial)]) for serial in new_serials(2))
    begun = capture.begin(read_json(document(seen, alone)))
    anchored = capture.anchor(begun)
    assert outcomes(captured(trade, master, trade.maker, seen)) == [Outcome.ANCHORED]
    log.refresh()
    before = len(log)
    report = capture.finish(begun, anchored)
    assert outcomes(report) == [Outcome.STANDING, Outcome.ANCHORED]
    assert [result.leaf is None for result in report.results] == [True, False]
    assert len(log) == before + 1


def test_wrong_settings_are_refused(trade: Trade, master: MasterData) -> None:
    stock, log = trade.stock(trade.maker), log_of(trade, trade.maker)
    with pytest.raises(InvalidInput, match="receipts"):
        Capture(stock, log, master, documents=trade.stage.suite.ledger.documents)
    with pytest.raises(InvalidInput, match="deadline"):
        Capture(stock, log, master, deadline_days=0)
