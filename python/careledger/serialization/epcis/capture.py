"""The capture of EPCIS documents: each event is checked, done on chain if it is an act of ours, anchored, and kept.

    capture = Capture(stock, log, master, documents=ledger.documents, receipts=ReceiptVault(vault))
    for result in capture.run(read_json(content)).results:
        print(result.outcome, result.act or result.note)

Events are taken in the order of their times. With `all_or_none` (the `rollback` of EPCIS 2.0) nothing is sent if one of
them is refused by what is known before sending; what the chain has taken is never undone, so that one which it refuses
in between ends the run, and what was done until then stands and is told. Else each is taken or refused by itself.

What is captured again, by its CBV hash, changes nothing. What was done by a run that was interrupted is found standing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from careledger.anchoring import DocumentKind, Documents
from careledger.anchoring.canonical import Canonicalization
from careledger.anchoring.fingerprint import Fingerprint
from careledger.anchoring.receipt import Receipt
from careledger.anchoring.receipt_vault import ReceiptVault
from careledger.errors import CareLedgerError, ChainError, ContractError, EpcisInvalid, InvalidInput
from careledger.serialization.epcis.documents import Document
from careledger.serialization.epcis.event_hash import event_hash, event_record
from careledger.serialization.epcis.event_log import CapturedEvent, EventLog, Outcome, identity
from careledger.serialization.epcis.events import Event
from careledger.serialization.epcis.expected import Expected
from careledger.serialization.epcis.mapping import (
    Act,
    Dispense,
    Pack,
    Unmapped,
    Unpack,
    act_of,
    objects_of,
)
from careledger.serialization.epcis.performing import Performer
from careledger.serialization.epcis.sensing import Sensed, Sensors
from careledger.serialization.master_data import MasterData
from careledger.serialization.stock import Stock

__all__ = ["Begun", "Capture", "CaptureReport", "EventResult"]

AGAIN = "it was captured before, by its event hash"


@dataclass(frozen=True)
class EventResult:
    """What became of an event. `place` is its place in the document, from 0; `problem` says why it was refused, or that
    what was to be done could not be; `note` why there was nothing to do."""

    place: int
    event_id: str | None
    hash: str | None
    outcome: Outcome
    act: str = ""
    note: str = ""
    problem: str = ""
    transactions: tuple[str, ...] = ()
    leaf: str | None = None


@dataclass(frozen=True)
class CaptureReport:
    """Results in the order of the document."""

    results: tuple[EventResult, ...]

    @property
    def refused(self) -> int:
        return sum(1 for result in self.results if result.outcome in (Outcome.REFUSED, Outcome.NOT_CAPTURED))


@dataclass(frozen=True)
class _Planned:
    place: int
    event: Event
    hash: str
    act: Act | Unmapped
    corrects: bool = False


@dataclass(frozen=True)
class _Taken:
    planned: _Planned
    result: EventResult
    fingerprint: Fingerprint | None


@dataclass(frozen=True)
class Begun:
    """A document of which all is done but to anchor and to keep what was `taken`."""

    results: tuple[EventResult, ...]
    taken: tuple[_Taken, ...]


class Capture:
    """For one organization. `deadline_days` is how long a receiver has for a shipment, which no event says. Without
    `documents`, nothing is anchored; without `sensors`, sensor data stay in the events."""

    def __init__(
        self,
        stock: Stock,
        log: EventLog,
        master: MasterData,
        documents: Documents | None = None,
        receipts: ReceiptVault | None = None,
        sensors: Sensors | None = None,
        deadline_days: int = 14,
        report: Callable[[EventResult], None] = lambda _: None,
    ) -> None:
        """Raises InvalidInput for `documents` without `receipts`, which would be lost, and for a deadline below 1."""
        if documents is not None and receipts is None:
            raise InvalidInput("receipts", "none", "is where the receipts of anchored events are kept: give a vault")
        if deadline_days < 1:
            raise InvalidInput("deadline", str(deadline_days), "must be 1 day or more")
        self._stock = stock
        self._log = log
        self._master = master
        self._documents = documents
        self._receipts = receipts
        self._report = report
        self._sensors = sensors
        self._performer = Performer(stock, deadline_days, sensors)

    def run(self, document: Document, all_or_none: bool = False, send: bool = True) -> CaptureReport:
        """Captures a document. With `send` false, says what would be done. Raises VaultError, and ChainError if the
        chain could not be asked: what was done until then is found standing by the next run."""
        begun = self.begin(document, all_or_none, send)
        return self.finish(begun, self.anchor(begun))

    def begin(self, document: Document, all_or_none: bool = False, send: bool = True) -> Begun:
        """Checks a document, and does on chain what its events say. Nobody else may use stock or log meanwhile."""
        planned, results = self._plan(document)
        stopped = all_or_none and any(result.outcome is Outcome.REFUSED for result in results)
        if stopped or not send:
            outcome = Outcome.NOT_CAPTURED if stopped else Outcome.PLANNED
            results += [self._told(_result(each, outcome, note=_note(each))) for each in planned]
            return Begun(tuple(results), ())
        fingerprints = self._fingerprints(planned)
        taken: list[_Taken] = []
        for position, each in enumerate(planned):
            fingerprint = fingerprints[position] if fingerprints else None
            result = self._told(self._perform(each, None if fingerprint is None else fingerprint.leaf))
            if result.outcome is not Outcome.REFUSED:
                taken.append(_Taken(each, result, fingerprint))
                continue
            results.append(result)
            if all_or_none:
                results += [self._told(_result(one, Outcome.NOT_CAPTURED)) for one in planned[position + 1 :]]
                break
        return Begun(tuple(results), tuple(taken))

    def anchor(self, begun: Begun) -> list[Receipt]:
        """Anchors what was taken, and waits for that; others may capture meanwhile."""
        chosen = [one.fingerprint for one in begun.taken if one.fingerprint is not None]
        if self._documents is None or not chosen:
            return []
        return self._documents.anchor_batch(chosen)

    def finish(self, begun: Begun, receipts: Sequence[Receipt]) -> CaptureReport:
        """Keeps what was taken and is anchored. Nobody else may use the log meanwhile; what another capture has kept
        since `begin` is left to it."""
        if receipts and self._receipts is not None:
            self._receipts.put((receipt.leaf, receipt) for receipt in receipts)
        now = int(time.time())
        kept: list[CapturedEvent] = []
        results = list(begun.results)
        for one in begun.taken:
            event, result = one.planned.event, one.result
            if identity(event, one.planned.hash) in self._log:
                results.append(replace(result, outcome=Outcome.STANDING, note=AGAIN))
                continue
            leaf = one.fingerprint.leaf if receipts and one.fingerprint is not None else None
            results.append(replace(result, leaf=leaf))
            kept.append(
                CapturedEvent(
                    event=event,
                    hash=one.planned.hash,
                    outcome=result.outcome,
                    act=result.act,
                    note=result.note,
                    transactions=result.transactions,
                    leaf=leaf,
                    recorded_at=now,
                )
            )
        if kept:
            self._log.append(kept)
        return _in_order(results)

    # ------------------------------------------------------------------ before anything is sent

    def _plan(self, document: Document) -> tuple[list[_Planned], list[EventResult]]:
        planned: list[_Planned] = []
        results: list[EventResult] = []
        readable: list[_Planned] = []
        for place, entry in enumerate(document.entries):
            if isinstance(entry, EpcisInvalid):
                results.append(self._told(EventResult(place, None, None, Outcome.REFUSED, problem=str(entry))))
                continue
            readable.append(self._mapped(place, entry))
        begun = [each.act for each in readable]
        expected = Expected(self._stock)
        known: set[str] = set()
        for each in sorted(readable, key=lambda one: one.event.time_ms):
            known_by = identity(each.event, each.hash)
            if known_by in self._log or known_by in known:
                results.append(self._told(_result(each, Outcome.STANDING, note=AGAIN)))
                continue
            known.add(known_by)
            problem = None if isinstance(each.act, Unmapped) else self._problem(each, expected)
            if problem is not None:
                results.append(self._told(_result(each, Outcome.REFUSED, problem=problem)))
                continue
            planned.append(each)
        self._performer.prepare([act for act in begun if not isinstance(act, Unmapped)])
        return planned, results

    def _mapped(self, place: int, event: Event) -> _Planned:
        act = act_of(event, self._stock.book.organization, self._master)
        hashed = event_hash(event)
        if event.error_declaration is None or isinstance(act, Unmapped):
            return _Planned(place, event, hashed, act)
        if event.error_declaration.reason != "did_not_occur":
            note = "it declares an error; the events that it names as corrective say what is right"
            return _Planned(place, event, hashed, Unmapped(note))
        undone = self._undoing(event, act)
        return _Planned(place, event, hashed, undone, corrects=not isinstance(undone, Unmapped))

    def _undoing(self, event: Event, act: Act) -> Act | Unmapped:
        former = self._log.by_id(event.event_id) if event.event_id else None
        if former is None:
            return Unmapped("it declares that an event did not occur which was not captured here")
        if former.outcome not in (Outcome.APPLIED, Outcome.STANDING):
            return Unmapped("it declares that an event did not occur which had changed nothing on chain")
        match act:
            case Dispense():
                return act
            case Pack():
                return Unpack(act.sscc, act.packs, act.containers)
            case Unpack() if act.packs or act.containers:
                return Pack(act.sscc, act.packs, act.containers)
        return Unmapped(f"it declares that a {_name(act)} did not occur, which the chain does not take back")

    def _problem(self, planned: _Planned, expected: Expected) -> str | None:
        """Why an event cannot be taken, as far as can be known before it is sent."""
        assert not isinstance(planned.act, Unmapped)
        if not planned.corrects:
            for uri in objects_of(planned.event):
                last = self._log.last_ms(uri)
                if last is not None and planned.event.time_ms < last:
                    return f"it is older than an event of {uri} that was captured before: out of order"
        try:
            expected.take(planned.act, undoing=planned.corrects)
        except ChainError:
            raise
        except CareLedgerError as refused:
            return str(refused)
        return None

    # ------------------------------------------------------------------ doing, anchoring, keeping

    def _fingerprints(self, planned: Sequence[_Planned]) -> list[Fingerprint]:
        if self._documents is None:
            return []
        organization = self._stock.book.organization
        return [
            Fingerprint.of(event_record(each.event), organization, DocumentKind.CUSTODY, Canonicalization.EPCIS_EVENT)
            for each in planned
        ]

    def _perform(self, planned: _Planned, leaf: str | None) -> EventResult:
        transactions: list[str] = []
        try:
            if isinstance(planned.act, Unmapped):
                pass
            elif planned.corrects and isinstance(planned.act, Dispense):
                transactions = self._performer.undo(planned.act)
            else:
                transactions = self._performer.perform(planned.act, leaf)
        except ContractError as refused:
            return _result(planned, Outcome.REFUSED, problem=str(refused))
        except ChainError:
            raise
        except CareLedgerError as refused:
            return _result(planned, Outcome.REFUSED, problem=str(refused))
        sensed = self._sense(planned)
        notes = [_note(planned), *sensed.notes] if _note(planned) else sensed.notes
        transactions += [receipt.transaction_hash for receipt in sensed.receipts]
        standing = Outcome.ANCHORED if isinstance(planned.act, Unmapped) else Outcome.STANDING
        outcome = Outcome.APPLIED if transactions else standing
        return _result(planned, outcome, note="; ".join(notes), transactions=tuple(transactions))

    def _sense(self, planned: _Planned) -> Sensed:
        """Sensor data that the chain refuses leave their event as it is, with a note."""
        if not planned.event.sensor_elements or planned.event.error_declaration is not None:
            return Sensed((), ())
        if self._sensors is None:
            return Sensed((), ("its sensor data are anchored with it only",))
        try:
            return self._sensors.record(planned.event)
        except (ContractError, InvalidInput) as refused:
            return Sensed((), (f"its sensor data are anchored with it only: {refused}",))

    def _told(self, result: EventResult) -> EventResult:
        self._report(result)
        return result


def _result(
    planned: _Planned, outcome: Outcome, note: str = "", problem: str = "", transactions: tuple[str, ...] = ()
) -> EventResult:
    act = "" if isinstance(planned.act, Unmapped) else _name(planned.act)
    event_id = planned.event.event_id
    return EventResult(planned.place, event_id, planned.hash, outcome, act, note, problem, transactions)


def _name(act: Act) -> str:
    return type(act).__name__.lower()


def _note(planned: _Planned) -> str:
    return planned.act.reason if isinstance(planned.act, Unmapped) else ""


def _in_order(results: Sequence[EventResult]) -> CaptureReport:
    return CaptureReport(tuple(sorted(results, key=lambda each: each.place)))
