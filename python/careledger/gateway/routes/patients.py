"""What a patient asks without an account: whether the chain has a claim as the explanation of benefits says, and what a
service would cost.

Neither takes a name. A claim line's key is that of the chain, where everyone can read what it leads to, and comes in a
body, so that it is in no log of addresses. An eligibility is the insurer's word on a member key; nothing of it is kept.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from careledger.authorization.amounts import parse_milli_units
from careledger.chain.indexer.reader import View
from careledger.gateway.deps import OpenServices
from careledger.gateway.etags import MinBlock
from careledger.gateway.indexed import AsOf
from careledger.gateway.problems import Refused, responses
from careledger.gateway.routes.claims import ClaimLine, Estimated, claim_line, estimated, money_of

__all__ = ["router"]

router = APIRouter(tags=["patients"], responses=responses(413, 422, 429, 503))

MOST_LINES = 100
MOST_SERVICES = 20

Key = Annotated[str, Field(pattern="^0x[0-9a-f]{64}$")]


class ToLookUp(BaseModel):
    """Claim lines by their keys, as the trace numbers of an explanation of benefits have them."""

    model_config = ConfigDict(extra="forbid")

    keys: list[Key] = Field(min_length=1, max_length=MOST_LINES)


class LinesFound(BaseModel):
    """What the chain has. `unknown` are keys of which the insurer's contracts have nothing."""

    lines: list[ClaimLine]
    unknown: list[str]
    chain_id: int
    settlement: str = Field(description="Address of the insurer's contract that settles claims now.")
    currency: str | None
    decimals: int | None
    as_of: AsOf


class ServiceCode(BaseModel):
    """A code of a code system, by its URL or by an alias such as HCPCS."""

    model_config = ConfigDict(extra="forbid")

    system: str = Field(min_length=1, max_length=200)
    code: str = Field(min_length=1, max_length=100)


class Service(BaseModel):
    """A service that is planned. Units and charge are decimal numbers as text."""

    model_config = ConfigDict(extra="forbid")

    code: ServiceCode
    units: str = Field(default="1", max_length=30)
    charge: str = Field(max_length=30, description="What the provider charges for all units, in the plan's currency.")


class ToEstimateServices(BaseModel):
    """Services, and the insurer's signed word on who is covered."""

    model_config = ConfigDict(extra="forbid")

    eligibility: dict[str, Any]
    services: list[Service] = Field(min_length=1, max_length=MOST_SERVICES)


@router.post("/claims/lines", responses=responses(404, 412))
def lines(services: OpenServices, body: ToLookUp, min_block: MinBlock = 0) -> LinesFound:
    """What became of claim lines, as the chain has it. Open to everyone who has their keys."""
    payer = services.payer

    def ask(view: View) -> list[ClaimLine | None]:
        from careledger.authorization.index import AuthorizationIndex

        index = AuthorizationIndex(view, payer.insurer)
        found = (index.claim_line(key) for key in body.keys)
        return [None if one is None else claim_line(one.value) for one in found]

    found, as_of = services.index.read(ask, min_block, payer.settlement.address)
    return LinesFound(
        lines=[one for one in found if one is not None],
        unknown=[key for key, one in zip(body.keys, found, strict=True) if one is None],
        chain_id=payer.settlement.connection.chain_id,
        settlement=payer.settlement.address,
        **money_of(services),
        as_of=as_of,
    )


@router.post("/services/estimates", responses=responses(404))
def estimate(services: OpenServices, body: ToEstimateServices) -> Estimated:
    """What services would cost the insurer and the patient now, if each were the member's next claim. For everyone who
    has the insurer's word; at a provider's gateway, with the insurer's rule file. It sends and keeps nothing."""
    from careledger.authorization.claim_file import ClaimedService
    from careledger.authorization.claim_submission import ClaimSubmissions
    from careledger.authorization.eligibility_file import parse_eligibility

    if not services.settings.estimates:
        raise Refused(404, "Not here", "what a service costs depends on who provides it: ask at the provider's gateway")
    rule_set, payer = services.rule_set, services.payer
    eligibility = parse_eligibility(orjson.dumps(body.eligibility))
    now = payer.policy.connection.block_time()
    if eligibility.plan != rule_set.terms.plan:
        raise Refused(422, "Another plan", f"the eligibility is for plan {eligibility.plan}, the rules are of another")
    if eligibility.valid_until < now:
        raise Refused(422, "Run out", "the insurer's word on who is covered has run out: ask for a new one")
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    planned = [
        ClaimedService(
            sequence=number,
            service_day=today,
            milli_units=parse_milli_units(one.units, f"service {number} units"),
            charge=rule_set.settlement.parse(one.charge, f"service {number} charge"),
            code=rule_set.code_systems.code(one.code.system, one.code.code),
        )
        for number, one in enumerate(body.services, start=1)
    ]
    found = ClaimSubmissions(payer, services.vault).estimate_services(planned, rule_set, eligibility)
    return estimated(found, rule_set.settlement)
