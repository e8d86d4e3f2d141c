"""Policies on an Anvil: drafted, loaded in bulk, sealed, read back; after a delay, and after a kill."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from careledger.authorization.policies import CALL_GAS, RULE_GAS, Policies
from careledger.authorization.rule_diff import diff
from careledger.authorization.rule_set import RuleSet
from careledger.chain.connection import TRANSACTION_GAS_CAP, Connection
from careledger.chain.deployment import Deployment
from careledger.chain.development import development_signer
from careledger.chain.outbox import Outbox, Worker
from careledger.client import CareLedger
from careledger.contract_enums import VersionStatus
from careledger.contract_errors import (
    AccessManagedUnauthorized,
    CoveragePolicyInvalidTerms,
    CoveragePolicyOtherDigest,
)
from careledger.contract_events import OperationScheduled, RuleAdded
from careledger.errors import InvalidInput, NodeRefused
from provider_world import INSURER, ProviderWorld

RULES = 300


def many_rules(world: ProviderWorld, count: int = RULES, appeal_days: int = 60) -> RuleSet:
    """The file's first rule, for so many classes."""
    pattern = world.rule_set.rules[0]
    rules = tuple(dataclasses.replace(pattern, benefit_class=number) for number in range(1, count + 1))
    terms = dataclasses.replace(world.rule_set.terms, appeal_days=appeal_days)
    return dataclasses.replace(world.rule_set, rules=rules, terms=terms)


@pytest.fixture
def unchanged(world: ProviderWorld) -> Iterator[ProviderWorld]:
    """The world, and after the test the same again."""
    rpc = world.connection.rpc()
    snapshot = rpc.call("evm_snapshot")
    yield world
    assert rpc.call("evm_revert", snapshot)


@pytest.fixture
def policies(unchanged: ProviderWorld) -> Policies:
    return Policies(unchanged.payer_as(unchanged.admin))


@pytest.fixture
def outbox(unchanged: ProviderWorld, tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(f"sqlite:///{tmp_path / 'outbox.db'}", unchanged.connection) as opened:
        yield opened


def added(world: ProviderWorld, version: int) -> list[int]:
    """The classes of the rules that were added to a version, in order."""
    logs = world.connection.logs(world.payer.policy.address, [RuleAdded])
    return [
        entry.event.benefit_class
        for entry in logs
        if isinstance(entry.event, RuleAdded) and entry.event.version == version
    ]


def test_a_version_is_drafted_loaded_sealed_and_read_back(
    unchanged: ProviderWorld, policies: Policies, outbox: Outbox
) -> None:
    wanted = many_rules(unchanged, 60)
    version = policies.draft(wanted.terms)
    assert policies.draft(wanted.terms) == version == 2
    assert policies.find(wanted) == policies.version(version)
    with pytest.raises(InvalidInput, match="0 of 60 loaded"):
        policies.seal(wanted)
    told: list[tuple[str, int, int]] = []
    loaded = policies.load(wanted, outbox, report=lambda *stage: told.append(stage))
    assert (loaded.version, loaded.rules, loaded.known) == (version, 60, 0)
    assert [told[0], told[-1]] == [("Loading rules", 0, 60), ("Loading rules", 60, 60)]
    draft = policies.version(version)
    assert draft is not None
    assert draft.status is VersionStatus.DRAFT
    assert draft.sealed_at is None
    sealed = policies.seal(wanted)
    assert sealed.status is VersionStatus.SEALED
    assert sealed.digest == wanted.digest
    assert sealed.rules == 60
    assert sealed.terms == wanted.terms
    block = unchanged.connection.block_number()
    assert policies.seal(wanted) == sealed
    assert policies.load(wanted, outbox).receipts == ()
    assert unchanged.connection.block_number() == block
    assert [one.number for one in policies.versions()] == [2, 1]
    assert policies.rules(version) == wanted.rules
    assert diff(wanted, policies.rule_set(version, wanted)).is_empty
    found = diff(unchanged.rule_set, policies.rule_set(version, unchanged.rule_set))
    assert "terms: appeal_days was 180, is 60" in found.sentences()


def test_three_hundred_rules_fit_under_the_gas_cap(
    unchanged: ProviderWorld, policies: Policies, outbox: Outbox
) -> None:
    wanted = many_rules(unchanged)
    most = (TRANSACTION_GAS_CAP - CALL_GAS) // RULE_GAS
    with pytest.raises(InvalidInput):
        policies.load(wanted, outbox, most + 1)
    loaded = policies.load(wanted, outbox, most)
    draft, *additions = loaded.receipts
    assert len(additions) == 3 == -(-RULES // most)
    assert max(one.gas_used for one in loaded.receipts) < TRANSACTION_GAS_CAP
    assert draft.gas_used < CALL_GAS + RULE_GAS
    assert added(unchanged, loaded.version) == list(range(1, RULES + 1))


def test_the_gas_that_is_stated_is_enough_for_the_costliest_rules(
    unchanged: ProviderWorld, policies: Policies, outbox: Outbox
) -> None:
    wanted = many_rules(unchanged, 50)
    costly = [
        dataclasses.replace(
            rule,
            benefit_class=0xFFFF - number,
            authorization=dataclasses.replace(
                rule.authorization,
                max_unit_price=2**56 - 1,
                max_amount=2**56 - 1,
                required_documents=2**64 - 1,
                max_milli_units_per_request=2**40 - 1,
                max_milli_units_per_period=2**40 - 1,
                gold_card_requests=2**32 - 1,
                gold_card_approval_rate=9999,
                gold_card_window_days=65535,
            ),
            claim=dataclasses.replace(rule.claim, unit_price=2**56 - 1, max_milli_units_per_day=2**40 - 1, part_of=7),
        )
        for number, rule in enumerate(wanted.rules)
    ]
    loaded = policies.load(dataclasses.replace(wanted, rules=tuple(costly)), outbox)
    assert loaded.receipts[-1].gas_used < (CALL_GAS + RULE_GAS * 50) * 0.9


def test_a_load_that_another_program_began_is_finished(
    unchanged: ProviderWorld, policies: Policies, outbox: Outbox
) -> None:
    wanted = many_rules(unchanged, 120)
    version = policies.draft(wanted.terms)
    some = [rule.to_abi() for rule in wanted.rules[:37]]
    unchanged.payer.policy.send(unchanged.admin, "addRules", version, 0, some)
    loaded = policies.load(wanted, outbox)
    assert (loaded.version, loaded.known, len(loaded.receipts)) == (version, 37, 2)
    assert added(unchanged, version) == list(range(1, 121))
    policies.seal(wanted)


def test_a_draft_of_other_rules_is_left_alone(unchanged: ProviderWorld, policies: Policies, outbox: Outbox) -> None:
    wanted, other = many_rules(unchanged, 10), many_rules(unchanged, 12)
    reordered = dataclasses.replace(wanted, rules=wanted.rules[::-1])
    assert policies.load(wanted, outbox).version == 2
    assert policies.load(reordered, outbox).version == 3
    # A draft that is the beginning of these rules goes on; the last version only.
    assert policies.load(other, outbox).version == 4
    with pytest.raises(CoveragePolicyOtherDigest):
        unchanged.payer.policy.send(unchanged.admin, "sealVersion", 4, wanted.digest)
    assert policies.seal(wanted).number == 2


def test_the_same_terms_are_drafted_again_after_a_load(
    unchanged: ProviderWorld, policies: Policies, outbox: Outbox
) -> None:
    """Both drafts have the same calldata, in one outbox."""
    first, second = many_rules(unchanged, 3), many_rules(unchanged, 4)
    second = dataclasses.replace(second, rules=second.rules[1:])
    assert [policies.load(one, outbox).version for one in (first, second)] == [2, 3]
    assert added(unchanged, 3) == [2, 3, 4]


def test_who_is_no_administrator_is_refused(unchanged: ProviderWorld, outbox: Outbox) -> None:
    stranger = Policies(unchanged.payer_as(unchanged.hospital))
    for act in (
        lambda: stranger.draft(unchanged.rule_set.terms),
        lambda: stranger.load(many_rules(unchanged, 2), outbox),
    ):
        with pytest.raises(AccessManagedUnauthorized):
            act()
    assert outbox.records() == []


def test_what_the_contract_refuses_is_told(unchanged: ProviderWorld, policies: Policies, outbox: Outbox) -> None:
    wrong = dataclasses.replace(unchanged.rule_set.terms, appeal_days=0)
    with pytest.raises(CoveragePolicyInvalidTerms) as raised:
        policies.draft(wrong)
    assert raised.value.plan == 1001
    with pytest.raises(CoveragePolicyInvalidTerms):
        policies.load(dataclasses.replace(unchanged.rule_set, terms=wrong), outbox)
    with pytest.raises(InvalidInput, match="the last is 1"):
        policies.rules(9)


def test_events_that_contradict_the_contract_are_no_rules(policies: Policies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "logs", lambda *_: iter(()))
    with pytest.raises(NodeRefused):
        policies.rules(1)


def test_with_a_delay_all_is_scheduled_before_the_delay_passes_once(unchanged: ProviderWorld, tmp_path: Path) -> None:
    """The administrator of the deployment has a delay of a second."""
    wanted = many_rules(unchanged, 120)
    policies = Policies(unchanged.payer_as(development_signer(1)))
    told: list[str] = []
    with Outbox.open(f"sqlite:///{tmp_path / 'outbox.db'}", unchanged.connection) as outbox:
        loaded = policies.load(wanted, outbox, report=lambda stage, *_: told.append(stage))
    sealed = Policies(unchanged.payer_as(unchanged.admin)).seal(wanted)
    manager, policy = policies.payer.manager.address, policies.payer.policy.address
    scheduled = [entry.block_number for entry in unchanged.connection.logs(manager, [OperationScheduled])]
    loading = [
        entry.block_number
        for entry in unchanged.connection.logs(policy, [RuleAdded])
        if isinstance(entry.event, RuleAdded) and entry.event.version == loaded.version
    ]
    assert len(scheduled) >= 4
    assert len(loading) == 120
    assert max(scheduled) < min(loading)
    # On a slow machine the second is over when the last call is scheduled: then nothing is waited for.
    waits = [one for one in told if one.startswith("Scheduled; the calls can run in ")]
    assert len(waits) <= 1
    assert told.index("Scheduling") < told.index("Loading rules")
    assert (sealed.number, sealed.rules) == (loaded.version, 120)


# ---------------------------------------------------------------------- killed


def _load(url: str, folder: Path, outbox: Path, wanted: RuleSet, point: str, count: int) -> None:
    """Loads in a process of its own, which ends at the count-th call of a method of the worker."""
    left = [count]
    real = getattr(Worker, point)

    def reached(*arguments: Any, **options: Any) -> Any:
        result = real(*arguments, **options)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(Worker, point, reached)
    connection = Connection.open(url)
    ledger = CareLedger(connection, Deployment.load(folder, connection.chain_id), development_signer(0))
    with Outbox.open(f"sqlite:///{outbox}", connection) as opened:
        Policies(ledger.payer(INSURER)).load(wanted, opened)


@pytest.mark.parametrize(
    "rounds", [pytest.param(1, marks=pytest.mark.full), 2, pytest.param(3, marks=pytest.mark.full)]
)
def test_a_load_that_was_killed_goes_on_and_adds_nothing_twice(
    unchanged: ProviderWorld, tmp_path: Path, rounds: int
) -> None:
    wanted = many_rules(unchanged)
    unchanged.ledger.deployment.save(tmp_path)
    outbox = tmp_path / "outbox.db"
    process = multiprocessing.get_context("spawn").Process(
        target=_load, args=(unchanged.connection.url, tmp_path, outbox, wanted, "step", rounds)
    )
    process.start()
    process.join()
    killed = process.exitcode == -signal.SIGKILL
    assert killed or process.exitcode == 0
    assert killed or rounds > 2
    policies = Policies(unchanged.payer_as(unchanged.admin))
    with Outbox.open(f"sqlite:///{outbox}", unchanged.connection) as opened:
        loaded = policies.load(wanted, opened)
        records = opened.records()
    assert loaded.rules == RULES
    assert added(unchanged, loaded.version) == list(range(1, RULES + 1))
    assert policies.last_version() == loaded.version
    assert {record.state.value for record in records} == {"confirmed"}
    assert policies.seal(wanted).digest == wanted.digest
