"""Lots, units, containers and what goes with them from the index, typed.

    index = Index.open("sqlite:///careledger.db")
    supply = SerializationIndex(index.at("latest"), "nordic-supply")
    report = supply.recall_report("0x6f1c...")
    for share in report.holders:
        print(share.holder, share.units)

Every answer holds for the view's block, and names the log from which it holds. What depends on the time, such as what
is expired, late or overdue, is judged at that block's time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from eth_utils.address import to_checksum_address

from careledger.chain.indexer.model import Entity
from careledger.chain.indexer.reader import View
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
from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id, to_padded
from careledger.identity.index import Fields, Recorded, recorded
from careledger.identity.read_model import PUBLISHED_CONTRACT
from careledger.serialization.custody_read_model import (
    CONTAINER,
    PLACE,
    SHIPMENT,
    SUPPLY_CHAIN,
    ShipmentOutcome,
)
from careledger.serialization.deployment import PUBLISHED
from careledger.serialization.index_entries import (
    BindingEntry,
    ContainerEntry,
    DeviceEntry,
    LimitsEntry,
    LotEntry,
    NoticeEntry,
    OrderEntry,
    RecallEntry,
    RecallReport,
    RepackagingEntry,
    ServiceEntry,
    ShipmentEntry,
    TraceEntry,
    UnitEntry,
    UnitLocation,
    WindowEntry,
)
from careledger.serialization.index_marks import NO_MARKS, Marks, MarkTrail
from careledger.serialization.index_recall import recall_report
from careledger.serialization.index_rows import END, Chain, Rows, is_case_out
from careledger.serialization.index_trace import trace
from careledger.serialization.read_model import LOT, PRODUCT, RECALL, REPACKAGING, TRANCHE, UNIT
from careledger.serialization.trade_read_model import BINDING, CREDIT, DEVICE, LIMITS, ORDER, SERVICE, WINDOW

__all__ = ["SerializationIndex", "published_in"]

DAY = 24 * 3600


class SerializationIndex:
    """Raises InvalidInput for a value that cannot be right, and for one that several supply chains know while none is
    named; DatabaseError if the index cannot be read."""

    def __init__(self, view: View, supply: str | None = None, time: int | None = None) -> None:
        """Of one supply chain, by the name or id of its operator: of all contracts that it published until the view's
        block; else of all that the index follows. `time`, Unix seconds, is when what depends on it is judged; by
        default the time of the view's block."""
        self._view = view
        self._rows = Rows(view)
        self._time = view.block_time if time is None else time
        self._contracts = None if supply is None else published_in(view, supply)
        self._trails: dict[str, MarkTrail] = {}
        self._chains = [
            Chain(row["contract"], row["lots"], row["escrow"], row["cold_chain"])
            for row in self._rows.all(SUPPLY_CHAIN, self._own())
        ]

    # ------------------------------------------------------------------ lots

    def lot(self, lot: str) -> Recorded[LotEntry] | None:
        """A lot; None if it is unknown."""
        row = self._one(LOT, lot=lot.lower())
        return None if row is None else recorded(row, self._lot_entry(row))

    def lots(
        self, maker: str | None = None, after: tuple[str, str] | None = None, limit: int = 100
    ) -> list[Recorded[LotEntry]]:
        """Lots, of one maker if given, by contract and id; at most `limit`, after the one of these two."""
        equal = self._own() if maker is None else {**self._own(), "maker": organization_id(maker)}
        found = map(Fields, self._view.rows(LOT, equal, after=after, limit=limit).rows)
        return [recorded(row, self._lot_entry(row)) for row in found]

    def recalls(self, recall_class: RecallClass | None = None) -> list[Recorded[RecallEntry]]:
        """Recalls, of one class if given, by contract and lot."""
        equal = self._own() if recall_class is None else {**self._own(), "recall_class": int(recall_class)}
        return [recorded(row, _recall(row)) for row in self._rows.all(RECALL, equal)]

    def is_maker(self, product: str, maker: str) -> bool:
        """Whether an organization makes a product, for example `gtin:00300010000015`."""
        wanted = {"product": "0x" + to_padded(product).hex(), "maker": organization_id(maker)}
        return any(row["assigned"] for row in self._rows.all(PRODUCT, {**self._own(), **wanted}))

    def repackaged_from(self, lot: str) -> list[Recorded[RepackagingEntry]]:
        """The containers that a lot was made of."""
        found = self._rows.all(REPACKAGING, {**self._own(), "lot": lot.lower()})
        return [recorded(row, RepackagingEntry(**row)) for row in found]

    def recall_report(self, lot: str) -> RecallReport | None:
        """Who has what of a lot, recalled or not; None if it is unknown."""
        row = self._one(LOT, lot=lot.lower())
        if row is None:
            return None
        return recall_report(self._rows, self._chain_of(row), row, *self._recall_of(row))

    # ------------------------------------------------------------------ units

    def unit(self, lot: str, unit: int) -> Recorded[UnitEntry] | None:
        """What was said of a unit by itself; None if nothing was: it is in supply, or ended with its container."""
        row = self._one(UNIT, lot=lot.lower(), unit=unit)
        return None if row is None else recorded(row, _unit(row))

    def where_is(self, lot: str, unit: int) -> UnitLocation | None:
        """Where a unit is; None if the lot has no such number."""
        row = self._one(LOT, lot=lot.lower())
        if row is None or not 0 <= unit < row["tranches"] << row["depth"]:
            return None
        chain = self._chain_of(row)
        status_row = self._rows.one(UNIT, row["contract"], row["lot"], unit)
        path, holder, marks = self._place(chain, row, unit)
        top = path[-1] if path else None
        status = UnitStatus.IN_SUPPLY if status_row is None else UnitStatus(status_row["status"])
        if status is UnitStatus.IN_SUPPLY and top is not None:
            status = UnitStatus(top["ended"])
        recall_class, reason = self._recall_of(row)
        in_hand = ContainerState.UNKNOWN if holder is None else ContainerState.HELD
        found = UnitLocation(
            lot=row["lot"],
            unit=unit,
            containers=tuple(one["container"] for one in path),
            holder=holder,
            state=in_hand if top is None else ContainerState(top["state"]),
            receiver=None if top is None else top["receiver"],
            status=status,
            suspect=status_row is not None and bool(status_row["suspect"]),
            returned=marks.returned,
            excursion=marks.excursion,
            recall_class=recall_class,
            recall_reason=reason,
            finding=PackFinding.VERIFIED,
        )
        return _with_finding(found, self._is_expired(row))

    def trace(self, lot: str, unit: int) -> list[TraceEntry]:
        """All that happened to a unit, in order: to its lot, to itself, and to the containers that it was in while it
        was in them; nothing if the lot has no such number."""
        row = self._one(LOT, lot=lot.lower())
        if row is None or not 0 <= unit < row["tranches"] << row["depth"]:
            return []
        return trace(self._rows, self._chain_of(row), row, unit)

    def notices_due(self, time: int | None = None) -> list[Recorded[NoticeEntry]]:
        """Illegitimate units of which trading partners and regulator were not told yet, the least time left first, at
        a time (Unix seconds), by default that of this index."""
        now = self._time if time is None else time
        found = self._rows.all(UNIT, {**self._own(), "notified_at": None}, {"notice_due_at": (0, None)})
        entries = [
            recorded(
                row,
                NoticeEntry(
                    **{name: row[name] for name in ("contract", "lot", "unit", "investigator", "determined_at")},
                    notice_due_at=row["notice_due_at"],
                    seconds_left=row["notice_due_at"] - now,
                ),
            )
            for row in found
        ]
        return sorted(
            entries, key=lambda entry: (entry.value.notice_due_at, entry.since.block_number, entry.since.log_index)
        )

    # ------------------------------------------------------------------ containers and shipments

    def container(self, container: str) -> Recorded[ContainerEntry] | None:
        """A container; None if it is unknown. `since` is the last change of itself, not of what it is in."""
        row = self._one(CONTAINER, container=container.lower())
        return None if row is None else recorded(row, self._container_entry(row))

    def containers(
        self,
        *,
        holder: str | None = None,
        lot: str | None = None,
        parent: str | None = None,
        after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> list[Recorded[ContainerEntry]]:
        """Containers that fit every filter given, by contract and id; at most `limit`, after the one of these two.
        `holder` is who has those that are outermost and did not end, also on their way; `parent` is what they are in.
        """
        equal = self._own()
        if holder is not None:
            live = [int(state) for state in ContainerState if state is not ContainerState.ENDED]
            equal |= {"holder": organization_id(holder), "parent": None, "state": live}
        if lot is not None:
            equal["lot"] = lot.lower()
        if parent is not None:
            equal["parent"] = parent.lower()
        found = map(Fields, self._view.rows(CONTAINER, equal, after=after, limit=limit).rows)
        return [recorded(row, self._container_entry(row)) for row in found]

    def single_units(self, container: str) -> list[tuple[str, int]]:
        """Lot and number of the units that were put into a mixed container by themselves, and are in it still."""
        row = self._one(CONTAINER, container=container.lower())
        if row is None:
            return []
        placed = self._rows.all(PLACE, {"contract": row["contract"], "container": row["container"]})
        return [(place["lot"], place["unit"]) for place in placed]

    def shipments(
        self,
        organization: str | None = None,
        outcome: ShipmentOutcome | Collection[ShipmentOutcome] | None = None,
        late: bool | None = None,
        limit: int = 100,
    ) -> list[Recorded[ShipmentEntry]]:
        """The last shipment of each container that fits every filter given, by deadline; at most `limit`. An
        organization's are those that it sent, was sent or carries; `late` ones are in transit past their deadline."""
        equal = self._own()
        if late:
            outcome = ShipmentOutcome.IN_TRANSIT
        if outcome is not None:
            wanted = [outcome] if isinstance(outcome, ShipmentOutcome) else outcome
            equal["outcome"] = [one.value for one in wanted]
        between = {"deadline": (None, self._time - 1)} if late else None
        ways: list[dict[str, str]] = [{}]
        if organization is not None:
            ways = [{part: organization_id(organization)} for part in ("sender", "receiver", "carrier")]
        found = {
            (row["contract"], row["container"]): row
            for way in ways
            for row in self._rows.all(SHIPMENT, {**equal, **way}, between)
        }
        entries = [recorded(row, self._shipment_entry(row)) for row in found.values()]
        fitting = [entry for entry in entries if late is None or entry.value.late is late]
        return sorted(fitting, key=lambda entry: (entry.value.deadline, entry.value.container))[:limit]

    def shipments_of(self, container: str) -> list[Recorded[ShipmentEntry]]:
        """All shipments of a container by itself, oldest first, each as it ended."""
        row = self._one(SHIPMENT, container=container.lower())
        if row is None:
            return []
        last = {version["shipment"]: version for version in self._rows.versions(SHIPMENT, *row.row.key.values())}
        return [recorded(version, self._shipment_entry(version)) for version in last.values()]

    # ------------------------------------------------------------------ payment

    def order(self, order_id: str) -> Recorded[OrderEntry] | None:
        """An order; None if it is unknown."""
        row = self._one(ORDER, order_id=order_id.lower())
        return None if row is None else recorded(row, _order(row))

    def orders(self, organization: str | None = None, status: OrderStatus | None = None) -> list[Recorded[OrderEntry]]:
        """Orders, of one buyer or seller and of one status if given, by contract and id."""
        equal = self._own() if status is None else {**self._own(), "status": int(status)}
        party = None if organization is None else organization_id(organization)
        return [
            recorded(row, _order(row))
            for row in self._rows.all(ORDER, equal)
            if party is None or party in (row["buyer"], row["seller"])
        ]

    def credits_of(self, organization: str) -> dict[str, int]:
        """What an organization can draw, by token: minor units."""
        total: dict[str, int] = {}
        for row in self._rows.all(CREDIT, {**self._own(), "organization": organization_id(organization)}):
            for token, amount in row["credits"].items():
                checksummed = to_checksum_address(token)
                total[checksummed] = total.get(checksummed, 0) + int(amount)
        return {token: amount for token, amount in total.items() if amount}

    # ------------------------------------------------------------------ the cold chain

    def device(self, device: str) -> Recorded[DeviceEntry] | None:
        """A data logger; None if it is unknown."""
        row = self._one(DEVICE, device=device.lower())
        return None if row is None else recorded(row, DeviceEntry(**{**row, "curve": Curve(row["curve"])}))

    def binding(self, device: str) -> Recorded[BindingEntry] | None:
        """What a device goes with; None if with nothing."""
        row = self._one(BINDING, device=device.lower())
        return None if row is None else recorded(row, BindingEntry(**row))

    def bindings(self, container: str) -> list[Recorded[BindingEntry]]:
        """The devices that go with a container."""
        found = self._rows.all(BINDING, {**self._own(), "container": container.lower()})
        return [recorded(row, BindingEntry(**row)) for row in found]

    def binding_versions(self, contract: str, device: str) -> list[Recorded[BindingEntry]]:
        """All that a device went with, oldest first: each binding, and how each window left it, with its limits."""
        found = self._rows.versions(BINDING, contract, device.lower())
        return [recorded(version, BindingEntry(**version)) for version in found]

    def windows(self, container: str, excursion: bool | None = None) -> list[Recorded[WindowEntry]]:
        """The windows recorded of a container, by device and start; `excursion`: those that were one, or were none."""
        equal = {**self._own(), "container": container.lower()}
        if excursion is not None:
            equal["excursion"] = excursion
        return [recorded(row, WindowEntry(**row)) for row in self._rows.all(WINDOW, equal)]

    def limits(self, lot: str) -> Recorded[LimitsEntry] | None:
        """What a lot's temperature may be; None if its maker said nothing."""
        row = self._one(LIMITS, lot=lot.lower())
        return None if row is None else recorded(row, LimitsEntry(**row))

    # ------------------------------------------------------------------ devices in service

    def services(self, lot: str, unit: int) -> list[Recorded[ServiceEntry]]:
        """A medical device's service history, in order."""
        return self._services({"lot": lot.lower(), "unit": unit})

    def service_of_part(self, lot: str, unit: int) -> Recorded[ServiceEntry] | None:
        """The record by which a unit was put into a device as a part; None if it was put into none."""
        found = self._services({"part_lot": lot.lower(), "part_unit": unit})
        return found[0] if found else None

    def _services(self, equal: dict[str, Any]) -> list[Recorded[ServiceEntry]]:
        return [
            recorded(row, ServiceEntry(**{**row, "kind": ServiceKind(row["kind"])}))
            for row in self._rows.all(SERVICE, {**self._own(), **equal})
        ]

    # ------------------------------------------------------------------ inner

    def _own(self) -> dict[str, Any]:
        """What rows have in common: the supply chain's contracts."""
        return {} if self._contracts is None else {"contract": self._contracts}

    def _one(self, entity: Entity, **equal: Any) -> Fields | None:
        """The one entity. Of several, by contracts of several supply chains, which is meant must be said."""
        found = list(self._rows.all(entity, {**self._own(), **equal}))
        if len(found) > 1:
            raise InvalidInput("supply", "not given", "several supply chains know this: name one")
        return found[0] if found else None

    def _chain_of(self, lot: Fields) -> Chain:
        """The supply chain of a lot. Without a custody that knows its register, nothing of it is packed."""
        found = [chain for chain in self._chains if chain.lots == lot["contract"]]
        return found[0] if found else Chain("", lot["contract"], None, None)

    def _recall_of(self, lot: Fields) -> tuple[RecallClass, RecallReason]:
        row = self._rows.one(RECALL, lot["contract"], lot["lot"])
        if row is None:
            return RecallClass.NOT_RECALLED, RecallReason.UNSPECIFIED
        return RecallClass(row["recall_class"]), RecallReason(row["reason"])

    def _is_expired(self, lot: Fields) -> bool:
        return lot["expiry_day"] is not None and self._time // DAY > lot["expiry_day"]

    def _marks(self, custody: str) -> MarkTrail:
        if custody not in self._trails:
            self._trails[custody] = MarkTrail(self._rows, custody)
        return self._trails[custody]

    def _place(self, chain: Chain, lot: Fields, unit: int) -> tuple[list[Fields], str | None, Marks]:
        """The containers that a unit is in, who holds it, and its marks."""
        place = self._rows.one(PLACE, chain.custody, lot["lot"], unit) if chain.custody else None
        if place is not None and place["container"] is None:
            return [], place["holder"], self._marks(chain.custody).of_unit(lot["lot"], unit, END)
        if place is not None:
            inner = self._rows.container(chain.custody, place["container"])
        else:
            ranges = self._rows.ranges(chain.custody, lot["lot"], unit) if chain.custody else []
            if not ranges:
                packed = self._rows.packed(chain.custody, lot["lot"])[0] if chain.custody else 0
                return [], lot["maker"] if unit >= packed else None, NO_MARKS
            inner = next(row for row in ranges if not is_case_out(row, unit))
        path = self._rows.path(inner)
        return path, path[-1]["holder"], self._marks(chain.custody).of(inner["container"], END)

    # ------------------------------------------------------------------ entries

    def _lot_entry(self, row: Fields) -> LotEntry:
        chain, key = self._chain_of(row), {"contract": row["contract"], "lot": row["lot"]}
        packed, units_packed = self._rows.packed(chain.custody, row["lot"]) if chain.custody else (0, 0)
        recall_class, reason = self._recall_of(row)
        values = {name: value for name, value in row.items() if name != "repackaged"}
        return LotEntry(
            **{**values, "kind": LotKind(row["kind"])},
            expired=self._is_expired(row),
            roots=tuple(tranche["root"] for tranche in self._rows.all(TRANCHE, key)),
            packed=packed,
            units_packed=units_packed,
            recall_class=recall_class,
            recall_reason=reason,
            inputs=tuple(one["container"] for one in self._rows.all(REPACKAGING, key)) if row["repackaged"] else (),
        )

    def _container_entry(self, row: Fields) -> ContainerEntry:
        top = self._rows.path(row)[-1]
        marks = self._marks(row["contract"]).of(row["container"], END)
        in_transit = top["state"] == ContainerState.IN_TRANSIT
        shipment = self._rows.one(SHIPMENT, row["contract"], top["container"]) if in_transit else None
        own = (
            *("contract", "container", "packer", "packed_by", "packed_at", "lot", "first_unit", "units", "cases"),
            *("case_of", "parent", "opened"),
        )
        return ContainerEntry(
            **{name: row[name] for name in own},
            cases_out=row["cases_out"].bit_count(),
            outermost=top["container"],
            state=ContainerState(top["state"]),
            holder=top["holder"],
            receiver=top["receiver"],
            carrier=None if shipment is None else shipment["carrier"],
            deadline=None if shipment is None else shipment["deadline"],
            returned=marks.returned,
            excursion=marks.excursion,
            ended=UnitStatus(top["ended"]),
            ended_at=top["ended_at"],
            reason=top["reason"],
        )

    def _shipment_entry(self, row: Fields) -> ShipmentEntry:
        outcome = ShipmentOutcome(row["outcome"])
        late = outcome is ShipmentOutcome.IN_TRANSIT and row["deadline"] < self._time
        return ShipmentEntry(**{**row, "outcome": outcome}, late=late)


def published_in(view: View, operator: str) -> list[str]:
    """The addresses that an operator, by name or id, published of a supply chain's kinds, until the view's block, then
    or now."""
    rows, identifier = Rows(view), organization_id(operator)
    found = {
        version["published"]
        for kind in PUBLISHED
        for version in rows.versions(PUBLISHED_CONTRACT, identifier, "0x" + to_padded(kind).hex())
    }
    return sorted(found)


def _with_finding(found: UnitLocation, expired: bool) -> UnitLocation:
    """The lot's recall and expiry come first, then what became of the unit, then where it is."""
    finding = PackFinding.VERIFIED
    if found.recall_class is not RecallClass.NOT_RECALLED:
        finding = PackFinding.RECALLED
    elif expired:
        finding = PackFinding.EXPIRED
    elif found.suspect:
        finding = PackFinding.SUSPECT
    elif found.status is not UnitStatus.IN_SUPPLY:
        finding = PackFinding(PackFinding.DISPENSED + found.status - UnitStatus.DISPENSED)
    elif found.state is ContainerState.MISSING:
        finding = PackFinding.MISSING
    elif found.holder is None:
        finding = PackFinding.NOT_IN_CONTAINER
    elif found.returned:
        finding = PackFinding.NOT_FOR_REDISTRIBUTION
    return replace(found, finding=finding)


def _recall(row: Fields) -> RecallEntry:
    values = {"recall_class": RecallClass(row["recall_class"]), "reason": RecallReason(row["reason"])}
    return RecallEntry(**{**row, **values})


def _unit(row: Fields) -> UnitEntry:
    return UnitEntry(**{**row, "status": UnitStatus(row["status"])})


def _order(row: Fields) -> OrderEntry:
    return OrderEntry(**{**row, "status": OrderStatus(row["status"])})
