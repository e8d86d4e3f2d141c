"""One router per resource, and what performs its jobs."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.routing import APIRoute

from careledger.gateway.fhir_claims import SUBMIT, submitting
from careledger.gateway.jobs import Handler
from careledger.gateway.routes import (
    alerts,
    claim_reviews,
    claims,
    console,
    disputes,
    documents,
    epcis,
    fhir,
    health,
    history,
    jobs,
    organizations,
    patients,
    recalls,
    reports,
    reviews,
    session,
    token,
    units,
)
from careledger.gateway.services import Services

__all__ = ["ROUTERS", "handlers"]

_API = (
    health.router,
    token.router,
    session.router,
    jobs.router,
    documents.router,
    disputes.router,
    fhir.router,
    epcis.router,
    units.router,
    recalls.router,
    history.router,
    organizations.router,
    console.router,
    reviews.router,
    claim_reviews.router,
    claims.router,
    patients.router,
    reports.router,
    alerts.router,
)
ROUTERS: tuple[APIRouter, ...] = (
    *_API,
    console.pages(taken={route.path for router in _API for route in router.routes if isinstance(route, APIRoute)}),
)


def handlers(services: Services) -> dict[str, Handler]:
    """What performs the jobs, by their kind."""
    return {
        documents.ANCHOR: documents.anchoring(services),
        disputes.RELAY: disputes.relaying(services),
        SUBMIT: submitting(services),
        **epcis.capturing_handlers(services),
        recalls.RECALL: recalls.recalling(services),
        reviews.REVIEW: reviews.reviewing(services),
        reviews.OVERDUE: reviews.marking(services),
        claim_reviews.CLAIM_REVIEW: claim_reviews.claim_reviewing(services),
    }
