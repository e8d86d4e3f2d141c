"""Replacing one version of a logic contract by the next, and rehearsing it.

The order is always the same: the old version closes to new work, runs off what it has, the ledger's writer changes, and
the new version opens. Every step first asks the chain whether it is done, so an interrupted one goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from careledger.chain.connection import TransactionReceipt
from careledger.chain.contract import Contract
from careledger.errors import DeploymentChanged

__all__ = ["Perform", "Step", "replace"]

Perform = Callable[[Contract, str, tuple[object, ...]], TransactionReceipt]
"""Calls a restricted function and waits out its delay: `Governance.perform`, as a policy administrator."""

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Step:
    """One step of a replacement and what it cost; no receipt if it was done already."""

    title: str
    receipt: TransactionReceipt | None


def replace(
    ledger: Contract,
    old: Contract,
    new: Contract,
    perform: Perform,
    report: Callable[[Step], None] = lambda _: None,
    run_off_timeout_seconds: int = 0,
) -> None:
    """Hands `ledger` (a SingleWriter) from `old` to `new` (both Replaceable).

    Raises DeploymentChanged if the old version still has work under way after `run_off_timeout_seconds`; it then stays
    closed, and the same call again goes on.
    """

    def step(title: str, done: bool, contract: Contract, function: str, *arguments: object) -> None:
        report(Step(title, None if done else perform(contract, function, arguments)))

    writer = ledger.read("writer")
    step("the old version closes to new work", not old.read("isOpenToNewWork"), old, "closeToNewWork")
    if writer != new.address:
        deadline = time.monotonic() + run_off_timeout_seconds
        while under_way := old.read("workUnderWay"):
            if time.monotonic() >= deadline:
                raise DeploymentChanged(f"{old.name} at {old.address}: work under way", "0", str(under_way))
            time.sleep(POLL_SECONDS)
    report(Step("the old version has run off its work", None))
    step("the ledger's writer changes", writer == new.address, ledger, "setWriter", new.address)
    step("the new version opens", new.read("isOpenToNewWork"), new, "openToNewWork")
