"""The contract against the model: every decision of generated requests, field by field, and the units that they leave.

Both get the same rules, requests and gold cards; neither knows the other's answer.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from careledger.authorization.decision import (
    UNKNOWN_AMOUNT,
    Action,
    Basis,
    Circumstances,
    GoldCards,
    Line,
    LineDecision,
    decide_request,
)
from careledger.authorization.rules import AuthorizationRule, RuleFlag
from careledger.chain.development import Node
from careledger.contract_events import LineDecided
from generated_requests import (
    CLASSES,
    DOCUMENT_KINDS,
    GOLD_CARD_WINDOW_DAYS,
    WITHOUT_RULE,
    GeneratedRequest,
    generated_requests,
    generated_rules,
)
from payer_world import NODE_OPTIONS, PayerWorld, member_key, request_id

DAY = 86_400
WINDOW = GOLD_CARD_WINDOW_DAYS * DAY
GENESIS = 1_800_000_000
START = (GENESIS // WINDOW + 1) * WINDOW + 5 * 3600
"""Of the requests: in the window after the one in which gold cards are earned."""

SEED = 1
REVIEWED_MEMBER = 1_000_000
BY_RULES = set(Basis) - {Basis.NONE_, Basis.REVIEWER, Basis.APPEAL, Basis.OVERDUE}


class Both:
    """The model beside the contracts."""

    def __init__(self, world: PayerWorld) -> None:
        self.world = world
        self.rules = {rule.benefit_class: rule.authorization for rule in world.rules}
        self.cards = GoldCards()
        self.taken: defaultdict[tuple[int, int], Counter[int]] = defaultdict(Counter)

    def rule_of(self, benefit_class: int) -> AuthorizationRule:
        return self.rules.get(benefit_class, AuthorizationRule.unset())

    def decisions(self, request: GeneratedRequest) -> list[LineDecision]:
        """The model's, of which it takes note."""
        provider = str(request.provider)
        taken = self.taken[request.member, request.period]
        day = request.decided_at // DAY
        circumstances = Circumstances(
            received_at=request.received_at,
            decided_at=request.decided_at,
            eligible_until=request.eligible_until,
            expedited=request.expedited,
            documents=request.document_bits,
        )
        found = decide_request(
            request.lines,
            self.rule_of,
            circumstances,
            taken,
            lambda number: self.cards.holds(provider, number, self.rule_of(number), day),
        )
        for decision in found:
            taken[decision.line.benefit_class] += decision.milli_units
        return found

    def earn_gold_cards(self) -> None:
        """Persons decide lines of two providers in classes that have a card: of one all in full, of the other half."""
        number = REVIEWED_MEMBER
        classes = [number for number, rule in self.rules.items() if rule.flags & RuleFlag.GOLD_CARD_OK]
        for provider, approvals in ((0, (True, True)), (1, (True, False))):
            for benefit_class in classes:
                for approved in approvals:
                    number += 1
                    self._review(number, provider, benefit_class, approved)

    def _review(self, number: int, provider: int, benefit_class: int, approved: bool) -> None:
        """A line that nobody knows the amount of always waits, where an authorization is needed."""
        rule = self.rule_of(benefit_class)
        now = self.world.connection.block_time() + 1
        line = Line(benefit_class, rule.unit_code, 1, UNKNOWN_AMOUNT, now // DAY + 1)
        request = GeneratedRequest(
            number=number,
            provider=provider,
            member=number,
            period=1,
            received_at=now,
            decided_at=now,
            eligible_until=now + DAY,
            expedited=True,
            documents=frozenset(DOCUMENT_KINDS),
            lines=(line,),
        )
        (expected,) = self.decisions(request)
        self.world.send([request])
        if expected.action is Action.PENDED:
            place = self.world.providers[provider]
            self.world.review(place, request_id(number), 0, benefit_class, 1 if approved else 0)
            is_opinion = not approved and rule.flags & RuleFlag.SECOND_OPINION
            if not is_opinion:  # the first of two adverse ones decides nothing
                self.cards.record(str(provider), benefit_class, rule, now // DAY, approved)
            self.taken[number, 1][benefit_class] += approved


@pytest.fixture
def both() -> Iterator[Both]:
    with Node(options=("--timestamp", str(GENESIS), *NODE_OPTIONS)) as node:
        both = Both(PayerWorld(node.connect(), generated_rules(SEED, START)))
        both.earn_gold_cards()
        assert both.world.connection.block_time() < START - DAY
        yield both


def compared(both: Both, requests: Iterator[GeneratedRequest]) -> Counter[Basis]:
    """Sends the requests and holds every decision against the model's; returns how often each basis was met."""
    world = both.world
    first_block = world.connection.block_number() + 1
    expected = []
    seen: Counter[Basis] = Counter()
    for _, group in itertools.groupby(requests, key=lambda request: request.decided_at):
        sent = list(group)
        world.send(sent)
        for request in sent:
            decisions = both.decisions(request)
            expected += [modelled(number, decision, request) for number, decision in enumerate(decisions)]
            seen.update(decision.basis for decision in decisions)
    logs = world.connection.logs(world.authorizations.address, [LineDecided], first_block)
    for entry, wanted in zip(logs, expected, strict=True):
        assert observed(entry.event) == wanted, f"seed {SEED}, block {entry.block_number}"
    return seen


def observed(event: LineDecided) -> dict[str, Any]:
    names = (
        *("request_id", "line", "sequence", "action", "basis", "benefit_class", "version"),
        *("milli_units_requested", "milli_units", "milli_units_before", "amount_requested", "amount"),
        *("documents", "valid_from", "valid_to", "due_at", "reason", "reviewer"),
    )
    return {name: getattr(event, name) for name in names}


def modelled(number: int, decision: LineDecision, request: GeneratedRequest) -> dict[str, Any]:
    return {
        "request_id": "0x" + request_id(request.number).hex(),
        "line": number,
        "sequence": 1,
        "action": decision.action,
        "basis": decision.basis,
        "benefit_class": decision.line.benefit_class,
        "version": 1,
        "milli_units_requested": decision.line.milli_units,
        "milli_units": decision.milli_units,
        "milli_units_before": decision.milli_units_before,
        "amount_requested": decision.line.amount,
        "amount": decision.amount,
        "documents": request.document_bits,
        "valid_from": decision.valid_from,
        "valid_to": decision.valid_to,
        "due_at": decision.due_at,
        "reason": 0,
        "reviewer": "0x" + 24 * "0",
    }


def test_the_contract_takes_the_models_digest_and_holds_its_rules(both: Both) -> None:
    """Sealing took the digest already; here the contract computes it, and reads rules back."""
    policy, rules = both.world.policy, both.world.rules
    stated = [both.world.terms.to_abi(), [rule.to_abi() for rule in rules]]
    assert policy.read("versionOf", 1)["digest"] == policy.read("digestOf", *stated)
    for rule in rules[:5]:
        held = policy.read("authorizationRuleOf", 1, rule.benefit_class)
        assert tuple(held.values()) == rule.authorization.to_abi()
        assert tuple(policy.read("claimRuleOf", 1, rule.benefit_class).values()) == rule.claim.to_abi()


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.full)])
def test_every_decision_is_the_models(both: Both, count: int, record_property: Callable[[str, object], None]) -> None:
    seen = compared(both, generated_requests(SEED, count, START, both.world.rules))
    assert seen.keys() == BY_RULES
    assert min(seen.values()) >= 3, seen
    for (member, period), counts in both.taken.items():
        for benefit_class, milli_units in counts.items():
            held = both.world.units.read("balanceOf", member_key(member), period, benefit_class)
            assert held == {"reserved": milli_units, "used": 0}
    record_property("counted: requests decided by contract and model alike", count)
    record_property("counted: lines decided by contract and model alike", sum(seen.values()))


def test_gold_cards_are_the_models(both: Both) -> None:
    """In the window after that of the reviews, and in the one after that."""
    held = []
    for window in range(2):
        both.world.connection.rpc().call("evm_mine", START + window * WINDOW)
        for number, provider in enumerate(both.world.providers):
            for benefit_class in range(1, CLASSES + 1 + len(WITHOUT_RULE)):
                rule = both.rule_of(benefit_class)
                expected = both.cards.holds(str(number), benefit_class, rule, (START + window * WINDOW) // DAY)
                found = both.world.authorizations.read("hasGoldCard", provider.organization, 1, benefit_class)
                assert found == expected, (window, number, benefit_class)
                held.append(expected)
    assert any(held)
    assert not all(held)
