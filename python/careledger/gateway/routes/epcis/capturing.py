"""Capture: a document of events is a job, and its errors are told per event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from careledger.anchoring.receipt_vault import ReceiptVault
from careledger.errors import EpcisInvalid
from careledger.gateway.access import Principal
from careledger.gateway.deps import IdempotencyKey, OpenServices, allowed
from careledger.gateway.jobs import Handler, Job, JobState
from careledger.gateway.jobs.store import PAGE_MOST
from careledger.gateway.jobs.types import ENDED, ON_CHAIN
from careledger.gateway.problems import Refused
from careledger.gateway.routes.epcis.exchange import (
    EpcisRoute,
    JsonTaken,
    PerPage,
    epcis_responses,
    exception,
    link,
    time_text,
)
from careledger.gateway.routes.fhir.exchange import require_own
from careledger.gateway.services import Services
from careledger.serialization.epcis.capture import Capture, CaptureReport
from careledger.serialization.epcis.documents import Document, DocumentType
from careledger.serialization.epcis.event_log import Outcome
from careledger.serialization.epcis.json_form import read_json
from careledger.serialization.epcis.xml_form import read_xml

__all__ = ["PROCEED", "ROLLBACK", "capturing_handlers", "router"]

router = APIRouter(prefix="/capture", route_class=EpcisRoute, responses=epcis_responses())

ROLLBACK, PROCEED = "epcis.capture.rollback", "epcis.capture.proceed"
"""The kinds of the jobs that capture a document: all of it or nothing, and each event by itself."""

JSON_TYPES = frozenset({"application/json", "application/ld+json"})
XML_TYPES = frozenset({"application/xml", "text/xml"})
CAPTURED = frozenset({Outcome.APPLIED, Outcome.STANDING, Outcome.ANCHORED})
ON_CHAIN_OUTCOMES = frozenset({Outcome.APPLIED, Outcome.ANCHORED})

Capturer = Annotated[Principal, allowed("epcis.capture")]


class Behaviour(StrEnum):
    """What an event that is refused does to the others of its document."""

    ROLLBACK = "rollback"
    PROCEED = "proceed"


KINDS = {Behaviour.ROLLBACK: ROLLBACK, Behaviour.PROCEED: PROCEED}


class CaptureJob(BaseModel):
    """How a capture stands, as the standard says it. `errors` are problems; each names the event's place, from 0."""

    captureID: str  # noqa: N815
    createdAt: str  # noqa: N815
    finishedAt: str | None = None  # noqa: N815
    running: bool
    success: bool = Field(description="False as soon as there is an error.")
    captureErrorBehaviour: Behaviour  # noqa: N815
    errors: list[dict[str, Any]]


async def _body(request: Request) -> tuple[str, bytes]:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in JSON_TYPES | XML_TYPES:
        raise Refused(415, "Not in that format", f"a body must be {', '.join(sorted(JSON_TYPES | XML_TYPES))}")
    return content_type, await request.body()


DOCUMENT = {
    "type": "object",
    "required": ["@context", "type", "schemaVersion", "creationDate", "epcisBody"],
    "properties": {"type": {"const": "EPCISDocument"}},
    "externalDocs": {"url": "https://ref.gs1.org/standards/epcis/"},
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            **{name: {"schema": DOCUMENT} for name in sorted(JSON_TYPES)},
            **{name: {"schema": {"type": "string"}} for name in sorted(XML_TYPES)},
        },
    }
}
LOCATED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "It is on disk, to be captured: follow it at `Location`.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}


@router.post(
    "", status_code=202, response_class=Response, openapi_extra=BODY, responses=epcis_responses(409, 415) | LOCATED
)
def capture(
    services: OpenServices,
    capturer: Capturer,
    body: Annotated[tuple[str, bytes], Depends(_body)],
    behaviour: Annotated[
        Behaviour,
        Header(alias="GS1-Capture-Error-Behaviour", description="What an event that is refused does to the others."),
    ] = Behaviour.ROLLBACK,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Capture a document of events, in EPCIS 2.0 JSON-LD, or EPCIS 1.2 or 2.0 XML.

    What is no document is 400 at once; events that are wrong are told by the capture job. The same event again, by its
    event hash, changes nothing.
    """
    require_own(services, capturer)
    services.goods.master  # noqa: B018  (raises if there is none)
    services.supply  # noqa: B018
    content_type, content = body
    document = _read(content_type in XML_TYPES, content)
    if not document.entries:
        raise EpcisInvalid("epcisBody", "none", "has no event")
    payload = (b"<" if content_type in XML_TYPES else b"{") + content
    job = services.jobs.submit(KINDS[behaviour], capturer.subject, payload, idempotency_key)
    return Response(status_code=202, headers={"Location": f"/capture/{job.job_id}"})


@router.get("", dependencies=[JsonTaken], responses=epcis_responses(404))
def captures(
    services: OpenServices,
    capturer: Capturer,
    response: Response,
    per_page: PerPage = 30,
    token: Annotated[
        str | None,
        Query(alias="nextPageToken", pattern="^[0-9a-f]{32}$", description="From the `Link` of the page before."),
    ] = None,
) -> list[CaptureJob]:
    """This client's captures, the newest first."""
    per_page = min(per_page, PAGE_MOST)
    page = services.jobs.page(capturer.subject, None, per_page, token, KINDS.values())
    if len(page) == per_page:
        response.headers["Link"] = link("/capture", {"perPage": str(per_page)}, page[-1].job_id)
    return [_shown(job) for job in page]


@router.get("/{capture_id}", dependencies=[JsonTaken], responses=epcis_responses(404))
def capture_job(
    services: OpenServices, capturer: Capturer, capture_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
) -> CaptureJob:
    """How a capture stands. Its transactions, and whether they are final, are told by the job of the same id."""
    job = services.jobs.get(capture_id, capturer.subject)
    if job.kind not in KINDS.values():
        raise Refused(404, "Unknown capture", f"there is no capture {capture_id}")
    return _shown(job)


# ---------------------------------------------------------------------- jobs


def capturing_handlers(services: Services) -> dict[str, Handler]:
    """What performs the jobs of ROLLBACK and PROCEED."""
    return {kind: _capturing(services, behaviour) for behaviour, kind in KINDS.items()}


def _capturing(services: Services, behaviour: Behaviour) -> Handler:
    goods = services.goods

    @contextmanager
    def capturing() -> Iterator[Capture]:
        with goods.capture() as (stock, log):
            receipts = ReceiptVault(services.vault)
            yield Capture(stock, log, goods.master, documents=services.ledger.documents, receipts=receipts)

    def perform(payload: bytes) -> dict[str, Any]:
        document = _read(payload[:1] == b"<", payload[1:])
        with capturing() as capture:
            begun = capture.begin(document, all_or_none=behaviour is Behaviour.ROLLBACK)
        anchored = capture.anchor(begun)
        with capturing() as capture:
            report = capture.finish(begun, anchored)
        return _told(report, behaviour)

    return Handler(perform)


def _told(report: CaptureReport, behaviour: Behaviour) -> dict[str, Any]:
    errors = [
        {**exception(400, "ValidationException", f"event {one.place}: {one.problem}"), "place": one.place}
        for one in report.results
        if one.outcome is Outcome.REFUSED
    ]
    done = sum(1 for one in report.results if one.outcome in ON_CHAIN_OUTCOMES)
    if errors and done and behaviour is Behaviour.ROLLBACK:
        detail = f"the chain had taken {done} events before it refused one: what it took stands, and is captured"
        errors.append(exception(500, "ImplementationException", detail))
    return {
        "events": len(report.results),
        "captured": sum(1 for one in report.results if one.outcome in CAPTURED),
        "transactions": sum(len(one.transactions) for one in report.results),
        "anchored": sum(1 for one in report.results if one.leaf),
        "errors": errors,
    }


def _read(is_xml: bool, content: bytes) -> Document:
    document = read_xml(content) if is_xml else read_json(content)
    if document.type is not DocumentType.CAPTURE:
        raise EpcisInvalid("type", document.type.value, f"must be {DocumentType.CAPTURE.value}")
    return document


def _shown(job: Job) -> CaptureJob:
    ended = job.state in ON_CHAIN | ENDED
    errors = [] if job.result is None else job.result["errors"]
    if job.state is JobState.FAILED and job.problem is not None:
        errors = [exception(int(job.problem["status"]), "ImplementationException", str(job.problem["detail"]))]
    known = [one.time for one in job.events if one.name in {state.value for state in ON_CHAIN | ENDED}]
    finished_at = known[0] if known else job.updated_at
    return CaptureJob(
        captureID=job.job_id,
        createdAt=time_text(job.created_at),
        finishedAt=time_text(finished_at) if ended else None,
        running=not ended,
        success=not errors if ended else True,
        captureErrorBehaviour=next(behaviour for behaviour, kind in KINDS.items() if kind == job.kind),
        errors=errors if ended else [],
    )
