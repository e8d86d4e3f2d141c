"""Runs the demo: the suite, the funding, the chapters, and what is left. The same on every chain."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Deployment, Parameters, Plan, suite_plan
from careledger.chain.deployment.deployer import Progress
from careledger.chain.signers import Signer
from careledger.demo.cast import REGISTRAR, Cast
from careledger.demo.chapters import CHAPTERS
from careledger.demo.ether import format_ether
from careledger.demo.funding import FUNDER, FUNDING, REFUND, check, deployment_gas, fund, plan_funding, refund, settle
from careledger.demo.performance import Audience, ChainFacts, ContractFacts, Leftover, Performance
from careledger.demo.settings import Settings
from careledger.demo.stage import Chapter, Rehearsal, Stage, StepRecord
from careledger.errors import DeploymentMissing

__all__ = ["perform"]

DEPLOYMENT = "deployment"

POLICY_ADMINISTRATOR = "policy administrator"
GUARDIAN = "guardian"


def perform(
    connection: Connection,
    funder: Signer,
    settings: Settings,
    where: str,
    audience: Audience | None = None,
    chapters: Sequence[Chapter] = CHAPTERS,
) -> Performance:
    """Plays the demo to its end, from wherever an earlier run left it.

    `where` says in words which chain this is. Raises BudgetTooSmall or InsufficientFunds before anything is sent,
    FeeTooHigh if fees have risen so far that going on might exceed the budget, and what the deployment and the steps
    raise; the same call again goes on after any of them.
    """
    audience = audience or Audience()
    cast = Cast(funder, connection.chain_id)
    plan = suite_plan(_parameters(cast, settings))
    known = _known(connection, settings)

    whole = _rehearse(connection, None, cast, chapters, settings)
    settle(connection, [funder.address, *(cast.actor(name).address for name in whole.gas)])
    stands = known is not None and known.configured
    rest = _rehearse(connection, known, cast, chapters, settings) if stands else whole
    funding = plan_funding(connection, cast, deployment_gas(plan, known), rest.gas, settings.budget_wei)
    audience.funding(funding)
    check(funding)
    transfers = sum(1 for row in funding.rows if row.to_send_wei)
    audience.steps(len(plan.contracts) + 1 + transfers + len(whole.planned))

    records: list[StepRecord] = []

    def record(made: StepRecord) -> None:
        records.append(made)
        audience.step(made)

    with _fee_limit(connection, funding.fee_limit_wei):
        deployment = _deploy(connection, cast, plan, settings, record)
        for row, receipt in fund(connection, cast, funding):
            title = f"send {row.account} {format_ether(row.to_send_wei)} ETH"
            record(StepRecord.sent(FUNDING, title, FUNDER, receipt))
    stage = Stage(connection, deployment, cast, record, settings)
    _play(stage, chapters)
    if settings.refund:
        for name, amount, receipt in refund(connection, cast, whole.gas):
            title = f"send {format_ether(amount)} ETH back to the funder"
            record(StepRecord.sent(REFUND, title, name, receipt))

    accounts = {FUNDER: funder.address, **{name: cast.actor(name).address for name in whole.gas}}
    return Performance(
        chain=ChainFacts(connection.chain_id, where, connection.is_local),
        notice=None if connection.is_local else _notice(funder.address),
        funding=funding,
        contracts=tuple(
            ContractFacts(name, entry.address, entry.block, entry.transaction_hash)
            for name, entry in deployment.contracts.items()
        ),
        steps=tuple(records),
        answers=tuple(stage.answers),
        tables=tuple(stage.tables),
        leftovers=tuple(Leftover(name, address, connection.balance_wei(address)) for name, address in accounts.items()),
        transactions_sent=sum(1 for made in records if made.transaction_hash is not None),
        gas_used=sum(made.gas_used for made in records),
        cost_wei=sum(made.cost_wei for made in records),
    )


@contextlib.contextmanager
def _fee_limit(connection: Connection, limit_wei: int | None) -> Iterator[None]:
    """Lets nothing be sent at a higher fee than a limit, nor than the connection's own cap."""
    before = connection.fee_cap_wei
    if limit_wei is not None:
        connection.fee_cap_wei = limit_wei if before is None else min(before, limit_wei)
    try:
        yield
    finally:
        connection.fee_cap_wei = before


def _parameters(cast: Cast, settings: Settings) -> Parameters:
    return Parameters(
        admin=cast.funder.address,
        registrar=cast.actor(REGISTRAR).address,
        policy_administrator=cast.actor(POLICY_ADMINISTRATOR).address,
        guardian=cast.actor(GUARDIAN).address,
        rule_delay_seconds=settings.rule_delay_seconds,
        admin_delay_seconds=0,
        recovery_delay_seconds=settings.recovery_delay_seconds,
    )


def _known(connection: Connection, settings: Settings) -> Deployment | None:
    """What an earlier run left on this chain, by its manifest."""
    if settings.deployments is None:
        return None
    try:
        known = Deployment.load(settings.deployments, connection.chain_id)
    except DeploymentMissing:
        return None
    return known if known.genesis_hash == connection.genesis_hash() else None


def _rehearse(
    connection: Connection,
    deployment: Deployment | None,
    cast: Cast,
    chapters: Sequence[Chapter],
    settings: Settings,
) -> Rehearsal:
    stage = Rehearsal(connection, deployment, cast, settings)
    _play(stage, chapters)
    return stage


def _play(stage: Stage, chapters: Sequence[Chapter]) -> None:
    for chapter in chapters:
        stage.chapter = chapter.name
        chapter.play(stage)


def _deploy(
    connection: Connection, cast: Cast, plan: Plan, settings: Settings, record: Callable[[StepRecord], None]
) -> Deployment:
    def report(progress: Progress) -> None:
        title = "set the manager's roles" if progress.subject == "settings" else f"deploy {progress.subject}"
        if progress.receipt is None:
            record(StepRecord(DEPLOYMENT, title, FUNDER, done_before=True))
        else:
            record(StepRecord.sent(DEPLOYMENT, title, FUNDER, progress.receipt))

    return Deployer(
        connection,
        cast.funder,
        plan,
        folder=settings.deployments,
        allow_plain_key_admin=True,  # said plainly in the performance's notice
        report=report,
    ).run()


def _notice(admin: str) -> str:
    return (
        f"This is a demo: its admin {admin} is an ordinary key, not a contract account such as a Safe. Whoever holds "
        "that key rules this deployment. Its organizations are made up; their names start with `demo-`. "
        "Use nothing of it for real work."
    )
