"""Organizations, their keys and recoveries from the index, typed.

    index = Index.open("sqlite:///careledger.db")
    organizations = OrganizationIndex(index.at("finalized"))
    for found in organizations.search(role=MemberRole.PAYER, active=True):
        print(found.value.name, found.since.block_number, found.since.transaction_hash)

Every answer holds for the view's block. What depends on the time, such as whether an organization is active, is judged
at that block's time. Where `Organizations` has a method of the same name, the answers are equal, but for the order of
keys that were added in the same second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from careledger.chain.indexer.model import Entity, Key
from careledger.chain.indexer.reader import EntityRow, View
from careledger.chain.values import account_address
from careledger.contract_enums import KeyStatus, MemberRole, Reason, Standing
from careledger.errors import UnknownOrganization
from careledger.identity.identifiers import Identifier, from_padded, organization_id, to_padded
from careledger.identity.read_model import IDENTIFIER, KEY, ORGANIZATION, PUBLISHED_CONTRACT, RECOVERY, RecoveryState
from careledger.identity.types import KeyAtTime, KeyRecord, Membership, Organization, Recovery, from_bits

__all__ = [
    "Fields",
    "KeyVersion",
    "OrganizationIndex",
    "OrganizationVersion",
    "Origin",
    "PublishedContract",
    "Recorded",
    "RecoveryRecord",
    "in_order",
    "recorded",
    "rows",
]

END_OF_TIME = 2**40 - 1
"""When a contested recovery is ready, as the registry has it."""

PAGE_ROWS = 1_000

UNKNOWN_ID = "0x" + 24 * "0"
UNKNOWN_MEMBERSHIP = Membership(frozenset(), 0, Standing.UNKNOWN, False, 0)
UNKNOWN_KEY = KeyAtTime(UNKNOWN_ID, KeyStatus.UNKNOWN, False, 0)

T = TypeVar("T")


@dataclass(frozen=True)
class Origin:
    """An event's place on the chain: block, index of the log in the block, Unix seconds of the block, transaction."""

    block_number: int
    log_index: int
    time: int
    transaction_hash: str


@dataclass(frozen=True)
class Recorded(Generic[T]):
    """An answer, the log from which it holds, and, for history, block and log that ended it (None: it still holds)."""

    value: T
    since: Origin
    until: tuple[int, int] | None


@dataclass(frozen=True)
class OrganizationVersion:
    """An organization between two of the acts that changed it. `act` names the event that opened the version, as in its
    table `event_<act>`; `reason` is UNSPECIFIED where that states none."""

    id: str
    act: str
    reason: Reason
    name: str
    membership: Membership
    controller: str
    pending_controller: str | None
    metadata_commitment: str


@dataclass(frozen=True)
class KeyVersion:
    """A key's record between two of the acts that changed it; `reporter` is who reported the cut-off that it has."""

    record: KeyRecord
    reporter: str | None


@dataclass(frozen=True)
class PublishedContract:
    """Where an organization's contract of a kind is."""

    organization: str
    kind: str
    address: str


@dataclass(frozen=True)
class RecoveryRecord:
    """A recovery, under way or ended. `ready_at` is None while it is contested; `ready` at the view's block is whether
    it can be completed. `reason` is the last that was stated."""

    organization: str
    new_controller: str
    state: RecoveryState
    ready: bool
    started_at: int
    ready_at: int | None
    contestant: str | None
    reason: Reason


class OrganizationIndex:
    """Raises InvalidInput for a value that cannot be right, DatabaseError if the index cannot be read."""

    def __init__(self, view: View, time: int | None = None) -> None:
        """`time`, Unix seconds, is when what depends on it is judged; by default the time of the view's block."""
        self._view = view
        self._time = view.block_time if time is None else time

    # ------------------------------------------------------------------ organizations

    def search(
        self,
        *,
        role: MemberRole | None = None,
        standing: Standing | None = None,
        active: bool | None = None,
        name_prefix: str = "",
        licence_expires_before: int | None = None,
        controller: str | None = None,
        key: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Recorded[Organization]]:
        """Organizations that fit every filter given, by id; at most `limit`, after the one with the id `after`.

        `key` finds whose key it is or was; `licence_expires_before` is in Unix seconds. Identifiers and keys are left
        out; `get` has them.
        """
        found: list[Recorded[Organization]] = []
        owner = None if key is None else self.of_key(key)[0]
        if key is not None and owner is None:
            return []
        equal: dict[str, Any] = {}
        if owner is not None:
            equal["organization"] = owner
        if standing is not None:
            equal["standing"] = int(standing)
        if controller is not None:
            equal["controller"] = account_address("controller", controller)
        recoveries = self._recoveries_under_way()
        for row in rows(self._view, ORGANIZATION, equal, None if after is None else (organization_id(after),)):
            entry = self._organization(row, recoveries.get(row["organization"]))
            value = entry.value
            if (
                (role is None or role in value.membership.member_roles)
                and (active is None or value.active is active)
                and value.name.startswith(name_prefix)
                and (licence_expires_before is None or value.membership.licence_expiry < licence_expires_before)
            ):
                found.append(entry)
                if len(found) == limit:
                    break
        return found

    def get(self, organization: str, with_keys: bool = False) -> Recorded[Organization]:
        """An organization by name or id, with its identifiers and, if wanted, its keys.

        Raises UnknownOrganization.
        """
        identifier = self.known(organization)
        row = self._row(ORGANIZATION, identifier)
        assert row is not None
        identifiers = tuple(entry.value for entry in self.identifiers(identifier))
        keys = tuple(entry.value for entry in self.keys(identifier)) if with_keys else ()
        recovery = self._row(RECOVERY, identifier)
        return self._organization(row, _recovery_under_way(recovery) if recovery else None, identifiers, keys)

    def known(self, organization: str) -> str:
        """The id of a name or id that was admitted. Raises UnknownOrganization."""
        identifier = organization_id(organization)
        if self._row(ORGANIZATION, identifier) is None:
            raise UnknownOrganization("organization", organization, "is not in the index at this block")
        return identifier

    def history(self, organization: str) -> list[Recorded[OrganizationVersion]]:
        """Every version of an organization, oldest first. Raises UnknownOrganization."""
        return [
            recorded(
                row,
                OrganizationVersion(
                    id=row["organization"],
                    act=row["act"],
                    reason=Reason(row["reason"]),
                    name=row["name"],
                    membership=_membership(row),
                    controller=row["controller"],
                    pending_controller=row["pending_controller"],
                    metadata_commitment=row["metadata_commitment"],
                ),
            )
            for row in self._history(ORGANIZATION, self.known(organization))
        ]

    def membership(self, organization: str) -> Membership:
        """An organization's membership; standing UNKNOWN if there is none."""
        row = self._row(ORGANIZATION, organization_id(organization))
        return UNKNOWN_MEMBERSHIP if row is None else _membership(row)

    def membership_at(self, organization: str, time: int) -> Membership:
        """An organization's membership at the end of a past second; standing UNKNOWN before its admission."""
        found = UNKNOWN_MEMBERSHIP
        for row in self._history(ORGANIZATION, organization_id(organization)):
            if row.row.since_time <= time:
                found = _membership(row)
        return found

    def is_active(self, organization: str, role: MemberRole) -> bool:
        """Whether an organization may start something new in a role. False for an unknown one."""
        membership = self.membership(organization)
        return role in membership.member_roles and self._active(membership)

    def by_identifier(self, identifier: Identifier) -> str | None:
        """The id of the organization that holds a public identifier, or None."""
        scheme, value = ("0x" + padded.hex() for padded in identifier.to_abi())
        row = self._row(IDENTIFIER, scheme, value)
        return None if row is None else str(row["organization"])

    def identifiers(self, organization: str) -> list[Recorded[Identifier]]:
        """The public identifiers of an organization, in the order of their assignment."""
        held = rows(self._view, IDENTIFIER, {"organization": organization_id(organization)})
        return in_order([recorded(row, Identifier.registered(row["scheme"], row["value"])) for row in held])

    def contract_of(self, organization: str, kind: str) -> str | None:
        """Where an organization's contract of a kind is, or None if it published none."""
        row = self._row(PUBLISHED_CONTRACT, organization_id(organization), "0x" + to_padded(kind).hex())
        return None if row is None else str(row["published"])

    def contracts(self, organization: str | None = None, kind: str | None = None) -> list[Recorded[PublishedContract]]:
        """The contracts published, of one organization or of one kind if given, in the order of publication."""
        equal = {}
        if organization is not None:
            equal["organization"] = organization_id(organization)
        if kind is not None:
            equal["kind"] = "0x" + to_padded(kind).hex()
        published = rows(self._view, PUBLISHED_CONTRACT, equal)
        return in_order(
            [
                recorded(row, PublishedContract(row["organization"], from_padded(row["kind"]), row["published"]))
                for row in published
            ]
        )

    # ------------------------------------------------------------------ keys

    def keys(self, organization: str | None = None, status: KeyStatus | None = None) -> list[Recorded[KeyRecord]]:
        """Keys, of one organization or in one status if given, by when they were added, then by address."""
        equal: dict[str, Any] = {}
        if organization is not None:
            equal["organization"] = organization_id(organization)
        if status is not None:
            equal["status"] = int(status)
        found = [recorded(row, _key(row)) for row in rows(self._view, KEY, equal)]
        return sorted(found, key=lambda entry: (entry.value.added_at, entry.value.key))

    def key(self, key: str) -> Recorded[KeyRecord] | None:
        """A key's record; None if it was never added."""
        row = self._row(KEY, account_address("key", key))
        return None if row is None else recorded(row, _key(row))

    def key_history(self, key: str) -> list[Recorded[KeyVersion]]:
        """Every version of a key, oldest first: added, retired, compromised, cut-off moved back."""
        versions = self._history(KEY, account_address("key", key))
        return [recorded(row, KeyVersion(_key(row), row["reporter"])) for row in versions]

    def of_key(self, key: str) -> tuple[str | None, KeyStatus]:
        """Whose key this is or was (None: nobody's), and its status."""
        entry = self.key(key)
        return (None, KeyStatus.UNKNOWN) if entry is None else (entry.value.organization, entry.value.status)

    def at(self, key: str, time: int) -> KeyAtTime:
        """Whose key this was at a past time, whether relying on it then was right, and whether a cut-off covers it."""
        versions = self.key_history(key)
        if not versions or time < versions[0].since.time:
            return UNKNOWN_KEY
        then = [entry.value.record for entry in versions if entry.since.time <= time][-1]
        covering = [entry.since.time for entry in versions if 0 < entry.value.record.compromised_since <= time]
        return KeyAtTime(then.organization, then.status, bool(covering), covering[0] if covering else 0)

    # ------------------------------------------------------------------ recoveries

    def recoveries(self, state: RecoveryState | None = None) -> list[Recorded[RecoveryRecord]]:
        """The last recovery of each organization that had one, in one state if given, by the time of the last act."""
        equal = {} if state is None else {"state": state.value}
        return in_order([recorded(row, self._recovery(row)) for row in rows(self._view, RECOVERY, equal)])

    def recovery_history(self, organization: str) -> list[Recorded[RecoveryRecord]]:
        """Every step of every recovery of an organization, oldest first."""
        steps = self._history(RECOVERY, organization_id(organization))
        return [recorded(row, self._recovery(row)) for row in steps]

    # ------------------------------------------------------------------ inner

    def _row(self, entity: Entity, *key: str) -> Fields | None:
        found = self._view.get(entity, key)
        return None if found is None else Fields(found)

    def _history(self, entity: Entity, key: str) -> list[Fields]:
        found: list[Fields] = []
        after: Key | None = None
        while True:
            page = self._view.history(entity, (key,), after=after, limit=PAGE_ROWS)
            found += map(Fields, page.rows)
            after = page.next
            if after is None:
                return found

    def _organization(
        self,
        row: Fields,
        recovery: Recovery | None,
        identifiers: tuple[Identifier, ...] = (),
        keys: tuple[KeyRecord, ...] = (),
    ) -> Recorded[Organization]:
        membership = _membership(row)
        return recorded(
            row,
            Organization(
                id=row["organization"],
                name=row["name"],
                active=self._active(membership),
                membership=membership,
                controller=row["controller"],
                pending_controller=row["pending_controller"],
                recovery=recovery,
                metadata_commitment=row["metadata_commitment"],
                identifiers=identifiers,
                keys=keys,
            ),
        )

    def _recoveries_under_way(self) -> dict[str, Recovery]:
        states = [state.value for state in RecoveryState if state.under_way]
        found = {row["organization"]: _recovery_under_way(row) for row in rows(self._view, RECOVERY, {"state": states})}
        return {organization: recovery for organization, recovery in found.items() if recovery is not None}

    def _active(self, membership: Membership) -> bool:
        in_force = self._time < membership.licence_expiry
        return membership.standing is Standing.ACTIVE and not membership.frozen and in_force

    def _recovery(self, row: Fields) -> RecoveryRecord:
        state, ready_at = RecoveryState(row["state"]), row["ready_at"]
        return RecoveryRecord(
            organization=row["organization"],
            new_controller=row["new_controller"],
            state=state,
            ready=state.under_way and ready_at is not None and ready_at <= self._time,
            started_at=row["started_at"],
            ready_at=ready_at,
            contestant=row["contestant"],
            reason=Reason(row["reason"]),
        )


class Fields(dict[str, Any]):
    """A row's key and values by column. Attribute: `row`."""

    def __init__(self, row: EntityRow) -> None:
        super().__init__({**row.key, **row.values})
        self.row = row


def rows(
    view: View, entity: Entity, equal: Mapping[str, Any] | None = None, after: Key | None = None
) -> Iterator[Fields]:
    """The entities that hold at the view's block and have some values in some columns, by key, after one of them."""
    while True:
        page = view.rows(entity, equal, after=after, limit=PAGE_ROWS)
        yield from map(Fields, page.rows)
        after = page.next
        if after is None:
            return


def recorded(fields: Fields, value: T) -> Recorded[T]:
    """A value with the place of its version."""
    row = fields.row
    since = Origin(row.since_block, row.since_log, row.since_time, row.since_transaction)
    if row.until_block is None or row.until_log is None:
        return Recorded(value, since, None)
    return Recorded(value, since, (row.until_block, row.until_log))


def in_order(entries: list[Recorded[T]]) -> list[Recorded[T]]:
    """By the log from which each holds."""
    return sorted(entries, key=lambda entry: (entry.since.block_number, entry.since.log_index))


def _membership(row: Fields) -> Membership:
    return Membership(
        member_roles=from_bits(row["member_roles"]),
        licence_expiry=row["licence_expiry"],
        standing=Standing(row["standing"]),
        frozen=row["frozen"],
        since=row["membership_since"],
    )


def _key(row: Fields) -> KeyRecord:
    return KeyRecord(
        key=row["key"],
        organization=row["organization"],
        status=KeyStatus(row["status"]),
        added_at=row["added_at"],
        retired_at=row["retired_at"] or 0,
        compromised_since=row["compromised_since"] or 0,
        reported_at=row["reported_at"] or 0,
    )


def _recovery_under_way(row: Fields) -> Recovery | None:
    if not RecoveryState(row["state"]).under_way:
        return None
    contested = row["state"] == RecoveryState.CONTESTED.value
    return Recovery(row["new_controller"], END_OF_TIME if contested else row["ready_at"], contested)
