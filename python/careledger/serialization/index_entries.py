"""What the index answers about lots, units, containers and what goes with them.

Ids are 0x and hex digits, units numbers in their lot, days since 1970-01-01 UTC, times Unix seconds, amounts token
minor units, temperatures hundredths of a degree Celsius. `contract` is the contract that told.
"""

from __future__ import annotations

from dataclasses import dataclass

from careledger.contract_enums import (
    ContainerState,
    Curve,
    LotKind,
    OrderStatus,
    PackFinding,
    RecallClass,
    RecallReason,
    ServiceKind,
    UnitStatus,
)
from careledger.contract_events import ContractEvent
from careledger.identity.index import Origin
from careledger.serialization.custody_read_model import ShipmentOutcome

__all__ = [
    "BindingEntry",
    "ContainerEntry",
    "ContainerShare",
    "DeviceEntry",
    "HolderShare",
    "LimitsEntry",
    "LotEntry",
    "NoticeEntry",
    "OrderEntry",
    "RecallEntry",
    "RecallReport",
    "RepackagingEntry",
    "ServiceEntry",
    "ShipmentEntry",
    "ShipmentShare",
    "TraceEntry",
    "UnitEntry",
    "UnitLocation",
    "WindowEntry",
]


@dataclass(frozen=True)
class LotEntry:
    """A lot. `packed`: numbers below were packed by its maker, or left unused; `units_packed` are in containers. What
    it is, `product` and `lot_number` tell (right-padded ASCII) once its maker opened it."""

    contract: str
    lot: str
    maker: str
    kind: LotKind
    depth: int
    expiry_day: int | None
    expired: bool
    tranches: int
    roots: tuple[str, ...]
    commissioned_at: int
    commissioned_by: str
    packed: int
    units_packed: int
    recall_class: RecallClass
    recall_reason: RecallReason
    inputs: tuple[str, ...]
    """The containers that it was made of; none if it was not repackaged."""
    product: str | None
    lot_number: str | None
    salt: str | None

    @property
    def commissioned(self) -> int:
        """How many numbers there are. Makers leave some of them unused."""
        return self.tranches << self.depth


@dataclass(frozen=True)
class RecallEntry:
    """A recall, as grave as it is now. `recalled_at`: since when it is."""

    contract: str
    lot: str
    recall_class: RecallClass
    reason: RecallReason
    organization: str
    recalled_by: str
    recalled_at: int


@dataclass(frozen=True)
class RepackagingEntry:
    """That a container was used up for a lot."""

    contract: str
    container: str
    lot: str
    repackaged_at: int


@dataclass(frozen=True)
class UnitEntry:
    """What was said of a unit by itself. `investigator` and the times of an investigation are those of the last one."""

    contract: str
    lot: str
    unit: int
    status: UnitStatus
    changed_at: int | None
    changed_by: str | None
    suspect: bool
    investigator: str | None
    suspected_at: int | None
    determined_at: int | None
    notice_due_at: int | None
    notified_at: int | None
    notice: str | None
    reason: str | None


@dataclass(frozen=True)
class UnitLocation:
    """Where a unit is and what holds of it. `containers` are those that it is in, from the innermost to the outermost;
    none if it was unpacked, was never packed, or was left out. `holder` is None for one that was left out. `state` is
    that of the outermost container. `finding` is what the contract's `verify` finds of the unit where it is, if its
    pack says what its lot says and the maker makes the product."""

    lot: str
    unit: int
    containers: tuple[str, ...]
    holder: str | None
    state: ContainerState
    receiver: str | None
    status: UnitStatus
    suspect: bool
    returned: bool
    excursion: bool
    recall_class: RecallClass
    recall_reason: RecallReason
    finding: PackFinding


@dataclass(frozen=True)
class ContainerEntry:
    """A container. `state`, `holder`, `receiver`, `carrier`, `deadline` and `ended` are those of the outermost one that
    it is in; `carrier` and `deadline` are None unless that is on its way. `cases_out`: how many were taken out."""

    contract: str
    container: str
    packer: str
    packed_by: str
    packed_at: int
    lot: str | None
    first_unit: int | None
    units: int | None
    cases: int | None
    cases_out: int
    case_of: str | None
    parent: str | None
    outermost: str
    state: ContainerState
    holder: str
    receiver: str | None
    carrier: str | None
    deadline: int | None
    opened: bool
    returned: bool
    excursion: bool
    ended: UnitStatus
    ended_at: int | None
    reason: str | None


@dataclass(frozen=True)
class ShipmentEntry:
    """A shipment. `shipment` is which of its container's it is, from 1. `late`: in transit past its deadline.
    `part_of`: it is what was rejected of the shipment of that container. `answered_at` is when the receiver accepted or
    rejected it, `settled_at` when the sender said that it is back or missing."""

    contract: str
    container: str
    shipment: int
    sender: str
    receiver: str
    carrier: str | None
    deadline: int
    late: bool
    is_return: bool
    terms: str
    shipped_at: int
    outcome: ShipmentOutcome
    answered_at: int | None
    answered_by: str | None
    reason: str | None
    settled_at: int | None
    part_of: str | None


@dataclass(frozen=True)
class NoticeEntry:
    """An illegitimate unit of which trading partners and regulator are to be told. `seconds_left` is negative for one
    that is overdue."""

    contract: str
    lot: str
    unit: int
    investigator: str
    determined_at: int
    notice_due_at: int
    seconds_left: int


# ---------------------------------------------------------------------- a recall


@dataclass(frozen=True)
class ContainerShare:
    """How many units of a lot are in an outermost container, at whatever depth."""

    container: str
    units: int


@dataclass(frozen=True)
class HolderShare:
    """What one organization has of a lot: in containers, and `single_units` in none."""

    holder: str
    containers: tuple[ContainerShare, ...]
    single_units: int

    @property
    def units(self) -> int:
        return self.single_units + sum(share.units for share in self.containers)


@dataclass(frozen=True)
class ShipmentShare:
    """Units of a lot that are on their way, were rejected and did not come back yet, or are missing."""

    container: str
    state: ContainerState
    sender: str
    receiver: str
    carrier: str | None
    deadline: int
    units: int


@dataclass(frozen=True)
class RecallReport:
    """Who has what of a lot. Every number that was commissioned counts once: at a holder, on its way, by what became of
    it, not packed yet (at the maker), or left out when others were packed (no pack, or one that the maker kept)."""

    lot: str
    maker: str
    recall_class: RecallClass
    recall_reason: RecallReason
    commissioned: int
    holders: tuple[HolderShare, ...]
    shipments: tuple[ShipmentShare, ...]
    ended: dict[UnitStatus, int]
    not_packed: int
    left_out: int
    suspect: int
    """Among the units above."""

    @property
    def held(self) -> int:
        return sum(share.units for share in self.holders)

    @property
    def on_the_way(self) -> int:
        return sum(share.units for share in self.shipments)

    @property
    def total(self) -> int:
        """As many as were commissioned."""
        return self.held + self.on_the_way + sum(self.ended.values()) + self.not_packed + self.left_out


@dataclass(frozen=True)
class TraceEntry:
    """One act in the life of a unit: what happened, to which container (None: to the unit or the lot itself), by which
    organization (None: the event names none), and where it stands on the chain."""

    act: str
    organization: str | None
    container: str | None
    at: Origin
    event: ContractEvent


# ---------------------------------------------------------------------- beside custody


@dataclass(frozen=True)
class OrderEntry:
    """An order. `paid` and `refunded` are of the amount; `container` is that of the shipment, of one received in part
    the one with what was rejected."""

    contract: str
    order_id: str
    buyer: str
    seller: str
    token: str
    amount: int
    paid: int
    refunded: int
    deadline: int
    status: OrderStatus
    received: bool
    container: str | None
    opened_at: int


@dataclass(frozen=True)
class DeviceEntry:
    """A data logger, with its operator."""

    contract: str
    device: str
    organization: str
    curve: Curve
    x: str
    y: str
    registered_at: int
    retired_at: int | None


@dataclass(frozen=True)
class BindingEntry:
    """That a device goes with a container. `sequence` and `window_end` are of its last window; 0, and the time of the
    binding, before the first."""

    contract: str
    device: str
    container: str
    bound_at: int
    lowest: int
    highest: int
    highest_mean: int
    sequence: int
    window_end: int
    excursions: int


@dataclass(frozen=True)
class WindowEntry:
    """A window. `root` None: there were no readings."""

    contract: str
    device: str
    window_start: int
    container: str
    sequence: int
    window_end: int
    lowest: int
    highest: int
    mean: int
    root: str | None
    excursion: bool
    recorded_at: int


@dataclass(frozen=True)
class LimitsEntry:
    """What the temperature of a lot may be."""

    contract: str
    lot: str
    lowest: int
    highest: int
    highest_mean: int


@dataclass(frozen=True)
class ServiceEntry:
    """A record of a medical device's service history."""

    contract: str
    lot: str
    unit: int
    sequence: int
    organization: str
    signed_by: str
    kind: ServiceKind
    serviced_at: int
    part_lot: str | None
    part_unit: int | None
    content: str
    head: str
    recorded_at: int
