"""What waits for a person at the insurer's desk, and what a person decides: for the insurer's own systems."""

from __future__ import annotations

import dataclasses
import functools
from enum import StrEnum
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from careledger.anchoring.leaf import new_salt
from careledger.anchoring.types import ZERO_HASH
from careledger.authorization.authorizations import Authorizations, SignedReview
from careledger.authorization.desk import Desk, WaitingLine, from_index
from careledger.authorization.payer import Payer
from careledger.authorization.read_model import WaitsFor
from careledger.authorization.reviews import Reviews
from careledger.chain.indexer.reader import View
from careledger.contract_enums import Action
from careledger.gateway.access import Principal
from careledger.gateway.deps import IdempotencyKey, OpenServices, Prefer, allowed, wait_seconds
from careledger.gateway.etags import MinBlock
from careledger.gateway.indexed import AsOf
from careledger.gateway.jobs import Handler
from careledger.gateway.problems import Refused, responses
from careledger.gateway.reviewing import (
    STATEMENT,
    TEXT_CHARACTERS,
    forget_signed,
    keep_statement,
    own_payer,
    signed_once,
    signs,
)
from careledger.gateway.routes.jobs import ACCEPTED, JobView, answer
from careledger.gateway.services import Services

__all__ = ["OVERDUE", "REVIEW", "marking", "reviewing", "router"]

router = APIRouter(tags=["reviews"], responses=responses(401, 403, 404, 422, 429, 503))

REVIEW, OVERDUE = "reviews.decide", "reviews.overdue"
"""The kinds of the jobs that decide a line, and that mark what is past due."""

MARKED_AT_ONCE = 50
PLACE = "^[0-9]{1,12}[.]0x[0-9a-f]{24}[.]0x[0-9a-f]{64}[.][0-9]{1,3}$"

Reader = Annotated[Principal, allowed("reviews.read")]
Reviewer = Annotated[Principal, allowed("reviews.write")]
RequestId = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$")]
LineNumber = Annotated[int, Path(ge=0, lt=2**8)]


class Waiting(BaseModel):
    """A line that waits. `sequence` counts its decisions so far; `basis` says why the rules did not decide it. Another
    reviewer must decide than `reviewer`, who decided what is appealed, and `first_opinion`, who gave the first of two.
    """

    provider: str
    request: str
    line: int
    sequence: int
    waits_for: WaitsFor
    basis: str
    expedited: bool
    benefit_class: int
    milli_units_requested: int
    amount_requested: int | None = Field(description="Token minor units.")
    received_at: int | None = Field(description="Unix seconds, as is `due_at`.")
    due_at: int
    seconds_left: int = Field(description="Negative for what is past due.")
    extended: bool
    marked_overdue: bool
    reviewer: str | None
    first_opinion: str | None


class Numbered(BaseModel):
    """What stands on the chain as a number, in words."""

    number: int
    text: str


class Queue(BaseModel):
    """What waits, the least time left first. `time` is what `seconds_left` is counted from, in Unix seconds."""

    waiting: int = Field(description="In all, on this page or not.")
    lines: list[Waiting]
    next: str | None = Field(description="Give it as `after` for the next page.")
    time: int
    as_of: AsOf
    signs: bool = Field(description="Whether decisions of whoever asks can be signed here.")
    reasons: list[Numbered] = Field(description="The insurer's list; empty if this gateway has none.")
    classes: list[Numbered] = Field(description="Names of benefit classes by the rule file, if there is one here.")
    currency: str | None = Field(description="By the rule file, as is `decimals`.")
    decimals: int | None


class Step(StrEnum):
    """What a reviewer does with a line. The last two are the insurer's acts, which need no reviewer's key."""

    APPROVED_IN_FULL = "APPROVED_IN_FULL"
    APPROVED_IN_PART = "APPROVED_IN_PART"
    MODIFIED = "MODIFIED"
    DENIED = "DENIED"
    INFORMATION_REQUESTED = "INFORMATION_REQUESTED"
    DEADLINE_EXTENDED = "DEADLINE_EXTENDED"


ACTS_OF_THE_INSURER = frozenset({Step.INFORMATION_REQUESTED, Step.DEADLINE_EXTENDED})


class Decision(BaseModel):
    """What is decided of a line, over the decision that the reviewer saw. What is not given is as was asked for."""

    model_config = ConfigDict(extra="forbid")

    provider: str = Field(min_length=1, max_length=100, description="Registered name or id of who asked.")
    sequence: int = Field(ge=1, lt=2**16, description="Of the line as the queue showed it: 409 if another stands.")
    action: Step
    reason: int | None = Field(
        default=None, ge=1, lt=2**16, description="By the insurer's list; needed unless all is approved, or asked."
    )
    milli_units: int | None = Field(default=None, ge=0, lt=2**40)
    amount: int | None = Field(default=None, ge=0, lt=2**64, description="Token minor units.")
    benefit_class: int | None = Field(default=None, ge=0, lt=2**16)
    statement: str | None = Field(
        default=None,
        min_length=1,
        max_length=TEXT_CHARACTERS,
        description="The rationale, or the question. It stays in the vault; on chain is a commitment to it.",
    )


class Statement(BaseModel):
    """What a reviewer wrote. Who has text and salt can check the commitment: docs/authorization.md says how."""

    commitment: str
    text: str
    salt: str


@router.get("/reviews", responses=responses(412))
def queue(
    services: OpenServices,
    reader: Reader,
    waits_for: WaitsFor | None = None,
    past_due: Annotated[bool, Query(description="Only what is past due.")] = False,
    after: Annotated[str | None, Query(pattern=PLACE, description="As `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    min_block: MinBlock = 0,
) -> Queue:
    """What waits for a person: pended lines and open appeals, the least time left first."""
    payer = own_payer(services, reader)
    now = services.connection.now()

    def ask(view: View) -> tuple[int, list[Waiting], str | None]:
        found = _waiting(view, payer, waits_for)
        if past_due:
            found = [one for one in found if one.due_at < now]
        left = [one for one in found if after is None or _place(one) > _parsed(after)]
        page = left[:limit]
        following = ".".join(map(str, _place(page[-1]))) if len(left) > limit else None
        return len(found), [_shown(view, payer, one, now) for one in page], following

    (waiting, lines, following), as_of = services.index.read(ask, min_block, payer.authorizations.address)
    rules = None if services.settings.rules is None else services.rule_set
    return Queue(
        waiting=waiting,
        lines=lines,
        next=following,
        time=now,
        as_of=as_of,
        signs=signs(services, reader),
        reasons=[Numbered(number=one.number, text=one.text) for one in services.reasons],
        classes=[Numbered(number=number, text=text) for number, text in rules.class_names.items()] if rules else [],
        currency=rules.settlement.currency if rules else None,
        decimals=rules.settlement.decimals if rules else None,
    )


@router.post("/reviews/overdue", status_code=201, responses={**ACCEPTED, **responses(409, 410)})
def mark_overdue(
    services: OpenServices,
    reviewer: Reviewer,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> JobView:
    """Mark what was not decided in time, the longest due first; where the rule says so, that approves it. At most 50
    lines at once."""
    payer = own_payer(services, reviewer)
    now = services.connection.now()
    found, _ = services.index.read(lambda view: _waiting(view, payer), contract=payer.authorizations.address)
    late = [dataclasses.asdict(one) for one in found if one.due_at < now][:MARKED_AT_ONCE]
    job = services.jobs.submit(OVERDUE, reviewer.subject, orjson.dumps(late), idempotency_key, b"overdue")
    return answer(services.jobs.wait(job.job_id, wait_seconds(prefer, services)), response)


@router.post("/reviews/{request_id}/{line}", status_code=201, responses={**ACCEPTED, **responses(409, 410)})
def decide(
    services: OpenServices,
    reviewer: Reviewer,
    request_id: RequestId,
    line: LineNumber,
    body: Decision,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> JobView:
    """Decide a line or its appeal, or ask for more about it. A decision is signed over all that it says, by the
    person's own key, or for a system by that of the setting `reviewer`; of two reviewers that a rule asks for, the
    first one's opinion is kept."""
    own_payer(services, reviewer)
    if body.action not in ACTS_OF_THE_INSURER:
        services.reviewer_for(reviewer.subject)
    if body.reason is None and body.action not in {Step.APPROVED_IN_FULL, Step.INFORMATION_REQUESTED}:
        raise Refused(422, "No reason", f"{body.action} needs a `reason`, by the insurer's list")
    if body.reason is not None and services.settings.reasons is not None:
        services.reasons.number(str(body.reason))
    if body.statement is None and body.action is Step.INFORMATION_REQUESTED:
        raise Refused(422, "No statement", "say in `statement` what is asked of the provider")
    asked = {"request": request_id, "line": line, **body.model_dump(mode="json")}
    payload = orjson.dumps(
        {**asked, "reviewer": reviewer.subject, "review": new_salt().hex(), "salt": new_salt().hex()}
    )
    job = services.jobs.submit(REVIEW, reviewer.subject, payload, idempotency_key, orjson.dumps(asked))
    return answer(services.jobs.wait(job.job_id, wait_seconds(prefer, services)), response)


@router.get("/review-statements/{commitment}", responses=responses(410))
def statement(
    services: OpenServices, reader: Reader, commitment: Annotated[str, Path(pattern="^0x[0-9a-f]{64}$")]
) -> Statement:
    """What a reviewer wrote, by the commitment to it that is on chain."""
    own_payer(services, reader)
    kept = orjson.loads(services.vault.get(STATEMENT, commitment))
    return Statement(commitment=commitment, text=kept["text"], salt=kept["salt"])


# ---------------------------------------------------------------------- jobs


def reviewing(services: Services) -> Handler:
    """What performs the jobs of REVIEW."""

    def perform(payload: bytes) -> dict[str, Any]:
        asked = orjson.loads(payload)
        payer, step = services.payer, Step(asked["action"])
        acts = Authorizations(payer.authorizations, payer.organizations, payer.first_block, payer.signer)
        place = payer.organizations.known(asked["provider"]), asked["request"], asked["line"]
        said = keep_statement(services, asked)
        key = None
        if step is Step.INFORMATION_REQUESTED:
            _require_sequence(acts, place, asked)
            receipt = acts.request_information(*place, said)
        elif step is Step.DEADLINE_EXTENDED:
            _require_sequence(acts, place, asked)
            receipt = acts.extend_deadline(*place, asked["reason"])
        else:
            sign = functools.partial(_signed, services, payer, acts, place, asked, said)
            signed = signed_once(services, payer, asked["review"], SignedReview, sign)
            key, receipt = signed.key, Reviews(payer).send(signed)
        return {
            "request": asked["request"],
            "line": asked["line"],
            "action": step.value,
            "reviewer_key": key,
            "statement": None if said == ZERO_HASH else said,
            "events": [type(event).__name__ for event in receipt.events],
            "transaction_hash": receipt.transaction_hash,
            "block_number": receipt.block_number,
        }

    def settle(payload: bytes) -> None:
        asked = orjson.loads(payload)
        if Step(asked["action"]) not in ACTS_OF_THE_INSURER:
            forget_signed(services, asked["review"])

    return Handler(perform, settle)


def marking(services: Services) -> Handler:
    """What performs the jobs of OVERDUE."""

    def perform(payload: bytes) -> dict[str, Any]:
        late = [WaitingLine(**one) for one in orjson.loads(payload)]
        marked = [one for one in Desk(services.payer).mark_overdue(late) if one.receipt is not None]
        return {
            "past_due": len(late),
            "marked": [{"request": one.line.request, "line": one.line.line} for one in marked],
        }

    return Handler(perform)


# ---------------------------------------------------------------------- inner


def _waiting(view: View, payer: Payer, waits_for: WaitsFor | None = None) -> list[WaitingLine]:
    """All that waits, the least time left first."""
    from careledger.authorization.index import AuthorizationIndex

    here = payer.authorizations.address
    entries = AuthorizationIndex(view, payer.insurer).queue(waits_for=waits_for, limit=1_000_000)
    return sorted((from_index(one.value) for one in entries if one.value.contract == here), key=_place)


def _place(line: WaitingLine) -> tuple[int, str, str, int]:
    return line.due_at, line.provider, line.request, line.line


def _parsed(after: str) -> tuple[int, str, str, int]:
    due_at, provider, request, line = after.split(".")
    return int(due_at), provider, request, int(line)


def _shown(view: View, payer: Payer, waiting: WaitingLine, now: int) -> Waiting:
    from careledger.authorization.index import AuthorizationIndex

    lines = AuthorizationIndex(view, payer.insurer).lines(provider=waiting.provider, request=waiting.request, limit=512)
    here = payer.authorizations.address
    line = next(one.value for one in lines if one.value.contract == here and one.value.line == waiting.line)
    return Waiting(
        **{**dataclasses.asdict(waiting), "waits_for": WaitsFor(waiting.waits_for)},
        basis=line.basis.name,
        milli_units_requested=line.milli_units_requested,
        amount_requested=line.amount_requested,
        received_at=line.received_at,
        seconds_left=waiting.seconds_left(now),
    )


def _signed(
    services: Services,
    payer: Payer,
    acts: Authorizations,
    place: tuple[str, str, int],
    asked: dict[str, Any],
    said: str,
) -> SignedReview:
    _require_sequence(acts, place, asked)
    stated = {name: asked[name] for name in ("milli_units", "amount", "benefit_class") if asked[name] is not None}
    reviews = Reviews(payer)
    draft = reviews.draft(*place, Action[asked["action"]], reason=asked["reason"] or 0, rationale=said, **stated)
    return reviews.sign(draft, services.reviewer_for(asked["reviewer"]))


def _require_sequence(acts: Authorizations, place: tuple[str, str, int], asked: dict[str, Any]) -> None:
    """Raises Refused if the line is unknown, or was decided since the reviewer saw it."""
    state = acts.line(*place)
    if state is None:
        raise Refused(404, "Unknown line", f"line {place[2]} of {place[1]} is none of {asked['provider']}'s")
    if state.sequence != asked["sequence"]:
        detail = f"decision {state.sequence} stands, and not {asked['sequence']}: look again"
        raise Refused(409, "Decided meanwhile", detail, sequence=state.sequence)
