"""Random acts on an insurer's contracts, and everything that they answer: requests, reviews, appeals, claims, money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from careledger.authorization.messages import (
    claim_reversal_message,
    claim_review_message,
    eligibility_message,
    enrolment_message,
    review_message,
)
from careledger.authorization.rules import AuthorizationRule, BenefitRule, ClaimRule, Coverage, RuleFlag, Terms, digest
from careledger.authorization.types import Review
from careledger.chain.artifacts import artifact
from careledger.chain.contract import Contract
from careledger.chain.development import Node
from careledger.chain.signers.local import LocalSigner
from careledger.chain.typed_data import Message, shortest_signature
from careledger.chain.values import encode_call
from careledger.contract_enums import Action, AppealStatus, ClaimStatus, LineStatus, MemberRole
from careledger.identity.identifiers import organization_id, to_padded
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from identity.suite import DAY, deploy_suite
from indexer.stand import GAS, Act, Asked, Question, Stand

HOUR = 3600
UNIT = 1_000
MONEY = 10**6
UNKNOWN_AMOUNT = 2**64 - 1
NO_LINE = 255
PLAN, SHADOW_PLAN = 7, 8
RECEIPT_WINDOW = 5 * DAY
GAS_OF_A_DEPLOYMENT = 8_000_000
ZERO_HASH = "0x" + 64 * "0"
ZERO_ADDRESS = "0x" + 40 * "0"
NEEDED = RuleFlag.AUTHORIZATION_NEEDED

AUTOMATIC, REVIEWED, TWO_OPINIONS, EXCLUDED, FREE, BY_DEFAULT, URGENT, NO_RULE = (*range(1, 8), 99)
"""Benefit classes: decided by the rules; always by a person; by two; excluded by the contract; without authorization;
approved when overdue; by the rules if expedited; without a rule."""

FLAGS = {
    AUTOMATIC: NEEDED | RuleFlag.ALLOW_PARTIAL,
    REVIEWED: NEEDED | RuleFlag.NO_AUTO,
    TWO_OPINIONS: NEEDED | RuleFlag.NO_AUTO | RuleFlag.SECOND_OPINION,
    EXCLUDED: NEEDED | RuleFlag.DENY_NOT_COVERED,
    FREE: RuleFlag(0),
    BY_DEFAULT: NEEDED | RuleFlag.NO_AUTO | RuleFlag.APPROVE_OVERDUE,
    URGENT: NEEDED | RuleFlag.EXPEDITED_ONLY | RuleFlag.DEDUCTIBLE,
}
CLASSES = (AUTOMATIC, AUTOMATIC, AUTOMATIC, *FLAGS, REVIEWED, NO_RULE)
PUBLISHED = ("CoveragePolicy", "UnitLedger", "ReviewPanel", "PriorAuthorization", "InsurerVault", "ClaimSettlement")
REVIEWERS = tuple("0x" + name.hex() for name in (b"reviewer one", b"reviewer two", b"the third ab"))
MEMBERS = tuple("0x" + keccak(text=f"member {number}")[:16].hex() for number in range(30))
PERIODS = (1, 2)
DOCUMENTS_OF_EACH = 300
GRANTED = {LineStatus.APPROVED, LineStatus.PARTIAL, LineStatus.MODIFIED, LineStatus.EXHAUSTED, LineStatus.EXPIRED}
PENDING = {LineStatus.PENDED, LineStatus.INFORMATION_REQUESTED}
LINE_TYPE = "(bytes32,uint8,uint16,uint40,uint64)"


@dataclass(frozen=True)
class Provider:
    """A provider with its key and the leaves of its documents."""

    name: str
    organization: str
    key: LocalSigner
    leaves: list[str]


@dataclass(frozen=True)
class Claim:
    """A claim line that was sent, with its claim."""

    provider: Provider
    claim: tuple[Any, ...]
    line: tuple[Any, ...]

    @property
    def key(self) -> str:
        request, *rest = self.line
        values = [bytes.fromhex(self.provider.organization[2:]), (bytes.fromhex(request[2:]), *rest)]
        return "0x" + keccak(encode(["bytes12", LINE_TYPE], values)).hex()


def rules() -> tuple[BenefitRule, ...]:
    return tuple(
        BenefitRule(
            number,
            AuthorizationRule(
                coverage=Coverage.NOT_COVERED if number == EXCLUDED else Coverage.COVERED,
                flags=flags,
                unit_code=1,
                validity_days=30,
                first_day=0,
                last_day=2**16 - 1,
                max_milli_units_per_request=10 * UNIT,
                max_milli_units_per_period=60 * UNIT,
                max_unit_price=200 * MONEY,
                max_amount=1_500 * MONEY,
            ),
            ClaimRule(
                fast_track_maximum=800 * MONEY,
                unit_price=150 * MONEY,
                copay=10 * MONEY,
                coinsurance=1_000,
                filing_days=20,
                flags=flags,
            ),
        )
        for number, flags in FLAGS.items()
    )


class Stage(Stand):
    """An insurer with three reviewers, and two providers under its policy. Attributes that tests read: `insurer`, its
    name; `requests`, provider and id of each with its number of lines; `sent`, claim lines; `contract` by kind."""

    ACTS_OF_A_BLOCK = (1, 2, 3, 4)
    PAUSES = (60, 600, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR)
    NODE_OPTIONS = ("--gas-limit", "100000000", "--timestamp", "1800000000")

    def __init__(self, node: Node, random: Random) -> None:
        super().__init__(node, random)
        self.requests: dict[tuple[str, str], int] = {}
        self.sent: dict[str, Claim] = {}
        self.revisions: dict[tuple[str, str], int] = {}
        self.members: dict[tuple[str, str], tuple[str, int]] = {}
        self.contract: dict[str, Contract] = {}
        self.former: list[str] = []
        self.versions = {PLAN: 1, SHADOW_PLAN: 2}
        self.prepaid: set[tuple[str, str, int]] = set()
        self.suite = deploy_suite(self.connection)
        self.admin = self.suite.admin
        self.insurer = self.suite.admit(
            member_roles=frozenset({MemberRole.PAYER}), licence_expiry=self.suite.now + 900 * DAY
        )
        self.insurer_id = organization_id(self.insurer)
        keys = self.new_keys(8)
        self.insurer_key, *reviewers, self.outsider = keys[:5]
        self.reviewers = dict(zip(reviewers, REVIEWERS, strict=True))
        for key in keys[:4]:
            self.suite.add_key(self.insurer, key)
        self._deploy()
        self.providers = [self._provider(key) for key in keys[5:7]]
        self.by_organization = {provider.organization: provider for provider in self.providers}
        self.open()

    @property
    def contracts(self) -> list[str]:
        suite = [self.suite.manager.address, self.suite.registry.address]
        return [*suite, *self.payers]

    @property
    def payers(self) -> list[str]:
        """The insurer's contracts, those that were replaced too."""
        return [*(self.contract[kind].address for kind in PUBLISHED), *self.former]

    def topics_of_the_start(self) -> set[str]:
        """Of the events before the opening."""
        query = {"address": self.contracts, "fromBlock": "0x0", "toBlock": hex(self.first_block)}
        return {entry["topics"][0] for entry in self.rpc.call("eth_getLogs", query)}

    # ------------------------------------------------------------------ setting up

    def _deploy(self) -> None:
        from tools.gas import testing_contract  # compiles; only where a test needs it

        registry = self.suite.registry.address
        self.anchors = self.suite.ledger.governance.contract("DocumentAnchor")
        insurer = bytes.fromhex(self.insurer_id[2:])
        compiled = testing_contract("StableToken")
        self._token_abi = {entry.get("name", entry["type"]): entry for entry in compiled["abi"]}
        self.token = self._made(bytes.fromhex(compiled["evm"]["bytecode"]["object"]))
        manager = self._made(artifact("AccessManager").creation_code([self.admin.address]))

        def deploy(kind: str, *arguments: Any) -> str:
            address = self._made(artifact(kind).creation_code([manager, *arguments]))
            self.contract[kind] = Contract(self.connection, kind, address)
            return address

        policy = deploy("CoveragePolicy", registry, insurer)
        units = deploy("UnitLedger")
        panel = deploy("ReviewPanel", registry, insurer)
        foundations = (registry, self.anchors.address, policy, units, panel)
        parts = [deploy(name, foundations) for name in ("AuthorizationIntake", "AuthorizationDesk")]
        authorizations = deploy("PriorAuthorization", foundations, *parts)
        vault = deploy("InsurerVault", registry, insurer, self.token)
        settlement = deploy("ClaimSettlement", self.anchors.address, policy, authorizations, vault, panel)
        for kind, function, *given in (
            ("UnitLedger", "setWriter", authorizations),
            ("InsurerVault", "setWriter", settlement),
            ("PriorAuthorization", "setSettlement", settlement),
            ("PriorAuthorization", "openToNewWork"),
            ("ClaimSettlement", "openToNewWork"),
            ("InsurerVault", "setLimits", 100 * MONEY, 4_000 * MONEY),
            *(("ReviewPanel", "appoint", key.address, reviewer) for key, reviewer in self.reviewers.items()),
        ):
            self.contract[kind].send(self.admin, function, *given)
        for kind in PUBLISHED:
            self.suite.registry.send(
                self.suite.controller, "publishContract", self.insurer_id, to_padded(kind), self.contract[kind].address
            )
        for function, given in (
            ("mint", (self.admin.address, 10**9 * MONEY)),
            ("approve", (vault, 10**9 * MONEY)),
        ):
            self.connection.send(self.admin, self.token, encode_call(self._token_abi[function], given))
        self.contract["InsurerVault"].send(self.admin, "deposit", 3_000 * MONEY)
        for plan in (PLAN, SHADOW_PLAN):
            self._seal(self._terms(plan), rules())

    def replace_settlement(self) -> None:
        """Has another version of the settlement take over, as governance does it."""
        before, vault = self.contract["ClaimSettlement"], self.contract["InsurerVault"]
        authorizations, policy, panel = (
            self.contract[kind] for kind in ("PriorAuthorization", "CoveragePolicy", "ReviewPanel")
        )
        parts = (self.anchors, policy, authorizations, vault, panel)
        manager = before.read("authority")
        code = artifact("ClaimSettlement").creation_code([manager, *(part.address for part in parts)])
        self.rpc.call("evm_setAutomine", True)
        after = Contract(self.connection, "ClaimSettlement", self._made(code))
        before.send(self.admin, "closeToNewWork")
        vault.send(self.admin, "setWriter", after.address)
        authorizations.send(self.admin, "setSettlement", after.address)
        after.send(self.admin, "openToNewWork")
        self.suite.registry.send(
            self.suite.controller, "publishContract", self.insurer_id, to_padded("ClaimSettlement"), after.address
        )
        self.former.append(before.address)
        self.contract["ClaimSettlement"] = after
        self.rpc.call("evm_setAutomine", False)

    def _terms(self, plan: int) -> Terms:
        return Terms(
            plan=plan,
            receipt_window=RECEIPT_WINDOW,
            appeal_days=20,
            shadow=plan == SHADOW_PLAN,
            deductible=500 * MONEY,
            out_of_pocket_maximum=2_000 * MONEY,
            document=keccak(text="policy document"),
            class_root=keccak(text="classes"),
        )

    def _seal(self, terms: Terms, stated: tuple[BenefitRule, ...]) -> None:
        policy = self.contract["CoveragePolicy"]
        policy.send(self.admin, "draftVersion", terms.to_abi())
        version = policy.read("lastVersion")
        policy.send(self.admin, "addRules", version, 0, [rule.to_abi() for rule in stated])
        policy.send(self.admin, "sealVersion", version, digest(terms, stated))

    def _made(self, code: bytes) -> str:
        receipt = self.connection.send(self.admin, None, code, gas=GAS_OF_A_DEPLOYMENT)
        assert receipt.contract_address is not None
        return receipt.contract_address

    def _provider(self, key: LocalSigner) -> Provider:
        name = self.suite.admit(
            member_roles=frozenset({MemberRole.PROVIDER}), licence_expiry=self.suite.now + 900 * DAY
        )
        self.suite.add_key(name, key)
        leaves = ["0x" + self.random.randbytes(32).hex() for _ in range(DOCUMENTS_OF_EACH)]
        self.rpc.call(
            "eth_sendTransaction",
            {
                "from": key.address,
                "to": self.anchors.address,
                "data": "0x" + self.anchors.encode("anchorList", leaves, 3 << 40).hex(),
                "gas": hex(20_000_000),
            },
        )
        provider = Provider(name, organization_id(name), key, leaves)
        for plan, version in self.versions.items():
            arguments = self.enrolment(provider, version, self.suite.now + 2 * HOUR + plan)
            self.contract["CoveragePolicy"].send(self.admin, "enrol", *arguments)
        return provider

    def enrolment(self, provider: Provider, version: int, start: int) -> tuple[Any, ...]:
        """The arguments of an enrolment that both sides signed."""
        policy = self.contract["CoveragePolicy"]
        held = policy.read("versionOf", version)
        endings = policy.read("endingsOf", provider.organization, held["terms"]["plan"])
        deadline = start + 900 * DAY
        message = enrolment_message(
            *(self.connection.chain_id, policy.address, provider.organization, held["digest"]),
            *(version, start, 10_000, endings, deadline),
        )
        signed = [
            part for key in (provider.key, self.insurer_key) for part in (key.address, shortest_signature(key, message))
        ]
        return (provider.organization, version, start, 10_000, deadline, *signed)

    # ------------------------------------------------------------------ acts

    def opening(self) -> Iterator[tuple[int | None, Act]]:
        """What chance seldom brings about, with the seconds that pass before each."""
        yield 3 * HOUR, self._vault_act(self.admin.address, "deposit", 100 * MONEY)
        provider, other = self.providers
        yield 60, self._submission(provider, [(AUTOMATIC, 5, 500), (REVIEWED, 5, 500), (TWO_OPINIONS, 3, 300)])
        request = self._last()
        yield 60, self._claim(provider, (request, 0, self._today(), 2 * UNIT, 310 * MONEY))
        first = list(self.sent)[-1]
        yield 60, self._claim(provider, (request, 0, self._today(), 2 * UNIT, 311 * MONEY), leaf=provider.leaves[0])
        second = list(self.sent)[-1]
        yield 60, self._claim(provider, (request, 0, self._today(), 2 * UNIT, 310 * MONEY))  # a duplicate
        yield 60, self.review_of_claim(second, 200)
        yield 60, self.reversal_of_claim(first)
        yield 60, self._payee(provider)
        yield 60, self._vault_act(self.outsider.address, "payOut", provider.organization)
        yield 60, self._vault_act(self.admin.address, "setLimits", 0, 300 * MONEY)
        yield 60, self._claim(provider, (request, 0, self._today(), UNIT, 160 * MONEY))
        yield 60, self._vault_act(self.admin.address, "setLimits", 0, 150 * MONEY)
        yield DAY, self._submission(other, [(AUTOMATIC, 8, 1_200), (REVIEWED, 2, 300)])
        request = self._last()
        for _ in range(3):
            yield 60, self._claim(other, (request, 0, self._today(), UNIT, 150 * MONEY + len(self.sent)))
        dropped = list(self.sent)[-1]
        yield 60, self.reversal_of_claim(dropped)
        yield 60, self._vault_act(self.admin.address, "setLimits", 0, 5_000 * MONEY)
        yield 60, self._vault_act(self.outsider.address, "creditUnfunded", 5)
        prepaid = other.organization, request, 0
        self.prepaid.add(prepaid)
        yield 60, self._vault_act(self.admin.address, "prepay", *prepaid, 60 * MONEY)
        yield 60, self._claim(other, (request, 0, self._today(), UNIT, 149 * MONEY), payer=self.admin.address)
        yield 60, self._vault_act(self.admin.address, "refund", *prepaid)
        yield 60, self._vault_act(self.admin.address, "requestWithdrawal", self.admin.address, 10 * MONEY)
        yield 8 * DAY, self._vault_act(self.admin.address, "withdraw")
        yield 60, self._submission(provider, [(BY_DEFAULT, 2, 200), (REVIEWED, 2, 200)], covered=False)
        yield 60, self._coverage(provider, self._last())
        yield 60, self._desk_act(self.insurer_key, "extendDeadline", provider.organization, self._last(), 0, 7)
        for sender, function, *given in (
            (self.insurer_key, "requestInformation", provider.organization, self._last(), 1, keccak(text="what?")),
            (provider.key, "supplyInformation", self._last(), 1, keccak(text="this"), []),
        ):
            yield 60, self._desk_act(sender, function, *given)
        yield 15 * DAY, self._desk_act(self.outsider, "markOverdue", provider.organization, self._last(), 0)
        yield 60, self._desk_act(self.outsider, "markOverdue", provider.organization, self._last(), 1)
        yield 60, self._reviewed(provider, self._last(), 1, Action.DENIED)
        yield 60, self._appeal(provider, self._last(), 1)
        yield 60, self._reviewed(provider, self._last(), 1, Action.DENIED)
        yield 60, self._submission(provider, [(TWO_OPINIONS, 2, 200), (REVIEWED, 2, 200), (AUTOMATIC, 1, 100)])
        for _ in range(2):
            yield 60, self._reviewed(provider, self._last(), 0, Action.DENIED)
        yield 60, self._appeal(provider, self._last(), 0)
        yield 60, self._reviewed(provider, self._last(), 0, Action.APPROVED_IN_FULL)
        yield 60, self._update(provider, self._last(), 1)
        yield 60, self._desk_act(provider.key, "cancel", self._last(), 0b100)
        yield 60, self._panel_act("dismiss", list(self.reviewers)[2].address)
        yield 60, self._panel_act("appoint", list(self.reviewers)[2].address, REVIEWERS[2])
        yield 60, self._submission(other, [(AUTOMATIC, 1, 100)])
        yield 60 * DAY, self._desk_act(self.outsider, "expire", other.organization, self._last(), 0)
        end = self.suite.now + 31 * DAY
        policy = self.contract["CoveragePolicy"]
        for arguments in (self.enrolment(other, 1, end - DAY), self.enrolment(other, 1, end + DAY)):
            yield 60, Act(self.outsider.address, policy.address, policy.encode("enrol", *arguments), "enrol")
        ending = policy.encode("endEnrolment", other.organization, PLAN, end)
        yield 60, Act(other.key.address, policy.address, ending, "endEnrolment")
        yield 32 * DAY, self._panel_act("appoint", list(self.reviewers)[2].address, REVIEWERS[2])
        again = policy.encode("enrol", *self.enrolment(other, 1, self.suite.now + HOUR))
        yield 60, Act(self.outsider.address, policy.address, again, "enrol")
        yield 2 * HOUR, self._vault_act(self.admin.address, "deposit", 100 * MONEY)

    def chance(self) -> Act:
        choice = self.random.random()
        if choice < 0.22 or not self.requests:
            return self._any_submission()
        if choice < 0.7:
            return self._at_a_line()
        if choice < 0.95:
            return self._about_claims()
        return self._money()

    def _any_submission(self) -> Act:
        provider = self.random.choice(self.providers)
        lines = [
            (self.random.choice(CLASSES), self.random.choice((1, 2, 5, 12)), self.random.choice((50, 200, 900, None)))
            for _ in range(self.random.choice((1, 1, 2, 3)))
        ]
        return self._submission(
            provider,
            lines,
            covered=self.random.random() < 0.9,
            plan=PLAN if self.random.random() < 0.9 else SHADOW_PLAN,
            expedited=self.random.random() < 0.4,
            earlier=self.random.choice((0, 0, 60, HOUR, DAY, 3 * DAY)),
        )

    def _submission(
        self,
        provider: Provider,
        lines: list[tuple[int, int, int | None]],
        covered: bool = True,
        plan: int = PLAN,
        expedited: bool = False,
        earlier: int = 0,
    ) -> Act:
        request = "0x" + self.random.randbytes(32).hex()
        key = provider.organization, request
        self.requests[key], self.revisions[key] = len(lines), 0
        self.members[key] = self.random.choice(MEMBERS), self.random.choice(PERIODS)
        arguments = (
            self._request(request, plan, expedited, earlier),
            self._eligibility(key, plan if covered else None),
            [self._asked(*line) for line in lines],
            [],
        )
        return self._desk_act(provider.key, "submit", *arguments)

    def _request(self, request: str, plan: int, expedited: bool, earlier: int) -> tuple[Any, ...]:
        content = self.random.randbytes(32)
        return request, content, self.versions[plan], self.suite.now - earlier, expedited

    def _asked(self, benefit_class: int, units: int, amount: int | None) -> tuple[Any, ...]:
        money = UNKNOWN_AMOUNT if amount is None else amount * MONEY
        return benefit_class, 1, units * UNIT, money, self._today(), self.random.randbytes(32)

    def _eligibility(self, key: tuple[str, str], plan: int | None) -> tuple[Any, ...]:
        if plan is None:
            return bytes(16), 0, 0, 0, ZERO_ADDRESS, b""
        member, period = self.members[key]
        until = self.suite.now + 30 * DAY
        address = self.contract["PriorAuthorization"].address
        message = eligibility_message(self.connection.chain_id, address, member, key[0], plan, period, until)
        return member, plan, period, until, self.insurer_key.address, shortest_signature(self.insurer_key, message)

    def _coverage(self, provider: Provider, request: str, plan: int = PLAN) -> Act:
        eligibility = self._eligibility((provider.organization, request), plan)
        return self._desk_act(
            self.random.choice((provider.key, self.insurer_key)),
            "verifyCoverage",
            provider.organization,
            request,
            eligibility,
        )

    def _update(self, provider: Provider, request: str, supersedes: int, plan: int = PLAN) -> Act:
        key = provider.organization, request
        revision = self.contract["PriorAuthorization"].read("requestOf", *key)[1]
        change = supersedes, self._asked(self.random.choice(CLASSES), 2, 100)
        self.requests[key] += 1
        return self._desk_act(
            provider.key,
            "update",
            self._request(request, plan, self.random.random() < 0.4, 0),
            revision,
            self._eligibility(key, plan if self.random.random() < 0.9 else None),
            [change],
            0,
            [],
        )

    def _at_a_line(self) -> Act:
        """What fits a line's state, mostly."""
        (organization, request), count = self.random.choice(list(self.requests.items())[-60:])
        provider, number = self.by_organization[organization], self.random.randrange(count)
        state = self._state(organization, request, number)
        status = LineStatus(state["status"])
        acts: list[Callable[[], Act]] = []
        if state["appeal"] == AppealStatus.OPEN or status in PENDING:
            acts += [lambda: self._reviewed(provider, request, number)] * 5
        if status in PENDING:
            ask = organization, request, number
            acts += [
                lambda: self._desk_act(self.insurer_key, "requestInformation", *ask, keccak(text="what?")),
                lambda: self._desk_act(self.insurer_key, "extendDeadline", *ask, 7),
                lambda: self._desk_act(self.outsider, "markOverdue", *ask),
                lambda: self._coverage(provider, request),
            ]
            acts += [lambda: self._desk_act(self.outsider, "markOverdue", *ask)] * (
                6 * (state["benefit_class"] == BY_DEFAULT)
            )
        if status is LineStatus.INFORMATION_REQUESTED:
            answer = keccak(text="this")
            acts += [lambda: self._desk_act(provider.key, "supplyInformation", request, number, answer, [])] * 3
        if status in {LineStatus.DENIED, LineStatus.PARTIAL, LineStatus.MODIFIED}:
            acts += [lambda: self._appeal(provider, request, number)] * 4
        if self.random.random() < 0.1 or not acts:
            acts += [
                lambda: self._update(provider, request, self.random.choice((number, NO_LINE))),
                lambda: self._desk_act(provider.key, "cancel", request, 1 << number),
                lambda: self._desk_act(self.outsider, "expire", organization, request, number),
                lambda: self._claim(provider, self._service(request, number, state)),
            ]
        return self.random.choice(acts)()

    def _reviewed(self, provider: Provider, request: str, number: int, action: Action | None = None) -> Act:
        organization = provider.organization
        state = self._state(organization, request, number)
        deliberation = self.contract["PriorAuthorization"].read("deliberationOf", organization, request, number)
        chosen = action or self.random.choice(
            (Action.APPROVED_IN_FULL,) * 4 + (Action.APPROVED_IN_PART, Action.MODIFIED, Action.DENIED, Action.DENIED)
        )
        units, amount, benefit_class = state["milli_units"], state["amount"], state["benefit_class"]
        if amount == UNKNOWN_AMOUNT:
            amount = 100 * MONEY
        if chosen is Action.APPROVED_IN_PART:
            units, amount = max(1, units // 2), amount // 2
        if chosen is Action.MODIFIED and state["status"] in PENDING:
            benefit_class = REVIEWED
        if chosen is Action.DENIED:
            units, amount = 0, 0
        review = Review(
            organization,
            request,
            number,
            state["sequence"],
            chosen,
            benefit_class,
            units,
            amount,
            0 if chosen is Action.APPROVED_IN_FULL else self.random.randint(1, 4),
            "0x" + keccak(text="because").hex(),
        )
        taken = {deliberation["reviewer"], deliberation["first_opinion"]}
        others = [key for key, reviewer in self.reviewers.items() if reviewer not in taken]
        key = self.random.choice(others)
        authorizations = self.contract["PriorAuthorization"]
        message = review_message(self.connection.chain_id, authorizations.address, review)
        return self._desk_act(self.outsider, "review", review.to_abi(), key.address, shortest_signature(key, message))

    def _appeal(self, provider: Provider, request: str, number: int) -> Act:
        sequence = self._state(provider.organization, request, number)["sequence"]
        expedited, statement = self.random.random() < 0.5, keccak(text="but")
        return self._desk_act(provider.key, "appeal", request, number, sequence, expedited, self.suite.now, statement)

    # ------------------------------------------------------------------ claims and money

    def _about_claims(self) -> Act:
        if self.sent and self.random.random() < 0.4:
            claim = self.random.choice(list(self.sent.values())[-40:])
            again = self.random.random()
            if again < 0.1:
                return self._claim(claim.provider, claim.line)
            return self.review_of_claim(claim.key) if again < 0.65 else self.reversal_of_claim(claim.key)
        for _ in range(6):
            (organization, request), count = self.random.choice(list(self.requests.items())[-60:])
            number = self.random.randrange(count)
            state = self._state(organization, request, number)
            if state["status"] in GRANTED:
                break
        return self._claim(self.by_organization[organization], self._service(request, number, state))

    def _service(self, request: str, number: int, state: dict[str, Any]) -> tuple[Any, ...]:
        day = self._today() - self.random.choice((0, 0, 0, 1, 25))
        units = max(1, state["milli_units"] // self.random.choice((1, 2, 4)))
        charge = self.random.choice((40, 120, 300, 900)) * MONEY + self.random.randrange(1_000)
        return request if self.random.random() < 0.95 else ZERO_HASH, number, day, units, charge

    def _claim(
        self, provider: Provider, line: tuple[Any, ...], payer: str = ZERO_ADDRESS, leaf: str | None = None
    ) -> Act:
        claim = "0x" + self.random.randbytes(32).hex(), self.random.randbytes(32), payer
        sent = Claim(provider, claim, line)
        self.sent.setdefault(sent.key, sent)
        leaves = [leaf or self.random.choice(provider.leaves)]
        documents = [(provider.key.address, one, ZERO_HASH, 0, []) for one in leaves]
        settlement = self.contract["ClaimSettlement"]
        data = settlement.encode("submit", claim, [line], documents)
        return Act(provider.key.address, settlement.address, data, "claim", GAS)

    def review_of_claim(self, key: str, allowed: int | None = None) -> Act:
        """A person decides a claim line that was sent; `allowed` is in tokens."""
        claim = self.sent[key]
        charge = claim.line[-1]
        settlement, vault = self.contract["ClaimSettlement"], self.contract["InsurerVault"]
        status = vault.read("recordOf", claim.key)["status"]
        money = self.random.choice((0, charge // 3, charge)) if allowed is None else allowed * MONEY
        carc = self.random.choice((45, 45, 50)) if money else 50
        rationale = "0x" + keccak(text="because").hex()
        if status not in {ClaimStatus.IN_REVIEW, ClaimStatus.DENIED}:
            status = int(ClaimStatus.IN_REVIEW)
        provider = claim.provider.organization
        message = claim_review_message(
            self.connection.chain_id, settlement.address, provider, claim.key, status, money, carc, rationale
        )
        review = provider, claim.key, status, money, carc, rationale
        return self._settled("review", (review, claim.claim, claim.line), message)

    def reversal_of_claim(self, key: str) -> Act:
        claim = self.sent[key]
        settlement, provider = self.contract["ClaimSettlement"], claim.provider.organization
        message = claim_reversal_message(self.connection.chain_id, settlement.address, provider, claim.key, 3)
        return self._settled("reverse", (provider, claim.line, 3), message)

    def _settled(self, function: str, arguments: tuple[Any, ...], message: Message) -> Act:
        key = self.random.choice(list(self.reviewers))
        settlement = self.contract["ClaimSettlement"]
        data = settlement.encode(function, *arguments, key.address, shortest_signature(key, message))
        return Act(self.outsider.address, settlement.address, data, f"claim {function}", GAS)

    def _money(self) -> Act:
        provider = self.random.choice(self.providers)
        admin = self.admin.address
        return self.random.choice(
            (
                lambda: self._vault_act(admin, "deposit", 500 * MONEY),
                lambda: self._vault_act(self.outsider.address, "creditUnfunded", 3),
                lambda: self._vault_act(self.outsider.address, "payOut", provider.organization),
                lambda: self._payee(provider),
                lambda: self._vault_act(admin, "setLimits", MONEY, self.random.choice((100, 4_000)) * MONEY),
                lambda: self._vault_act(admin, "requestWithdrawal", admin, self.random.choice((0, 5 * MONEY))),
            )
        )()

    def _payee(self, provider: Provider) -> Act:
        payee = self.random.choice((provider.key.address, self.outsider.address))
        return self._vault_act(self.suite.controller.address, "setPayee", provider.organization, payee)

    # ------------------------------------------------------------------ parts of acts

    def _desk_act(self, sender: LocalSigner, function: str, *arguments: Any) -> Act:
        contract = self.contract["PriorAuthorization"]
        return Act(sender.address, contract.address, contract.encode(function, *arguments), function, GAS)

    def _vault_act(self, sender: str, function: str, *arguments: Any) -> Act:
        contract = self.contract["InsurerVault"]
        return Act(sender, contract.address, contract.encode(function, *arguments), function, GAS)

    def _panel_act(self, function: str, *arguments: Any) -> Act:
        contract = self.contract["ReviewPanel"]
        return Act(self.admin.address, contract.address, contract.encode(function, *arguments), function, GAS)

    def _state(self, organization: str, request: str, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.contract["PriorAuthorization"].read("lineOf", organization, request, number)
        return found

    def _last(self) -> str:
        return list(self.requests)[-1][1]

    def _today(self) -> int:
        return self.suite.now // DAY

    # ------------------------------------------------------------------ what the contracts answer

    def answers(self, block: int) -> dict[Question, Any]:
        """What the contracts say at a block, without what the events do not tell."""
        found = super().answers(block)
        for question, answer in found.items():
            if question[0] == "lineOf":
                answer.pop("period")
                answer["member_key"] = int(answer["member_key"], 16) != 0
                if answer["status"] not in GRANTED:
                    answer["valid_from"] = answer["valid_to"] = 0
            if question[0] == "recordOf":
                answer.pop("claim")
            if question[0] == "limits":
                found[question] = answer[:2]
        return found

    def questions(self) -> Iterator[Asked]:
        authorizations, vault = self.contract["PriorAuthorization"], self.contract["InsurerVault"]
        policy, units, panel = (self.contract[kind] for kind in PUBLISHED[:3])
        for (organization, request), count in self.requests.items():
            yield ("requestOf", organization, request), authorizations, "requestOf", (organization, request)
            for line in range(count):
                for function in ("lineOf", "deliberationOf"):
                    asked = organization, request, line
                    yield (function, *asked), authorizations, function, asked
        for key in self.sent:
            yield ("recordOf", key), vault, "recordOf", (key,)
        for provider in self.providers:
            organization = provider.organization
            yield ("accountOf", organization), vault, "accountOf", (organization,)
            for plan in self.versions:
                for function in ("enrolmentsOf", "endingsOf"):
                    yield (function, organization, plan), policy, function, (organization, plan)
        for function in ("available", "unfunded", "withdrawal", "limits"):
            yield (function,), vault, function, ()
        for asked in self.prepaid:
            given = (*asked, self.admin.address)
            yield ("prepaymentOf", *given), vault, "prepaymentOf", given
        for member in MEMBERS:
            for period in PERIODS:
                yield ("accumulatorsOf", member, period), vault, "accumulatorsOf", (member, period)
                for number in FLAGS:
                    yield ("balanceOf", member, period, number), units, "balanceOf", (member, period, number)
        for version in self.versions.values():
            yield ("versionOf", version), policy, "versionOf", (version,)
            for number in (*FLAGS, NO_RULE):
                for function in ("authorizationRuleOf", "claimRuleOf"):
                    yield (function, version, number), policy, function, (version, number)
        for key in self.reviewers:
            yield ("reviewerOf", key.address), panel, "reviewerOf", (key.address,)
        yield ("settlement",), authorizations, "settlement", ()
