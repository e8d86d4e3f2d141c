"""Requests for authorization and what came of them: decisions, claims, payments; and what a service would cost. The
insurer sees all that its contracts have, a provider its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from careledger.authorization.amounts import Settlement
from careledger.authorization.types import NO_ELIGIBILITY
from careledger.chain.indexer.reader import View
from careledger.contract_enums import LineStatus
from careledger.gateway.access import Principal
from careledger.gateway.deps import OpenServices, allowed
from careledger.gateway.etags import MinBlock
from careledger.gateway.indexed import AsOf, fields_for
from careledger.gateway.problems import Refused, responses
from careledger.gateway.routes.fhir.exchange import require_own
from careledger.gateway.services import Services
from careledger.identity.index import OrganizationIndex

if TYPE_CHECKING:
    from careledger.authorization.claim_submission import LineEstimate
    from careledger.authorization.index_entries import ClaimLineEntry

__all__ = ["ClaimLine", "Estimated", "claim_line", "estimated", "money_of", "router"]

router = APIRouter(tags=["claims"], responses=responses(401, 403, 404, 422, 429, 503))

MOST_READ = 5_000
"""Lines that are looked at for a list."""

MOST_OF_REQUEST = 1_000

Reader = Annotated[Principal, allowed("claims.read")]
Provider = Annotated[str, Path(pattern="^0x[0-9a-f]{24}$", description="Id of who asked.")]
RequestId = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$")]


class Line(BaseModel):
    """A line with the decision that stands. Amounts are token minor units, times Unix seconds; null is what there is
    not. `waits_for`: what it waits for at the insurer's desk."""

    provider: str
    request: str
    line: int
    status: str
    basis: str
    reason: int = Field(description="By the insurer's list; 0 for none.")
    reason_text: str | None
    appeal: str
    benefit_class: int
    milli_units: int
    milli_units_requested: int
    amount: int | None
    amount_requested: int | None
    submitted_at: int
    decided_at: int
    due_at: int | None
    waits_for: str | None
    by_person: bool


class Lines(BaseModel):
    """Lines, the newest first. `complete` is false if there are more than were looked at."""

    lines: list[Line]
    found: int = Field(description="In all, on this page or not.")
    complete: bool
    names: dict[str, str] = Field(description="Of the providers, by id.")
    estimates: bool = Field(description="Whether this gateway tells what a claim would cost: a provider's does.")
    currency: str | None = Field(description="Null if this gateway has no rule file.")
    decimals: int | None
    as_of: AsOf


class Decision(BaseModel):
    """A decision of a line, in the order that they were made."""

    line: int
    sequence: int
    action: str
    basis: str
    reason: int
    reason_text: str | None
    milli_units: int
    amount: int | None
    reviewer: str | None = Field(description="Pseudonym of the person who decided; null: the rules did.")
    decided_at: int


class ClaimLine(BaseModel):
    """A line of a claim on the request. What a line has nothing of, or is not decided, is null."""

    claim: str | None
    claim_line: str
    line: int | None
    status: str
    finding: str
    charge: int | None
    paid: int | None
    contractual: int | None
    deductible: int | None
    coinsurance: int | None
    copay: int | None
    denied: int | None
    carc: int | None
    submitted_at: int | None
    decided_at: int | None
    credited_at: int | None
    payment: str | None
    by_person: bool


class Authorization(BaseModel):
    """A request with all its decisions and claims."""

    provider: str
    provider_name: str
    request: str
    revision: int
    version: int = Field(description="Of the policy that it was decided by.")
    received_at: int
    expedited: bool
    shadow: bool = Field(description="Decided beside the old way, and without effect.")
    covered: bool
    lines: list[Line]
    decisions: list[Decision]
    claims: list[ClaimLine]
    currency: str | None
    decimals: int | None
    as_of: AsOf


class ToEstimate(BaseModel):
    """A claim as `docs/authorization.md` has its file, as JSON; `eligibility` is the insurer's signed word, if there is
    one."""

    model_config = ConfigDict(extra="forbid")

    claim: dict[str, Any]
    eligibility: dict[str, Any] | None = None


class LineCost(BaseModel):
    """What a line would cost now, in token minor units. Where `known` is false, `unknown` says why."""

    sequence: int
    known: bool
    unknown: str | None
    charge: int
    allowed: int | None = None
    insurer: int | None = None
    patient: int | None = None
    contractual: int | None = None
    deductible: int | None = None
    coinsurance: int | None = None
    copay: int | None = None


class Estimated(BaseModel):
    """Each line as if it were the member's next claim."""

    currency: str
    decimals: int
    lines: list[LineCost]


@router.get("/authorizations", responses=responses(412))
def authorizations(
    services: OpenServices,
    reader: Reader,
    status: Annotated[list[str] | None, Query(description="Only of these, by name, such as APPROVED.")] = None,
    provider: Annotated[str | None, Query(max_length=100, description="Name or id: only of this one.")] = None,
    offset: Annotated[int, Query(ge=0, lt=MOST_READ)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    min_block: MinBlock = 0,
) -> Lines:
    """The lines of requests, the newest first."""
    payer = services.payer
    only = _only(services, reader, provider)
    statuses = None if status is None else [_status(one) for one in status]
    texts = _Texts(services)

    def ask(view: View) -> tuple[list[Line], int, bool, dict[str, str]]:
        from careledger.authorization.index import AuthorizationIndex

        index = AuthorizationIndex(view, payer.insurer)
        read = [one.value for one in index.lines(provider=only, status=statuses, limit=MOST_READ + 1)]
        found = sorted(read[:MOST_READ], key=lambda one: (-one.submitted_at, one.request, one.line))
        page = [texts.line(one) for one in found[offset : offset + limit]]
        organizations = OrganizationIndex(view)
        names = {each: organizations.get(each).value.name for each in {one.provider for one in page}}
        return page, len(found), len(read) <= MOST_READ, names

    (lines, count, complete, names), as_of = services.index.read(ask, min_block, payer.authorizations.address)
    return Lines(
        lines=lines,
        found=count,
        complete=complete,
        names=names,
        estimates=services.settings.estimates,
        **texts.money,
        as_of=as_of,
    )


@router.get("/authorizations/{provider}/{request_id}", responses=responses(412))
def authorization(
    services: OpenServices, reader: Reader, provider: Provider, request_id: RequestId, min_block: MinBlock = 0
) -> Authorization:
    """A request with the decisions of its lines, and the claims on it."""
    payer = services.payer
    only = _only(services, reader, provider)
    texts = _Texts(services)

    def ask(view: View) -> dict[str, Any] | None:
        from careledger.authorization.index import AuthorizationIndex

        index = AuthorizationIndex(view, payer.insurer)
        found = index.request(provider, request_id)
        if found is None:
            return None
        lines = index.lines(provider=only, request=request_id, limit=MOST_OF_REQUEST)
        decisions = sorted(
            (one.value for one in index.decisions(provider, request_id)),
            key=lambda one: (one.decided_at, one.line, one.sequence),
        )
        claims = index.claim_lines(provider=only, request=request_id, limit=MOST_OF_REQUEST)
        return {
            "provider_name": OrganizationIndex(view).get(provider).value.name,
            **fields_for(Authorization, found.value),
            "lines": [texts.line(one.value) for one in lines],
            "decisions": [
                Decision(
                    **{
                        **fields_for(Decision, one),
                        "action": one.action.name,
                        "basis": one.basis.name,
                        "reason_text": texts.reason(one.reason),
                    }
                )
                for one in decisions
            ],
            "claims": [claim_line(one.value) for one in claims],
        }

    found, as_of = services.index.read(ask, min_block, payer.authorizations.address)
    if found is None:
        raise Refused(404, "Unknown request", f"{request_id} is no request of that provider's here")
    return Authorization(**found, **texts.money, as_of=as_of)


@router.post("/claims/estimates")
def estimate(services: OpenServices, reader: Reader, body: ToEstimate) -> Estimated:
    """What services would cost now, for insurer and patient, before anything is claimed. It sends and keeps nothing. It
    is for a provider's gateway, with the insurer's rule file."""
    from careledger.authorization.claim_file import parse_claim
    from careledger.authorization.claim_submission import ClaimSubmissions
    from careledger.authorization.eligibility_file import parse_eligibility

    require_own(services, reader)
    rule_set = services.rule_set
    settlement = rule_set.settlement
    claim = parse_claim(orjson.dumps(body.claim), settlement, rule_set.code_systems)
    eligibility = NO_ELIGIBILITY if body.eligibility is None else parse_eligibility(orjson.dumps(body.eligibility))
    found = ClaimSubmissions(services.payer, services.vault).estimate(claim, rule_set, eligibility)
    return estimated(found, settlement)


# ---------------------------------------------------------------------- for other routes too


def claim_line(entry: ClaimLineEntry) -> ClaimLine:
    """A claim line as it is answered."""
    return ClaimLine(
        **{
            **fields_for(ClaimLine, entry),
            "status": entry.status.name,
            "finding": entry.finding.name,
            "payment": None if entry.payment is None else entry.payment.name,
            "by_person": entry.reviewer is not None,
        }
    )


def estimated(lines: list[LineEstimate], settlement: Settlement) -> Estimated:
    """Estimates as they are answered."""
    return Estimated(
        currency=settlement.currency,
        decimals=settlement.decimals,
        lines=[
            LineCost(sequence=one.sequence, known=False, unknown=one.unknown, charge=one.charge)
            if one.estimate is None
            else LineCost(
                sequence=one.sequence,
                known=True,
                unknown=None,
                charge=one.charge,
                allowed=one.estimate.allowed,
                insurer=one.estimate.paid,
                patient=one.estimate.patient,
                contractual=one.estimate.contractual,
                deductible=one.estimate.deductible,
                coinsurance=one.estimate.coinsurance,
                copay=one.estimate.copay,
            )
            for one in lines
        ],
    )


def money_of(services: Services) -> dict[str, Any]:
    """What amounts are counted in, by the gateway's rule file: `currency` and `decimals`, null without one."""
    settlement = None if services.settings.rules is None else services.rule_set.settlement
    return {
        "currency": None if settlement is None else settlement.currency,
        "decimals": None if settlement is None else settlement.decimals,
    }


# ---------------------------------------------------------------------- inner


class _Texts:
    """What is read from this gateway's files beside the index: reasons in words, and what money is counted in."""

    def __init__(self, services: Services) -> None:
        self._reasons = None if services.settings.reasons is None else services.reasons
        self.money = money_of(services)

    def reason(self, number: int) -> str | None:
        return self._reasons.text(number) if number and self._reasons is not None else None

    def line(self, entry: Any) -> Line:
        return Line(
            **{
                **fields_for(Line, entry),
                "status": entry.status.name,
                "basis": entry.basis.name,
                "appeal": entry.appeal.name,
                "waits_for": None if entry.waits_for is None else entry.waits_for.value,
                "reason_text": self.reason(entry.reason),
                "by_person": entry.reviewer is not None,
            }
        )


def _only(services: Services, reader: Principal, provider: str | None) -> str | None:
    """Whose requests a reader may see: an insurer's all or those of the provider asked for, a provider's its own.
    Raises Refused, status 403."""
    require_own(services, reader)
    if services.payer.insurer == services.organization:
        return provider
    if provider is not None and services.ledger.organizations.known(provider) != services.organization:
        raise Refused(403, "Another organization", "a provider's gateway shows its own requests")
    return services.organization


def _status(name: str) -> LineStatus:
    """Raises Refused, status 422."""
    try:
        return LineStatus[name]
    except KeyError:
        known = ", ".join(one.name for one in LineStatus)
        raise Refused(422, "No such status", f"{name}: one of {known}") from None
