"""What a person of the organization should look at."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from careledger.gateway.alerts import Finding, Rule, Severity, Standing
from careledger.gateway.deps import OpenServices, allowed
from careledger.gateway.problems import responses
from careledger.gateway.web import words

__all__ = ["router"]

router = APIRouter(
    prefix="/alerts", tags=["reports"], responses=responses(401, 403, 503), dependencies=[allowed("reports.read")]
)


class Alert(BaseModel):
    """How one rule stands. `could not check` is neither raised nor clear; `not watched` is what this gateway has
    nothing of, by its settings."""

    rule: Rule
    standing: Standing
    severity: Severity
    what: str = Field(description="What was found, in words.")
    todo: str | None = Field(description="What to do about it, if it is raised or could not be checked.")
    since: int | None = Field(description="Unix seconds; null if it is not raised, or that cannot be known.")
    figures: dict[str, str] = Field(description="Counts, and amounts in wei or token minor units, as decimal text.")
    lots: list[str] = Field(description="Ids on the chain of lots that are meant, 20 at most.")
    block_number: int | None = Field(description="That it was judged by, if by the index.")
    problem: str | None = Field(description="Why it could not be checked.")


class Watched(BaseModel):
    """Every rule, whatever it says."""

    raised: int
    not_checked: int
    alerts: list[Alert]


@router.get("")
def alerts(services: OpenServices) -> Watched:
    """How every rule stands: transactions that get into no block, funds, overdue lines, the insurer's vault, broken
    cold chains, packs that may be falsified, and the index. Counts only: nobody and no serial is named."""
    found = services.alerts.now()
    return Watched(
        raised=sum(one.standing is Standing.RAISED for one in found),
        not_checked=sum(one.standing is Standing.NOT_CHECKED for one in found),
        alerts=[_told(one) for one in found],
    )


# ---------------------------------------------------------------------- inner


def _told(found: Finding) -> Alert:
    say = words("en")
    figures = {name: str(value) for name, value in found.figures.items()}
    if found.standing is Standing.RAISED:
        what, todo = say(f"alert_rules.{found.rule}.raised", **figures), say(f"alert_rules.{found.rule}.todo")
    elif found.standing is Standing.NOT_CHECKED:
        what, todo = say("alerts.not_checked"), say("alerts.not_checked_todo")
    else:
        what = say(f"alert_rules.{found.rule}.clear" if found.standing is Standing.CLEAR else "alerts.not_watched")
        todo = None
    return Alert(
        rule=found.rule,
        standing=found.standing,
        severity=found.severity,
        what=what,
        todo=todo,
        since=found.since,
        figures=figures,
        lots=list(found.lots),
        block_number=found.block,
        problem=found.problem,
    )
