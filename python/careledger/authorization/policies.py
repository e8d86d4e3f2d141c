"""An insurer's coverage policy for Python: drafted, loaded, sealed, agreed on with providers, and read back.

    policies = Policies(ledger.acting_as(administrator).payer("northwind-insurance"))
    with Outbox.open("sqlite:///policy.db", ledger.connection) as outbox:
        loaded = policies.load(rule_set, outbox)
    policies.seal(rule_set)

Interrupted anywhere, the same call goes on: what a draft has is read from the chain, and what was on its way is taken
up from the outbox. Where the administrator has a delay, all calls are scheduled first, and the delay passes once.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from eth_utils.crypto import keccak

from careledger.authorization.payer import Payer
from careledger.authorization.rule_set import RuleSet
from careledger.authorization.rules import (
    AuthorizationRule,
    BenefitRule,
    ClaimRule,
    Coverage,
    Pricing,
    RuleFlag,
    Terms,
    digest,
)
from careledger.chain.connection import TRANSACTION_GAS_CAP, TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.contract_enums import VersionStatus
from careledger.contract_errors import AccessManagerNotReady
from careledger.contract_events import RuleAdded
from careledger.errors import InvalidInput, NodeRefused, UnknownIntent
from careledger.identity.governance import Permission
from careledger.identity.identifiers import organization_id

if TYPE_CHECKING:
    from careledger.chain.outbox import Intent, Outbox, Policy

__all__ = ["RULES_AT_ONCE", "Loaded", "Policies", "PolicyVersion"]

CALL_GAS = 200_000
RULE_GAS = 150_000
"""The most that `addRules` uses once, with a scheduled call's part, and for each rule."""

RULES_AT_ONCE = 50
"""In one transaction: half of what the gas cap allows, so that it soon finds room in a block."""

BLOCK_GAS = 30_000_000
"""What the smallest blocks hold that are usual: no more is under way at a time."""

READY_SLACK_SECONDS = 60
POLL_SECONDS = 1.0

Report = Callable[[str, int, int], None]
"""What is under way, how much of it is done, and of how much."""


@dataclass(frozen=True)
class PolicyVersion:
    """A version of a policy. `sealed_at` is in Unix seconds, None for a draft; `rules` are how many it has."""

    number: int
    status: VersionStatus
    sealed_at: int | None
    rules: int
    digest: bytes
    terms: Terms


@dataclass(frozen=True)
class Loaded:
    """A rule set on the chain: its version, how many rules were there before, and what this call sent."""

    version: int
    rules: int
    known: int
    receipts: tuple[TransactionReceipt, ...]


def nothing(_stage: str, _done: int, _total: int) -> None:
    """Reports to nobody."""


class Policies:
    """Calls that change something need a signer: the policy administrator, or whoever the method names. Every method
    raises ContractError with the contract's reason if it refuses, and ChainError if the chain could not be asked.
    """

    def __init__(self, payer: Payer) -> None:
        self._payer = payer
        self._policy = payer.policy
        self._connection = payer.policy.connection

    @property
    def payer(self) -> Payer:
        """Whose policy this is."""
        return self._payer

    # ------------------------------------------------------------------ the policy administrator's

    def draft(self, terms: Terms, report: Callable[[str], None] = lambda _: None) -> int:
        """Drafts the next version, after the delay if the signer has one; returns its number. Again, while the last
        version is a draft of these terms without rules, it changes nothing."""
        last = self.version(self.last_version())
        if last is not None and last.status is VersionStatus.DRAFT and last.digest == digest(terms, ()):
            return last.number
        self._payer.governance.perform(self._policy, "draftVersion", terms.to_abi(), report=report)
        return self.last_version()

    def load(
        self,
        rule_set: RuleSet,
        outbox: Outbox,
        rules_at_once: int = RULES_AT_ONCE,
        report: Report = nothing,
    ) -> Loaded:
        """Drafts a version if there is none of these rules, and adds those that it lacks, in as many transactions as
        they need. All are on disk before the first is sent; the same call again adds nothing twice. A version that is
        loaded or sealed already is answered as it is.

        Raises InvalidInput for more rules at once than the gas cap allows, ContractError of the first call that is
        refused, and what `deliver` of the outbox raises.
        """
        if not 0 < rules_at_once <= (TRANSACTION_GAS_CAP - CALL_GAS) // RULE_GAS:
            most = (TRANSACTION_GAS_CAP - CALL_GAS) // RULE_GAS
            raise InvalidInput("rules at once", str(rules_at_once), f"must be 1 to {most}")
        found = self.find(rule_set)
        version, known = (found.number, found.rules) if found else (self.last_version() + 1, 0)
        draft = _Call("draftVersion", f"{version}", self._policy.encode("draftVersion", rule_set.terms.to_abi()))
        calls = [] if found else [draft]
        calls += self._additions(version, rule_set.rules, known, rules_at_once)
        self._schedule(calls, outbox, report)
        receipts: list[TransactionReceipt] = []
        if not found and calls:
            receipts += self._deliver(outbox, calls[:1])
            self._require_begun(version, rule_set)
        additions = [call for call in calls if call.rules]
        # What an earlier run sent is in a block, and not yet deep enough: it is waited for too.
        begun = [draft, *self._additions(version, rule_set.rules[:known], 0, rules_at_once)] if found else []
        begun = [call for call in begun if self._is_under_way(outbox, call)]
        done = [*[known] * len(begun), *accumulate((call.rules for call in additions), initial=known)]
        total = len(rule_set.rules)
        report("Loading rules", known, total)
        sent = self._deliver(outbox, [*begun, *additions], lambda final: report("Loading rules", done[final], total))
        receipts += sent[len(begun) :]
        return Loaded(version, total, known, tuple(receipts))

    def seal(self, rule_set: RuleSet, report: Callable[[str], None] = lambda _: None) -> PolicyVersion:
        """Seals the version of these terms and rules, after the delay if the signer has one. Again, it changes nothing.

        Raises InvalidInput if no version has them all.
        """
        found = self.find(rule_set)
        if found is None or found.rules < len(rule_set.rules):
            loaded = 0 if found is None else found.rules
            raise InvalidInput(
                "rules", f"{loaded} of {len(rule_set.rules)} loaded", "load them all before the version is sealed"
            )
        if found.status is not VersionStatus.SEALED:
            self._payer.governance.perform(self._policy, "sealVersion", found.number, rule_set.digest, report=report)
        sealed = self.version(found.number)
        assert sealed is not None
        return sealed

    # ------------------------------------------------------------------ reads

    def last_version(self) -> int:
        """The number of the last version, drafts included; 0 if there is none."""
        return int(self._policy.read("lastVersion"))

    def version(self, number: int) -> PolicyVersion | None:
        """A version; None if there is none of this number."""
        found = self._policy.read("versionOf", number)
        if found["status"] == VersionStatus.UNKNOWN:
            return None
        terms = found["terms"]
        hashes = {name: bytes.fromhex(terms[name][2:]) for name in ("document", "class_root")}
        return PolicyVersion(
            number,
            VersionStatus(found["status"]),
            found["sealed_at"] or None,
            found["rules"],
            bytes.fromhex(found["digest"][2:]),
            Terms(**{**terms, **hashes}),
        )

    def versions(self) -> Iterator[PolicyVersion]:
        """All versions, the newest first."""
        for number in range(self.last_version(), 0, -1):
            found = self.version(number)
            assert found is not None
            yield found

    def find(self, rule_set: RuleSet) -> PolicyVersion | None:
        """The newest version that is these terms and rules; else the last one, if it is a draft of them as far as it
        goes; None if there is neither."""
        last = self.last_version()
        for version in self.versions():
            if version.digest == rule_set.digest:
                return version
        draft = self.version(last)
        if draft is not None and draft.status is VersionStatus.DRAFT and _is_beginning(draft, rule_set):
            return draft
        return None

    def rules(self, number: int) -> tuple[BenefitRule, ...]:
        """A version's rules in the order in which they were added, from the chain's events. Raises InvalidInput if
        there is no such version, NodeRefused if the events are not what the contract says of it: the node is behind."""
        version = self.version(number)
        if version is None:
            raise InvalidInput(
                "version", str(number), f"is none of {self._payer.name}'s; the last is {self.last_version()}"
            )
        logs = self._connection.logs(self._policy.address, [RuleAdded], self._payer.first_block)
        events = (entry.event for entry in logs)
        rules = tuple(_rule(event) for event in events if isinstance(event, RuleAdded) and event.version == number)
        if digest(version.terms, rules) != version.digest:
            raise NodeRefused("eth_getLogs", None, f"its events of version {number} are not what the contract says")
        return rules

    def rule_set(self, number: int, named_as: RuleSet) -> RuleSet:
        """A version with the names and codes of another rule set, for a comparison: on chain there are numbers only.
        Raises what `rules` raises."""
        rules = self.rules(number)
        version = self.version(number)
        assert version is not None
        return dataclasses.replace(named_as, terms=version.terms, rules=rules)

    def in_force(self, provider: str, plan: int, time: int | None = None) -> int:
        """The version in force for a provider at a time (Unix seconds), by default now; 0 if none is."""
        asked = self._connection.block_time() if time is None else time
        return int(self._policy.read("enrolmentAt", organization_id(provider), plan, asked)["version"])

    # ------------------------------------------------------------------ helpers

    def _additions(self, version: int, rules: Sequence[BenefitRule], known: int, rules_at_once: int) -> Iterator[_Call]:
        for start in range(known, len(rules), rules_at_once):
            some = rules[start : start + rules_at_once]
            data = self._policy.encode("addRules", version, start, [rule.to_abi() for rule in some])
            yield _Call("addRules", f"{version}", data, len(some))

    def _is_under_way(self, outbox: Outbox, call: _Call) -> bool:
        from careledger.chain.outbox import FINAL

        key = call.key(required(self._payer.signer).address, self._policy.address)
        try:
            return outbox.get(key).state not in FINAL
        except UnknownIntent:
            return False

    def _require_begun(self, version: int, rule_set: RuleSet) -> None:
        """Whoever else drafts at the same time may have got the number."""
        begun = self.version(version)
        if begun is None or not _is_beginning(begun, rule_set):
            raise InvalidInput(
                "version", str(version), "was drafted by somebody else meanwhile: run the same again for the next one"
            )

    def _schedule(self, calls: Sequence[_Call], outbox: Outbox, report: Report) -> None:
        """Has all calls scheduled that the signer may not make at once, and waits for the last."""
        governance = self._payer.governance
        permissions = [governance.permission(self._policy, call.data) for call in calls]
        delayed = [(call, one) for call, one in zip(calls, permissions, strict=True) if not one.immediate]
        missing = [(call, one) for call, one in delayed if one.ready_at == 0]
        if not delayed:
            return
        from careledger.chain.outbox import Intent  # with it comes SQLAlchemy

        sender = required(self._payer.signer).address
        intents = [
            Intent(
                f"schedule/{one.operation_id}/{one.nonce}",
                sender,
                governance.address,
                governance.scheduling(self._policy, call.data),
                label="AccessManager.schedule",
            )
            for call, one in missing
        ]
        if intents:
            self._send(outbox, intents, lambda final: report("Scheduling", final, len(intents)))
        scheduled = [governance.permission(self._policy, call.data) for call, _ in delayed]
        self._wait_for(max(scheduled, key=lambda one: one.ready_at), report)

    def _wait_for(self, last: Permission, report: Report) -> None:
        """Until a scheduled call may be made. Raises AccessManagerNotReady if the chain's clock stands still."""

        def left() -> int:
            return max(0, last.ready_at - self._connection.block_time("pending"))

        if left() == 0:
            return
        report(f"Scheduled; the calls can run in {left()} s", 0, 0)
        time.sleep(left())
        if left():
            self._connection.wait_until(last.ready_at)
        deadline = time.monotonic() + READY_SLACK_SECONDS
        while left():
            # The chain's clock is its last block's, which may lag behind ours.
            if time.monotonic() > deadline:
                raise AccessManagerNotReady(last.operation_id)
            time.sleep(POLL_SECONDS)

    def _deliver(
        self, outbox: Outbox, calls: Sequence[_Call], report: Callable[[int], None] = lambda _: None
    ) -> list[TransactionReceipt]:
        if not calls:
            return []
        from careledger.chain.outbox import Intent

        sender = required(self._payer.signer).address
        # The gas is stated: one call can be estimated only once the one before it is in a block.
        intents = [
            Intent(
                call.key(sender, self._policy.address),
                sender,
                self._policy.address,
                call.data,
                gas=CALL_GAS + RULE_GAS * max(call.rules, 1),
                label=f"{self._policy.name}.{call.function}",
            )
            for call in calls
        ]
        return self._send(outbox, intents, report)

    def _send(
        self, outbox: Outbox, intents: Sequence[Intent], report: Callable[[int], None]
    ) -> list[TransactionReceipt]:
        from careledger.chain.outbox import deliver

        signer = required(self._payer.signer)
        return deliver(outbox, self._connection, [signer], intents, self._sending(intents), report=report)

    def _sending(self, intents: Sequence[Intent]) -> Policy:
        from careledger.chain.outbox import Policy

        at_once = max(1, BLOCK_GAS // max(intent.gas or CALL_GAS for intent in intents))
        policy = Policy(fee_cap_wei=self._connection.fee_cap_wei, max_in_flight=at_once)
        return dataclasses.replace(policy, confirmations=1) if self._connection.is_local else policy


@dataclass(frozen=True)
class _Call:
    """A call of the policy administrator's, and how many rules it adds. `place` tells apart calls whose data is the
    same and which are to happen again: drafts of the same terms."""

    function: str
    place: str
    data: bytes
    rules: int = 0

    def key(self, sender: str, policy: str) -> str:
        """By the content, so that the same rules make the same intents in every run."""
        content = keccak(f"{sender}|{policy}|{self.place}|".encode() + self.data).hex()[:32]
        return f"policy/{self.function}/{content}"


def _is_beginning(version: PolicyVersion, rule_set: RuleSet) -> bool:
    """Whether all that a version holds is what the rule set begins with."""
    return version.digest == digest(rule_set.terms, rule_set.rules[: version.rules])


def _rule(event: RuleAdded) -> BenefitRule:
    values: dict[str, Any] = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    stated = {
        "coverage": Coverage(event.coverage),
        "pricing": Pricing(event.pricing),
    }
    values |= stated
    authorization = {field.name: values[field.name] for field in dataclasses.fields(AuthorizationRule)}
    claim = {field.name: values[field.name] for field in dataclasses.fields(ClaimRule)}
    return BenefitRule(
        event.benefit_class,
        AuthorizationRule(**{**authorization, "flags": RuleFlag(event.flags)}),
        ClaimRule(**{**claim, "flags": RuleFlag(event.claim_flags)}),
    )
