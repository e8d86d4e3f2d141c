"""The lot is commissioned, packed and shipped; a pharmacy dispenses; a case that got warm is rejected."""

from __future__ import annotations

import time
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric import ec
from eth_utils.crypto import keccak

from careledger.chain.connection import TransactionReceipt
from careledger.contract_enums import ContainerState, PackFinding, UnitStatus
from careledger.demo.cast import DISTRIBUTOR, HOSPITAL, MANUFACTURER, PHARMACY
from careledger.demo.chapters.supply.books import Books
from careledger.demo.chapters.supply.goods import LOT_NUMBER, PRODUCT
from careledger.demo.chapters.supply.operator import Operator
from careledger.errors import InvalidInput
from careledger.serialization.cold_chain import ColdChain, DeviceKey, Limits
from careledger.serialization.custody import Custody
from careledger.serialization.lots import Lots
from careledger.serialization.readings import Reading, WindowReadings

__all__ = [
    "DEADLINE_SECONDS",
    "DISTRIBUTOR_KEY",
    "HOSPITAL_KEY",
    "MANUFACTURER_KEY",
    "PHARMACY_KEY",
    "SHIP_GAS",
    "Trade",
]

MANUFACTURER_KEY = MANUFACTURER.key(1)
DISTRIBUTOR_KEY = DISTRIBUTOR.key(1)
PHARMACY_KEY = PHARMACY.key(1)
HOSPITAL_KEY = HOSPITAL.key(2)

COMMISSION_GAS = 110_000
PACK_GAS = 110_000
SHIP_GAS = 90_000
RECEIVE_GAS = 60_000
UNPACK_GAS = 230_000
DISPENSE_GAS = 120_000
DISPENSE_UNIT_GAS = 9_000
REGISTER_GAS = 120_000
BIND_GAS = 120_000
WINDOW_GAS = 120_000
REJECT_GAS = 60_000

DEADLINE_SECONDS = 30 * 24 * 3600
LIMITS = Limits(lowest=200, highest=800, highest_mean=500)
TEMPERATURES = (460, 1240)
"""Which the logger reads, a second apart."""

PHARMACYS, HOSPITALS = 0, 1
"""The cases that are taken out."""


class Trade:
    """From the maker to patients, before the recall."""

    def __init__(self, operator: Operator, books: Books) -> None:
        self._operator = operator
        self._stage = operator.stage
        self._books = books
        self._goods = books.goods

    def play(self) -> None:
        self._make()
        self._hand_over()
        self._dispense()
        self._warm()

    # ------------------------------------------------------------------ the maker and the distributor

    def _make(self) -> None:
        goods = self._goods

        def commissioned() -> bool:
            if self._lots.lot(goods.lot.id) is None:
                return False
            if self._lots.root(goods.lot.id) != self._books.maker.book.roots(goods.lot.id)[0]:
                problem = "is not how many packs the lot has that stands on this chain"
                raise InvalidInput("--lot-units", str(goods.units), problem)
            return True

        def commission() -> TransactionReceipt:
            made = self._books.maker.commission(PRODUCT, LOT_NUMBER, goods.lot.expiry_day, goods.serials)
            return made.receipts[0]

        self._stage.step(
            f"commission a lot of {goods.units:,} packs, as one root",
            actor=MANUFACTURER_KEY,
            gas=COMMISSION_GAS,
            done=commissioned,
            act=commission,
        )
        for number in range(len(goods.pallets)):
            self._pack(number)

    def _pack(self, number: int) -> None:
        goods = self._goods
        pallet, packs = goods.pallets[number], goods.pallet_range(number)

        def act() -> TransactionReceipt:
            ssccs = goods.case_ssccs(number)
            packed = self._books.maker.pack_range(goods.lot.id, pallet.sscc, packs.count, packs.first, ssccs)
            assert packed.receipt is not None
            return packed.receipt

        self._stage.step(
            f"pack {packs.count:,} packs in cases onto pallet {number + 1}",
            actor=MANUFACTURER_KEY,
            gas=PACK_GAS,
            done=lambda: self._custody.container(pallet.id) is not None,
            act=act,
        )

    def _hand_over(self) -> None:
        goods, pallet = self._goods, self._goods.pallets[0].id
        case = goods.cases[PHARMACYS].id
        self._ship("ship pallet 1 to the distributor", MANUFACTURER_KEY, pallet, DISTRIBUTOR.organization)

        def receive_pallet() -> TransactionReceipt:
            return self._books.distributor.custody.receive(pallet)

        def receive_case() -> TransactionReceipt:
            return self._books.pharmacy.custody.receive(case)

        def unpack() -> TransactionReceipt:
            return self._books.distributor.unpack_cases(goods.pallets[0].id, range(len(goods.cases))).receipt

        self._stage.step(
            "open its sealed bundle, find all of it on chain, accept the pallet",
            actor=DISTRIBUTOR_KEY,
            gas=RECEIVE_GAS,
            done=lambda: not self._is_held_by(pallet, MANUFACTURER.organization),
            act=receive_pallet,
        )
        self._stage.step(
            "take two cases off the pallet",
            actor=DISTRIBUTOR_KEY,
            gas=UNPACK_GAS,
            done=lambda: self._custody.container(case) is not None,
            act=unpack,
        )
        self._ship("ship a case to the pharmacy", DISTRIBUTOR_KEY, case, PHARMACY.organization)
        self._stage.step(
            "open the case's sealed bundle, find all of it on chain, accept the case",
            actor=PHARMACY_KEY,
            gas=RECEIVE_GAS,
            done=lambda: not self._is_held_by(case, DISTRIBUTOR.organization),
            act=receive_case,
        )

    # ------------------------------------------------------------------ the pharmacy

    def _dispense(self) -> None:
        goods = self._goods
        first, count = goods.dispensed[0], len(goods.dispensed)

        def act() -> TransactionReceipt:
            stock = self._books.pharmacy
            packs = [goods.scan(index) for index in goods.dispensed]
            for pack in packs:
                finding = stock.verify(pack).answer.finding
                if finding is not PackFinding.VERIFIED:
                    raise InvalidInput("pack", str(pack.serial), f"is not dispensed: {finding.name}")
            (receipt,) = stock.dispense(packs)
            return receipt

        self._stage.step(
            f"scan {count:,} packs, verify each, dispense them",
            actor=PHARMACY_KEY,
            gas=DISPENSE_GAS + DISPENSE_UNIT_GAS * count,
            done=lambda: self._lots.unit(goods.lot.id, first).status is UnitStatus.DISPENSED,
            act=act,
        )

    # ------------------------------------------------------------------ the cold chain

    def _warm(self) -> None:
        case, key = self._goods.cases[HOSPITALS].id, _logger_key()
        logger = key.public.device_id(DISTRIBUTOR.organization)

        def cold_chain() -> ColdChain:
            return ColdChain(self._operator.acting_as(DISTRIBUTOR_KEY))

        def record() -> TransactionReceipt:
            chain, binding = cold_chain(), self._cold_chain.binding(logger)
            assert binding is not None
            readings = tuple(
                Reading(binding.end + after, temperature) for after, temperature in enumerate(TEMPERATURES, 1)
            )
            window = chain.next_window(logger, WindowReadings(readings, keccak(text="careledger demo window")))
            self._wait_until(window.end)
            return chain.record(window, chain.sign(window, key))

        def windows() -> int:
            binding = self._cold_chain.binding(logger)
            return 0 if binding is None else binding.sequence

        self._stage.step(
            "register a data logger",
            actor=DISTRIBUTOR_KEY,
            gas=REGISTER_GAS,
            done=lambda: self._cold_chain.device(logger) is not None,
            act=lambda: cold_chain().register(key.public),
        )
        self._stage.step(
            "put it into the second case: 2 to 8 °C",
            actor=DISTRIBUTOR_KEY,
            gas=BIND_GAS,
            done=lambda: self._cold_chain.binding(logger) is not None,
            act=lambda: cold_chain().bind(logger, case, LIMITS),
        )
        self._ship("ship the second case to the hospital", DISTRIBUTOR_KEY, case, HOSPITAL.organization)
        self._stage.step(
            "record what the logger signed on the way: an excursion",
            actor=DISTRIBUTOR_KEY,
            gas=WINDOW_GAS,
            done=lambda: windows() > 0,
            act=record,
        )
        self._stage.step(
            "see it before accepting, and reject the case",
            actor=HOSPITAL_KEY,
            gas=REJECT_GAS,
            done=lambda: self._state(case) is not ContainerState.IN_TRANSIT,
            act=lambda: Custody(self._operator.acting_as(HOSPITAL_KEY)).reject(case),
        )

        def seen() -> str:
            (found,) = self._cold_chain.windows(logger, case)
            told = self._custody.container(case)
            marked = told is not None and told.excursion and found.excursion
            degrees = f"{_degrees(found.window.lowest)} to {_degrees(found.window.highest)} °C"
            return f"{degrees}: {'an excursion' if marked else 'as it should be'}"

        self._stage.answer("cold-chain", "How warm was the hospital's case before it was to be accepted?", seen)

    # ------------------------------------------------------------------ helpers

    def _ship(self, title: str, sender: str, container: str, receiver: str) -> None:
        def act() -> TransactionReceipt:
            deadline = self._stage.connection.block_time() + DEADLINE_SECONDS
            return Custody(self._operator.acting_as(sender)).ship(container, receiver, deadline)

        self._stage.step(
            title,
            actor=sender,
            gas=SHIP_GAS,
            done=lambda: self._custody.shipment(container) is not None,
            act=act,
        )

    @cached_property
    def _lots(self) -> Lots:
        return Lots(self._operator.supply)

    @cached_property
    def _custody(self) -> Custody:
        return Custody(self._operator.supply)

    @cached_property
    def _cold_chain(self) -> ColdChain:
        return ColdChain(self._operator.supply)

    def _is_held_by(self, container: str, organization: str) -> bool:
        told = self._custody.container(container)
        return told is not None and self._stage.name_of(told.holder) == organization

    def _state(self, container: str) -> ContainerState:
        told = self._custody.container(container)
        return ContainerState.UNKNOWN if told is None else told.state

    def _wait_until(self, timestamp: int) -> None:
        connection = self._stage.connection
        connection.wait_until(timestamp)
        while not connection.is_local and connection.block_time() < timestamp:
            time.sleep(1)


def _logger_key() -> DeviceKey:
    """Follows from its name, as all that it signs is made up."""
    secret = int.from_bytes(keccak(text="careledger demo data logger"), "big") >> 1  # below the curve's order
    return DeviceKey(ec.derive_private_key(secret, ec.SECP256K1()))


def _degrees(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100 // 10}"
