"""What is wrong with a bundle, as the one OperationOutcome that is answered with.

An issue names the element by a FHIRPath that starts at the Bundle, the offending value where it can say nothing about a
person (a number, a code of a closed list, a resource type), and the problem. Names, dates, identifiers and references
never stand in one, so that it may be logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from careledger.errors import BundleRefused

__all__ = ["Issue", "operation_outcome", "refuse"]

MOST_ISSUES = 50
"""An outcome lists no more: a bundle of rubbish is not answered with as much of it."""


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong. `code` is of FHIR's issue-type list; `value` is None where it is not to be shown."""

    expression: str
    problem: str
    value: str | None = None
    code: str = "invalid"
    severity: str = "error"

    def __str__(self) -> str:
        return f"{self.expression}: {self.text}"

    @property
    def text(self) -> str:
        """The problem, with the value before it."""
        return self.problem if self.value is None else f"{self.value!r} {self.problem}"


def operation_outcome(issues: Sequence[Issue]) -> dict[str, Any]:
    """The FHIR resource, as JSON values."""
    listed: list[dict[str, Any]] = [
        {
            "severity": issue.severity,
            "code": issue.code,
            "details": {"text": issue.text},
            "expression": [issue.expression],
        }
        for issue in issues[:MOST_ISSUES]
    ]
    if len(issues) > MOST_ISSUES:
        text = f"{len(issues) - MOST_ISSUES} more issues are not listed"
        listed.append({"severity": "information", "code": "informational", "details": {"text": text}})
    return {"resourceType": "OperationOutcome", "issue": listed}


def refuse(issues: Sequence[Issue]) -> NoReturn:
    """Raises BundleRefused with the issues, one at least."""
    raise BundleRefused(issues[0].expression, issues[0].text, operation_outcome(issues))
