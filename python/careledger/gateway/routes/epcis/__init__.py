"""EPCIS 2.0: events captured and asked for over HTTP, as clause 12 of the standard and its OpenAPI have it."""

from __future__ import annotations

from fastapi import APIRouter

from careledger.gateway.routes.epcis import capturing, querying
from careledger.gateway.routes.epcis.capturing import PROCEED, ROLLBACK, capturing_handlers

__all__ = ["PROCEED", "ROLLBACK", "capturing_handlers", "router"]

router = APIRouter(tags=["epcis"])
router.include_router(capturing.router)
router.include_router(querying.router)
