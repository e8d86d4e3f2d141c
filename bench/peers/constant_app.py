"""A bare FastAPI application that answers a constant: what framework and server take before any work is done."""

from __future__ import annotations

from fastapi import FastAPI

__all__ = ["app"]

app = FastAPI(openapi_url=None)


@app.post("/")
async def constant() -> dict[str, str]:
    """Always the same."""
    return {"answer": "active"}
