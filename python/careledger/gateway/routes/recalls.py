"""Recalls: a lot is recalled for good, and who holds what of it is told at once."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from careledger.chain.indexer.reader import View
from careledger.cli.supply.words import Names
from careledger.contract_enums import RecallClass, RecallReason
from careledger.errors import InvalidInput, NotInBook
from careledger.gateway.access import Principal
from careledger.gateway.deps import IdempotencyKey, OpenServices, Prefer, allowed, wait_seconds
from careledger.gateway.etags import MinBlock
from careledger.gateway.indexed import AsOf
from careledger.gateway.jobs import Handler
from careledger.gateway.problems import Refused, responses
from careledger.gateway.routes.fhir.exchange import require_own
from careledger.gateway.routes.jobs import ACCEPTED, JobView, answer
from careledger.gateway.services import Services
from careledger.serialization.index import SerializationIndex
from careledger.serialization.index_entries import RecallReport
from careledger.serialization.stock import Stock

__all__ = ["RECALL", "recalling", "router"]

router = APIRouter(prefix="/recalls", tags=["recalls"], responses=responses(401, 403, 404, 413, 422, 429, 503))

RECALL = "recalls.recall"
"""The kind of the jobs that recall a lot."""

Recaller = Annotated[Principal, allowed("recalls.write")]


class Grade(StrEnum):
    """How grave a recall is (21 CFR 7.3(m)); I is the gravest."""

    I = "I"  # noqa: E741
    II = "II"
    III = "III"


Reason = StrEnum("Reason", [(one.name, one.name) for one in RecallReason if one])  # type: ignore[misc]


class LotNamed(BaseModel):
    """A lot: by GTIN and lot number as this organization's book has it, or by its id on the chain."""

    model_config = ConfigDict(extra="forbid")

    gtin: str | None = Field(default=None, pattern="^[0-9]{14}$")
    lot_number: str | None = Field(default=None, min_length=1, max_length=20)
    lot: str | None = Field(default=None, pattern="^0x[0-9a-f]{24}$", description="Its id on the chain.")


class ToRecall(LotNamed):
    """Which lot is recalled, and why."""

    recall_class: Grade
    reason: Reason
    keep_closed: bool = Field(
        default=False, description="Do not tell everybody which product and lot number it is; its maker does else."
    )


class Share(BaseModel):
    """What one organization has of a lot, in containers and single."""

    holder: str
    name: str
    units: int
    single_units: int
    containers: dict[str, int] = Field(description="Units by the id of the outermost container.")


class Moving(BaseModel):
    """Units of a lot that are on their way, were rejected, or are missing."""

    container: str
    state: str
    sender: str
    sender_name: str
    receiver: str
    receiver_name: str
    carrier: str | None
    deadline: int = Field(description="Unix seconds.")
    units: int


class Report(BaseModel):
    """Who has what of a lot. Every number that was commissioned counts once."""

    lot: str
    maker: str
    maker_name: str
    recall_class: str
    recall_reason: str
    commissioned: int
    held: int
    holders: list[Share] = Field(description="Who has most first.")
    on_the_way: int
    shipments: list[Moving]
    ended: dict[str, int] = Field(description="By what became of them.")
    not_packed: int
    left_out: int
    suspect: int
    took_milliseconds: int = Field(description="So long it took to find out.")
    as_of: AsOf


@router.post("", status_code=201, responses={**ACCEPTED, **responses(409)})
def recall(
    services: OpenServices,
    recaller: Recaller,
    body: ToRecall,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> JobView:
    """Recall a lot for good, as its maker or a regulator. It can be made graver, never lighter. From its block on no
    pack of it is verified or dispensed."""
    require_own(services, recaller)
    with services.goods.stock() as stock:
        lot = _lot(stock, body)
        opened = not body.keep_closed and _is_own(stock, lot)
    asked = {"lot": lot, "class": f"CLASS_{body.recall_class}", "reason": body.reason, "opened": opened}
    job = services.jobs.submit(RECALL, recaller.subject, orjson.dumps(asked), idempotency_key)
    return answer(services.jobs.wait(job.job_id, wait_seconds(prefer, services)), response)


@router.post("/report", dependencies=[allowed("recalls.read")], responses=responses(412))
def report(services: OpenServices, body: LotNamed, min_block: MinBlock = 0) -> Report:
    """Who holds what of a lot now, what is on its way, what became of the rest, and how long it took to find out. It
    changes nothing, and is asked by POST so that no lot is in a URL."""
    started = time.monotonic_ns()
    supply = services.supply
    with services.goods.stock() as stock:
        lot = _lot(stock, body)

    def ask(view: View) -> RecallReport | None:
        return SerializationIndex(view, supply.operator).recall_report(lot)

    found, as_of = services.index.read(ask, min_block, supply.lots.address)
    took = (time.monotonic_ns() - started) // 1_000_000
    if found is None:
        raise Refused(404, "Unknown lot", "the chain has no such lot")
    return _report(found, Names(services.ledger), took, as_of)


def recalling(services: Services) -> Handler:
    """What performs the jobs of RECALL."""

    def perform(payload: bytes) -> dict[str, Any]:
        asked = orjson.loads(payload)
        grade, reason = RecallClass[asked["class"]], RecallReason[asked["reason"]]
        receipts = services.goods.opened().recall(asked["lot"], grade, reason, asked["opened"])
        return {**asked, "transactions": [one.transaction_hash for one in receipts]}

    return Handler(perform)


# ---------------------------------------------------------------------- inner


def _lot(stock: Stock, named: LotNamed) -> str:
    """The id of a lot. Raises NotInBook, and InvalidInput for a number of several, or none named."""
    if named.lot is not None:
        return named.lot
    if named.gtin is None or named.lot_number is None:
        raise InvalidInput("lot", "none", "name it by gtin and lot_number, or by its id as lot")
    kept = stock.book.lots_numbered(f"gtin:{named.gtin}", named.lot_number)
    standing = [one.id for one in kept if stock.lots.lot(one.id) is not None]
    if not standing:
        raise NotInBook("lot", named.lot_number)
    if len(standing) > 1:
        raise InvalidInput("lot_number", named.lot_number, f"is that of several: {', '.join(standing)}")
    return standing[0]


def _is_own(stock: Stock, lot: str) -> bool:
    try:
        return stock.book.lot(lot).maker == stock.book.organization
    except NotInBook:
        return False


def _report(found: RecallReport, names: Names, took: int, as_of: AsOf) -> Report:
    return Report(
        lot=found.lot,
        maker=found.maker,
        maker_name=names.of(found.maker),
        recall_class=found.recall_class.name,
        recall_reason=found.recall_reason.name,
        commissioned=found.commissioned,
        held=found.held,
        holders=[
            Share(
                holder=share.holder,
                name=names.of(share.holder),
                units=share.units,
                single_units=share.single_units,
                containers={one.container: one.units for one in share.containers},
            )
            for share in sorted(found.holders, key=lambda share: -share.units)
        ],
        on_the_way=found.on_the_way,
        shipments=[
            Moving(
                container=one.container,
                state=one.state.name,
                sender=one.sender,
                sender_name=names.of(one.sender),
                receiver=one.receiver,
                receiver_name=names.of(one.receiver),
                carrier=one.carrier,
                deadline=one.deadline,
                units=one.units,
            )
            for one in found.shipments
        ],
        ended={status.name: count for status, count in found.ended.items()},
        not_packed=found.not_packed,
        left_out=found.left_out,
        suspect=found.suspect,
        took_milliseconds=took,
        as_of=as_of,
    )
