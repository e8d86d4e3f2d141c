"""The registry of organizations and keys, for Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from eth_utils.crypto import keccak

from careledger.chain.connection import TRANSACTION_GAS_CAP, LogEntry, TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.signers import Signer
from careledger.chain.signers.signer import required
from careledger.chain.typed_data import typed_message
from careledger.chain.values import account_address
from careledger.contract_events import (
    ContractEvent,
    IdentifierAssigned,
    IdentifierWithdrawn,
    KeyAdded,
    OrganizationAdmitted,
)
from careledger.errors import InvalidInput, UnknownOrganization
from careledger.identity.identifiers import Identifier, check_name, organization_id, to_padded
from careledger.identity.types import (
    ZERO_ADDRESS,
    Admission,
    KeyAtTime,
    KeyRecord,
    KeyStatus,
    MemberRole,
    Membership,
    Organization,
    Reason,
    Recovery,
    Standing,
    from_bits,
    to_bits,
)

if TYPE_CHECKING:
    from careledger.chain.outbox import Intent, Outbox

__all__ = ["Organizations", "PossessionProof"]

ADMIT_MANY_GAS = 50_000
ADMISSION_GAS = 100_000
IDENTIFIER_GAS = 27_000
"""The most that `admitMany` uses once, for an organization (its name of 64 characters), and for each identifier."""


@dataclass(frozen=True)
class PossessionProof:
    """A key's signature that it agrees to act for an organization until `deadline` (Unix seconds)."""

    organization: str
    key: str
    deadline: int
    signature: str


class Organizations:
    """Calls that change something need a signer: the registrar's, a controller's or a key's, as each says.

    Organizations are named by registered name or id. Every method raises ContractError with the registry's reason if it
    refuses, ChainError if the chain could not be asked, and InvalidInput for a value that cannot be right.
    """

    def __init__(self, registry: Contract, first_block: int, signer: Signer | None) -> None:
        self._registry = registry
        self._first_block = first_block
        self._signer = signer

    @property
    def address(self) -> str:
        """The registry's address."""
        return self._registry.address

    # ------------------------------------------------------------------ the registrar's

    def admit(self, admission: Admission) -> TransactionReceipt:
        """Admits an organization. Admitting it again with the same content changes nothing."""
        return self._send("admit", _to_abi(admission))

    def admit_many(
        self,
        admissions: Sequence[Admission],
        report: Callable[[int, int], None] = lambda _done, _total: None,
        outbox: Outbox | None = None,
    ) -> list[TransactionReceipt]:
        """Admits organizations, as many in one transaction as fit under the gas cap of 2**24.

        `report` is called with how many are admitted, and of how many. After a failure, the same call again goes on:
        what was admitted is admitted still, and costs only its calldata. With an `outbox`, all transactions are on disk
        before the first is sent, several are under way at a time, each is waited for until it is final, and the same
        call again takes up those very ones; it raises what `deliver` of the outbox raises.
        """
        chunks = list(_chunks(admissions))
        calls = [self._registry.encode("admitMany", [_to_abi(admission) for admission in chunk]) for chunk in chunks]
        ends = list(accumulate(len(chunk) for chunk in chunks))
        signer, connection = required(self._signer), self._registry.connection
        if outbox is not None:
            from careledger.chain.outbox import Policy, deliver  # with it comes SQLAlchemy

            policy = Policy(fee_cap_wei=connection.fee_cap_wei)
            if connection.is_local:
                policy = replace(policy, confirmations=1)
            intents = [self._bulk_intent(signer.address, call) for call in calls]
            return deliver(
                outbox,
                connection,
                [signer],
                intents,
                policy,
                report=lambda final: report(ends[final - 1], len(admissions)),
            )
        receipts = []
        for call, done in zip(calls, ends, strict=True):
            receipts.append(connection.send(signer, self.address, call))
            report(done, len(admissions))
        return receipts

    def renew(
        self, organization: str, licence_expiry: int, reason: Reason = Reason.LICENCE_RENEWED
    ) -> TransactionReceipt:
        """Sets a new licence expiry, Unix seconds."""
        return self._send("renew", self.known(organization), licence_expiry, reason)

    def add_member_roles(
        self, organization: str, roles: set[MemberRole], reason: Reason = Reason.SCOPE_CHANGED
    ) -> TransactionReceipt:
        """Adds member roles."""
        return self._send("addMemberRoles", self.known(organization), to_bits(roles), reason)

    def remove_member_roles(
        self, organization: str, roles: set[MemberRole], reason: Reason = Reason.SCOPE_CHANGED
    ) -> TransactionReceipt:
        """Removes member roles."""
        return self._send("removeMemberRoles", self.known(organization), to_bits(roles), reason)

    def assign_identifiers(self, organization: str, identifiers: Sequence[Identifier]) -> TransactionReceipt:
        """Assigns further public identifiers."""
        return self._send("assignIdentifiers", self.known(organization), [item.to_abi() for item in identifiers])

    def withdraw_identifier(self, organization: str, identifier: Identifier, reason: Reason) -> TransactionReceipt:
        """Withdraws an identifier that was assigned by mistake or has passed on."""
        return self._send("withdrawIdentifier", self.known(organization), identifier.to_abi(), reason)

    def commit_metadata(
        self, organization: str, commitment: str, reason: Reason = Reason.OWN_REQUEST
    ) -> TransactionReceipt:
        """Commits to changed metadata: `commitment` is a salted 32-byte hash, 0x-prefixed."""
        return self._send("commitMetadata", self.known(organization), commitment, reason)

    def suspend(self, organization: str, reason: Reason) -> TransactionReceipt:
        """Suspends an active organization: it starts nothing new, and may finish what it began."""
        return self._send("suspend", self.known(organization), reason)

    def reinstate(self, organization: str, reason: Reason = Reason.CLEARED) -> TransactionReceipt:
        """Reinstates a suspended organization."""
        return self._send("reinstate", self.known(organization), reason)

    def report_compromise_as_registrar(self, key: str, since: int) -> TransactionReceipt:
        """Reports a key compromised since a time, as far back as the key goes."""
        return self._send("reportCompromiseAsRegistrar", account_address("key", key), since)

    def start_recovery(
        self, organization: str, new_controller: str, reason: Reason = Reason.CONTROLLER_LOST
    ) -> TransactionReceipt:
        """Starts handing an organization to a new controller, which completes it after the registry's delay."""
        return self._send(
            "startRecovery", self.known(organization), account_address("controller", new_controller), reason
        )

    def cancel_recovery(self, organization: str, reason: Reason) -> TransactionReceipt:
        """Calls off a recovery that is not contested."""
        return self._send("cancelRecovery", self.known(organization), reason)

    # ------------------------------------------------------------------ the policy administrator's and the admin's

    def expel(self, organization: str, reason: Reason) -> TransactionReceipt:
        """Expels an organization for good. With an execution delay, use `Governance.perform`, which schedules it."""
        return self._send("expel", self.known(organization), reason)

    def settle_recovery(
        self, organization: str, proposed: str, new_controller: str | None, reason: Reason
    ) -> TransactionReceipt:
        """Decides the recovery to `proposed`, if contested: `new_controller`, the same or another, may complete it.

        None ends the recovery, contested or not.
        """
        accounts = [account_address("controller", account) for account in (proposed, new_controller or ZERO_ADDRESS)]
        return self._send("settleRecovery", self.known(organization), *accounts, reason)

    def contest_recovery_as_guardian(self, organization: str, new_controller: str) -> TransactionReceipt:
        """Contests a recovery on the organization's behalf, as the guardian: freezes it until the admin decides."""
        account = account_address("controller", new_controller)
        return self._send("contestRecoveryAsGuardian", self.known(organization), account)

    # ------------------------------------------------------------------ the controller's

    def add_key(self, proof: PossessionProof) -> TransactionReceipt:
        """Adds a key, with the proof that the key made by `prove_possession`."""
        return self._send("addKey", proof.organization, proof.key, proof.deadline, proof.signature)

    def retire_key(self, key: str) -> TransactionReceipt:
        """Retires a key: it acts no more, and what it did stays valid."""
        return self._send("retireKey", account_address("key", key))

    def report_compromise(self, key: str, since: int) -> TransactionReceipt:
        """Reports a key compromised since a time, at most 30 days back."""
        return self._send("reportCompromise", account_address("key", key), since)

    def transfer_controller(self, organization: str, new_controller: str) -> TransactionReceipt:
        """Offers the organization to another controller."""
        return self._send("transferController", self.known(organization), account_address("controller", new_controller))

    def accept_controller(self, organization: str) -> TransactionReceipt:
        """Accepts an offer, as the new controller."""
        return self._send("acceptController", self.known(organization))

    def contest_recovery(self, organization: str, new_controller: str) -> TransactionReceipt:
        """Contests a recovery, as the controller or an active key: freezes the organization until the admin decides."""
        return self._send("contestRecovery", self.known(organization), account_address("controller", new_controller))

    def complete_recovery(self, organization: str) -> TransactionReceipt:
        """Takes over an organization, as the new controller, once its recovery is ready."""
        return self._send("completeRecovery", self.known(organization))

    def publish_contract(self, organization: str, kind: str, address: str) -> TransactionReceipt:
        """Publishes where the organization's contract of a kind is; the zero address withdraws it."""
        return self._send(
            "publishContract", self.known(organization), to_padded(kind), account_address("contract", address)
        )

    # ------------------------------------------------------------------ a key's

    def prove_possession(self, organization: str, key: Signer, deadline: int) -> PossessionProof:
        """Signs, as the new key, what `add_key` needs (EIP-712). Sends nothing."""
        identifier = organization_id(organization)
        signature = key.sign_typed_data(self.possession_message(identifier, key.address, deadline))
        return PossessionProof(identifier, key.address, deadline, "0x" + signature.hex())

    def possession_message(self, organization: str, key: str, deadline: int) -> dict[str, Any]:
        """The EIP-712 message that a new key signs, for wallets that sign elsewhere."""
        return typed_message(
            "OrganizationRegistry",
            self._registry.connection.chain_id,
            self._registry.address,
            "KeyPossession",
            organization=("bytes12", organization_id(organization)),
            key=("address", key),
            deadline=("uint256", deadline),
        )

    # ------------------------------------------------------------------ reads

    def get(self, organization: str, with_keys: bool = False) -> Organization:
        """An organization as it is now. `with_keys` also reads its identifiers' and keys' events.

        Raises UnknownOrganization.
        """
        identifier = self.known(organization)
        membership = self.membership(identifier)
        pending = self._registry.read("pendingControllerOf", identifier)
        recovery = Recovery(**self._registry.read("recoveryOf", identifier))
        now = self._registry.connection.block_time()
        admitted = self._events(OrganizationAdmitted, identifier)
        keys: tuple[KeyRecord, ...] = ()
        if with_keys:
            keys = tuple(self.key(entry.event.key) for entry in self._events(KeyAdded, identifier))
        return Organization(
            id=identifier,
            name=next((entry.event.name for entry in admitted), ""),
            active=membership.standing is Standing.ACTIVE and not membership.frozen and now < membership.licence_expiry,
            membership=membership,
            controller=self._registry.read("controllerOf", identifier),
            pending_controller=None if pending == ZERO_ADDRESS else pending,
            recovery=None if recovery.new_controller == ZERO_ADDRESS else recovery,
            metadata_commitment=self._registry.read("metadataCommitmentOf", identifier),
            identifiers=self._identifiers(identifier),
            keys=keys,
        )

    def names(self) -> dict[str, str]:
        """Every organization ever admitted: name -> id, in the order of admission."""
        return {
            entry.event.name: entry.event.organization
            for entry in self._log([OrganizationAdmitted])
            if isinstance(entry.event, OrganizationAdmitted)
        }

    def known(self, organization: str) -> str:
        """The id of a name or id that was admitted. Raises UnknownOrganization."""
        identifier = organization_id(organization)
        if self.membership(identifier).standing is Standing.UNKNOWN:
            raise UnknownOrganization("organization", organization, f"is not in the registry at {self.address}")
        return identifier

    def membership(self, organization: str) -> Membership:
        """An organization's membership now; standing UNKNOWN if there is none."""
        return _membership(self._registry.read("membershipOf", organization_id(organization)))

    def membership_at(self, organization: str, time: int) -> Membership:
        """An organization's membership at the end of a past second; standing UNKNOWN before its admission."""
        return _membership(self._registry.read("membershipAt", organization_id(organization), time))

    def is_active(self, organization: str, role: MemberRole) -> bool:
        """Whether an organization may start something new in a role now. False for an unknown one."""
        return bool(self._registry.read("isActive", organization_id(organization), role))

    def require_active(self, key: str, role: MemberRole) -> str:
        """The id of the organization for which a key may start something new. Raises ContractError with the reason."""
        return str(self._registry.read("requireActive", account_address("key", key), to_bits({role})))

    def require_key(self, key: str) -> str:
        """The id of the organization for which a key may finish what was begun. Raises ContractError with why not."""
        return str(self._registry.read("requireKey", account_address("key", key)))

    def of_key(self, key: str) -> tuple[str | None, KeyStatus]:
        """Whose key this is or was (None: nobody's), and its status now."""
        organization, status = self._registry.read("organizationOf", account_address("key", key))
        return (None if KeyStatus(status) is KeyStatus.UNKNOWN else organization), KeyStatus(status)

    def at(self, key: str, time: int) -> KeyAtTime:
        """Whose key this was at a past time, whether relying on it then was right, and whether a cut-off covers it."""
        values = self._registry.read("organizationAt", account_address("key", key), time)
        return KeyAtTime(**{**values, "status": KeyStatus(values["status"])})

    def key(self, key: str) -> KeyRecord:
        """A key's record."""
        address = account_address("key", key)
        _, status = self.of_key(address)
        return KeyRecord(key=address, status=status, **self._registry.read("keyOf", address))

    def by_identifier(self, identifier: Identifier) -> str | None:
        """The id of the organization that holds a public identifier, or None."""
        holder = self._registry.read("organizationByIdentifier", *identifier.to_abi())
        return None if int(holder, 16) == 0 else holder

    def contract_of(self, organization: str, kind: str) -> str | None:
        """Where an organization's contract of a kind is, or None if it published none."""
        address = self._registry.read("contractOf", self.known(organization), to_padded(kind))
        return None if address == ZERO_ADDRESS else address

    # ------------------------------------------------------------------ inner

    def _send(self, function: str, *arguments: Any) -> TransactionReceipt:
        return self._registry.send(required(self._signer), function, *arguments)

    def _bulk_intent(self, sender: str, call: bytes) -> Intent:
        """Named by its content, so that the same admissions make the same intents in every run."""
        from careledger.chain.outbox import Intent

        digest = keccak(f"{sender}|{self.address}|".encode() + call).hex()[:32]
        return Intent(f"admit-many/{digest}", sender, self.address, call, label=f"{self._registry.name}.admitMany")

    def _log(self, events: Sequence[type[ContractEvent]]) -> Iterator[LogEntry]:
        return self._registry.connection.logs(self.address, events, self._first_block)

    def _identifiers(self, organization: str) -> tuple[Identifier, ...]:
        held: dict[tuple[str, str], None] = {}
        for entry in self._log([IdentifierAssigned, IdentifierWithdrawn]):
            event = entry.event
            if isinstance(event, IdentifierAssigned) and event.organization == organization:
                held[event.scheme, event.value] = None
            elif isinstance(event, IdentifierWithdrawn) and event.organization == organization:
                held.pop((event.scheme, event.value), None)
        return tuple(Identifier.registered(scheme, value) for scheme, value in held)

    def _events(self, kind: type[ContractEvent], organization: str) -> list[Any]:
        return [entry for entry in self._log([kind]) if getattr(entry.event, "organization", None) == organization]


def _chunks(admissions: Sequence[Admission]) -> Iterator[list[Admission]]:
    """The admissions in order, as many at a time as fit into one transaction, by the most that each can use.

    By a bound, not the node's estimate: the same admissions make the same transactions in every run.
    """
    chunk: list[Admission] = []
    gas = 0
    for admission in admissions:
        needed = ADMISSION_GAS + IDENTIFIER_GAS * len(admission.identifiers)
        if chunk and ADMIT_MANY_GAS + gas + needed > TRANSACTION_GAS_CAP:
            yield chunk
            chunk, gas = [], 0
        chunk.append(admission)
        gas += needed
    if chunk:
        yield chunk


def _to_abi(admission: Admission) -> tuple[Any, ...]:
    if not admission.member_roles:
        raise InvalidInput("member roles", "none", f"{admission.name} needs at least one")
    return (
        check_name(admission.name),
        account_address("controller", admission.controller),
        to_bits(admission.member_roles),
        admission.licence_expiry,
        admission.metadata_commitment,
        [identifier.to_abi() for identifier in admission.identifiers],
        admission.reason,
    )


def _membership(values: dict[str, Any]) -> Membership:
    return Membership(
        member_roles=from_bits(values["member_roles"]),
        licence_expiry=values["licence_expiry"],
        standing=Standing(values["standing"]),
        frozen=values["frozen"],
        since=values["since"],
    )
