"""What the register says of organizations, now and at a past time, and who rules the contracts. Open to everyone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from careledger.chain.indexer.reader import View
from careledger.errors import InvalidInput, UnknownOrganization
from careledger.gateway.deps import OpenServices
from careledger.gateway.etags import IfNoneMatch, MinBlock, tagged
from careledger.gateway.indexed import AsOf
from careledger.gateway.problems import Refused, responses
from careledger.identity.governance_index import GovernanceIndex
from careledger.identity.index import OrganizationIndex
from careledger.identity.types import MemberRole, Membership
from careledger.identity.types import Organization as Registered

__all__ = ["router"]

router = APIRouter(tags=["register"], responses=responses(404, 412, 422, 429, 503))

NAME_CHARACTERS = 100
PAGE_ORGANIZATIONS, MOST_ORGANIZATIONS = 50, 200
READ_AT_ONCE = 1_000
ADDRESS = re.compile("0x[0-9a-fA-F]{40}")
Named = Annotated[str, Path(min_length=1, max_length=NAME_CHARACTERS, description="Registered name, or id.")]
Role = StrEnum("Role", [(role.name, role.name) for role in MemberRole])  # type: ignore[misc]
Time = Annotated[int, Query(ge=0, lt=2**40, description="Unix seconds, not after the last block's.")]


class Register(BaseModel):
    """An organization's standing. Times are Unix seconds; `since` is when this came to hold."""

    standing: str
    frozen: bool
    member_roles: list[str]
    licence_expiry: int
    since: int

    @classmethod
    def of(cls, membership: Membership) -> Register:
        return cls(
            standing=membership.standing.name,
            frozen=membership.frozen,
            member_roles=sorted(role.name for role in membership.member_roles),
            licence_expiry=membership.licence_expiry,
            since=membership.since,
        )


class Listed(BaseModel):
    """An organization in the list. `active`: it may start something new, in the roles that it has."""

    id: str
    name: str
    active: bool
    membership: Register


class Organizations(BaseModel):
    """Organizations by their names; `total` fit. `next` is the `after` of the next page, null on the last one."""

    organizations: list[Listed]
    total: int
    next: str | None
    as_of: AsOf


class PublicIdentifier(BaseModel):
    """An identifier of a public scheme, as the registrar assigned it."""

    scheme: str
    value: str


class Key(BaseModel):
    """A key of an organization's. What has not happened is null; times are Unix seconds. What a key signed from
    `compromised_since` on is not to be relied on."""

    key: str
    status: str
    added_at: int
    retired_at: int | None
    compromised_since: int | None
    reported_at: int | None


class Contract(BaseModel):
    """A contract that the organization published, by its kind."""

    kind: str
    address: str
    since: int = Field(description="Unix seconds.")


class Organization(BaseModel):
    """An organization by the register. `active`: it may start something new, in the roles that it has."""

    id: str
    name: str
    active: bool
    membership: Register
    controller: str
    identifiers: list[PublicIdentifier]
    keys: list[Key]
    contracts: list[Contract]
    as_of: AsOf


class KeyThen(BaseModel):
    """A key at a past time. ACTIVE says that relying on it was right then; `compromised`, that a cut-off which was
    reported since, at `reported_at`, covers that time."""

    key: str
    status: str
    compromised: bool
    reported_at: int | None


class OrganizationThen(BaseModel):
    """An organization at the end of a past second."""

    id: str
    name: str
    time: int
    active: bool
    membership: Register
    keys: list[KeyThen]
    as_of: AsOf


class Member(BaseModel):
    """An account with a role in the contracts' management. `delay_seconds` pass between its scheduling and its call."""

    role: str
    account: str
    holds: bool = Field(description="False: from `member_from` on.")
    member_from: int
    delay_seconds: int


class Operation(BaseModel):
    """A scheduled call. Its state is WAITING, READY, EXPIRED, EXECUTED or CANCELLED; `ready_at` in Unix seconds."""

    id: str
    state: str
    ready_at: int
    caller: str
    target: str
    description: str


class Halted(BaseModel):
    """A contract that is stopped."""

    contract: str
    halted_at: int
    caller: str


class Governance(BaseModel):
    """Who rules the contracts that this gateway follows."""

    members: list[Member]
    operations: list[Operation] = Field(description="The newest first.")
    halted: list[Halted]
    as_of: AsOf


def _read(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model}, 304: {"description": "What the client has holds."}}


@router.get("/organizations", responses=_read(Organizations))
def organizations(
    services: OpenServices,
    search: Annotated[
        str, Query(max_length=NAME_CHARACTERS, description="A part of the name, or an address: whose key it is or was.")
    ] = "",
    role: Annotated[Role | None, Query(description="Only organizations with this role.")] = None,
    after: Annotated[str, Query(max_length=NAME_CHARACTERS, description="The `next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_ORGANIZATIONS)] = PAGE_ORGANIZATIONS,
    min_block: MinBlock = 0,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Who is in the register, by name, with standing, roles and licence. Keys and identifiers: ask for one."""

    def ask(view: View) -> list[Registered]:
        found = _fitting(OrganizationIndex(view), search.strip(), None if role is None else MemberRole[role])
        return sorted(found, key=lambda one: _order(one.name))

    fitting, as_of = services.index.read(ask, min_block)
    rest = [one for one in fitting if _order(one.name) > _order(after)]
    listed = [
        Listed(id=one.id, name=one.name, active=one.active, membership=Register.of(one.membership))
        for one in rest[:limit]
    ]
    following = listed[-1].name if len(rest) > limit else None
    body = Organizations(organizations=listed, total=len(fitting), next=following, as_of=as_of)
    return tagged(body, as_of, if_none_match)


def _fitting(index: OrganizationIndex, search: str, role: MemberRole | None) -> Iterator[Registered]:
    key = search.lower() if ADDRESS.fullmatch(search) else None
    part = "" if key else search.casefold()
    after: str | None = None
    while True:
        page = [one.value for one in index.search(role=role, key=key, after=after, limit=READ_AT_ONCE)]
        yield from (one for one in page if part in one.name.casefold())
        if len(page) < READ_AT_ONCE:
            return
        after = page[-1].id


def _order(name: str) -> tuple[str, str]:
    return name.casefold(), name


@router.get("/organizations/{organization}", responses=_read(Organization))
def organization(
    services: OpenServices, organization: Named, min_block: MinBlock = 0, if_none_match: IfNoneMatch = None
) -> Response:
    """An organization's standing, roles, licence, keys and published contracts."""

    def ask(view: View) -> dict[str, Any]:
        index = OrganizationIndex(view)
        found = _known(lambda: index.get(organization, with_keys=True).value)
        return {
            "id": found.id,
            "name": found.name,
            "active": found.active,
            "membership": Register.of(found.membership),
            "controller": found.controller,
            "identifiers": [PublicIdentifier(scheme=one.scheme, value=one.value) for one in found.identifiers],
            "keys": [
                Key(
                    key=one.key,
                    status=one.status.name,
                    added_at=one.added_at,
                    retired_at=one.retired_at or None,
                    compromised_since=one.compromised_since or None,
                    reported_at=one.reported_at or None,
                )
                for one in found.keys
            ],
            "contracts": [
                Contract(kind=one.value.kind, address=one.value.address, since=one.since.time)
                for one in index.contracts(found.id)
            ],
        }

    body, as_of = services.index.read(ask, min_block)
    return tagged(Organization(**body, as_of=as_of), as_of, if_none_match)


@router.get("/organizations/{organization}/at", responses=_read(OrganizationThen))
def organization_at(
    services: OpenServices, organization: Named, time: Time, min_block: MinBlock = 0, if_none_match: IfNoneMatch = None
) -> Response:
    """The same at a past time: what somebody who relied on it then could know, and what came out since."""

    def ask(view: View) -> dict[str, Any]:
        if time > view.block_time:
            raise InvalidInput("time", str(time), f"is after the last block, of {view.block_time}")
        now = OrganizationIndex(view)
        identifier = _known(lambda: now.known(organization))
        membership = now.membership_at(identifier, time)
        versions = [one for one in now.history(identifier) if one.since.time <= time]
        if not versions:
            raise Refused(404, "Not admitted", f"{organization} was not in the register at {time}")
        keys = [(one.value.key, now.at(one.value.key, time)) for one in now.keys(identifier)]
        return {
            "id": identifier,
            "name": versions[-1].value.name,
            "time": time,
            "active": membership.standing.name == "ACTIVE"
            and not membership.frozen
            and time < membership.licence_expiry,
            "membership": Register.of(membership),
            "keys": [
                KeyThen(
                    key=key,
                    status=then.status.name,
                    compromised=then.compromised,
                    reported_at=then.reported_at or None,
                )
                for key, then in keys
                if then.organization == identifier
            ],
        }

    body, as_of = services.index.read(ask, min_block)
    return tagged(OrganizationThen(**body, as_of=as_of), as_of, if_none_match)


@router.get("/governance", responses=_read(Governance))
def governance(services: OpenServices, min_block: MinBlock = 0, if_none_match: IfNoneMatch = None) -> Response:
    """Who may do what to the contracts, what is scheduled or was, and what is stopped."""

    def ask(view: View) -> dict[str, Any]:
        index = GovernanceIndex(view, services.ledger.governance.describe)
        return {
            "members": [
                Member(
                    role=one.value.label,
                    account=one.value.account,
                    holds=one.value.holds,
                    member_from=one.value.member_from,
                    delay_seconds=one.value.delay.seconds,
                )
                for one in index.members()
            ],
            "operations": [
                Operation(
                    id=one.value.id,
                    state=one.value.state.name,
                    ready_at=one.value.ready_at,
                    caller=one.value.caller,
                    target=one.value.target,
                    description=one.value.description,
                )
                for one in reversed(index.operations())
            ],
            "halted": [
                Halted(contract=one.value.contract, halted_at=one.value.halted_at or 0, caller=one.value.caller)
                for one in index.halts(halted=True)
            ],
        }

    body, as_of = services.index.read(ask, min_block)
    return tagged(Governance(**body, as_of=as_of), as_of, if_none_match)


def _known(find: Any) -> Any:
    """What an index finds; an organization that is not there is 404."""
    try:
        return find()
    except UnknownOrganization as error:
        raise Refused(404, "UnknownOrganization", str(error)) from None
