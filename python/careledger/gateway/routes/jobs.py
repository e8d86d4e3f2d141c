"""Jobs: what a 202 promised, and how far it got."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import urlencode

import anyio
import orjson
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from careledger.gateway.access import Principal
from careledger.gateway.deps import OpenServices, known
from careledger.gateway.jobs import Job, JobState
from careledger.gateway.jobs.types import ENDED, ON_CHAIN
from careledger.gateway.problems import Refused, responses

__all__ = ["ACCEPTED", "JobView", "answer", "require_unfailed", "router"]

router = APIRouter(prefix="/jobs", tags=["jobs"], responses=responses(401, 403, 404, 429))

EVENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "One event. Its data are JSON: `time` in Unix seconds, and `job` as it is now.",
    "properties": {"id": {"type": "string"}, "event": {"type": "string"}, "data": {"type": "string"}},
    "required": ["id", "event", "data"],
}
POLL_SECONDS = 0.25
Reader = Annotated[Principal, Depends(known)]
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


class EventView(BaseModel):
    """`name` is the state that it came to, or `reorganized`. `time` in Unix seconds."""

    number: int
    time: int
    name: str


class JobView(BaseModel):
    """A job. `block_number` is the highest of its blocks; `final` says that a reorganization is not looked for any
    more."""

    job: str
    kind: str
    state: JobState
    final: bool
    created_at: int
    updated_at: int
    block_number: int | None
    result: dict[str, Any] | None = Field(description="What it came to; it depends on the kind.")
    problem: dict[str, Any] | None = Field(description="Why it failed, as problem+json.")
    events: list[EventView]
    href: str

    @classmethod
    def of(cls, job: Job) -> JobView:
        return cls(
            job=job.job_id,
            kind=job.kind,
            state=job.state,
            final=job.state is JobState.FINAL,
            created_at=job.created_at,
            updated_at=job.updated_at,
            block_number=max(job.blocks.values(), default=None),
            result=job.result,
            problem=job.problem,
            events=[EventView(number=one.number, time=one.time, name=one.name) for one in job.events],
            href=f"/jobs/{job.job_id}",
        )


ACCEPTED: dict[int | str, dict[str, Any]] = {
    201: {"model": JobView, "description": "In a block: see `block_number` and `final`."},
    202: {"model": JobView, "description": "On disk, to be done: follow it at `href`."},
}
"""What a route declares that answers with `answer`."""


def answer(job: Job, response: Response) -> JobView:
    """201 for what is on chain, 202 for what is on its way. Raises Refused for what failed."""
    require_unfailed(job)
    response.status_code = 201 if job.state in ON_CHAIN else 202
    response.headers["Location"] = f"/jobs/{job.job_id}"
    return JobView.of(job)


def require_unfailed(job: Job) -> None:
    """Raises Refused for a job that failed, with its problem."""
    if job.problem is not None:
        problem = dict(job.problem)
        status, title, detail = (problem.pop(name) for name in ("status", "title", "detail"))
        raise Refused(int(status), str(title), str(detail), **{**problem, "job": job.job_id})


@router.get("")
def jobs(
    services: OpenServices,
    reader: Reader,
    response: Response,
    state: JobState | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[
        str | None, Query(pattern="^[0-9a-f]{32}$", description="The last job of the page before.")
    ] = None,
) -> list[JobView]:
    """This client's jobs, the newest first. `Link` names the next page, if this one is full."""
    page = services.jobs.page(reader.subject, state, limit, after)
    if len(page) == limit:
        wanted = {"state": state, "limit": limit, "after": page[-1].job_id}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        response.headers["Link"] = f'</jobs?{query}>; rel="next"'
    return [JobView.of(job) for job in page]


@router.get("/{job_id}")
def job(services: OpenServices, reader: Reader, job_id: JobId) -> JobView:
    """One of this client's jobs."""
    return JobView.of(services.jobs.get(job_id, reader.subject))


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"schema": EVENT_SCHEMA}}}},
)
async def events(
    request: Request,
    services: OpenServices,
    reader: Reader,
    job_id: JobId,
    last_event_id: Annotated[int, Header(ge=-1, le=2**31, description="-1: from the first.")] = -1,
) -> EventSourceResponse:
    """What happens to a job, as server-sent events, until it is final or has failed. `Last-Event-ID` goes on after
    that one."""
    await run_in_threadpool(services.jobs.get, job_id, reader.subject)

    async def told() -> AsyncIterator[ServerSentEvent]:
        next_number = last_event_id + 1
        while True:
            found = await run_in_threadpool(services.jobs.get, job_id, reader.subject)
            for event in found.events[next_number:]:
                body = orjson.dumps({"time": event.time, "job": JobView.of(found).model_dump(mode="json")}).decode()
                yield ServerSentEvent(data=body, event=event.name, id=str(event.number))
            next_number = max(next_number, len(found.events))
            if found.state in ENDED or await request.is_disconnected():
                return
            await anyio.sleep(POLL_SECONDS)

    return EventSourceResponse(told(), ping=15)
