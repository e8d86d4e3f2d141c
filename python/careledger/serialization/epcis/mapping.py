"""What an EPCIS event asks of the chain: one act of an organization of ours, or none, with the reason.

| event | act |
|---|---|
| ObjectEvent ADD, `commissioning` | `Commission`: lot number and expiry are in its ILMD |
| AggregationEvent ADD | `Pack` |
| AggregationEvent DELETE | `Unpack`; without children, all |
| ObjectEvent OBSERVE, `shipping` | `Ship` to the party that is its destination; a return if `returned` |
| ObjectEvent OBSERVE, `receiving` | `Receive` |
| ObjectEvent, `dispensing` or `retail_selling` | `Dispense` |
| ObjectEvent, `decommissioning`, `destroying`, or disposition `stolen` | `End` |
| TransformationEvent of whole containers into one lot | `Repackage` |
| AssociationEvent of a device with a container | `Associate` |

An act is by the party at the read point, else at the business location, else, of a shipment, by the party that it comes
from or goes to. An event of another party, or of none that master data know, is `Unmapped`: it is anchored and
reported, and never executed as somebody's. So is what has no counterpart on chain, such as a TransactionEvent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from careledger.contract_enums import UnitStatus
from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id
from careledger.serialization.barcodes import Pack as PackCode
from careledger.serialization.epcis.epc import key_elements
from careledger.serialization.epcis.events import (
    Action,
    AggregationEvent,
    AssociationEvent,
    Event,
    Extensions,
    ObjectEvent,
    TransactionEvent,
    TransformationEvent,
)
from careledger.serialization.master_data import MasterData

__all__ = [
    "Act",
    "Associate",
    "Commission",
    "Dispense",
    "End",
    "Pack",
    "Receive",
    "Repackage",
    "Ship",
    "Unmapped",
    "Unpack",
    "act_of",
    "acting_party",
    "objects_of",
]

GLN_KEYS = ("414", "417")
ILMD_NAMESPACES = ("https://ref.gs1.org/cbv/", "urn:epcglobal:cbv:mda", "urn:epcglobal:cbv:mda:")
DISPENSING = frozenset({"dispensing", "retail_selling"})
ENDS = {"decommissioning": UnitStatus.DECOMMISSIONED, "destroying": UnitStatus.DESTROYED}


@dataclass(frozen=True, slots=True)
class Commission:
    """Units of one lot begin. `expires` is None for a device without expiry."""

    product: str
    lot_number: str
    expires: dt.date | None
    serials: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pack:
    """Packs and containers, by SSCC, go into a container."""

    sscc: str
    packs: tuple[PackCode, ...]
    containers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unpack:
    """Packs and containers are taken out of a container; all if there are none of both."""

    sscc: str
    packs: tuple[PackCode, ...]
    containers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ship:
    """Containers go to an organization, by its id."""

    containers: tuple[str, ...]
    receiver: str
    is_return: bool


@dataclass(frozen=True, slots=True)
class Receive:
    """Containers are accepted."""

    containers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dispense:
    """Packs go to patients."""

    packs: tuple[PackCode, ...]


@dataclass(frozen=True, slots=True)
class End:
    """Packs and containers end."""

    packs: tuple[PackCode, ...]
    containers: tuple[str, ...]
    status: UnitStatus


@dataclass(frozen=True, slots=True)
class Repackage:
    """A lot is made of containers, which are used up."""

    inputs: tuple[str, ...]
    output: Commission


@dataclass(frozen=True, slots=True)
class Associate:
    """Devices, by their URIs, go with a container, or no more."""

    sscc: str
    devices: tuple[str, ...]
    added: bool


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Nothing to do on chain, because of `reason`."""

    reason: str


Act = Commission | Pack | Unpack | Ship | Receive | Dispense | End | Repackage | Associate


def act_of(event: Event, organization: str, master: MasterData) -> Act | Unmapped:
    """What an event asks of an organization, by name or id; of one that declares an error, what it asked before."""
    party = acting_party(event, master)
    if party is None:
        return Unmapped("no party that master data know is at its read point or business location")
    if party != organization_id(organization):
        return Unmapped(f"it is of {party}, whose key is not here")
    try:
        match event:
            case ObjectEvent():
                return _object_act(event, master)
            case AggregationEvent():
                return _aggregation_act(event)
            case TransformationEvent():
                return _transformation_act(event)
            case AssociationEvent():
                return _association_act(event)
            case TransactionEvent():
                return Unmapped("it links objects to business transactions, of which the chain says nothing else")
    except _NotSaid as missing:
        return Unmapped(str(missing))


def acting_party(event: Event, master: MasterData) -> str | None:
    """The id of the organization that an event is of, None if master data know none."""
    uris = [place.id for place in (event.read_point, event.biz_location) if place is not None]
    if event.biz_step == "receiving":
        uris += [each.destination for each in event.destinations]
    else:
        uris += [each.source for each in event.sources]
    return next((found for uri in uris if (found := _organization(uri, master)) is not None), None)


def objects_of(event: Event) -> Iterator[str]:
    """The URIs of all objects that an event speaks of, parents and classes too, as they came."""
    match event:
        case ObjectEvent():
            yield from event.epcs
            yield from (each.epc_class for each in event.quantities)
        case TransactionEvent():
            yield from (event.parent_id,) if event.parent_id else ()
            yield from event.epcs
            yield from (each.epc_class for each in event.quantities)
        case AggregationEvent() | AssociationEvent():
            yield from (event.parent_id,) if event.parent_id else ()
            yield from event.child_epcs
            yield from (each.epc_class for each in event.child_quantities)
        case TransformationEvent():
            yield from event.input_epcs
            yield from event.output_epcs
            yield from (each.epc_class for each in (*event.input_quantities, *event.output_quantities))


class _NotSaid(Exception):
    """Something that an act needs is not in the event."""


def _object_act(event: ObjectEvent, master: MasterData) -> Act | Unmapped:
    if event.quantities:
        return Unmapped("it counts objects that are not told apart")
    packs, containers = _sorted(event.epcs)
    if event.disposition == "stolen":
        return End(packs, containers, UnitStatus.STOLEN)
    if event.biz_step in ENDS:
        return End(packs, containers, ENDS[event.biz_step])
    if event.biz_step == "commissioning" and event.action is Action.ADD:
        if containers and not packs:
            return Unmapped("containers begin when they are packed")
        return _commission(packs, event.ilmd)
    if event.biz_step in DISPENSING:
        if containers or not packs:
            return Unmapped("what is dispensed are single packs")
        return Dispense(packs)
    if event.action is not Action.OBSERVE or event.biz_step not in ("shipping", "receiving"):
        step = event.biz_step or "no business step"
        return Unmapped(f"{event.action.value} with {step} changes nothing on chain")
    if packs or not containers:
        return Unmapped("what is shipped and received are containers by SSCC")
    if event.biz_step == "receiving":
        return Receive(containers)
    receiver = _receiver(event, master)
    return Ship(containers, receiver, event.disposition == "returned")


def _aggregation_act(event: AggregationEvent) -> Act | Unmapped:
    if event.action is Action.OBSERVE:
        return Unmapped("it was only seen that the objects are together")
    if event.child_quantities:
        return Unmapped("it counts objects that are not told apart")
    parent = key_elements(event.parent_id or "").get("00")
    if parent is None:
        return Unmapped("its parent is no SSCC")
    packs, containers = _sorted(event.child_epcs)
    return Pack(parent, packs, containers) if event.action is Action.ADD else Unpack(parent, packs, containers)


def _transformation_act(event: TransformationEvent) -> Act | Unmapped:
    if event.input_quantities or event.output_quantities:
        return Unmapped("it counts objects that are not told apart")
    if event.transformation_id is not None:
        return Unmapped("it is one of several events of a transformation, and says nothing whole")
    used, inputs = _sorted(event.input_epcs)
    made, outputs = _sorted(event.output_epcs)
    if used or outputs or not inputs:
        return Unmapped("what is used up on chain are whole containers, and what begins are packs")
    return Repackage(inputs, _commission(made, event.ilmd))


def _association_act(event: AssociationEvent) -> Act | Unmapped:
    parent = key_elements(event.parent_id).get("00")
    if parent is None or event.child_quantities or event.action is Action.OBSERVE:
        return Unmapped("it ties no single devices to a container by SSCC, nor unties them")
    return Associate(parent, event.child_epcs, event.action is Action.ADD)


def _commission(packs: tuple[PackCode, ...], ilmd: Extensions) -> Commission:
    products = {pack.product for pack in packs}
    if len(products) != 1:
        raise _NotSaid(f"it begins packs of {len(products)} products, where one is wanted")
    lot_number, expires = _master_data_of_lot(ilmd, "lotNumber"), _master_data_of_lot(ilmd, "itemExpirationDate")
    if lot_number is None:
        raise _NotSaid("its instance or lot master data have no lotNumber")
    try:
        date = None if expires is None else dt.date.fromisoformat(expires[:10])
    except ValueError:
        raise _NotSaid(f"its itemExpirationDate {expires} is no date") from None
    return Commission(products.pop(), lot_number, date, tuple(pack.serial or "" for pack in packs))


def _receiver(event: ObjectEvent, master: MasterData) -> str:
    by_type = {each.type: each.destination for each in event.destinations}
    uris = [by_type[kind] for kind in ("possessing_party", "owning_party", "location") if kind in by_type]
    if not uris:
        raise _NotSaid("it does not say what it is destined for")
    found = next((one for uri in uris if (one := _organization(uri, master)) is not None), None)
    if found is None:
        raise _NotSaid("master data do not know the party that it is destined for")
    return found


def _sorted(uris: Iterable[str]) -> tuple[tuple[PackCode, ...], tuple[str, ...]]:
    """Packs and SSCCs. Raises _NotSaid for an object that is neither."""
    packs, containers = [], []
    for uri in uris:
        elements = key_elements(uri)
        if "00" in elements:
            containers.append(elements["00"])
        elif "01" in elements and "21" in elements:
            try:
                packs.append(PackCode(elements["01"], elements["21"]))
            except InvalidInput as wrong:
                raise _NotSaid(str(wrong)) from None
        else:
            raise _NotSaid(f"{uri} is neither a pack with its serial nor a container")
    return tuple(packs), tuple(containers)


def _organization(uri: str, master: MasterData) -> str | None:
    elements = key_elements(uri)
    gln = next((elements[key] for key in GLN_KEYS if key in elements), None)
    party = None if gln is None else next((one for one in master.parties if one.gln == gln), None)
    return None if party is None or party.organization is None else organization_id(party.organization)


def _master_data_of_lot(ilmd: Extensions, name: str) -> str | None:
    found = next((ilmd[f"{{{space}}}{name}"] for space in ILMD_NAMESPACES if f"{{{space}}}{name}" in ilmd), None)
    return found if isinstance(found, str) else None
