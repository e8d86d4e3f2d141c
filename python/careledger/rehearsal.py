"""The replacement drill: two versions of a small contract over one ledger, exchanged there and back on a real chain.

It uses the suite's own registry, manager, roles and delays, and contracts that nothing else uses.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from careledger.chain.artifacts import artifact
from careledger.chain.connection import TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.deployment import GUARDIAN, POLICY_ADMINISTRATOR
from careledger.chain.deployment.plan import function_role
from careledger.chain.deployment.replacement import Step, replace
from careledger.chain.signers import Signer
from careledger.client import CareLedger
from careledger.contract_errors import HaltableHalted, ReplaceableClosed, SingleWriterNotWriter
from careledger.errors import ContractError, DeploymentChanged
from careledger.identity import Admission, MemberRole

__all__ = ["Actors", "rehearse"]

LEDGER = "RehearsalLedger"
WORK = "RehearsalWork"
PROOF_SECONDS = 3600
LICENCE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Actors:
    """Who plays. One signer may play all, except that `member` must be a key of no other organization."""

    deployer: Signer
    admin: Signer
    registrar: Signer
    policy_administrator: Signer
    guardian: Signer
    member: Signer


def rehearse(suite: CareLedger, actors: Actors, report: Callable[[Step], None] = lambda _: None) -> None:
    """Plays the drill: replace v1 by v2 with work under way, stop and resume, and go back.

    Raises DeploymentChanged at the first answer that is not as it should be, ContractError if an actor lacks its role.
    """
    connection = suite.connection
    member = actors.member

    def deploy(name: str, *arguments: Any) -> Contract:
        receipt = connection.send(actors.deployer, None, artifact(name).creation_code(list(arguments)))
        report(Step(f"{name} is deployed", receipt))
        return Contract(connection, name, str(receipt.contract_address))

    governance = suite.acting_as(actors.policy_administrator).governance

    def perform(contract: Contract, function: str, arguments: tuple[object, ...]) -> TransactionReceipt:
        return governance.perform(contract, function, *arguments)

    manager_address = suite.governance.address
    ledger = deploy(LEDGER, manager_address)
    first = deploy(WORK, manager_address, suite.organizations.address, ledger.address)
    second = deploy(WORK, manager_address, suite.organizations.address, ledger.address)
    settings = [function_role(LEDGER, ledger.address, ("setWriter",), POLICY_ADMINISTRATOR)]
    for version in (first, second):
        rules = ("openToNewWork", "closeToNewWork", "resume")
        settings.append(function_role(WORK, version.address, rules, POLICY_ADMINISTRATOR))
        settings.append(function_role(WORK, version.address, ("halt",), GUARDIAN))
    manager = suite.governance.contract(manager_address)
    administration = suite.acting_as(actors.admin).governance
    for setting in settings:
        receipt = administration.perform(manager, setting.function, *setting.arguments)
        report(Step(f"the admin sets {setting.subject}", receipt))

    name = f"rehearsal-{secrets.token_hex(6)}"
    _admit(suite, actors, name, report)
    tasks = [secrets.token_bytes(32) for _ in range(4)]
    report(Step("v1 gets the ledger", perform(ledger, "setWriter", (first.address,))))
    report(Step("v1 opens", perform(first, "openToNewWork", ())))
    for task in tasks[:2]:
        report(Step("a member begins a task under v1", first.send(member, "begin", task)))

    report(Step("v1 closes with work under way", perform(first, "closeToNewWork", ())))
    _refused(ReplaceableClosed, first, member, "begin", tasks[2])
    report(Step("v1 refuses new work", None))
    try:
        replace(ledger, first, second, perform)
    except DeploymentChanged:
        report(Step("the ledger is not handed over while v1 has work", None))
    else:
        raise DeploymentChanged("replacement with work under way", "to wait", "that it went on")

    report(Step("the guardian halts v1", suite.acting_as(actors.guardian).governance.halt(first)))
    _refused(HaltableHalted, first, member, "finish", tasks[0])
    report(Step("a task is withdrawn during the stop", first.send(member, "withdraw", tasks[1])))
    report(Step("v1 resumes", perform(first, "resume", ())))
    report(Step("v1 finishes begun work", first.send(member, "finish", tasks[0])))

    replace(ledger, first, second, perform, report)
    report(Step("a member begins a task under v2", second.send(member, "begin", tasks[2])))
    report(Step("v2 finishes it", second.send(member, "finish", tasks[2])))
    _refused(SingleWriterNotWriter, ledger, member, "count", tasks[3], suite.organizations.known(name))

    replace(ledger, second, first, perform, report)
    report(Step("a member begins a task under v1 again", first.send(member, "begin", tasks[3])))
    report(Step("v1 finishes it", first.send(member, "finish", tasks[3])))
    finished = ledger.read("finishedBy", suite.organizations.known(name))
    if finished != 3:
        raise DeploymentChanged("tasks in the ledger after both versions", "3", str(finished))
    report(Step("the ledger counts the work of both versions: 3", None))
    report(Step("v1 closes for good", perform(first, "closeToNewWork", ())))


def _admit(suite: CareLedger, actors: Actors, name: str, report: Callable[[Step], None]) -> None:
    now = max(int(time.time()), suite.connection.block_time())
    admission = Admission(name, actors.member.address, frozenset({MemberRole.PAYER}), now + LICENCE_SECONDS)
    receipt = suite.acting_as(actors.registrar).organizations.admit(admission)
    report(Step(f"{name} is admitted", receipt))
    holder, _ = suite.organizations.of_key(actors.member.address)
    if holder is not None:
        raise DeploymentChanged("the member's key", "a key of no organization", f"one of {holder}")
    organizations = suite.acting_as(actors.member).organizations
    receipt = organizations.add_key(organizations.prove_possession(name, actors.member, now + PROOF_SECONDS))
    report(Step("its key is added", receipt))


def _refused(kind: type[ContractError], contract: Contract, signer: Signer, function: str, *arguments: Any) -> None:
    """Checks that a call is refused with an error of a kind, by simulating it."""
    try:
        contract.read(function, *arguments, sender=signer.address)
    except kind:
        return
    raise DeploymentChanged(f"{contract.name}.{function}", f"to be refused with {kind.__name__}", "that it is not")
