"""Does on chain what EPCIS events say. What stands already is not sent again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from careledger.anchoring.types import ZERO_HASH
from careledger.chain.connection import TransactionReceipt
from careledger.contract_enums import ContainerState, LotKind, UnitStatus
from careledger.errors import InvalidInput, NotInBook
from careledger.serialization.barcodes import Pack as PackCode
from careledger.serialization.epcis.mapping import (
    Act,
    Associate,
    Commission,
    Dispense,
    End,
    Pack,
    Receive,
    Repackage,
    Ship,
    Unpack,
)
from careledger.serialization.epcis.sensing import Sensors
from careledger.serialization.stock import Found, Stock, day_of

__all__ = ["Performer"]

DAY_SECONDS = 24 * 3600


class Performer:
    """Acts of one organization. Without `sensors`, associations are refused."""

    def __init__(self, stock: Stock, deadline_days: int, sensors: Sensors | None = None) -> None:
        self._stock = stock
        self._deadline_seconds = deadline_days * DAY_SECONDS
        self._sensors = sensors
        self._order: dict[tuple[str, str], int] = {}

    def prepare(self, acts: Iterable[Act]) -> None:
        """Notes how packs of a document are packed, in its order: their numbers follow it, so that every case is a
        range."""
        for act in acts:
            if isinstance(act, Pack):
                for pack in act.packs:
                    self._order.setdefault((pack.product, pack.serial or ""), len(self._order))

    def perform(self, act: Act, leaf: str | None) -> list[str]:
        """Does it; the hashes of the transactions, none if all of it stood already. `leaf` is what the event is
        anchored by, a salted hash: the terms of a shipment, or the reason of an end.

        Raises ContractError, InvalidInput, NotInBook, and ChainError.
        """
        salted = leaf or ZERO_HASH
        match act:
            case Commission():
                receipts = self._commission(act)
            case Repackage():
                receipts = self._repackage(act)
            case Pack():
                receipts = self._pack(act)
            case Unpack():
                receipts = self._unpack(act)
            case Ship():
                receipts = self._ship(act, salted)
            case Receive():
                receipts = self._receive(act)
            case Dispense():
                waiting = [pack for pack in act.packs if not self._is(pack, UnitStatus.DISPENSED)]
                receipts = self._stock.dispense(waiting) if waiting else ()
            case End():
                receipts = self._end(act, salted)
            case Associate():
                receipts = self._tie(act)
        return [receipt.transaction_hash for receipt in receipts]

    def undo(self, act: Dispense) -> list[str]:
        """Puts back what was dispensed. Raises what `perform` raises."""
        dispensed = [pack for pack in act.packs if self._is(pack, UnitStatus.DISPENSED)]
        return [self._stock.undo_dispense(pack).transaction_hash for pack in dispensed]

    # ------------------------------------------------------------------ lots

    def _commission(self, act: Commission) -> Sequence[TransactionReceipt]:
        stock = self._stock
        expiry = 0 if act.expires is None else day_of(act.expires)
        kind = LotKind.DEVICE if act.expires is None else LotKind.MEDICINE
        own = [
            lot
            for lot in stock.book.lots_numbered(act.product, act.lot_number)
            if lot.maker == stock.book.organization and stock.lots.lot(lot.id) is not None
        ]
        serials = sorted(act.serials, key=lambda serial: self._order.get((act.product, serial), len(self._order)))
        if not own:
            return stock.commission(act.product, act.lot_number, expiry, serials, kind=kind).receipts
        lot = own[0]
        if (lot.expiry_day, lot.kind) != (expiry, kind):
            raise InvalidInput("lot", act.lot_number, f"was commissioned with the expiry day {lot.expiry_day}")
        missing = [serial for serial in serials if not self._has(lot.id, serial)]
        return stock.extend(lot.id, missing) if missing else ()

    def _repackage(self, act: Repackage) -> Sequence[TransactionReceipt]:
        output = act.output
        if output.expires is None:
            raise InvalidInput("lot", output.lot_number, "has no itemExpirationDate: a repackaged medicine has one")
        made = (output.product, output.lot_number, day_of(output.expires), output.serials, act.inputs)
        return self._stock.repackage(*made).receipts

    # ------------------------------------------------------------------ packing

    def _pack(self, act: Pack) -> Sequence[TransactionReceipt]:
        stock = self._stock
        container = stock.book.keep_container(act.sscc)
        found = [stock.find(pack) for pack in act.packs]
        if stock.custody.container(container.id) is not None:
            if stock.settle_packing(act.sscc, act.containers, act.packs):
                return ()
            outside = [pack for pack, one in zip(act.packs, found, strict=True) if one.container != container.id]
            others = [sscc for sscc in act.containers if stock.book.parent_of(stock.container(sscc)) != container.id]
            return [stock.add(act.sscc, others, outside)]
        fresh = self._fresh(found)
        if fresh is None or act.containers:
            return _sent(stock.pack(act.sscc, act.containers, act.packs).receipt)
        lot, numbers = fresh
        if numbers[-1] - numbers[0] + 1 != len(numbers):
            problem = "do not follow each other in their lot: capture their commissioning and packing in one document"
            raise InvalidInput("packs", f"of {act.sscc}", problem)
        return _sent(stock.pack_range(lot, act.sscc, len(numbers), numbers[0]).receipt)

    def _fresh(self, found: Sequence[Found]) -> tuple[str, list[int]] | None:
        """The lot and the numbers of packs of one lot of one's own that were never packed."""
        if len({one.lot.id for one in found}) != 1 or any(one.container is not None for one in found):
            return None
        lot = found[0].lot.id
        standing = self._stock.lots.lot(lot)
        numbers = sorted(one.index for one in found)
        if standing is None or standing.maker != self._stock.book.organization or numbers[0] < standing.packed:
            return None
        return lot, numbers

    def _unpack(self, act: Unpack) -> Sequence[TransactionReceipt]:
        stock = self._stock
        if not act.packs and not act.containers:
            standing = stock.custody.container(stock.container(act.sscc))
            return () if standing is not None and standing.opened else [stock.custody.open(stock.container(act.sscc))]
        parent, receipts = stock.container(act.sscc), []
        known = stock.book.cases(parent)
        cases = [sscc for sscc in act.containers if sscc in known]
        nested = [sscc for sscc in act.containers if sscc not in known]
        left = [sscc for sscc in cases if not self._stands(sscc)]
        if left:
            receipts.append(stock.unpack_cases(act.sscc, [known.index(sscc) for sscc in left]).receipt)
        inside = [sscc for sscc in nested if stock.book.parent_of(stock.container(sscc)) == parent]
        if inside:
            receipts.append(stock.unpack(act.sscc, inside))
        packs = [pack for pack in act.packs if stock.find(pack).container is not None]
        if packs:
            receipts.append(stock.unpack_packs(packs))
        return receipts

    # ------------------------------------------------------------------ handover and ends

    def _ship(self, act: Ship, terms: str) -> Sequence[TransactionReceipt]:
        custody, receipts = self._stock.custody, []
        for sscc in act.containers:
            container = self._stock.container(sscc)
            standing = custody.container(container)
            if standing is not None and standing.state is ContainerState.IN_TRANSIT:
                if standing.receiver == act.receiver:
                    continue
                raise InvalidInput("container", sscc, f"is on its way to {standing.receiver} already")
            deadline = self._stock.supply.connection.now() + self._deadline_seconds
            receipts.append(custody.ship(container, act.receiver, deadline, is_return=act.is_return, terms=terms))
        return receipts

    def _receive(self, act: Receive) -> Sequence[TransactionReceipt]:
        custody, receipts = self._stock.custody, []
        for sscc in act.containers:
            container = self._stock.container(sscc)
            standing = custody.container(container)
            held = standing is not None and standing.state is ContainerState.HELD
            if held and standing is not None and standing.holder == self._stock.book.organization:
                continue
            receipts.append(custody.receive(container))
        return receipts

    def _end(self, act: End, reason: str) -> Sequence[TransactionReceipt]:
        stock = self._stock
        packs = [pack for pack in act.packs if not self._is(pack, act.status)]
        receipts = list(stock.end(packs, act.status, reason)) if packs else []
        for sscc in act.containers:
            container = stock.container(sscc)
            standing = stock.custody.container(container)
            if standing is None or standing.ended is not act.status:
                receipts.append(stock.custody.end(container, act.status, reason))
        return receipts

    def _tie(self, act: Associate) -> Sequence[TransactionReceipt]:
        if self._sensors is None:
            raise InvalidInput("device", ", ".join(act.devices), "is not known: name the devices by their URIs")
        container = self._stock.container(act.sscc)
        sent = [self._sensors.tie(uri, container, act.added) for uri in act.devices]
        return [receipt for receipt in sent if receipt is not None]

    # ------------------------------------------------------------------ reads

    def _is(self, pack: PackCode, status: UnitStatus) -> bool:
        found = self._stock.find(pack)
        return self._stock.lots.unit(found.lot.id, found.index).status is status

    def _has(self, lot: str, serial: str) -> bool:
        try:
            self._stock.book.number_of(lot, serial)
        except NotInBook:
            return False
        return True

    def _stands(self, sscc: str) -> bool:
        """Whether a case is a container of its own by now."""
        try:
            return self._stock.custody.container(self._stock.container(sscc)) is not None
        except NotInBook:
            return False


def _sent(receipt: TransactionReceipt | None) -> Sequence[TransactionReceipt]:
    return () if receipt is None else (receipt,)
