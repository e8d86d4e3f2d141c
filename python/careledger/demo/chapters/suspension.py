"""The distributor is suspended: it starts nothing new, may finish what it began, and its history stays."""

from __future__ import annotations

from careledger.chain.connection import TransactionReceipt
from careledger.demo.cast import DISTRIBUTOR, REGISTRAR
from careledger.demo.stage import Chapter, Stage
from careledger.identity import Reason, Standing

__all__ = ["CHAPTER"]

SUSPEND_GAS = 160_000

NOBODY = "demo-nobody"
NOBODYS_KEY = "nobody/key-1"


def play(stage: Stage) -> None:
    organization = DISTRIBUTOR.organization
    key = stage.actor(DISTRIBUTOR.key(1)).address
    stranger = stage.actor(NOBODYS_KEY).address

    def suspend() -> TransactionReceipt:
        # In a later second than that of its last change, so that there is a time at which it was active.
        stage.connection.wait_until(stage.suite.organizations.membership(organization).since)
        return stage.acting_as(REGISTRAR).organizations.suspend(organization, Reason.REGULATOR_ORDER)

    stage.step(
        "suspend the distributor, by the regulator's order",
        actor=REGISTRAR,
        gas=SUSPEND_GAS,
        done=lambda: stage.suite.organizations.membership(organization).standing is Standing.SUSPENDED,
        act=suspend,
    )

    def standing_before() -> str:
        organizations = stage.suite.organizations
        suspended_at = organizations.membership(organization).since
        return organizations.membership_at(organization, suspended_at - 1).standing.name

    def may_start(account: str) -> str:
        return f"yes, for {stage.name_of(stage.suite.organizations.require_active(account, DISTRIBUTOR.role))}"

    def may_finish(account: str) -> str:
        return f"yes, for {stage.name_of(stage.suite.organizations.require_key(account))}"

    stage.answer(
        "suspended-now",
        f"What is the standing of {organization}?",
        lambda: stage.suite.organizations.get(organization).membership.standing.name,
    )
    stage.answer("suspended-before", "What was it a second before it was suspended?", standing_before)
    stage.answer("suspended-may-start", "May its key start something new as a wholesaler?", lambda: may_start(key))
    stage.answer(
        "suspended-may-finish",
        "May its key finish what was begun: receive back, return, destroy, refund, be paid?",
        lambda: may_finish(key),
    )
    stage.answer(
        "unknown-organization",
        f"What is the standing of {NOBODY}?",
        lambda: stage.suite.organizations.get(NOBODY).membership.standing.name,
    )
    stage.answer("unknown-key", f"May {stranger}, a key of nobody's, finish anything?", lambda: may_finish(stranger))


CHAPTER = Chapter("suspension", "A suspended organization", play)
