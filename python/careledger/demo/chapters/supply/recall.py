"""The recall: what is left of the lot verifies no more, who holds what is told, and the pharmacy's case comes back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import Enum
from functools import cached_property

from careledger.chain.connection import TransactionReceipt
from careledger.contract_enums import ContainerState, RecallClass, RecallReason, UnitStatus
from careledger.contract_events import LotOpened, RangePacked, UnitsDispensed
from careledger.demo.cast import MANUFACTURER, PHARMACY
from careledger.demo.chapters.supply.books import Books
from careledger.demo.chapters.supply.operator import Operator
from careledger.demo.chapters.supply.trade import DEADLINE_SECONDS, MANUFACTURER_KEY, PHARMACY_KEY, PHARMACYS
from careledger.errors import NotInBook
from careledger.identity.identifiers import from_padded, to_padded
from careledger.serialization.custody import Custody
from careledger.serialization.lots import Lots
from careledger.serialization.types import Answer, Pack

__all__ = ["Recall"]

RECALL_GAS = 60_000
OPEN_GAS = 60_000
RETURN_GAS = 90_000
RECEIVE_GAS = 60_000
END_GAS = 60_000


class Recall:
    """From the recall on."""

    def __init__(self, operator: Operator, books: Books) -> None:
        self._operator = operator
        self._stage = operator.stage
        self._books = books
        self._goods = books.goods
        self._case = books.goods.cases[PHARMACYS].id

    def play(self) -> None:
        self._recall()
        self._scan()
        self._return()
        self._stage.figures(
            "recall",
            "Who has what of the recalled lot",
            ("packs", "where", "container (SSCC)"),
            self._who_has_what,
        )

    def _recall(self) -> None:
        stage, lot = self._stage, self._goods.lot

        def is_recalled() -> bool:
            told = self._lots.lot(lot.id)
            return told is not None and told.recall_class is not RecallClass.NOT_RECALLED

        stage.step(
            "recall the lot: class II, for its packaging",
            actor=MANUFACTURER_KEY,
            gas=RECALL_GAS,
            done=is_recalled,
            act=lambda: self._books.maker.lots.recall(lot.id, RecallClass.CLASS_II, RecallReason.PACKAGING_DEFECT),
        )
        stage.step(
            "tell everybody which lot it is",
            actor=MANUFACTURER_KEY,
            gas=OPEN_GAS,
            done=lambda: self._opened() is not None,
            act=lambda: self._books.maker.open(lot.id),
        )
        stage.answer("recalled-lot", "Which lot is recalled?", lambda: self._opened() or "none")

    def _scan(self) -> None:
        goods, stage = self._goods, self._stage
        dispensed, left = goods.dispensed[0], goods.dispensed.stop
        false = goods.units

        def scan(index: int) -> str:
            """Without what became of it, which is another once it was destroyed."""
            return _words(self._books.pharmacy.verify(goods.scan(index)).answer)

        def scan_dispensed() -> str:
            answer = self._books.pharmacy.verify(goods.scan(dispensed)).answer
            return f"{_words(answer)}; it was {_name(answer.state.status)}"

        def scan_false() -> str:
            try:
                return scan(false)
            except NotInBook:
                return "it did not come with any shipment"

        def on_chain() -> str:
            """With the place and proof of a true pack, as a counterfeiter who has one could show them."""
            book, lot = self._books.pharmacy.book, goods.lot
            shown = dataclasses.replace(book.unit(lot.id, left), serial=goods.serial(false))
            pack = Pack(
                product=to_padded(lot.product),
                maker=lot.maker,
                reference=lot.reference,
                expiry_day=lot.expiry_day,
                index=left,
                inner=shown.inner,
                proof=tuple(book.proof(lot.id, left)),
                container=self._case,
            )
            return _words(self._lots.verify(pack))

        def dispense() -> str:
            """Sends nothing: preparing a transaction asks the chain whether it would take it."""
            book, lot, contract = self._books.pharmacy.book, goods.lot, self._operator.supply.lots
            proof = ["0x" + node.hex() for node in book.proof(lot.id, left)]
            inner = "0x" + book.unit(lot.id, left).inner.hex()
            data = contract.encode("dispense", lot.id, left, self._case, inner, proof)
            stage.connection.prepare(stage.actor(PHARMACY_KEY).signer, contract.address, data)
            return "yes"

        stage.answer("false-serial", "A pack with a false serial is scanned: what does the pharmacy find?", scan_false)
        stage.answer("false-proof", "And if it is shown with the proof of a true one?", on_chain)
        stage.answer("recalled-pack", "A pack of the lot is scanned: what does it find?", lambda: scan(left))
        stage.answer("recalled-dispensed", "And one that was dispensed before?", scan_dispensed)
        stage.answer("recalled-dispense", "May the pharmacy dispense the pack all the same?", dispense)

    def _return(self) -> None:
        def ship() -> TransactionReceipt:
            deadline = self._stage.connection.block_time() + DEADLINE_SECONDS
            custody = Custody(self._operator.acting_as(PHARMACY_KEY))
            return custody.ship(self._case, MANUFACTURER.organization, deadline, is_return=True)

        def is_on_its_way_back() -> bool:
            shipment = self._custody.shipment(self._case)
            return shipment is not None and shipment.is_return

        def is_back() -> bool:
            told = self._custody.container(self._case)
            return told is not None and self._stage.name_of(told.holder) == MANUFACTURER.organization

        def is_destroyed() -> bool:
            told = self._custody.container(self._case)
            return told is not None and told.ended is UnitStatus.DESTROYED

        maker = MANUFACTURER_KEY
        for title, actor, gas, done, act in (
            ("return what is left of its case to the manufacturer", PHARMACY_KEY, RETURN_GAS, is_on_its_way_back, ship),
            ("accept the return", maker, RECEIVE_GAS, is_back, lambda: self._books.maker.custody.receive(self._case)),
            (
                "destroy it",
                maker,
                END_GAS,
                is_destroyed,
                lambda: self._books.maker.custody.end(self._case, UnitStatus.DESTROYED),
            ),
        ):
            self._stage.step(title, actor=actor, gas=gas, done=done, act=act)

    # ------------------------------------------------------------------ reading

    @cached_property
    def _lots(self) -> Lots:
        return Lots(self._operator.supply)

    @cached_property
    def _custody(self) -> Custody:
        return Custody(self._operator.supply)

    def _opened(self) -> str | None:
        """Which product and lot number the lot is, as everybody is told."""
        supply = self._operator.supply
        for entry in supply.connection.logs(supply.lots.address, [LotOpened], supply.first_block):
            event = entry.event
            if isinstance(event, LotOpened) and event.lot == self._goods.lot.id:
                return f"{from_padded(event.product)}, lot {from_padded(event.lot_number)}"
        return None

    def _who_has_what(self) -> Iterator[tuple[str, str, str]]:
        """From the chain alone, but for the SSCCs, which the maker knows."""
        lot, supply = self._goods.lot.id, self._operator.supply
        logs = supply.connection.logs
        ranges = [
            (event.first, event.count, event.container)
            for event in (entry.event for entry in logs(supply.custody.address, [RangePacked], supply.first_block))
            if isinstance(event, RangePacked) and event.lot == lot
        ]
        dispensed = {
            index
            for event in (entry.event for entry in logs(supply.lots.address, [UnitsDispensed], supply.first_block))
            if isinstance(event, UnitsDispensed) and event.lot == lot
            for index in event.indices
        }
        taken = set(dispensed)
        yield f"{len(dispensed):,}", f"dispensed by {PHARMACY.organization}", ""
        # The smallest first: what was taken out of a larger one is in it no more.
        for first, count, container in sorted(ranges, key=lambda found: found[1]):
            numbers = set(range(first, first + count)) - taken
            taken |= numbers
            yield f"{len(numbers):,}", self._where(container), self._sscc(container)

    def _where(self, container: str) -> str:
        told = self._custody.container(container)
        shipment = self._custody.shipment(container)
        assert told is not None
        holder = self._stage.name_of(told.holder)
        if told.state is ContainerState.ENDED:
            return f"{_name(told.ended)} by {holder}"
        if told.state is ContainerState.REJECTED and shipment is not None:
            return f"rejected, on its way back to {self._stage.name_of(shipment.sender)}"
        return f"{_name(told.state)} by {holder}"

    def _sscc(self, container: str) -> str:
        known = [*self._goods.pallets, *self._goods.cases]
        return next((one.sscc for one in known if one.id == container), container)


def _words(answer: Answer) -> str:
    """What a verification finds."""
    words = [_name(answer.finding)]
    if answer.recall_class is not RecallClass.NOT_RECALLED:
        words.append(f"{answer.recall_class.name.replace('CLASS_', 'class ')}, {_name(answer.recall_reason)}")
    return "; ".join(words)


def _name(value: Enum) -> str:
    return value.name.lower().replace("_", " ")
