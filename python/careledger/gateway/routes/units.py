"""Packs in hand: verified and traced by what a scanner reads. A code comes in the body: no serial is in a URL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from careledger.anchoring.stamps import in_words
from careledger.chain.indexer.reader import View
from careledger.cli.supply.checking import check
from careledger.cli.supply.words import Names, kept_sscc, pack_in
from careledger.contract_events import ContainerEnded, HandedOver, LotRecalled, Shipped, UnitsEnded
from careledger.gateway.deps import OpenServices, allowed
from careledger.gateway.etags import MinBlock
from careledger.gateway.indexed import AsOf
from careledger.gateway.problems import Refused, responses
from careledger.serialization.index import SerializationIndex
from careledger.serialization.index_entries import BindingEntry, TraceEntry, UnitLocation, WindowEntry
from careledger.serialization.lot_book import LotBook

__all__ = ["router"]

router = APIRouter(
    prefix="/units",
    tags=["units"],
    dependencies=[allowed("units.read")],
    responses=responses(401, 403, 413, 422, 429, 503),
)

CODE_CHARACTERS = 2_000

JudgedWindow = tuple[WindowEntry, BindingEntry]
"""With the binding by whose limits it was judged."""


class Scan(BaseModel):
    """What a scanner read, or a person typed."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(
        min_length=1,
        max_length=CODE_CHARACTERS,
        description="GS1 element string, bracketed line, GS1 Digital Link, or a code of the NMPA.",
    )


class BarcodeFinding(BaseModel):
    """A fault of the code that was read all the same. `likelier` is what it would say without the fault."""

    fault: str = Field(description="By its name, such as LOST_SEPARATOR.")
    problem: str
    likelier: str | None


class Verified(BaseModel):
    """What a verification says. `finding` is one of the contract's, or NOT_KNOWN_HERE; never a bare yes or no."""

    verified: bool = Field(description="Genuine, in supply, and may be dispensed by its holder.")
    finding: str
    problem: str | None = Field(description="Why the book of this organization does not know the pack.")
    likelier_cause: str | None = Field(description="Of what is not verified, in words.")
    barcode: list[BarcodeFinding]
    product: str | None = None
    lot_number: str | None = None
    lot: str | None = Field(default=None, description="Its id on the chain, as that of `container` and `holder`.")
    container: str | None = None
    holder: str | None = Field(default=None, description="Of a unit that left the supply: who has the case it was in.")
    holder_name: str | None = None
    expires: str | None = Field(default=None, description="Last day of use.")
    recall_class: str | None = None
    recall_reason: str | None = None
    status: str | None = None
    suspect: bool | None = None
    excursion: bool | None = Field(default=None, description="Its cold chain was broken.")
    as_of_block: int
    as_of_time: int = Field(description="Unix seconds.")


class Permitted(BaseModel):
    """What temperatures may be, in hundredths of a degree Celsius."""

    lowest_centidegrees: int
    highest_centidegrees: int
    highest_mean_centidegrees: int


class Window(BaseModel):
    """Temperatures of a container over a time. Times are Unix seconds, temperatures hundredths of a degree Celsius."""

    container: str
    sscc: str | None = Field(description="The container's, if this organization's book knows it.")
    device: str
    window_start: int
    window_end: int
    has_readings: bool = Field(description="If not, its temperatures say nothing, and it is an excursion.")
    lowest_centidegrees: int
    highest_centidegrees: int
    mean_centidegrees: int
    excursion: bool
    permitted: Permitted = Field(description="By which the contract judged it.")


class TraceStep(BaseModel):
    """One act in the life of a pack. `event` is what the chain says of it."""

    act: str
    organization: str | None
    name: str | None
    to_name: str | None = Field(description="Of a shipment its receiver, of a handing over who carries it on.")
    carrier_name: str | None = Field(description="Of a shipment.")
    status: str | None = Field(description="Of what ended: what became of it.")
    recall_class: str | None
    recall_reason: str | None
    container: str | None
    sscc: str | None = Field(description="The container's, if this organization's book knows it.")
    time: int = Field(description="Unix seconds.")
    block_number: int
    transaction_hash: str
    event: dict[str, Any]


class Location(BaseModel):
    """Where a pack is, and what holds of it. `containers` from the innermost to the outermost."""

    lot: str
    containers: list[str]
    holder: str | None
    holder_name: str | None
    state: str
    receiver: str | None
    receiver_name: str | None
    status: str
    suspect: bool
    excursion: bool
    recall_class: str
    finding: str


class Trace(BaseModel):
    """The custody timeline of a pack."""

    location: Location
    steps: list[TraceStep]
    windows: list[Window] = Field(description="Of the containers that it was in, oldest first.")
    as_of: AsOf


@router.post("/verify")
def verify(services: OpenServices, body: Scan) -> Verified:
    """What holds of a pack now, as of one block, and of what is not verified the likelier cause.

    A code that cannot be read is 422 with `fault` and `likelier`, and says nothing about the pack.
    """
    pack_in(body.code)
    names = Names(services.ledger)
    with services.goods.stock() as stock:
        block = services.connection.block_number()
        now = services.connection.block_time(block)
        checked = check(stock, body.code, block)
    found: dict[str, Any] = {}
    if checked.verification is not None:
        of, answer = checked.verification.found, checked.verification.answer
        told = checked.body(names)
        found = {name: told[name] for name in ("lot", "container", "holder", "expires", "suspect", "excursion")}
        found |= {
            "holder_name": None if told["holder"] is None else told["holder_name"],
            "product": of.lot.product,
            "lot_number": of.lot.lot_number,
            "recall_class": answer.recall_class.name,
            "recall_reason": answer.recall_reason.name,
            "status": answer.state.status.name,
        }
    return Verified(
        verified=checked.verified,
        finding=checked.finding,
        problem=checked.problem or None,
        likelier_cause=checked.likelier_cause or None,
        barcode=[
            BarcodeFinding(fault=one.fault.name, problem=one.problem, likelier=one.likelier) for one in checked.findings
        ],
        **found,
        as_of_block=block,
        as_of_time=now,
    )


@router.post("/trace", responses=responses(404, 412))
def trace(services: OpenServices, body: Scan, min_block: MinBlock = 0) -> Trace:
    """Everything that happened to a pack: to its lot, to each container while it was in it, and to itself. 404 for one
    that this organization's book does not know."""
    pack, _ = pack_in(body.code)
    supply = services.supply
    names = Names(services.ledger)
    with services.goods.stock() as stock:
        unit = stock.find(pack).unit

    def ask(view: View) -> tuple[UnitLocation | None, list[TraceEntry], list[JudgedWindow]]:
        index = SerializationIndex(view, supply.operator)
        entries = index.trace(unit.lot, unit.index)
        containers = dict.fromkeys(entry.container for entry in entries if entry.container is not None)
        return index.where_is(unit.lot, unit.index), entries, _windows(index, containers)

    (location, entries, windows), as_of = services.index.read(ask, min_block, supply.lots.address)
    if location is None:
        raise Refused(404, "Unknown unit", "the chain has no such number of its lot")
    with services.goods.stock() as stock:
        steps = [_step(entry, stock.book, names) for entry in entries]
        told = [_window(window, binding, stock.book) for window, binding in windows]
    return Trace(
        location=_location(location, names),
        steps=steps,
        windows=sorted(told, key=lambda one: (one.window_start, one.container)),
        as_of=as_of,
    )


def _windows(index: SerializationIndex, containers: Iterable[str]) -> list[JudgedWindow]:
    """The windows of containers, each with the binding by whose limits it was judged."""
    found = [one for container in containers for one in index.windows(container)]
    devices = {(one.value.contract, one.value.device) for one in found}
    bindings = {(device, one.since): one.value for device in devices for one in index.binding_versions(*device)}
    return [(one.value, bindings[(one.value.contract, one.value.device), one.since]) for one in found]


def _step(entry: TraceEntry, book: LotBook, names: Names) -> TraceStep:
    event: Any = entry.event
    to = event.receiver if isinstance(event, Shipped) else event.to if isinstance(event, HandedOver) else None
    recalled = isinstance(event, LotRecalled)
    return TraceStep(
        act=entry.act,
        organization=entry.organization,
        name=None if entry.organization is None else names.of(entry.organization),
        to_name=None if to is None else names.of(to),
        carrier_name=names.of(event.carrier) if isinstance(event, Shipped) and int(event.carrier, 16) else None,
        status=event.status.name if isinstance(event, UnitsEnded | ContainerEnded) else None,
        recall_class=event.recall_class.name if recalled else None,
        recall_reason=event.reason.name if recalled else None,
        container=entry.container,
        sscc=None if entry.container is None else kept_sscc(book, entry.container),
        time=entry.at.time,
        block_number=entry.at.block_number,
        transaction_hash=entry.at.transaction_hash,
        event=in_words(entry.event),
    )


def _location(found: UnitLocation, names: Names) -> Location:
    return Location(
        lot=found.lot,
        containers=list(found.containers),
        holder=found.holder,
        holder_name=None if found.holder is None else names.of(found.holder),
        state=found.state.name,
        receiver=found.receiver,
        receiver_name=None if found.receiver is None else names.of(found.receiver),
        status=found.status.name,
        suspect=found.suspect,
        excursion=found.excursion,
        recall_class=found.recall_class.name,
        finding=found.finding.name,
    )


def _window(found: WindowEntry, binding: BindingEntry, book: LotBook) -> Window:
    return Window(
        container=found.container,
        sscc=kept_sscc(book, found.container),
        device=found.device,
        window_start=found.window_start,
        window_end=found.window_end,
        has_readings=found.root is not None,
        lowest_centidegrees=found.lowest,
        highest_centidegrees=found.highest,
        mean_centidegrees=found.mean,
        excursion=found.excursion,
        permitted=Permitted(
            lowest_centidegrees=binding.lowest,
            highest_centidegrees=binding.highest,
            highest_mean_centidegrees=binding.highest_mean,
        ),
    )
