"""An organization's goods: what the chain says of them, by what is kept at home.

    stock = Stock(ledger.acting_as(key).supply("medicines-agency"), LotBook(vault, supply_id, "sundial-pharma"))
    lot = stock.commission("gtin:00300010000015", "L-0042", expiry_day=22_000, serials=serials).lot
    pallet = stock.pack_range(lot.id, "003000100000000015", count=2_000, case_ssccs=ssccs).container
    stock.dispense([read("(01)00300010000015(21)S17(17)300101(10)L-0042").item])

Everything is named as people name it, by product, lot number, serial and SSCC. What is sent is kept before it is sent,
and where units lie is kept once the chain says so: whoever is interrupted calls again with the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from careledger.anchoring.types import ZERO_HASH
from careledger.chain.connection import TransactionReceipt
from careledger.contract_enums import LotKind, RecallClass, RecallReason, UnitStatus
from careledger.contract_errors import CustodyContainerExists
from careledger.errors import BarcodeUnreadable, InvalidInput, NotInBook
from careledger.identity.identifiers import to_padded
from careledger.serialization import barcodes
from careledger.serialization.custody import WHOLE_SHARE_BASIS_POINTS, Custody
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import KeptContainer, KeptLot, UnitRange
from careledger.serialization.lots import Lots
from careledger.serialization.supply import SupplyChain
from careledger.serialization.types import NO_CONTAINER, NO_ORGANIZATION, Answer, LotTerms, Pack, Unit

__all__ = ["DEPTHS", "Cases", "Commissioned", "Found", "Packed", "Stock", "Verification", "day_of"]

DEPTHS = (10, 14, 17, 20)
"""Of trees that are not told how deep to be: the least that has room. So few that a depth hardly tells how many units
there are."""

EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Commissioned:
    """A lot that stands on chain; `receipts` are of what was sent for it, none if it stood already."""

    lot: KeptLot
    receipts: tuple[TransactionReceipt, ...]


@dataclass(frozen=True)
class Packed:
    """A container that stands on chain; `receipt` is of what was sent for it, None if it stood already."""

    container: KeptContainer
    receipt: TransactionReceipt | None


@dataclass(frozen=True)
class Cases:
    """Cases that were taken out of a container."""

    containers: tuple[KeptContainer, ...]
    receipt: TransactionReceipt


@dataclass(frozen=True)
class Found:
    """A unit as it is known at home: its lot, its number, and the container that it lies in, None if in none."""

    lot: KeptLot
    index: int
    container: str | None

    @property
    def unit(self) -> Unit:
        return Unit(self.lot.id, self.index, self.container or NO_CONTAINER)


@dataclass(frozen=True)
class Verification:
    """What the chain answers of a pack in hand, and what it is by the book."""

    found: Found
    answer: Answer


class Stock:
    """One organization's, as the signer of `supply`. Methods raise what `Lots` and `Custody` raise, NotInBook for what
    nothing came with, InvalidInput for what is none, and VaultError."""

    def __init__(self, supply: SupplyChain, book: LotBook) -> None:
        self.supply = supply
        self.book = book
        self.lots = Lots(supply)
        self.custody = Custody(supply)

    # ------------------------------------------------------------------ makers

    def commission(
        self,
        product: str,
        lot_number: str,
        expiry_day: int,
        serials: Sequence[str],
        depth: int | None = None,
        kind: LotKind = LotKind.MEDICINE,
    ) -> Commissioned:
        """Commissions a lot of the organization's own, its units numbered in the order of the serials, in as many
        tranches as they need. The same again sends what is missing.

        Raises InvalidInput for no serials, one that comes twice, or more than fit.
        """
        if not serials:
            raise InvalidInput("serials", "none", "must be one or more")
        if len(set(serials)) != len(serials):
            double = next(serial for serial, same in groupby(sorted(serials)) if len(list(same)) > 1)
            raise InvalidInput("serial", double, "comes twice")
        if depth is None:
            depth = next((each for each in DEPTHS if len(serials) <= 1 << each), DEPTHS[-1])
        terms = LotTerms(expiry_day, depth, kind)
        lot = self.book.make_lot(product, lot_number, expiry_day, depth, kind)
        size = 1 << depth
        roots = [
            self.book.keep_tranche(lot.id, number, enumerate(serials[first : first + size], first))
            for number, first in enumerate(range(0, len(serials), size))
        ]
        standing = self.lots.lot(lot.id)
        receipts = []
        if standing is None or self.lots.root(lot.id) != roots[0]:
            receipts.append(self.lots.commission(lot.reference, terms, roots[0]))
        for number in range(1, len(roots)):
            if self.lots.root(lot.id, number) != roots[number]:
                receipts.append(self.lots.add_tranche(lot.id, number, roots[number]))
        return Commissioned(lot, tuple(receipts))

    def extend(self, lot: str, serials: Sequence[str]) -> tuple[TransactionReceipt, ...]:
        """Commissions further units of a lot of one's own, in as many further tranches as they need. Raises
        InvalidInput for a serial that the lot has, and for a lot that is not on chain."""
        kept, standing = self.book.lot(lot), self.lots.lot(lot)
        if standing is None:
            raise InvalidInput("lot", lot, "is not on chain: commission it first")
        for serial in serials:
            if self._number(kept, serial) is not None:
                raise InvalidInput("serial", serial, f"is in lot {kept.lot_number} already")
        size, receipts = 1 << kept.depth, []
        for number, first in enumerate(range(0, len(serials), size), standing.tranches):
            part = enumerate(serials[first : first + size], number << kept.depth)
            receipts.append(self.lots.add_tranche(lot, number, self.book.keep_tranche(lot, number, part)))
        return tuple(receipts)

    def repackage(
        self, product: str, lot_number: str, expiry_day: int, serials: Sequence[str], inputs: Sequence[str]
    ) -> Commissioned:
        """Commissions a lot, as a repackager, of what is in containers, by SSCC or id, each whole; these are used up.
        Raises InvalidInput for more serials than one tranche has room for."""
        if not 0 < len(serials) <= 1 << DEPTHS[-1] or len(set(serials)) != len(serials):
            raise InvalidInput("serials", str(len(serials)), f"must be 1 to {1 << DEPTHS[-1]}, each once")
        depth = next(each for each in DEPTHS if len(serials) <= 1 << each)
        lot = self.book.make_lot(product, lot_number, expiry_day, depth)
        root = self.book.keep_tranche(lot.id, 0, enumerate(serials))
        ids = [self.container(each) for each in inputs]
        return Commissioned(lot, (self.lots.repackage(lot.reference, LotTerms(expiry_day, depth), root, ids),))

    def open(self, lot: str) -> TransactionReceipt:
        """Tells everybody which product and lot number a lot of one's own is, as at a recall."""
        kept = self.book.lot(lot)
        return self.lots.open(lot, kept.product, kept.lot_number, kept.salt)

    def recall(
        self, lot: str, recall_class: RecallClass, reason: RecallReason, opened: bool = True
    ) -> tuple[TransactionReceipt, ...]:
        """Recalls a lot, and by default tells everybody which one it is."""
        receipt = self.lots.recall(lot, recall_class, reason)
        return (receipt, self.open(lot)) if opened else (receipt,)

    # ------------------------------------------------------------------ packing

    def pack_range(
        self, lot: str, sscc: str, count: int, first: int | None = None, case_ssccs: Sequence[str] = ()
    ) -> Packed:
        """Packs numbers of a lot, as its maker: from what was packed last on, or from `first`. With SSCCs of cases, it
        has as many equal cases, which a later holder takes out under them."""
        container = self.book.keep_container(sscc)
        if case_ssccs:
            self.book.keep_cases(container.id, case_ssccs)
        if first is None:
            standing, packed = self.lots.lot(lot), self.custody.container(container.id)
            if standing is None:
                raise InvalidInput("lot", lot, "is not on chain: commission it first")
            first = standing.packed if packed is None else packed.first
        receipt = None
        try:
            receipt = self.custody.pack_range(container.reference, lot, first, count, len(case_ssccs))
        except CustodyContainerExists:
            packed = self.custody.container(container.id)
            wanted = (lot, first, count, len(case_ssccs))
            if packed is None or (packed.lot, packed.first, packed.count, packed.cases) != wanted:
                raise
        self.book.move(container.id, [UnitRange(lot, first, count)])
        return Packed(container, receipt)

    def pack(self, sscc: str, containers: Sequence[str] = (), packs: Sequence[barcodes.Pack] = ()) -> Packed:
        """Packs containers, by SSCC or id, and single packs into a new container. Nothing is sent if this organization
        has packed just these under the SSCC; raises CustodyContainerExists if it has packed others."""
        container = self.book.keep_container(sscc)
        ids = [self.container(each) for each in containers]
        found = [self.find(each) for each in packs]
        if self.custody.container(container.id) is not None and self.settle_packing(sscc, containers, packs):
            return Packed(container, None)
        receipt = self.custody.pack(container.reference, ids, [each.unit for each in found])
        self.book.move(container.id, [UnitRange(each.lot.id, each.index, 1) for each in found], ids)
        return Packed(container, receipt)

    def settle_packing(self, name: str, containers: Sequence[str], packs: Sequence[barcodes.Pack]) -> bool:
        """Whether all of these lie in a container on chain. Then the book says so as well: whoever was killed after the
        packing could not write it."""
        container = self.container(name)
        ids = [self.container(each) for each in containers]
        found = [self.find(each) for each in packs]
        if {self.book.parent_of(each) for each in ids} | {each.container for each in found} <= {container}:
            return True
        standing = map(self.custody.container, ids)
        if not all(one is not None and one.parent == container for one in standing):
            return False
        units = [replace(each.unit, container=container) for each in found]
        if any(self.custody.find(unit).holder == NO_ORGANIZATION for unit in units):
            return False
        self.book.move(container, [UnitRange(each.lot.id, each.index, 1) for each in found], ids)
        return True

    def add(self, name: str, containers: Sequence[str] = (), packs: Sequence[barcodes.Pack] = ()) -> TransactionReceipt:
        """Adds containers and single packs to a mixed container."""
        container = self.container(name)
        ids = [self.container(each) for each in containers]
        found = [self.find(each) for each in packs]
        receipt = self.custody.add(container, ids, [each.unit for each in found])
        self.book.move(container, [UnitRange(each.lot.id, each.index, 1) for each in found], ids)
        return receipt

    def unpack(self, parent: str, containers: Sequence[str]) -> TransactionReceipt:
        """Takes containers out of another, all by SSCC or id."""
        ids = [self.container(each) for each in containers]
        receipt = self.custody.unpack(self.container(parent), ids)
        self.book.move(None, containers=ids)
        return receipt

    def unpack_cases(self, parent: str, numbers: Sequence[int], ssccs: Sequence[str] = ()) -> Cases:
        """Takes cases, by their numbers from 0, out of a container of a range: under the SSCCs that came with it, or
        those given."""
        container = self.container(parent)
        known = self.book.cases(container)
        if not ssccs:
            if not known:
                raise NotInBook("SSCCs of the cases in container", parent)
            ssccs = [known[number] if 0 <= number < len(known) else "" for number in numbers]
        cases = [self.book.keep_container(sscc) for sscc in ssccs]
        receipt = self.custody.unpack_cases(container, [case.reference for case in cases], numbers)
        for case in cases:
            taken = self.custody.container(case.id)
            assert taken is not None
            self.book.move(case.id, [UnitRange(taken.lot, taken.first, taken.count)])
        return Cases(tuple(cases), receipt)

    def unpack_packs(self, packs: Sequence[barcodes.Pack]) -> TransactionReceipt:
        """Takes single packs out of the containers that they lie in."""
        found = [self.find(each) for each in packs]
        receipt = self.custody.unpack_units([each.unit for each in found])
        self.book.move(None, [UnitRange(each.lot.id, each.index, 1) for each in found])
        return receipt

    def receive_but_for(
        self,
        name: str,
        rejected_sscc: str,
        containers: Sequence[str] = (),
        packs: Sequence[barcodes.Pack] = (),
        accepted_share_basis_points: int = WHOLE_SHARE_BASIS_POINTS,
        reason: str = ZERO_HASH,
    ) -> tuple[KeptContainer, TransactionReceipt]:
        """Accepts a shipment but for containers and packs of it, which go back in a new container. Of an order, the
        share of the price is paid at once. `reason` is a salted hash."""
        rejected = self.book.keep_container(rejected_sscc)
        ids, found = [self.container(each) for each in containers], [self.find(each) for each in packs]
        units = [each.unit for each in found]
        receipt = self.custody.receive_in_part(
            self.container(name), rejected.reference, ids, units, accepted_share_basis_points, reason
        )
        self.book.move(rejected.id, [UnitRange(each.lot.id, each.index, 1) for each in found], ids)
        return rejected, receipt

    # ------------------------------------------------------------------ packs in hand

    def find(self, pack: barcodes.Pack) -> Found:
        """A pack by what was read off it: GTIN, serial, and lot number; without that, in all lots of the product.
        Raises NotInBook, BarcodeUnreadable with the fault WRONG_CASE if its code differs from a known one by the case
        of letters only and NO_SERIAL if it has none, and InvalidInput if it names packs of several lots."""
        if pack.serial is None:
            problem = f"is missing in the code of {pack.product}"
            raise BarcodeUnreadable("serial", "none", problem, barcodes.BarcodeFault.NO_SERIAL)
        if pack.lot is None:
            return self._find_by_serial(pack.product, pack.serial)
        lots = self.book.lots_numbered(pack.product, pack.lot)
        standing = [lot for lot in lots if len(lots) == 1 or self.lots.lot(lot.id) is not None]
        if not standing:
            for known in self._of(pack.product):
                if known.lot_number != pack.lot and known.lot_number.lower() == pack.lot.lower():
                    raise _other_case("lot number", pack.lot, known.lot_number, replace(pack, lot=known.lot_number))
            raise NotInBook("lot", f"{pack.lot} of {pack.product}")
        for lot in standing:
            index = self._number(lot, pack.serial)
            if index is not None:
                return Found(lot, index, self._place(lot, index))
        for lot in standing:
            for other in (pack.serial.upper(), pack.serial.lower(), pack.serial.swapcase()):
                if self._number(lot, other) is not None:
                    raise _other_case("serial", pack.serial, other, replace(pack, serial=other))
        raise NotInBook("serial", f"{pack.serial} of lot {pack.lot} of {pack.product}")

    def verify(self, pack: barcodes.Pack, block: int | str = "latest") -> Verification:
        """What the chain says of a pack in hand, as of a block. Its expiry is compared if its code has one."""
        found = self.find(pack)
        lot = found.lot
        stated = Pack(
            product=to_padded(lot.product),
            maker=lot.maker,
            reference=lot.reference,
            expiry_day=lot.expiry_day if pack.expires is None else day_of(pack.expires),
            index=found.index,
            inner=self.book.unit(lot.id, found.index).inner,
            proof=tuple(self.book.proof(lot.id, found.index)),
            container=found.unit.container,
        )
        return Verification(found, self.lots.verify(stated, block))

    def dispense(self, packs: Sequence[barcodes.Pack]) -> tuple[TransactionReceipt, ...]:
        """Dispenses packs: those of one tranche and container in one transaction, all of these or none."""
        found = sorted((self.find(each) for each in packs), key=_together)
        receipts = []
        for _, same in groupby(found, key=lambda each: _together(each)[:-1]):
            units = list(same)
            lot, container = units[0].lot, units[0].unit.container
            inners = [self.book.unit(lot.id, each.index).inner for each in units]
            if len(units) == 1:
                index = units[0].index
                proof = self.book.proof(lot.id, index)
                receipts.append(self.lots.dispense(lot.id, index, inners[0], proof, container))
            else:
                indices = [each.index for each in units]
                proof = self.book.multiproof(lot.id, indices)
                receipts.append(self.lots.dispense_many(lot.id, indices, inners, proof, container))
        return tuple(receipts)

    def undo_dispense(self, pack: barcodes.Pack) -> TransactionReceipt:
        """Puts a pack back that was dispensed within the last 10 days."""
        unit = self.find(pack).unit
        return self.lots.undo_dispense(unit.lot, unit.index, unit.container)

    def suspect(self, pack: barcodes.Pack, reason: str) -> TransactionReceipt:
        """Finds a pack suspect. `reason` is a salted hash."""
        unit = self.find(pack).unit
        return self.lots.suspect(unit.lot, unit.index, unit.container, reason)

    def end(self, packs: Sequence[barcodes.Pack], status: UnitStatus, reason: str) -> tuple[TransactionReceipt, ...]:
        """Ends packs: destroyed, decommissioned, stolen or exported. `reason` is a salted hash."""
        found = sorted((self.find(each) for each in packs), key=_together)
        receipts = []
        for _, same in groupby(found, key=lambda each: (each.lot.id, each.unit.container)):
            units = list(same)
            indices, container = [each.index for each in units], units[0].unit.container
            receipts.append(self.lots.end_units(units[0].lot.id, indices, status, container, reason))
        return tuple(receipts)

    # ------------------------------------------------------------------ containers

    def container(self, name: str) -> str:
        """A container's id by its SSCC, or the id itself. Where several organizations packed under one SSCC, the one
        that this organization holds, or is sent. Raises NotInBook, and InvalidInput if none or several are."""
        if name.startswith("0x"):
            return name
        known = self.book.containers_with(name)
        if not known:
            raise NotInBook("container", name)
        if len(known) == 1:
            return known[0].id
        mine = []
        for each in known:
            told = self.custody.container(each.id)
            if told is not None and self.book.organization in (told.holder, told.receiver):
                mine.append(each.id)
        if len(mine) == 1:
            return mine[0]
        problem = f"names {len(known)} containers, of which {len(mine)} are held here: name one by its id"
        raise InvalidInput("SSCC", name, problem)

    # ------------------------------------------------------------------ helpers

    def _find_by_serial(self, product: str, serial: str) -> Found:
        found = [(lot, index) for lot in self._of(product) if (index := self._number(lot, serial)) is not None]
        if len(found) > 1:
            found = [(lot, index) for lot, index in found if self.lots.lot(lot.id) is not None]
        if not found:
            raise NotInBook("serial", f"{serial} of {product}")
        if len(found) > 1:
            numbers = ", ".join(lot.lot_number for lot, _ in found)
            raise InvalidInput("serial", serial, f"is in several lots of {product}: {numbers}; one of them is false")
        lot, index = found[0]
        return Found(lot, index, self._place(lot, index))

    def _of(self, product: str) -> list[KeptLot]:
        return [lot for lot in self.book.lots() if lot.product == product]

    def _number(self, lot: KeptLot, serial: str) -> int | None:
        try:
            return self.book.number_of(lot.id, serial)
        except NotInBook:
            return None

    def _place(self, lot: KeptLot, index: int) -> str | None:
        """None, too, for a unit of one's own lot that is not packed yet."""
        try:
            return self.book.place_of(lot.id, index)
        except NotInBook:
            return None


def day_of(date: dt.date) -> int:
    """Days since 1970-01-01."""
    return (date - EPOCH).days


def _other_case(name: str, stated: str, known: str, likelier: barcodes.Pack) -> BarcodeUnreadable:
    problem = f"is not known, and {known} is: caps lock at the scanner's computer is the likelier cause"
    return BarcodeUnreadable(name, stated, problem, barcodes.BarcodeFault.WRONG_CASE, barcodes.bracketed(likelier))


def _together(found: Found) -> tuple[str, str, int, int]:
    return (found.lot.id, found.unit.container, found.index >> found.lot.depth, found.index)
