"""What goes to a supply chain's contracts and comes from them, for Python.

Ids of lots, containers and organizations are 0x and 24 hex digits, hashes 0x and 64. Days are since 1970-01-01 UTC,
times Unix seconds, amounts token minor units, temperatures hundredths of a degree Celsius.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careledger.contract_enums import (
    ContainerState,
    LotKind,
    OrderStatus,
    PackFinding,
    RecallClass,
    RecallReason,
    UnitStatus,
)
from careledger.errors import InvalidInput

__all__ = [
    "NO_CONTAINER",
    "NO_ORGANIZATION",
    "Answer",
    "Container",
    "Investigation",
    "Lot",
    "LotTerms",
    "Order",
    "Pack",
    "Place",
    "Shipment",
    "Unit",
    "UnitState",
]

NO_CONTAINER = "0x" + 24 * "0"
"""In the place of a container: none."""

NO_ORGANIZATION = NO_CONTAINER
"""In the place of an organization: none."""

MAX_DAY = 2**16 - 1
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class LotTerms:
    """What a maker states of a lot. `expiry_day` is 0 for a device without one; a tranche has room for 2^depth units.

    Raises InvalidInput for a depth over 20, a day out of its bounds, and a medicine without expiry.
    """

    expiry_day: int
    depth: int
    kind: LotKind = LotKind.MEDICINE

    def __post_init__(self) -> None:
        if not 0 <= self.depth <= MAX_DEPTH:
            raise InvalidInput("depth", str(self.depth), f"must be from 0 to {MAX_DEPTH}")
        if not 0 <= self.expiry_day <= MAX_DAY:
            raise InvalidInput("expiry", str(self.expiry_day), "must be a day from 0 to 65535 since 1970-01-01")
        if self.expiry_day == 0 and self.kind is LotKind.MEDICINE:
            raise InvalidInput("expiry", "none", "is missing: a medicine has one")

    @property
    def word(self) -> int:
        """As `LotTerms.sol` packs them."""
        return self.expiry_day | self.depth << 16 | int(self.kind) << 24


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot. Of its numbers, those below `packed` were packed by the maker, or left unused."""

    maker: str
    kind: LotKind
    commissioned_day: int
    expiry_day: int
    depth: int
    tranches: int
    packed: int
    recall_class: RecallClass
    recall_reason: RecallReason

    @classmethod
    def from_abi(cls, told: Mapping[str, Any]) -> Lot:
        return cls(
            maker=told["maker"],
            kind=LotKind(told["kind"]),
            commissioned_day=told["commissioned_day"],
            expiry_day=told["expiry_day"],
            depth=told["depth"],
            tranches=told["tranches"],
            packed=told["packed"],
            recall_class=RecallClass(told["recall_class"]),
            recall_reason=RecallReason(told["recall_reason"]),
        )

    @property
    def numbers(self) -> int:
        """How many numbers its tranches have, used or not."""
        return self.tranches << self.depth


@dataclass(frozen=True, slots=True)
class UnitState:
    """What became of a unit, since `day`; 0 while in supply."""

    status: UnitStatus
    suspect: bool
    day: int


@dataclass(frozen=True, slots=True)
class Investigation:
    """Of a unit that is or was suspect: who raised it, and when; when it was found illegitimate, and when trading
    partners and regulator were told, 0 if not."""

    by: str
    raised_at: int
    determined_at: int
    notified_at: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as a call names it: its number in a lot, and the container that it is in, `NO_CONTAINER` if unpacked."""

    lot: str
    index: int
    container: str = NO_CONTAINER

    def to_abi(self) -> tuple[str, int, str]:
        return (self.lot, self.index, self.container)


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as somebody has it in hand, with what came with its shipment: `product` and `reference` are the 32 bytes
    of `padded` and `lot_reference`, `inner` and `proof` those of the unit's number."""

    product: bytes
    maker: str
    reference: bytes
    expiry_day: int
    index: int
    inner: bytes
    proof: tuple[bytes, ...]
    container: str = NO_CONTAINER

    def to_abi(self) -> tuple[Any, ...]:
        proof = [_hex(node) for node in self.proof]
        words = (_hex(self.product), self.maker, _hex(self.reference), self.expiry_day, self.index, _hex(self.inner))
        return (*words, proof, self.container)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a pack. From the first no match on, the rest says nothing. `holder` is `NO_ORGANIZATION` if it
    is not in the container named; `excursion` is whether its cold chain was broken."""

    finding: PackFinding
    lot: str
    holder: str
    recall_class: RecallClass
    recall_reason: RecallReason
    state: UnitState
    excursion: bool

    @classmethod
    def from_abi(cls, told: Mapping[str, Any]) -> Answer:
        return cls(
            finding=PackFinding(told["finding"]),
            lot=told["lot"],
            holder=told["holder"],
            recall_class=RecallClass(told["recall_class"]),
            recall_reason=RecallReason(told["recall_reason"]),
            state=UnitState(UnitStatus(told["status"]), told["suspect"], told["status_day"]),
            excursion=told["excursion"],
        )

    @property
    def verified(self) -> bool:
        """Whether it is genuine, in the supply chain, and may be dispensed by its holder."""
        return self.finding is PackFinding.VERIFIED


@dataclass(frozen=True, slots=True)
class Container:
    """A container. `state` and `holder` are those of what is outermost; `parent` is `NO_CONTAINER` if it is in none. A
    homogeneous one has the numbers from `first` on of `lot`, in so many `cases`; a mixed one has none of these."""

    state: ContainerState
    holder: str
    receiver: str
    parent: str
    lot: str
    first: int
    count: int
    cases: int
    opened: bool
    returned: bool
    excursion: bool
    ended: UnitStatus

    @classmethod
    def from_abi(cls, told: Mapping[str, Any]) -> Container:
        typed = {"state": ContainerState(told["state"]), "ended": UnitStatus(told["ended"])}
        return cls(**{**told, **typed})

    @property
    def mixed(self) -> bool:
        return self.count == 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit is: who holds it, `NO_ORGANIZATION` if it is not in the container that was named, and what that
    is."""

    holder: str
    container: Container


@dataclass(frozen=True, slots=True)
class Shipment:
    """The last shipment of a container; past its deadline, what was not accepted is to come back."""

    sender: str
    carrier: str
    deadline: int
    day: int
    is_return: bool


@dataclass(frozen=True, slots=True)
class Order:
    """An order that its buyer paid in. `paid` of the `amount` was credited to the seller. `container` is what was
    shipped, or of one received in part what was rejected."""

    buyer: str
    seller: str
    deadline: int
    status: OrderStatus
    received: bool
    token: str
    container: str
    amount: int
    paid: int

    @classmethod
    def from_abi(cls, told: Mapping[str, Any]) -> Order:
        return cls(**{**told, "status": OrderStatus(told["status"])})


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
