"""An insurer's contracts on a local chain, with providers under one version of its policy, for `generated_requests`.

Messages are made here and not by the client, so that what is compared with the contracts shares nothing with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from careledger.authorization.rules import BenefitRule, Terms, digest
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.development import development_signer
from careledger.chain.signers import Signer
from careledger.chain.signers.local import LocalSigner
from careledger.identity import MemberRole
from careledger.identity.identifiers import organization_id
from eth_account import Account
from eth_utils.crypto import keccak
from generated_requests import DOCUMENT_KINDS, PROVIDERS, RECEIPT_WINDOW, GeneratedRequest
from identity.suite import Suite, deploy_suite, travel

__all__ = ["NODE_OPTIONS", "PLAN", "PayerWorld", "Provider", "member_key", "request_id"]

PLAN = 7
VERSION = 1
REVIEWER = "0x" + b"reviewer one".hex()
GAS_OF_A_DEPLOYMENT = 8_000_000
GAS_OF_A_REQUEST = 8_000_000
NODE_OPTIONS = ("--order", "fifo", "--gas-limit", str(10**9))
"""Requests of one block are in it as they were sent, and have room."""

RULES_AT_ONCE = 20
HOUR = 3600
ZERO_HASH = "0x" + 64 * "0"
FIRST_PROVIDER_ACCOUNT = 7
"""The node signs for its own accounts; the suite's actors are before this one."""


@dataclass(frozen=True)
class Provider:
    """A provider, the account of its key, and its documents by kind."""

    organization: str
    key: Signer
    documents: dict[int, dict[str, Any]]


class PayerWorld:
    """`rules` are in force for all providers from soon after on."""

    def __init__(self, connection: Connection, rules: tuple[BenefitRule, ...]) -> None:
        self.connection = connection
        self._rpc = connection.rpc()
        self.rules = rules
        self.terms = Terms(
            plan=PLAN,
            receipt_window=RECEIPT_WINDOW,
            appeal_days=180,
            out_of_pocket_maximum=10**9,
            document=keccak(text="policy document"),
            class_root=keccak(text="classes"),
        )
        self.admin = development_signer(0)
        self.suite: Suite = deploy_suite(connection)
        self.insurer = organization_id(self.suite.admit(member_roles=frozenset({MemberRole.PAYER})))
        self.insurer_key = self._key(self.insurer)
        self.reviewer_key = self._key(self.insurer)
        self._deploy()
        assert self.publish(self.terms, rules) == VERSION
        self.providers = [self._provider(number) for number in range(PROVIDERS)]
        travel(connection, 2 * HOUR)

    # ------------------------------------------------------------------ requests

    def submission(self, request: GeneratedRequest) -> bytes:
        """The calldata of a request's submission."""
        provider = self.providers[request.provider]
        return self.authorizations.encode(
            "submit",
            (
                request_id(request.number),
                keccak(text=f"content {request.number}"),
                VERSION,
                request.received_at,
                request.expedited,
            ),
            self.eligibility(provider, request.member, request.period, request.eligible_until),
            [
                (*(line.benefit_class, line.unit_code, line.milli_units, line.amount, line.service_day), ZERO_HASH)
                for line in request.lines
            ],
            [provider.documents[kind] for kind in sorted(request.documents)],
        )

    def send(self, requests: Sequence[GeneratedRequest]) -> int:
        """Submits requests of one time, in their order, in a block of that time; returns its number."""
        self._rpc.call("evm_setAutomine", False)
        for request in requests:
            self._rpc.call(
                "eth_sendTransaction",
                {
                    "from": self.providers[request.provider].key.address,
                    "to": self.authorizations.address,
                    "data": "0x" + self.submission(request).hex(),
                    "gas": hex(GAS_OF_A_REQUEST),
                },
            )
        self._rpc.call("evm_mine", requests[0].decided_at)
        self._rpc.call("evm_setAutomine", True)
        return self.connection.block_number()

    def eligibility(self, provider: Provider, member: int, period: int, until: int | None) -> tuple[Any, ...]:
        if until is None:
            return (member_key(member), PLAN, period, 0, self.insurer_key.address, b"")
        signature = self._signed(
            self.insurer_key,
            self.authorizations,
            "PriorAuthorization",
            "Eligibility",
            memberKey=("bytes16", member_key(member)),
            provider=("bytes12", provider.organization),
            plan=("uint32", PLAN),
            period=("uint16", period),
            validUntil=("uint40", until),
        )
        return (member_key(member), PLAN, period, until, self.insurer_key.address, signature)

    def review(self, provider: Provider, request: bytes, line: int, benefit_class: int, milli_units: int) -> None:
        """A person decides a pended line: approved in full, or denied for no units."""
        action, reason = (1, 0) if milli_units else (3, 7)
        values: dict[str, tuple[str, Any]] = {
            "provider": ("bytes12", provider.organization),
            "requestId": ("bytes32", request),
            "line": ("uint8", line),
            "sequence": ("uint16", 1),
            "action": ("uint8", action),
            "benefitClass": ("uint16", benefit_class),
            "milliUnits": ("uint40", milli_units),
            "amount": ("uint64", 0),
            "reason": ("uint16", reason),
            "rationale": ("bytes32", keccak(text="because")),
        }
        signature = self._signed(self.reviewer_key, self.authorizations, "PriorAuthorization", "Review", **values)
        review = tuple(value for _, value in values.values())
        self.authorizations.send(self.admin, "review", review, self.reviewer_key.address, signature)

    # ------------------------------------------------------------------ versions

    def publish(self, terms: Terms, rules: tuple[BenefitRule, ...]) -> int:
        """Drafts a version, seals it, and returns its number. The contract takes the digest only if it is its own."""
        self.policy.send(self.admin, "draftVersion", terms.to_abi())
        version: int = self.policy.read("lastVersion")
        for start in range(0, len(rules), RULES_AT_ONCE):
            some = [rule.to_abi() for rule in rules[start : start + RULES_AT_ONCE]]
            self.policy.send(self.admin, "addRules", version, start, some)
        self.policy.send(self.admin, "sealVersion", version, digest(terms, rules))
        return version

    def enrol(self, provider: Provider, version: int, agreed: bytes, coefficient: int = 10_000) -> None:
        """Enrols a provider under the version of this digest, from an hour ahead on."""
        now = self.connection.block_time()
        start, deadline = now + HOUR, now + 2 * HOUR
        signatures = []
        for signer in (provider.key, self.insurer_key):
            signature = self._signed(
                signer,
                self.policy,
                "CoveragePolicy",
                "Enrolment",
                provider=("bytes12", provider.organization),
                digest=("bytes32", agreed),
                version=("uint16", version),
                start=("uint40", start),
                coefficient=("uint32", coefficient),
                endings=("uint32", 0),
                deadline=("uint40", deadline),
            )
            signatures += [signer.address, signature]
        stated = (provider.organization, version, start, coefficient, deadline)
        self.policy.send(self.admin, "enrol", *stated, *signatures)

    def deploy_settlement(self) -> Contract:
        """Over a vault of its own, without money in it."""
        registry, anchors = self.suite.registry.address, self.suite.ledger.governance.contract("DocumentAnchor").address
        insurer = bytes.fromhex(self.insurer[2:])
        vault = self._deployed("InsurerVault", self.manager, registry, insurer, registry).address
        rest = (self.policy.address, self.authorizations.address, vault, self.panel.address)
        return self._deployed("ClaimSettlement", self.manager, anchors, *rest)

    # ------------------------------------------------------------------ setting up

    @cached_property
    def _domain(self) -> dict[str, Any]:
        return {"version": "1", "chainId": self.connection.chain_id}

    def _deploy(self) -> None:
        registry = self.suite.registry.address
        anchors = self.suite.ledger.governance.contract("DocumentAnchor").address
        insurer = bytes.fromhex(self.insurer[2:])
        self.manager = manager = self._deployed("AccessManager", self.admin.address).address
        self.policy = self._deployed("CoveragePolicy", manager, registry, insurer)
        self.units = self._deployed("UnitLedger", manager)
        self.panel = self._deployed("ReviewPanel", manager, registry, insurer)
        foundations = (registry, anchors, self.policy.address, self.units.address, self.panel.address)
        parts = [
            self._deployed(name, manager, foundations).address for name in ("AuthorizationIntake", "AuthorizationDesk")
        ]
        self.authorizations = self._deployed("PriorAuthorization", manager, foundations, *parts)
        self.units.send(self.admin, "setWriter", self.authorizations.address)
        self.authorizations.send(self.admin, "openToNewWork")
        self.panel.send(self.admin, "appoint", self.reviewer_key.address, REVIEWER)

    def _deployed(self, name: str, *arguments: Any) -> Contract:
        code = artifact(name).creation_code(list(arguments))
        receipt = self.connection.send(self.admin, None, code, gas=GAS_OF_A_DEPLOYMENT)
        assert receipt.contract_address is not None
        return Contract(self.connection, name, receipt.contract_address)

    def _provider(self, number: int) -> Provider:
        organization = organization_id(self.suite.admit(member_roles=frozenset({MemberRole.PROVIDER})))
        key = self.suite.add_key(organization, development_signer(FIRST_PROVIDER_ACCOUNT + number))
        documents = {kind: self._anchored(key, kind) for kind in DOCUMENT_KINDS}
        provider = Provider(organization, key, documents)
        self.enrol(provider, VERSION, digest(self.terms, self.rules))
        return provider

    def _anchored(self, key: Signer, kind: int) -> dict[str, Any]:
        leaf = keccak(text=f"{key.address} {kind}")
        self.suite.ledger.governance.contract("DocumentAnchor").send(key, "anchor", leaf, kind << 40)
        return {"submitter": key.address, "leaf": leaf, "root": ZERO_HASH, "index": 0, "proof": []}

    def _key(self, organization: str) -> LocalSigner:
        key = LocalSigner(Account.create())
        self.suite.add_key(organization, key)
        return key

    def _signed(self, signer: Signer, contract: Contract, name: str, kind: str, **values: tuple[str, Any]) -> bytes:
        domain = {**self._domain, "name": f"careledger {name}", "verifyingContract": contract.address}
        return signer.sign_typed_data(
            {
                "types": {
                    "EIP712Domain": _types(
                        name="string", version="string", chainId="uint256", verifyingContract="address"
                    ),
                    kind: _types(**{name: solidity for name, (solidity, _) in values.items()}),
                },
                "primaryType": kind,
                "domain": domain,
                "message": {name: value for name, (_, value) in values.items()},
            }
        )


def member_key(member: int) -> str:
    """The key that the insurer gave a member."""
    return "0x" + keccak(text=f"member {member}")[:16].hex()


def request_id(number: int) -> bytes:
    """32 bytes."""
    return bytes(keccak(text=f"request {number}"))


def _types(**members: str) -> list[dict[str, str]]:
    return [{"name": name, "type": solidity} for name, solidity in members.items()]
