"""Reads the OperationOutcome that another system answered with."""

from __future__ import annotations

from careledger.authorization.fhir.elements import Element
from careledger.authorization.fhir.issues import Issue
from careledger.authorization.fhir.resources import parse_resource

__all__ = ["parse_operation_outcome"]


def parse_operation_outcome(content: bytes) -> tuple[Issue, ...]:
    """Its issues, in order. Raises BundleRefused if it is no OperationOutcome.

    The texts are the other system's, and may hold anything.
    """
    return tuple(_issue(issue) for issue in parse_resource(content, "OperationOutcome").elements("issue"))


def _issue(issue: Element) -> Issue:
    details = issue.element("details")
    text = (details.text("text") if details else None) or issue.text("diagnostics") or ""
    expressions = issue.texts("expression") or issue.texts("location")
    return Issue(
        expression=expressions[0] if expressions else "",
        problem=text,
        code=issue.text("code") or "invalid",
        severity=issue.text("severity") or "error",
    )
