"""The replacement drill on real chains."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.deployment.replacement import Step
from careledger.chain.development import Node, development_signer, embedded_connection
from careledger.client import CareLedger
from careledger.contract_errors import AccessManagedUnauthorized
from careledger.identity import KeyStatus
from careledger.rehearsal import Actors, rehearse

LEADER = development_signer(0)


def fresh(connection: Connection, rule_delay_seconds: int = 1) -> CareLedger:
    """A suite whose every role is the leader's."""
    parameters = Parameters(*(LEADER.address,) * 4, *(rule_delay_seconds, 0, 1))
    return CareLedger(connection, Deployer(connection, LEADER, suite_plan(parameters)).run(), LEADER)


@pytest.fixture(
    params=[
        "embedded",
        pytest.param(("anvil", 0), id="anvil"),
        pytest.param(("anvil", 1), id="anvil-delayed", marks=pytest.mark.full),
    ]
)
def ledger(request: pytest.FixtureRequest) -> Iterator[CareLedger]:
    """In process, where a delay takes no time, and on Anvil, where rules wait a second in the full count."""
    if request.param == "embedded":
        yield fresh(embedded_connection())
        return
    with Node() as node:
        yield fresh(node.connect(), rule_delay_seconds=request.param[1])


def test_the_drill_replaces_a_version_and_goes_back(ledger: CareLedger) -> None:
    actors = Actors(LEADER, LEADER, LEADER, LEADER, LEADER, development_signer(1))
    steps: list[Step] = []
    rehearse(ledger, actors, steps.append)
    titles = [step.title for step in steps]
    for title in (
        "v1 refuses new work",
        "the ledger is not handed over while v1 has work",
        "a task is withdrawn during the stop",
        "v2 finishes it",
        "v1 finishes it",
        "the ledger counts the work of both versions: 3",
        "v1 closes for good",
    ):
        assert title in titles
    assert all(step.receipt.gas_used > 0 for step in steps if step.receipt is not None)
    _, status = ledger.organizations.of_key(actors.member.address)
    assert status is KeyStatus.ACTIVE


def test_the_drill_ends_at_the_first_actor_without_its_role() -> None:
    ledger = fresh(embedded_connection())
    able = Actors(LEADER, LEADER, LEADER, LEADER, LEADER, development_signer(1))
    stranger = development_signer(2)
    with pytest.raises(AccessManagedUnauthorized) as raised:
        rehearse(ledger, dataclasses.replace(able, registrar=stranger))
    assert raised.value.caller == stranger.address
    with pytest.raises(AccessManagedUnauthorized) as unauthorized:
        rehearse(ledger, dataclasses.replace(able, admin=stranger))
    assert unauthorized.value.caller == stranger.address
