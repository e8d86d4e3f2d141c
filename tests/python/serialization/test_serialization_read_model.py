"""The read models of serialization against the contracts: after random acts, every answer of the index is what the
contracts say, now and at past blocks; after a reorganization it is what a rebuild gives.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest
from careledger.chain.database import Database
from careledger.chain.indexer.decoder import ROW_TYPES
from careledger.chain.indexer.model import State
from careledger.chain.indexer.publication_watch import PublicationWatch
from careledger.chain.indexer.reader import EventRow, Index
from careledger.chain.indexer.tables import Schema, column_kinds
from careledger.chain.indexer.writing import insert, rows_of
from careledger.chain.rpc import HttpRpc
from careledger.contract_enums import ContainerState, RecallClass, RecallReason, UnitStatus
from careledger.contract_events import (
    ContainerUnpacked,
    ContractEvent,
    LimitsSet,
    LotCommissioned,
    LotRecalled,
    LotsSet,
    MixedPacked,
    ProductAssigned,
    RangePacked,
    Received,
    Shipped,
    UnitsDispensed,
    UnitsMoved,
)
from careledger.errors import BytecodeMismatch, ContractUnpublished, InvalidInput, UnknownOrganization
from careledger.identity.identifiers import organization_id, to_padded
from careledger.serialization import custody_read_model, index_marks, read_model, trade_read_model
from careledger.serialization.custody_read_model import ShipmentOutcome
from careledger.serialization.index import SerializationIndex, published_in
from careledger.serialization.index_entries import TraceEntry
from careledger.serialization.index_trace import GONE, OF_CONTAINERS
from careledger.serialization.published import supply_contracts
from cli.command_line import CommandLine
from indexer.stand import check_answers, index_by_parts, indexer, played, reorganized
from serialization.supply_acts import DEPTH, HOUR, KINDS, NOBODY, NUMBERS, Lot, Stage, small_lot
from serialization.supply_answers import IndexAnswers
from sqlalchemy import insert as insert_values

Record = Callable[[str, object], None]

SEEDS = (1, pytest.param(2, marks=pytest.mark.full), pytest.param(3, marks=pytest.mark.full))
BLOCKS = 130
MODULES = (read_model, custody_read_model, trade_read_model)
MODELLED = {event for module in MODULES for event in module.MODEL.handlers}
EQUAL = "counted: answers of the serialization read models equal to the contracts'"
ON_THE_WAY = (ContainerState.IN_TRANSIT, ContainerState.REJECTED, ContainerState.MISSING)


@pytest.fixture(scope="module", params=SEEDS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A chain on which much happened. Nothing more happens on it."""
    with played(Stage, request.param, BLOCKS) as found:
        found.leave_on_the_way()
        yield found


@pytest.fixture(scope="module")
def index(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with index_by_parts(stage, tmp_path_factory.mktemp("index")) as found:
        yield found


@pytest.fixture(scope="module")
def found(index: Index, stage: Stage) -> SerializationIndex:
    return SerializationIndex(index.at("latest"), stage.operator)


def compare(index: Index, stage: Stage, blocks: Iterable[int]) -> int:
    """Checks every answer at the head and at some blocks. Returns how many."""
    return sum(
        check_answers(
            IndexAnswers(index.at(block), stage.time_of(block), stage.operator), stage.answers(block), f"block {block}"
        )
        for block in (stage.head, *blocks)
    )


def some_blocks(stage: Stage, count: int) -> list[int]:
    return stage.random.sample(range(stage.opened.stop, stage.head), count)


def test_every_answer_is_the_contracts(index: Index, stage: Stage, record_property: Record) -> None:
    record_property(EQUAL, compare(index, stage, [stage.opened[len(stage.opened) // 2], *some_blocks(stage, 1)]))
    record_property("counted: random acts on a supply chain's contracts before they were compared", stage.mined.total())


def test_the_acts_lead_to_every_event_that_the_read_models_know(stage: Stage) -> None:
    seen = stage.topics | stage.topics_of_the_start()
    assert {event.__name__ for event in MODELLED if event.TOPIC not in seen} == set()


def test_a_reorganized_chain_gives_what_a_rebuild_gives(
    postgres_url: str, tmp_path: Path, record_property: Record
) -> None:
    """In PostgreSQL, and then, after another reorganization, in SQLite."""
    checked = 0
    with played(Stage, 7, 20) as stage:
        for url, depth in ((postgres_url, 20), (f"sqlite:///{tmp_path / 'index.db'}", 10)):
            for index in reorganized(stage, url, tmp_path, (depth,)):
                checked += compare(index, stage, [])
    record_property("counted: answers of the serialization read models equal after a reorganization", checked)


@pytest.mark.full
def test_every_answer_is_the_contracts_after_many_acts(tmp_path: Path, record_property: Record) -> None:
    seed = SystemRandom().randrange(2**32)
    record_property("seed", seed)
    url = f"sqlite:///{tmp_path / 'index.db'}"
    with played(Stage, seed, 600) as stage, indexer(url, stage) as engine:
        engine.sync()
        with Index.open(url) as index:
            record_property(EQUAL, compare(index, stage, some_blocks(stage, 6)))


def test_marks_that_were_passed_on_are_among_what_is_compared(
    index: Index, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without following them back, the answers are others than the contract's."""
    monkeypatch.setattr(index_marks.MarkTrail, "_find_upward", lambda *_: [])
    answers = IndexAnswers(index.at(stage.head), stage.time_of(stage.head), stage.operator)
    truth = {question: answer for question, answer in stage.answers(stage.head).items() if question[0] == "containerOf"}
    assert any(answers.to(question) != answer for question, answer in truth.items())


# ------------------------------------------------------------------ units


Around = list[tuple[str, dict[str, Any]]]
"""The container that a unit is in, and those around it, with their records; `NOBODY` if it is in none."""


def paths(stage: Stage, asked: Iterable[tuple[Lot, int, int]]) -> dict[tuple[str, int, int], Around]:
    """Where the contract finds units at blocks, asked for every container that may have them."""
    finds = {
        (lot.id, unit, block, container): ("find", (lot.id, unit, container), block)
        for lot, unit, block in asked
        for container in (NOBODY, *stage.likely(lot, unit))
    }
    found: dict[tuple[str, int, int], Around] = {}
    for (*place, container), (holder, record) in custody_answers(stage, finds).items():
        path = found.setdefault(tuple(place), [])
        if holder != NOBODY:
            assert not path, place
            path.append((container, record))
    growing = {place: path for place, path in found.items() if path and path[-1][0] != NOBODY}
    while growing:
        calls = {place: ("containerOf", (path[-1][0],), place[2]) for place, path in growing.items()}
        records = custody_answers(stage, calls)
        for place, path in growing.items():
            path[-1] = path[-1][0], records[place]
            if records[place]["parent"] != NOBODY:
                path.append((records[place]["parent"], {}))
        growing = {place: path for place, path in growing.items() if not path[-1][1]}
    return found


def custody_answers(stage: Stage, calls: dict[Any, tuple[str, tuple[Any, ...], int]]) -> dict[Any, Any]:
    """The custody's answers to calls: function, arguments, block."""
    found: dict[Any, Any] = {}
    for block in {block for *_, block in calls.values()}:
        asked = (
            ((key,), stage.custody, function, given) for key, (function, given, at) in calls.items() if at == block
        )
        found.update((key, answer) for (key,), answer in stage.ask(asked, hex(block)).items())
    return {key: found[key] for key in calls}


@pytest.fixture(scope="module")
def places(stage: Stage) -> dict[tuple[str, int], Around]:
    """Where the contract finds every unit now."""
    asked = [(lot, unit, stage.head) for lot in stage.lots for unit in range(2 * NUMBERS)]
    return {(lot, unit): path for (lot, unit, _), path in paths(stage, asked).items()}


@pytest.fixture(scope="module")
def statuses(stage: Stage) -> dict[tuple[str, int], tuple[int, bool, int]]:
    """What the contract says of every unit now."""
    registry = stage.contract["LotRegistry"]
    asked = (((lot.id, unit), registry, "unitOf", (lot.id, unit)) for lot in stage.lots for unit in range(2 * NUMBERS))
    return stage.ask(asked, hex(stage.head))


def test_every_unit_is_where_the_contract_finds_it(
    found: SerializationIndex, stage: Stage, places: dict[tuple[str, int], Around], record_property: Record
) -> None:
    registry = stage.contract["LotRegistry"]
    questions = {}
    for lot in stage.lots:
        for unit in range(NUMBERS):
            path = [container for container, _ in places[lot.id, unit] if container != NOBODY]
            told = found.where_is(lot.id, unit)
            if told is not None:
                assert list(told.containers) == path, (lot.id, unit)
                pack = stage.pack_of(lot, unit, path[0] if path else NOBODY)
                questions[lot.id, unit] = told, (registry, "verify", (pack,))
    asked = ((key, *call) for key, (_, call) in questions.items())
    for key, answer in stage.ask(asked, hex(stage.head)).items():
        told = questions[key][0]
        assert (
            *(told.finding, told.holder or NOBODY, told.recall_class, told.recall_reason),
            *(told.status, told.suspect, told.excursion),
        ) == (
            *(answer["finding"], answer["holder"], answer["recall_class"], answer["recall_reason"]),
            *(answer["status"], answer["suspect"], answer["excursion"]),
        ), key
    findings = {told.finding for told, _ in questions.values()}
    assert len(findings) >= 7, findings
    record_property("counted: units where the contract finds them", len(questions))


def test_a_number_that_a_lot_does_not_have_is_nowhere(found: SerializationIndex, stage: Stage) -> None:
    lot = stage.lots[0].id
    assert found.where_is(lot, 2 * NUMBERS - 1) is not None
    assert (found.where_is(lot, 2 * NUMBERS), found.trace(lot, 2 * NUMBERS)) == (None, [])
    assert (found.where_is(NOBODY, 0), found.lot(NOBODY), found.recall_report(NOBODY)) == (None, None, None)
    assert (found.container(NOBODY), found.shipments_of(NOBODY), found.single_units(NOBODY)) == (None, [], [])


def test_a_trace_has_what_happened_while_the_unit_was_there(found: SerializationIndex, stage: Stage) -> None:
    """Of the opening, whose blocks have one act each: what was around the unit before or after it."""
    lot = stage.lots[0]
    units = (2, 6, 7, 9, 10, 14, 30, 40, 60)
    at_blocks = paths(stage, [(lot, unit, block) for unit in units for block in stage.opened])
    status_at = {}
    for block in stage.opened:
        asked = (((unit, block), stage.contract["LotRegistry"], "unitOf", (lot.id, unit)) for unit in units)
        status_at.update(stage.ask(asked, hex(block)))
    events: dict[int, list[EventRow]] = {}
    for kind in MODELLED - {MixedPacked, ProductAssigned, LimitsSet}:
        for row in found._view.events(kind, limit=10_000).rows:
            events.setdefault(row.block_number, []).append(row)
    checked = 0
    for unit in units:
        before: list[str] = []
        gone, expected = False, []
        for block in stage.opened:
            after = [container for container, _ in at_blocks[lot.id, unit, block]]
            for row in sorted(events.get(block, ()), key=lambda row: row.log_index):
                if is_about(row.event, lot, unit, () if gone else (*before, *after)):
                    expected.append((block, row.log_index))
            before, gone = after, status_at[unit, block][0] in GONE
        traced = found.trace(lot.id, unit)
        places = [(entry.at.block_number, entry.at.log_index) for entry in traced]
        assert [place for place in places if place[0] in stage.opened] == expected, unit
        checked += len(expected)
        assert traced[0].act == "lot commissioned"
    assert checked > 100
    acts = [entry.act for entry in found.trace(lot.id, 9)]
    for first, second in (("range packed", "shipped"), ("shipped", "received"), ("received", "unit suspected")):
        assert acts.index(first) < acts.index(second)


def is_about(event: Any, lot: Lot, unit: int, around: tuple[str, ...]) -> bool:
    """Whether an event is of a unit's history, of which these containers are around."""
    if isinstance(event, OF_CONTAINERS) or getattr(event, "excursion", False):
        return event.container in around
    if getattr(event, "lot", None) != lot.id:
        return False
    if hasattr(event, "indices"):
        return unit in event.indices
    return bool(getattr(event, "index", unit) == unit and getattr(event, "number", 0) == unit >> DEPTH)


def test_a_trace_names_who_did_what_to_which_container(found: SerializationIndex, stage: Stage) -> None:
    shipped: list[TraceEntry] = [entry for entry in found.trace(stage.lots[0].id, 6) if entry.act == "shipped"]
    assert [entry.organization for entry in shipped[:2]] == [stage.maker.id, stage.wholesaler.id]
    assert all(isinstance(entry.event, Shipped) and entry.event.container == entry.container for entry in shipped)


def test_notices_are_due_until_they_are_given(found: SerializationIndex, stage: Stage) -> None:
    registry = stage.contract["LotRegistry"]
    asked = (
        ((lot.id, unit), registry, "investigationOf", (lot.id, unit))
        for lot in stage.lots
        for unit in range(2 * NUMBERS)
    )
    truth = {
        key: of["determined_at"] + 24 * HOUR
        for key, of in stage.ask(asked, hex(stage.head)).items()
        if of["determined_at"] and not of["notified_at"]
    }
    now = stage.suite.now
    due = [entry.value for entry in found.notices_due(now)]
    assert {(entry.lot, entry.unit): entry.notice_due_at for entry in due} == truth != {}
    assert [entry.seconds_left for entry in due] == sorted(truth_of - now for truth_of in truth.values())
    assert due[0].seconds_left < 0
    assert found.notices_due(due[0].notice_due_at - 5)[0].value.seconds_left == 5


# ------------------------------------------------------------------ recalls


def test_a_recall_report_is_what_the_contract_finds_unit_by_unit(
    found: SerializationIndex,
    stage: Stage,
    places: dict[tuple[str, int], Around],
    statuses: dict[tuple[str, int], tuple[int, bool, int]],
) -> None:
    seen: Counter[str] = Counter()
    for lot in stage.lots:
        report = found.recall_report(lot.id)
        of = stage.contract["LotRegistry"].read("lotOf", lot.id)
        if report is None:
            assert of["maker"] == NOBODY
            continue
        held, away, ended, unplaced, suspects = tally(lot.id, of, places, statuses)
        assert {
            (share.holder, container.container): container.units
            for share in report.holders
            for container in share.containers
        } | {(share.holder, NOBODY): share.single_units for share in report.holders if share.single_units} == held
        assert {share.container: (share.state, share.sender, share.units) for share in report.shipments} == away
        assert report.ended == ended
        assert (report.not_packed, report.left_out) == unplaced
        assert report.suspect == suspects
        assert (report.recall_class, report.recall_reason) == (of["recall_class"], of["recall_reason"])
        assert report.total == report.commissioned == of["tranches"] << of["depth"]
        assert report.held == sum(held.values())
        seen.update(held=len(held), away=len(away), ended=len(ended), recalled=report.recall_class > 0)
        seen["single"] += sum(share.single_units for share in report.holders)
    assert all(seen[kind] for kind in ("held", "away", "ended", "recalled", "single")), seen
    assert {entry.value.lot for entry in found.recalls(RecallClass.CLASS_I)} >= {small_lot(stage).id}


def tally(
    lot: str,
    of: dict[str, Any],
    places: dict[tuple[str, int], Around],
    statuses: dict[tuple[str, int], tuple[int, bool, int]],
) -> tuple[Any, ...]:
    """A lot's units by holder and outermost container, by container on the way, by what became of them, not packed and
    left out, and how many are suspect."""
    held: Counter[tuple[str, str]] = Counter()
    away: dict[str, tuple[int, str, int]] = {}
    ended: Counter[UnitStatus] = Counter()
    not_packed = left_out = suspects = 0
    for unit in range(of["tranches"] << of["depth"]):
        status, suspect, _ = statuses[lot, unit]
        path = places[lot, unit]
        suspects += suspect
        container, record = path[-1] if path else (NOBODY, None)
        became = status or (0 if record is None else record["ended"])
        if became:
            ended[UnitStatus(became)] += 1
        elif record is None:
            not_packed += unit >= of["packed"]
            left_out += unit < of["packed"]
        elif record["state"] in ON_THE_WAY:
            so_far = away.get(container, (0, "", 0))[2]
            away[container] = record["state"], record["holder"], so_far + 1
        else:
            held[record["holder"], container] += 1
    return held, away, ended, (not_packed, left_out), suspects


# ------------------------------------------------------------------ containers and what goes with them


def test_shipments_by_organization_and_by_what_became_of_them(found: SerializationIndex, stage: Stage) -> None:
    now, open_ones, late_ones = stage.suite.now, set(), set()
    for container, record in stage.state().items():
        if record["state"] == ContainerState.IN_TRANSIT and record["parent"] == NOBODY:
            open_ones.add(container)
            if stage.custody.read("shipmentOf", container)["deadline"] < now:
                late_ones.add(container)
    in_transit = found.shipments(outcome=ShipmentOutcome.IN_TRANSIT, limit=10_000)
    assert {entry.value.container for entry in in_transit} == open_ones
    assert {entry.value.container for entry in found.shipments(late=True, limit=10_000)} == late_ones
    assert set() < late_ones < open_ones
    everything = [entry.value for entry in found.shipments(limit=10_000)]
    outcomes = {entry.outcome for entry in everything}
    assert outcomes >= {ShipmentOutcome.IN_TRANSIT, ShipmentOutcome.RECEIVED, ShipmentOutcome.CAME_BACK}
    assert [entry.deadline for entry in everything] == sorted(entry.deadline for entry in everything)
    on_time = found.shipments(late=False, limit=10_000)
    assert {entry.value.container for entry in on_time} == {entry.container for entry in everything} - late_ones
    for member in stage.holders:
        own = [entry.value for entry in found.shipments(member.id, limit=10_000)]
        assert own == [entry for entry in everything if member.id in (entry.sender, entry.receiver, entry.carrier)]
    told = found._view.events(Shipped, limit=10_000).rows
    for container in {row.event.container for row in told if isinstance(row.event, Shipped)}:
        ships = [row.event for row in told if isinstance(row.event, Shipped) and row.event.container == container]
        listed = [entry.value for entry in found.shipments_of(container)]
        assert [entry.shipment for entry in listed] == list(range(1, len(listed) + 1))
        own = [entry for entry in listed if entry.part_of is None]
        assert [(entry.receiver, entry.deadline) for entry in own] == [(one.receiver, one.deadline) for one in ships]
    parts = [entry for entry in everything if entry.part_of is not None]
    assert parts
    for part in parts:
        wholes = [entry.value for entry in found.shipments_of(part.part_of or "")]
        assert (part.sender, part.deadline) in {(whole.sender, whole.deadline) for whole in wholes}


def test_containers_by_holder_parent_and_lot(found: SerializationIndex, stage: Stage) -> None:
    state = stage.state()
    everything = [entry.value for entry in found.containers(limit=10_000)]
    assert {entry.container for entry in everything} == state.keys()
    for member in stage.holders:
        held = {entry.value.container for entry in found.containers(holder=member.id, limit=10_000)}
        assert held == {
            container
            for container, record in state.items()
            if record["holder"] == member.id and record["parent"] == NOBODY and record["state"] != ContainerState.ENDED
        }
    parents = {record["parent"] for record in state.values()} - {NOBODY}
    for parent in parents:
        inside = {entry.value.container for entry in found.containers(parent=parent)}
        assert inside == {container for container, record in state.items() if record["parent"] == parent}
    lot = stage.lots[0].id
    assert {entry.value.container for entry in found.containers(lot=lot, limit=10_000)} == {
        container for container, record in state.items() if record["lot"] == lot
    }
    for container in parents:
        for of, unit in found.single_units(container):
            assert stage.custody.read("find", of, unit, container)[0] != NOBODY


def test_what_goes_beside_custody_by_every_filter(found: SerializationIndex, stage: Stage) -> None:
    orders = [entry.value for entry in found.orders()]
    assert {entry.order_id for entry in orders} <= stage.orders.keys()
    for member in stage.holders:
        own = [entry.value for entry in found.orders(member.id)]
        assert own == [entry for entry in orders if member.id in (entry.buyer, entry.seller)]
    assert sum(entry.refunded + entry.paid for entry in orders if entry.refunded) > 0
    repackaged = [entry.value for entry in found.lots(stage.repackager.id, limit=1_000)]
    assert repackaged
    for lot in repackaged:
        assert [entry.value.container for entry in found.repackaged_from(lot.lot)] == list(lot.inputs) != []
        for container in lot.inputs:
            entry = found.container(container)
            assert entry is not None
            assert entry.value.ended is UnitStatus.REPACKAGED
    assert any(lot.product is not None for lot in repackaged)
    devices = next(lot for lot in stage.lots if lot.device)
    (part,) = [unit for unit in range(8) if found.service_of_part(devices.id, unit)][:1]
    service = found.service_of_part(devices.id, part)
    assert service is not None
    assert service in found.services(devices.id, service.value.unit)
    bound = [found.binding(logger.id) for logger in stage.loggers]
    for binding in bound:
        if binding is not None:
            assert binding in found.bindings(binding.value.container)
    with_windows = {entry.container for entry in [one.value for one in found.containers(limit=10_000)]}
    windows = [one.value for container in with_windows for one in found.windows(container)]
    assert {window.excursion for window in windows} == {True, False}
    assert any(window.root is None for window in windows)
    assert all(one.value.excursion for container in with_windows for one in found.windows(container, excursion=True))


def test_versions_of_rows_are_borne_out_by_the_chain(index: Index, stage: Stage) -> None:
    view = index.at("latest")
    rows = [
        row
        for module in MODULES
        for entity in module.MODEL.entities.values()
        for row in view.rows(entity, limit=8).rows
    ]
    assert {row.entity for row in rows} == {entity for module in MODULES for entity in module.MODEL.entities}
    assert index.verify(rows, HttpRpc(stage.node.url)) == []


def test_what_another_operator_published_is_not_looked_at(index: Index, stage: Stage) -> None:
    view, lot = index.at("latest"), stage.lots[0].id
    other = SerializationIndex(view, "nobody.example")
    assert (other.lots(), other.containers(), other.shipments(), other.lot(lot)) == ([], [], [], None)
    everybody = SerializationIndex(view)
    own = SerializationIndex(view, stage.operator)
    assert everybody.recall_report(lot) == own.recall_report(lot) is not None
    assert everybody.where_is(lot, 2) == own.where_is(lot, 2)


# ------------------------------------------------------------------ which contracts


def test_the_contracts_published_are_found(stage: Stage) -> None:
    ledger = stage.suite.ledger
    assert set(supply_contracts(ledger, stage.operator)) == {stage.contract[kind].address for kind in KINDS}
    with pytest.raises(UnknownOrganization):
        supply_contracts(ledger, "nobody.example")
    with pytest.raises(ContractUnpublished):
        supply_contracts(ledger, stage.maker.name)


def test_the_command_line_follows_the_supply_chains_that_it_is_told(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = CommandLine(monkeypatch, capsys)
    stage.suite.ledger.deployment.save(tmp_path)
    for name, value in (
        ("CARELEDGER_INDEX", f"sqlite:///{tmp_path / 'index.db'}"),
        ("CARELEDGER_RPC", stage.node.url),
        ("CARELEDGER_DEPLOYMENTS", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)
    done = run("index", "sync", "--supply", stage.operator, "--json")
    assert done.exit_code == 0, done.err
    listed = run("index", "list", "container", "--limit", 20, "--verify", "--json")
    assert (listed.exit_code, len(listed.body["rows"]), listed.body["mismatches"]) == (0, 20, [])
    assert run("index", "verify", "--supply", stage.operator, "--json").body == []
    without = run("index", "sync", "--json")
    assert (without.exit_code, without.error["type"]) == (12, "IndexOutdated")
    monkeypatch.setenv("CARELEDGER_SUPPLIES", stage.operator)
    assert run("index", "sync", "--json").exit_code == 0
    assert run("index", "sync", "--supply", "nobody.example", "--json").exit_code != 0


def test_the_log_tells_of_a_contract_published_while_the_index_is_kept(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path / 'index.db'}"
    ledger, services = stage.suite.ledger, stage.contract["ServiceHistory"].address
    before, snapshot = supply_contracts(ledger, stage.operator), stage.rpc.call("evm_snapshot")

    def publish(address: str) -> None:
        given = organization_id(stage.operator), to_padded("ServiceHistory"), address
        stage.suite.registry.send(stage.suite.controller, "publishContract", *given)

    try:
        with indexer(url, stage) as engine, Index.open(url) as index:
            watch = PublicationWatch(index, [stage.operator], stage.contracts, published_in)
            engine.sync(progress=watch)
            assert caplog.records == []
            stage.rpc.call("evm_setAutomine", True)
            publish(stage.token)
            with pytest.raises(BytecodeMismatch):
                supply_contracts(ledger, stage.operator)
            publish(services)
            assert set(supply_contracts(ledger, stage.operator)) == set(before)
            engine.sync(progress=watch)
    finally:
        stage.rpc.call("evm_setAutomine", False)
        assert stage.rpc.call("evm_revert", snapshot)
    told = [json.loads(record.message) for record in caplog.records]
    for event in ("contract.not_followed", "contract.left_out"):
        assert [one["address"] for one in told if one["event"] == event] == [stage.token]


# ------------------------------------------------------------------ a lot that is far spread

HOLDERS, PALLETS, PALLET_UNITS, PALLET_CASES = 200, 500, 2_000, 40
CASES_TAKEN, MOVED, DISPENSED = 20, 10, 5
CUSTODY, LOTS = "0x" + 40 * "1", "0x" + 40 * "2"
SPREAD_LOT, MAKER, KEY = "0x" + 24 * "3", "0x" + 24 * "4", "0x" + 40 * "5"
SECONDS_ALLOWED = 10.0


def spread_events(
    lots: str = LOTS, custody: str = CUSTODY
) -> Iterator[tuple[type[ContractEvent], str, tuple[Any, ...]]]:
    """A lot of 1,000,000 units at 200 holders. Of every second pallet half of the cases were taken out; of every pallet
    ten units were unpacked, and five of them dispensed. Every tenth pallet is on its way."""
    yield LotsSet, custody, (lots,)
    yield LotCommissioned, lots, (SPREAD_LOT, MAKER, KEY, 20 << 16 | 25_000, "0x" + 64 * "6")
    for pallet in range(PALLETS):
        first, name, holder = pallet * PALLET_UNITS, f"0x{pallet + 1:024x}", f"0x{0xAAAA0000 + pallet % HOLDERS:024x}"
        yield RangePacked, custody, (name, MAKER, SPREAD_LOT, first, PALLET_UNITS, PALLET_CASES, KEY)
        yield Shipped, custody, (name, MAKER, holder, "0x" + 24 * "0", 2_000_000_000, False, "0x" + 64 * "7")
        if pallet % 10 == 0:
            continue
        yield Received, custody, (name, holder, KEY)
        size = PALLET_UNITS // PALLET_CASES
        for case in range(CASES_TAKEN if pallet % 2 else 0):
            own = f"0x{0xCA5E << 64 | pallet << 16 | case:024x}"
            yield RangePacked, custody, (own, holder, SPREAD_LOT, first + case * size, size, 0, KEY)
            yield ContainerUnpacked, custody, (own, name, holder)
        for unit in range(first, first + MOVED):
            yield UnitsMoved, custody, (SPREAD_LOT, unit, "0x" + 24 * "0", holder)
        yield UnitsDispensed, lots, (SPREAD_LOT, str(list(range(first, first + DISPENSED))), holder, KEY)
    yield LotRecalled, lots, (SPREAD_LOT, MAKER, KEY, 3, 1)


@pytest.fixture
def spread(database_url: str) -> Iterator[Index]:
    """An index in which a lot is far spread, once on each of two supply chains."""
    schema, database, state = Schema(), Database(database_url, durable=False), State()
    database.migrate("indexer")
    events = [*spread_events(), *list(spread_events("0x" + 40 * "8", "0x" + 40 * "9"))[:3]]
    for number, (kind, address, values) in enumerate(events):
        row = ROW_TYPES[kind](1, number, 1_900_000_000, f"0x{number:064x}", address, *values)
        for module in MODULES:
            for touches, handler in module.MODEL.handlers.get(kind, ()):
                for entity, key in touches(row):
                    state.load(entity, state.missing(entity, [key]), [])
                state.handle(row, [handler])
    with database.write() as connection:
        for entity in state.entities():
            opened = rows_of(entity, state.opened(entity))
            insert(connection, database.dialect, entity.name, column_kinds(entity), opened)
        block = {"number": 1, "hash": "0x1", "parent_hash": "0x0", "time": 1_900_000_000, "milestone": True}
        connection.execute(insert_values(schema.block).values(block))
        own = {"chain_id": 1, "genesis_hash": "0x0", "fingerprint": schema.fingerprint(), "contracts": "[]"}
        connection.execute(insert_values(schema.state).values(**own, cursor_number=1))
    database.close()
    with Index.open(database_url) as index:
        yield index


def test_a_lot_at_200_holders_is_reported_in_seconds(spread: Index, record_property: Record) -> None:
    everybody = SerializationIndex(spread.at("latest"))
    with pytest.raises(InvalidInput, match="several supply chains"):
        everybody.lot(SPREAD_LOT)
    found = SerializationIndex(spread.at("latest"))
    found._contracts = [CUSTODY, LOTS]
    started = time.perf_counter()
    report = found.recall_report(SPREAD_LOT)
    seconds = time.perf_counter() - started
    record_property("seconds of a recall report at 200 holders", round(seconds, 2))
    print(f"{seconds:.2f} s")
    assert report is not None
    on_the_way = PALLETS // 10
    held = PALLETS - on_the_way
    assert (report.recall_class, report.recall_reason) == (RecallClass.CLASS_I, RecallReason.CONTAMINATION)
    assert report.total == report.commissioned == 1 << 20
    assert report.on_the_way == on_the_way * PALLET_UNITS
    assert report.ended == {UnitStatus.DISPENSED: held * DISPENSED}
    assert report.held == held * (PALLET_UNITS - DISPENSED)
    assert sum(share.single_units for share in report.holders) == held * (MOVED - DISPENSED)
    assert (report.not_packed, report.left_out) == ((1 << 20) - PALLETS * PALLET_UNITS, 0)
    assert len(report.holders) == HOLDERS - HOLDERS // 10
    assert seconds < SECONDS_ALLOWED
    started = time.perf_counter()
    location = found.where_is(SPREAD_LOT, 3 * PALLET_UNITS + 60)
    assert time.perf_counter() - started < 1
    assert location is not None
    assert location.containers == (f"0x{0xCA5E << 64 | 3 << 16 | 1:024x}",)
