"""Whether it lives, whether it can work, and what it counts."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from pydantic import BaseModel, Field

from careledger._version import __version__
from careledger.errors import CareLedgerError
from careledger.gateway.deps import OpenServices
from careledger.gateway.metrics import alert_gauges, exposition
from careledger.gateway.problems import Refused, detail_of
from careledger.gateway.services import Services

__all__ = ["router"]

router = APIRouter(tags=["operation"])

MOST_LAG_SECONDS = 600
"""How old the oldest job that is not on chain may be before this gateway says that it is not ready."""


class Health(BaseModel):
    status: Literal["alive"] = "alive"
    version: str = __version__


class Check(BaseModel):
    """One thing that it needs. `detail` says what is wrong, or a figure."""

    ok: bool
    detail: str


class Readiness(BaseModel):
    """`ready` if all checks hold."""

    ready: bool
    checks: dict[str, Check] = Field(description="node, database, vault, jobs, index")


@router.get("/health")
def health() -> Health:
    """The process answers. Says nothing about the node or the database."""
    return Health()


@router.get("/ready", responses={503: {"model": Readiness}})
def ready(services: OpenServices, response: Response) -> Readiness:
    """Whether node, database and vault answer, and jobs get on."""
    checks = {
        "node": _checked(lambda: f"block {services.connection.block_number()}"),
        "database": _checked(lambda: f"{sum(services.jobs.counts().values())} jobs"),
        "vault": _checked(lambda: services.jobs.check_vault()),
    }
    if checks["database"].ok:
        age = services.jobs.oldest_waiting_seconds()
        checks["jobs"] = Check(ok=age <= MOST_LAG_SECONDS, detail=f"the oldest waits for {age} s")
    checks["index"] = _index(services)
    is_ready = all(check.ok for check in checks.values())
    response.status_code = 200 if is_ready else 503
    return Readiness(ready=is_ready, checks=checks)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request, services: OpenServices) -> Response:
    """For Prometheus. No label holds an id, an address or a name."""
    registry: CollectorRegistry = request.app.state.registry
    body = exposition(registry) + generate_latest(_jobs_registry(services))
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def _index(services: Services) -> Check:
    try:
        found = services.index.standing()
    except Refused as error:
        return Check(ok=False, detail=error.detail)
    except CareLedgerError as error:
        return Check(ok=False, detail=detail_of(error))
    return Check(ok=found.near, detail=f"block {found.block_number}, {found.blocks_behind} behind")


def _checked(ask: object) -> Check:
    assert callable(ask)
    try:
        return Check(ok=True, detail=ask())
    except CareLedgerError as error:
        return Check(ok=False, detail=detail_of(error))


class _Jobs:
    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> list[Metric]:
        jobs = GaugeMetricFamily("careledger_gateway_jobs", "Jobs by state.", labels=["state"])
        for state, count in self._services.jobs.counts().items():
            jobs.add_metric([state.value], count)
        oldest = GaugeMetricFamily(
            "careledger_gateway_oldest_job_seconds",
            "Age of the oldest job that is not on chain.",
            value=self._services.jobs.oldest_waiting_seconds(),
        )
        return [jobs, oldest, *self._index(), *alert_gauges(self._services.alerts.now())]

    def _index(self) -> list[Metric]:
        """How far the index is; nothing while there is none, or the node does not answer."""
        try:
            found = self._services.index.standing()
        except (CareLedgerError, Refused):
            return []
        block = GaugeMetricFamily(
            "careledger_gateway_index_block_number", "The index's last block.", value=found.block_number
        )
        behind = GaugeMetricFamily(
            "careledger_gateway_index_blocks_behind", "Blocks between it and the head.", value=found.blocks_behind
        )
        return [block, behind]


def _jobs_registry(services: Services) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Jobs(services))
    return registry
