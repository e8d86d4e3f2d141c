"""What a book of lots holds: lots and containers with what opens their ids, where units lie, and what was handed on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from careledger.contract_enums import LotKind
from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id
from careledger.serialization.identifiers import container_id, lot_id, lot_reference, sscc_reference
from careledger.serialization.partial_tree import PartialTree, Tranche
from careledger.serialization.units import MAX_DEPTH, LotSecret, UnitTree, levels_over

if TYPE_CHECKING:
    from careledger.serialization.supply import SupplyChain

__all__ = [
    "CROWN_LEVEL",
    "Contents",
    "Disclosure",
    "HandedOn",
    "KeptContainer",
    "KeptLot",
    "ReceivedBundle",
    "SupplyId",
    "UnitRange",
    "WholeTranche",
    "subtree",
]

CROWN_LEVEL = 6
"""The lowest level of a tree that is kept: under each node are 64 numbers."""
LAST_EXPIRY_DAY = 2**16 - 1
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SupplyId:
    """Which supply chain: by its chain and the address of its LotRegistry, in lower case."""

    chain_id: int
    registry: str

    @classmethod
    def of(cls, supply: SupplyChain) -> SupplyId:
        """That of deployed contracts."""
        return cls(supply.lots.connection.chain_id, supply.lots.address.lower())

    def __str__(self) -> str:
        return f"{self.chain_id}:{self.registry}"


@dataclass(frozen=True)
class KeptLot:
    """A lot as its maker, by id, states it. `product` is a scheme and its value, `gtin:00300010000015` for example;
    `expiry_day` counts from 1970-01-01 UTC, 0 if there is none. `salt` opens its reference. Raises InvalidInput."""

    maker: str
    product: str
    lot_number: str
    salt: bytes = field(repr=False)
    expiry_day: int
    depth: int
    kind: LotKind = LotKind.MEDICINE
    reference: bytes = field(init=False, repr=False, compare=False)
    """32 bytes, as `commission` takes it."""
    id: str = field(init=False, compare=False)
    """0x and 24 hex digits."""

    def __post_init__(self) -> None:
        if not 0 <= self.depth <= MAX_DEPTH:
            raise InvalidInput("depth", str(self.depth), f"must be from 0 to {MAX_DEPTH}")
        if not 0 <= self.expiry_day <= LAST_EXPIRY_DAY:
            raise InvalidInput("expiry day", str(self.expiry_day), f"must be from 0 to {LAST_EXPIRY_DAY}")
        object.__setattr__(self, "maker", organization_id(self.maker))
        object.__setattr__(self, "reference", lot_reference(self.product, self.lot_number, self.salt))
        object.__setattr__(self, "id", lot_id(self.maker, self.reference))

    def to_json(self) -> Json:
        """Its values; the kind is a number."""
        return {
            "maker": self.maker,
            "product": self.product,
            "lot_number": self.lot_number,
            "salt": self.salt.hex(),
            "expiry_day": self.expiry_day,
            "depth": self.depth,
            "kind": int(self.kind),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> KeptLot:
        """What `to_json` made. Raises InvalidInput."""
        return cls(**{**value, "salt": bytes.fromhex(value["salt"]), "kind": LotKind(value["kind"])})


@dataclass(frozen=True)
class KeptContainer:
    """The opening of a container's id: its packer's id, its SSCC, and the salt. Raises InvalidInput."""

    packer: str
    sscc: str
    salt: bytes = field(repr=False)
    reference: bytes = field(init=False, repr=False, compare=False)
    """32 bytes, as `packRange` and `pack` take it."""
    id: str = field(init=False, compare=False)
    """0x and 24 hex digits."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "packer", organization_id(self.packer))
        object.__setattr__(self, "reference", sscc_reference(self.sscc, self.salt))
        object.__setattr__(self, "id", container_id(self.packer, self.reference))

    def to_json(self) -> Json:
        """Its values."""
        return {"packer": self.packer, "sscc": self.sscc, "salt": self.salt.hex()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> KeptContainer:
        """What `to_json` made. Raises InvalidInput."""
        return cls(value["packer"], value["sscc"], bytes.fromhex(value["salt"]))


@dataclass(frozen=True, slots=True)
class UnitRange:
    """Numbers of a lot that follow each other, one or more. Raises InvalidInput."""

    lot: str
    first: int
    count: int

    def __post_init__(self) -> None:
        if self.first < 0 or self.count < 1:
            raise InvalidInput("numbers", f"{self.first}, {self.count}", "must be one or more, from 0 on")

    @property
    def end(self) -> int:
        """The number after the last."""
        return self.first + self.count


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in a container itself, as far as it is known: numbers of lots, and the ids of containers."""

    ranges: tuple[UnitRange, ...] = ()
    containers: tuple[str, ...] = ()


@dataclass(frozen=True)
class WholeTranche:
    """All of a tranche's units as (number, serial), ascending. Salts and unused leaves follow from the lot's secret.

    Raises InvalidInput for numbers that are not the tranche's or do not ascend.
    """

    tranche: Tranche
    secret: LotSecret
    serials: tuple[tuple[int, str], ...] = field(repr=False)

    def __post_init__(self) -> None:
        last = self.tranche.first - 1
        for index, _ in self.serials:
            if not last < index < self.tranche.end:
                ends = f"from {self.tranche.first} to {self.tranche.end - 1}"
                raise InvalidInput("number", str(index), f"must be {ends}, and of one unit")
            last = index

    @cached_property
    def crown(self) -> bytes:
        """The nodes of one level of the tree: the sixth, or the root of a lower one. Raises InvalidInput for wrong
        serials. Takes 7 s for 1,000,000 units."""
        tranche, height = self.tranche, min(CROWN_LEVEL, self.tranche.depth)
        groups = {place: list(units) for place, units in groupby(self.serials, lambda unit: unit[0] >> height)}
        crown = bytearray()
        for place in range(tranche.first >> height, tranche.end >> height):
            crown += subtree(tranche, self.secret, height, place, groups.get(place, ())).root
        return bytes(crown)

    @cached_property
    def root(self) -> bytes:
        """32 bytes."""
        return bytes(levels_over(bytearray(self.crown))[-1])


@dataclass(frozen=True)
class HandedOn:
    """What somebody gets to know of lots: with goods, or as a disclosure.

    `parts` are units of the lots with what proves them. `containers` are openings, `contents` what lies in each by id,
    and `cases` the SSCCs of equal cases in their order that are not told one by one yet. `tranches` come only where a
    whole lot is disclosed.
    """

    lots: tuple[KeptLot, ...]
    parts: tuple[PartialTree, ...] = ()
    containers: tuple[KeptContainer, ...] = ()
    contents: Mapping[str, Contents] = field(default_factory=dict)
    cases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tranches: tuple[WholeTranche, ...] = ()


@dataclass(frozen=True)
class ReceivedBundle:
    """A sealed bundle that was opened and kept. `digest` is its file's SHA-256, 0x-prefixed; `sender` who sealed it, by
    id; `signed_at` when, Unix seconds; `reason` why a lot was disclosed, empty if it came with goods. `entry` is where
    the file lies in the vault."""

    digest: str
    sender: str
    signed_at: int
    reason: str
    lots: tuple[str, ...]
    containers: tuple[str, ...]
    entry: str = ""


@dataclass(frozen=True)
class Disclosure:
    """A lot that was disclosed. `at` is Unix seconds, `receiver` an organization's id, `numbers` are those of the units
    as [first, count], None if it was the whole lot; `digest` is the file's SHA-256, 0x-prefixed."""

    at: int
    receiver: str
    lot: str
    numbers: tuple[tuple[int, int], ...] | None
    reason: str
    digest: str


def subtree(
    tranche: Tranche, secret: LotSecret, height: int, place: int, serials: Iterable[tuple[int, str]]
) -> UnitTree:
    """What is under a node of a tranche's tree. `place` counts the nodes of that height in the lot."""
    return UnitTree.of(
        serials, secret, height, place, chain_id=tranche.chain_id, registry=tranche.registry, lot=tranche.lot
    )
