"""FHIR R4: prior authorization by Da Vinci PAS, and resources anchored as documents."""

from __future__ import annotations

from fastapi import APIRouter

from careledger.gateway.routes.fhir import anchors, claims, jobs, metadata, subscriptions

__all__ = ["router"]

router = APIRouter(prefix="/fhir", tags=["fhir"])
for _part in (metadata, claims, anchors, subscriptions, jobs):
    router.include_router(_part.router)
