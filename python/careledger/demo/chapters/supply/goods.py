"""The goods: a made-up product, its lot, two pallets of 20 cases.

GTIN and SSCCs have the prefix that GS1 keeps for examples. Salts and the lot's secret follow from names, so that a run
that goes on finds its own lot. Real ones are random, and stay in the vaults.
"""

from __future__ import annotations

import datetime as dt

from biip.checksums import gs1_standard_check_digit
from eth_utils.crypto import keccak

from careledger.demo.cast import DISTRIBUTOR, MANUFACTURER
from careledger.serialization.barcodes import Pack, element_string, read
from careledger.serialization.lot_book_entries import KeptContainer, KeptLot, UnitRange
from careledger.serialization.stock import DEPTHS, day_of
from careledger.serialization.units import LotSecret

__all__ = ["CASES", "EXPIRES", "LOT_NUMBER", "PRODUCT", "Goods"]


def _with_check_digit(body: str) -> str:
    return f"{body}{gs1_standard_check_digit(body)}"


GTIN = _with_check_digit("0952100000101")
PRODUCT = f"gtin:{GTIN}"
LOT_NUMBER = "DEMO-1"
EXPIRES = dt.date(2039, 12, 31)
DATA_MATRIX = "]d2"
"""A scanner's prefix."""

PALLETS = 2
CASES = 20
"""On each pallet, of equal size."""

DISPENSED_SHARE = 10
"""Of a case, one in so many packs is dispensed."""


class Goods:
    """A lot of so many packs, on two pallets; two cases are taken from the first."""

    def __init__(self, units: int) -> None:
        self.units = units
        self.secret = LotSecret(keccak(text="careledger demo secret of the lot"))
        depth = next(each for each in DEPTHS if units <= 1 << each)
        self.lot = KeptLot(
            MANUFACTURER.organization, PRODUCT, LOT_NUMBER, self.secret.lot_salt(), day_of(EXPIRES), depth
        )
        self.on_pallet = units // PALLETS
        self.in_case = self.on_pallet // CASES
        self.pallets = [_container(MANUFACTURER.organization, _sscc(number)) for number in range(PALLETS)]
        self.cases = [_container(DISTRIBUTOR.organization, sscc) for sscc in self.case_ssccs(0)[:2]]
        """Those that are taken out: the pharmacy's, and the hospital's."""

    @property
    def serials(self) -> list[str]:
        """In the order of the units' numbers."""
        return [self.serial(index) for index in range(self.units)]

    def serial(self, index: int) -> str:
        """Of a unit, by its number."""
        return f"SN{index:06}"

    def scan(self, index: int) -> Pack:
        """What a scanner reads off a unit, by its number; of a number that no unit has, off a counterfeit."""
        pack = Pack(gtin=GTIN, serial=self.serial(index), lot=LOT_NUMBER, expires=EXPIRES)
        found = read(DATA_MATRIX + element_string(pack)).item
        assert isinstance(found, Pack)
        return found

    def case_ssccs(self, pallet: int) -> list[str]:
        """Of a pallet's cases, in their order."""
        return [_sscc(PALLETS + pallet * CASES + number) for number in range(CASES)]

    def pallet_range(self, pallet: int) -> UnitRange:
        """What is on a pallet."""
        return UnitRange(self.lot.id, pallet * self.on_pallet, self.on_pallet)

    def case_range(self, case: int) -> UnitRange:
        """What is in a case that is taken out."""
        return UnitRange(self.lot.id, case * self.in_case, self.in_case)

    @property
    def dispensed(self) -> range:
        """The numbers that are dispensed, of the pharmacy's case."""
        return range(self.in_case // DISPENSED_SHARE)


def _sscc(number: int) -> str:
    return _with_check_digit(f"09521000{number:09}")


def _container(packer: str, sscc: str) -> KeptContainer:
    return KeptContainer(packer, sscc, keccak(text=f"careledger demo salt of container {sscc}"))
