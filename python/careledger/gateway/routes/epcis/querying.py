"""Queries: the captured events by the standard's parameters, page by page, and where an object is now."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from careledger.anchoring.canonical_json import write
from careledger.gateway.access import Principal
from careledger.gateway.deps import OpenServices, allowed
from careledger.gateway.problems import Refused
from careledger.gateway.routes.epcis.exchange import (
    EpcisRoute,
    JsonTaken,
    Next,
    PerPage,
    Position,
    epcis_responses,
    link,
    time_text,
    token_of,
)
from careledger.gateway.routes.fhir.exchange import require_own
from careledger.gateway.services import Services
from careledger.serialization.epcis.event_log import CapturedEvent
from careledger.serialization.epcis.query import PARAMETERS, ObjectState, query, query_document, state_of

__all__ = ["router"]

router = APIRouter(route_class=EpcisRoute, responses=epcis_responses(), dependencies=[JsonTaken])

EVENT_TYPES = ("ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent")
CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
PAGING = frozenset({"perPage", "nextPageToken", "orderBy", "orderDirection", "eventCountLimit", "maxEventCount"})
FOLLOWS_PAGES = {name: {"schema": {"type": "string"}} for name in ("Link", "GS1-Next-Page-Token-Expires")}

Reader = Annotated[Principal, allowed("epcis.query")]
OrderBy = Annotated[str, Query(alias="orderBy", pattern="^(eventTime|recordTime)$")]
OrderDirection = Annotated[str, Query(alias="orderDirection", pattern="^(ASC|DESC)$")]
CountLimit = Annotated[
    int | None, Query(alias="eventCountLimit", ge=1, le=10**6, description="At most so many in all, the first ones.")
]
MaxCount = Annotated[
    int | None, Query(alias="maxEventCount", ge=1, le=10**6, description="413 if there are more than that.")
]

NAMED: dict[str, Any] = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": "As the standard defines it; several values are separated by `|`.",
            "schema": {"type": "string"},
        }
        for name in PARAMETERS
    ]
}
DOCUMENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An EPCISQueryDocument of the events as they were captured.",
        "headers": FOLLOWS_PAGES,
        "content": {"application/json": {"schema": {"type": "object", "required": ["@context", "type", "epcisBody"]}}},
    }
}


class State(BaseModel):
    """Where a pack or container stands now, by the chain. Organizations and the container are ids and an SSCC."""

    epc: str
    state: ObjectState
    finding: str | None = Field(description="Of a pack: what a verification answers.")
    holder: str | None
    receiver: str | None
    container: str | None = Field(description="SSCC of the container that it lies in.")
    last_event: str | None = Field(description="Event hash of the last event of it here.")
    as_of_block: int


class EventTypes(BaseModel):
    """Of what this gateway takes."""

    context: str = Field(alias="@context", default=CONTEXT)
    type: str = "Collection"
    member: tuple[str, ...] = EVENT_TYPES


@router.get("/eventTypes")
def event_types(_: Reader) -> EventTypes:
    """The types of events."""
    return EventTypes()


@router.get("/events", response_class=Response, openapi_extra=NAMED, responses=DOCUMENTS)
def events(
    services: OpenServices,
    reader: Reader,
    request: Request,
    per_page: PerPage = 30,
    token: Next = None,
    order_by: OrderBy = "eventTime",
    order_direction: OrderDirection = "DESC",
    count_limit: CountLimit = None,
    max_count: MaxCount = None,
) -> Response:
    """The captured events that all parameters let pass, by default the newest first. Pages are of the events that were
    captured when the first page was asked for."""
    require_own(services, reader)
    order = (order_by, order_direction, count_limit, max_count)
    return _page(services, request, _asked(request), per_page, token, *order)


@router.get("/epcs/{epc:path}/events", response_class=Response, openapi_extra=NAMED, responses=DOCUMENTS)
def events_of(
    services: OpenServices,
    reader: Reader,
    request: Request,
    epc: str,
    per_page: PerPage = 30,
    token: Next = None,
    order_by: OrderBy = "eventTime",
    order_direction: OrderDirection = "DESC",
    count_limit: CountLimit = None,
    max_count: MaxCount = None,
) -> Response:
    """The events of an object, by its EPC URI or GS1 Digital Link; of one that is not known there are none."""
    require_own(services, reader)
    asked = {**_asked(request), "MATCH_anyEPC": [epc]}
    order = (order_by, order_direction, count_limit, max_count)
    return _page(services, request, asked, per_page, token, *order)


@router.get("/epcs/{epc:path}/state")
def state(services: OpenServices, reader: Reader, epc: str) -> State:
    """Where a pack or container stands now, by the chain. This is an addition to the standard."""
    require_own(services, reader)
    with services.goods.stock() as stock, services.goods.events() as log:
        block = services.connection.block_number()
        found = state_of(epc, stock, log, block)
    return State(
        epc=epc,
        state=found.state,
        finding=None if found.finding is None else found.finding.name,
        holder=found.holder,
        receiver=found.receiver,
        container=found.container,
        last_event=None if found.last is None else found.last.hash,
        as_of_block=block,
    )


@router.get("/events/{event_id:path}", response_class=Response, responses={**DOCUMENTS, **epcis_responses(404)})
def event(services: OpenServices, reader: Reader, event_id: str) -> Response:
    """The events of an eventID, or event hash: with those that declare an error of it."""
    require_own(services, reader)
    with services.goods.events() as log:
        found = query(log, {"EQ_eventID": [event_id]})
    if not found:
        raise Refused(404, "Unknown event", "there is no event of this id")
    return _document(found)


def _asked(request: Request) -> dict[str, list[str]]:
    """The standard's parameters of a request; a value that has several is split."""
    asked: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name not in PAGING:
            asked.setdefault(name, []).extend(value.split("|"))
    return asked


def _page(
    services: Services,
    request: Request,
    asked: Mapping[str, list[str]],
    per_page: int,
    token: str | None,
    order_by: str,
    order_direction: str,
    count_limit: int | None,
    max_count: int | None,
) -> Response:
    position = None if token is None else Position.of(token)
    with services.goods.events() as log:
        known = len(log) if position is None else min(position.known, len(log))
        found = query(islice(log, known), asked, order_by, order_direction == "DESC")
    if max_count is not None and len(found) > max_count:
        raise Refused(413, "Too many events", f"there are more than {max_count}: narrow the query")
    found = found[:count_limit]
    first = 0 if position is None else position.after
    response = _document(found[first : first + per_page])
    if first + per_page < len(found):
        following = Position.following(first + per_page, known)
        kept = {name: request.query_params.getlist(name) for name in request.query_params if name != "nextPageToken"}
        response.headers["Link"] = link(request.scope["raw_path"].decode(), kept, token_of(following))
        response.headers["GS1-Next-Page-Token-Expires"] = time_text(following.until)
    return response


def _document(found: list[CapturedEvent]) -> Response:
    return Response(write(query_document(found)), media_type="application/json")
