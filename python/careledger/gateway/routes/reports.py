"""How prior authorizations and claims went in a time, counted from the contracts' events alone."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from careledger.authorization.metrics import (
    Denial,
    Durations,
    Metrics,
    Period,
    Share,
    determination_seconds,
    events_of,
    measure,
)
from careledger.authorization.metrics_report import figures, to_body
from careledger.chain.indexer.reader import EventRow, View
from careledger.chain.outbox import Spent
from careledger.gateway.deps import OpenServices, allowed
from careledger.gateway.etags import MinBlock
from careledger.gateway.indexed import AsOf
from careledger.gateway.problems import responses
from careledger.gateway.services import Services

__all__ = ["router"]

router = APIRouter(
    prefix="/reports",
    tags=["reports"],
    responses=responses(401, 403, 412, 422, 429, 503),
    dependencies=[allowed("reports.read")],
)

NINETY, HUNDRED = 90, 100

STEPS = (60, 3_600, 86_400, 3 * 86_400, 7 * 86_400)
"""Seconds that a line's time is counted up to: among them 72 hours and 7 days, which CMS-0057-F gives insurers."""

MOST_LOCATED = 20
"""So many recalled lots are looked for in one report, the last ones."""


def _period(
    start: Annotated[int, Query(alias="from", ge=0, lt=2**40, description="First second, in Unix seconds.")],
    end: Annotated[int, Query(alias="to", ge=0, lt=2**40, description="The second after the last.")],
) -> Period:
    return Period(start, end)


In = Annotated[Period, Depends(_period)]
Excluded = Annotated[
    list[Annotated[int, Field(ge=0, lt=2**16)]],
    Query(alias="exclude", max_length=100, description="Number of a benefit class that does not count, such as drugs."),
]


class Part(BaseModel):
    """So many of so many."""

    count: int
    of: int

    @classmethod
    def share(cls, *shares: Share) -> Part:
        return cls(count=sum(one.numerator for one in shares), of=sum(one.denominator for one in shares))


class Step(BaseModel):
    """How many lines took more than the step before and no more than `up_to_seconds`; null in the last."""

    up_to_seconds: int | None
    count: int


class Turnaround(BaseModel):
    """Seconds from receipt to the first decision that is not to wait. Of none, all but the counts are null."""

    count: int
    average_seconds: int | None
    median_seconds: int | None
    ninetieth_percentile_seconds: int | None = Field(description="Nine of ten lines took no longer.")
    steps: list[Step]


class DeniedFor(BaseModel):
    """How many lines were denied on a basis, for a reason by the insurer's list; 0 is the rules' own."""

    basis: str
    reason: int
    text: str | None
    count: int


class DeniedClaims(BaseModel):
    """How many claim lines were denied with a claim adjustment reason code."""

    carc: int
    count: int


class Money(BaseModel):
    """Token minor units, of the claim lines first decided in the time."""

    currency: str | None = Field(description="By the rule file, if there is one here.")
    decimals: int | None
    charged: int
    paid: int


class Gas(BaseModel):
    """What this gateway's own transactions in blocks of that time cost."""

    transactions: int
    gas: int
    wei: str = Field(description="As text: it may exceed what a JSON number holds.")


class Requests(BaseModel):
    """Lines of requests, standard and expedited."""

    received: int
    determined: int
    pending: int = Field(description="At the end of the time.")
    turnaround: Turnaround
    automatic: Part = Field(description="Decided by the rules alone.")
    approved: Part = Field(description="In full.")
    approved_in_part: Part = Field(description="Or modified.")
    denied: Part
    late: Part
    appeals: int
    overturned: int
    denials: list[DeniedFor]


class Claims(BaseModel):
    """Claim lines."""

    submitted: int
    decided: int
    automatic: Part
    paid: Part
    denied: Part
    median_seconds_to_decision: int | None
    median_seconds_to_credit: int | None
    amounts: Money
    denials: list[DeniedClaims]


class Located(BaseModel):
    """A recalled lot, and how long it took to find out who holds what of it."""

    lot: str = Field(description="Its id on the chain.")
    recalled_at: int = Field(description="Unix seconds.")
    recall_class: str
    holders: int
    packs: int = Field(description="That they hold, or that are on the way.")
    took_microseconds: int


class Recalls(BaseModel):
    """Lots that were recalled in the time; of the last 20 it was found out for this report who holds what."""

    recalled: int
    located: list[Located] = Field(description="The last recall first.")


class Pilot(BaseModel):
    """The pilot's figures. What this gateway has no figures for, by its settings, is null: never zero."""

    start: int
    end: int
    requests: Requests | None = Field(description="Null without `PAYER`, as are claims.")
    claims: Claims | None
    recalls: Recalls | None = Field(description="Null without `SUPPLY`.")
    gas: Gas
    as_of: AsOf


class Cms(BaseModel):
    """What 42 CFR 422.122(c) asks for, and more: `figures` as a table of texts with what each is made of, `metrics`
    exact."""

    figures: list[dict[str, Any]]
    metrics: dict[str, Any]
    as_of: AsOf


@router.get("/pilot")
def pilot(services: OpenServices, period: In, exclude: Excluded = [], min_block: MinBlock = 0) -> Pilot:  # noqa: B006
    """Turnaround, the share that the rules decide, denials by reason, amounts, how long it took to locate recalled
    lots, and what it cost to send."""
    payer = None if services.settings.payer is None else services.payer
    supply = None if services.settings.supply is None else services.supply
    followed = [] if payer is None else [payer.authorizations.address]
    followed += [] if supply is None else [supply.lots.address]
    for contract in followed[1:]:
        services.index.read(lambda _: None, min_block, contract)

    def ask(view: View) -> tuple[list[EventRow] | None, Recalls | None]:
        events = None if payer is None else events_of(view, payer.insurer, period.end)
        return events, None if supply is None else _recalls(view, supply.operator, period)

    (events, recalls), as_of = services.index.read(ask, min_block, next(iter(followed), None))
    found = None if events is None else measure(events, period, exclude)
    seconds = None if events is None else determination_seconds(events, period, exclude)
    return Pilot(
        start=period.start,
        end=period.end,
        requests=None if found is None or seconds is None else _requests(services, found, seconds),
        claims=None if found is None else _claims(services, found),
        recalls=recalls,
        gas=_gas(services.outbox.spent(period.start, period.end)),
        as_of=as_of,
    )


@router.get("/metrics")
def metrics(services: OpenServices, period: In, exclude: Excluded = [], min_block: MinBlock = 0) -> Cms:  # noqa: B006
    """What an insurer publishes of its prior authorizations by CMS-0057-F, from events that anyone can count again."""
    events, as_of = _events(services, period, min_block)
    found = measure(events, period, exclude)
    names, decimals = None, 0
    if services.settings.rules is not None:
        names, decimals = services.rule_set.class_names, services.rule_set.settlement.decimals
    return Cms(
        figures=[vars(one) for one in figures(found, names, decimals)],
        metrics=to_body(found),
        as_of=as_of,
    )


# ---------------------------------------------------------------------- inner


def _events(services: Services, period: Period, min_block: int) -> tuple[list[EventRow], AsOf]:
    payer = services.payer

    def ask(view: View) -> list[EventRow]:
        return events_of(view, payer.insurer, period.end)

    return services.index.read(ask, min_block, payer.authorizations.address)


def _recalls(view: View, operator: str, period: Period) -> Recalls:
    from careledger.serialization.index import SerializationIndex

    index = SerializationIndex(view, operator)
    recalled = [one.value for one in index.recalls() if period.start <= one.value.recalled_at < period.end]
    recalled.sort(key=lambda one: one.recalled_at, reverse=True)
    located = []
    for one in recalled[:MOST_LOCATED]:
        began = time.perf_counter_ns()
        report = index.recall_report(one.lot)
        took = (time.perf_counter_ns() - began) // 1_000
        if report is not None:
            located.append(
                Located(
                    lot=report.lot,
                    recalled_at=one.recalled_at,
                    recall_class=report.recall_class.name,
                    holders=len(report.holders),
                    packs=report.held + report.on_the_way,
                    took_microseconds=took,
                )
            )
    return Recalls(recalled=len(recalled), located=located)


def _requests(services: Services, found: Metrics, seconds: list[int]) -> Requests:
    both = found.standard, found.expedited
    denials: Counter[tuple[Any, int]] = Counter()
    for part in both:
        for denial in part.denials:
            denials[denial.basis, denial.reason] += denial.count
    times = Durations.of(seconds)
    return Requests(
        received=sum(part.received for part in both),
        determined=sum(part.determined for part in both),
        pending=sum(part.pending for part in both),
        turnaround=Turnaround(
            count=times.count,
            average_seconds=None if times.average is None else int(times.average),
            median_seconds=_median(times),
            ninetieth_percentile_seconds=_ninetieth(seconds),
            steps=_steps(seconds),
        ),
        automatic=Part.share(*(part.automatic for part in both)),
        approved=Part.share(*(part.approved for part in both)),
        approved_in_part=Part.share(*(part.approved_in_part for part in both)),
        denied=Part.share(*(part.denied for part in both)),
        late=Part.share(*(part.late for part in both)),
        appeals=sum(part.appeals for part in both),
        overturned=sum(part.appeals_overturned for part in both),
        denials=[_denied(services, Denial(basis, reason, count)) for (basis, reason), count in sorted(denials.items())],
    )


def _denied(services: Services, denial: Denial) -> DeniedFor:
    is_listed = denial.reason and services.settings.reasons is not None
    return DeniedFor(
        basis=denial.basis.name,
        reason=denial.reason,
        text=services.reasons.text(denial.reason) if is_listed else None,
        count=denial.count,
    )


def _claims(services: Services, found: Metrics) -> Claims:
    part = found.claims
    settlement = None if services.settings.rules is None else services.rule_set.settlement
    return Claims(
        submitted=part.submitted,
        decided=part.decided,
        automatic=Part.share(part.automatic),
        paid=Part.share(part.paid),
        denied=Part.share(part.denied),
        median_seconds_to_decision=_median(part.time_to_decision),
        median_seconds_to_credit=_median(part.time_to_credit),
        amounts=Money(
            currency=None if settlement is None else settlement.currency,
            decimals=None if settlement is None else settlement.decimals,
            charged=part.charged,
            paid=part.paid_amount,
        ),
        denials=[DeniedClaims(carc=carc, count=count) for carc, count in part.denials],
    )


def _gas(spent: Spent) -> Gas:
    return Gas(transactions=spent.transactions, gas=spent.gas, wei=str(spent.cost_wei))


def _median(times: Durations) -> int | None:
    """Whole seconds, rounded down."""
    return times.median_twice // 2 if times.count else None


def _ninetieth(seconds: list[int]) -> int | None:
    """The least time that at least nine of ten do not exceed."""
    return seconds[-(-NINETY * len(seconds) // HUNDRED) - 1] if seconds else None


def _steps(seconds: list[int]) -> list[Step]:
    counts = Counter(bisect_left(STEPS, one) for one in seconds)
    return [Step(up_to_seconds=upper, count=counts[place]) for place, upper in enumerate((*STEPS, None))]
