"""Errors under /fhir: each answer is exactly one OperationOutcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["FHIR_JSON", "is_fhir", "outcome_of", "told"]

FHIR_JSON = "application/fhir+json"
ROOT = "/fhir"
PROBLEM_SYSTEM = "urn:careledger:problem"

ISSUE_TYPES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    410: "deleted",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    503: "transient",
}
"""FHIR's code for an HTTP status; `exception` for any other."""


def is_fhir(path: str) -> bool:
    """Whether a path is under the FHIR endpoint."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def outcome_of(problem: Mapping[str, Any]) -> dict[str, Any]:
    """The OperationOutcome that says what a problem (RFC 9457) does. That of a refused bundle is the one which it
    carries."""
    carried = problem.get("operation_outcome")
    if isinstance(carried, Mapping):
        return dict(carried)
    status = int(problem["status"])
    issue = {
        "severity": "fatal" if status >= 500 and status != 503 else "error",
        "code": ISSUE_TYPES.get(status, "exception"),
        "details": {
            "coding": [{"system": PROBLEM_SYSTEM, "code": _code(problem)}],
            "text": str(problem["detail"]) or str(problem["title"]),
        },
    }
    if problem.get("request_id"):
        issue["diagnostics"] = f"request {problem['request_id']}"
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def told(text: str) -> dict[str, Any]:
    """An OperationOutcome that says something, and that nothing is wrong."""
    issue = {"severity": "information", "code": "informational", "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _code(problem: Mapping[str, Any]) -> str:
    """The last part of the problem's URN, or its title."""
    kind = str(problem["type"]).rpartition(":")[2]
    return str(problem["title"]).replace(" ", "-").lower() if kind == "blank" else kind
