"""The OpenAPI description: what the routes declare, and what the edge adds to every one of them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from careledger.gateway.fhir_outcomes import FHIR_JSON, is_fhir
from careledger.gateway.limits import UNLIMITED
from careledger.gateway.problems import PROBLEM

__all__ = ["describe"]

PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
OUTCOME_SCHEMA = {
    "type": "object",
    "required": ["resourceType", "issue"],
    "properties": {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "minItems": 1}},
}
REQUEST_ID = {
    "description": "That of the request, or one that was given to it; it is in the log.",
    "schema": {"type": "string"},
}
RETRY_AFTER = {"description": "Seconds after which to come again.", "schema": {"type": "integer", "minimum": 0}}
OF_ALL = {"429": "More requests than a client may make."}
OF_BODIES = {
    "400": "The body cannot be taken apart.",
    "408": "The body did not come in time.",
    "413": "The body is too long.",
    "415": "The body is packed, or of a type that is not taken.",
    "422": "The request is not as described, or asks for what cannot be.",
}
METHODS = frozenset({"get", "put", "post", "delete", "patch"})
NULL = {"type": "null"}


def describe(app: FastAPI) -> None:
    """Has an application give its description: errors as they are answered, and the headers of every answer."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    description=app.description,
                    routes=app.routes,
                    license_info=app.license_info,
                )
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(description: dict[str, Any]) -> dict[str, Any]:
    for path, operations in description["paths"].items():
        error = {FHIR_JSON: {"schema": OUTCOME_SCHEMA}} if is_fhir(path) else {PROBLEM: {"schema": PROBLEM_SCHEMA}}
        for method, operation in operations.items():
            if method in METHODS:
                _complete(path, operation, error)
    for name in ("HTTPValidationError", "ValidationError"):
        description["components"]["schemas"].pop(name, None)
    return description


def _complete(path: str, operation: dict[str, Any], error: dict[str, Any]) -> None:
    answers: dict[str, Any] = operation["responses"]
    added = {} if path in UNLIMITED else dict(OF_ALL)
    if "requestBody" in operation:
        added |= OF_BODIES
    if "HTTPValidationError" in str(answers.get("422", "")):
        answers["422"] = {"description": OF_BODIES["422"], "content": error}
    for status, words in added.items():
        answers.setdefault(status, {"description": words, "content": error})
    for status, answer in answers.items():
        headers = answer.setdefault("headers", {})
        headers.setdefault("X-Request-Id", REQUEST_ID)
        if status in {"429", "503"}:
            headers.setdefault("Retry-After", RETRY_AFTER)
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        if NULL in schema.get("anyOf", ()):  # left out, never null: a query or a header has no such value
            (kept,) = [one for one in schema.pop("anyOf") if one != NULL]
            schema.update(kept)
