"""A deployed suite with an actor for every part, for tests of the client."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.development import development_signer
from careledger.chain.signers import Signer
from careledger.chain.signers.local import LocalSigner
from careledger.client import CareLedger
from careledger.errors import ContractError
from careledger.identity import Admission, Governance, MemberRole, Organizations
from eth_account import Account

__all__ = ["DAY", "NEAR_SECONDS", "Near", "Suite", "deploy_suite", "new_key", "refusal", "travel"]

DAY = 24 * 3600
NEAR_SECONDS = 60

_numbers = itertools.count()
"""Of names. One series for all suites of a process: where addresses follow from the code, two suites deployed with the
same parameters on one chain are one registry."""


@dataclass(eq=False)
class Near:
    """Equals a time within a minute: a block's time that a test cannot know to the second."""

    time: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and abs(other - self.time) <= NEAR_SECONDS

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Suite:
    """A suite on one chain. The controller governs every organization that `admit` admits."""

    ledger: CareLedger
    admin: Signer = field(default_factory=lambda: development_signer(0))
    registrar: Signer = field(default_factory=lambda: development_signer(1))
    policy_administrator: Signer = field(default_factory=lambda: development_signer(2))
    guardian: Signer = field(default_factory=lambda: development_signer(3))
    controller: Signer = field(default_factory=lambda: development_signer(4))
    successor: Signer = field(default_factory=lambda: development_signer(5))
    stranger: Signer = field(default_factory=lambda: development_signer(6))

    @property
    def connection(self) -> Connection:
        return self.ledger.connection

    @property
    def registry(self) -> Contract:
        return self.ledger.governance.contract("OrganizationRegistry")

    @property
    def manager(self) -> Contract:
        return self.ledger.governance.contract("AccessManager")

    def organizations(self, signer: Signer | None = None) -> Organizations:
        return self.ledger.acting_as(signer).organizations

    def governance(self, signer: Signer | None = None) -> Governance:
        return self.ledger.acting_as(signer).governance

    @property
    def now(self) -> int:
        return self.connection.block_time()

    @property
    def soon(self) -> int:
        """A time that is in the future for a while, by the chain's clock and by the machine's."""
        return max(self.now, int(time.time())) + 3600

    def name(self) -> str:
        """A name that no other test uses."""
        return f"organization-{next(_numbers)}"

    def admission(self, **changes: Any) -> Admission:
        values = {
            "name": self.name(),
            "controller": self.controller.address,
            "member_roles": frozenset({MemberRole.PAYER}),
            "licence_expiry": max(self.now, int(time.time())) + 365 * DAY,
        }
        return Admission(**{**values, **changes})

    def admit(self, **changes: Any) -> str:
        """Admits a new organization; returns its name."""
        admission = self.admission(**changes)
        self.organizations(self.registrar).admit(admission)
        return admission.name

    def add_key(self, organization: str, key: Signer | None = None) -> Signer:
        """Adds a new key, or the one given, to an organization of the controller's."""
        added = key or new_key()
        proof = self.organizations().prove_possession(organization, added, self.soon)
        self.organizations(self.controller).add_key(proof)
        return added

    def fund(self, signer: Signer) -> Signer:
        """Gives a new key what it needs to send some transactions."""
        self.connection.send(development_signer(9), signer.address, value_wei=10**18)
        return signer


def deploy_suite(
    connection: Connection, rule_delay_seconds: int = 1, recovery_delay_seconds: int = 7 * DAY, **changes: Any
) -> Suite:
    parameters = Parameters(
        **{
            "admin": development_signer(0).address,
            "registrar": development_signer(1).address,
            "policy_administrator": development_signer(2).address,
            "guardian": development_signer(3).address,
            "rule_delay_seconds": rule_delay_seconds,
            "admin_delay_seconds": 0,
            "recovery_delay_seconds": recovery_delay_seconds,
            **changes,
        }
    )
    deployment = Deployer(connection, development_signer(0), suite_plan(parameters)).run()
    return Suite(CareLedger(connection, deployment))


def new_key() -> LocalSigner:
    return LocalSigner(Account.create())


def travel(connection: Connection, seconds: int) -> None:
    """Moves a development chain's clock ahead, with a block at the new time."""
    tester = getattr(connection.web3.provider, "ethereum_tester", None)
    if tester is not None:
        tester.time_travel(connection.block_time() + seconds)
        tester.mine_block()
        return
    for method, parameters in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
        answer = connection.web3.provider.make_request(method, parameters)  # type: ignore[arg-type]
        assert "error" not in answer, answer


def refusal(act: Callable[[], object], expected: ContractError) -> None:
    """Checks that an act raises exactly the error expected, with the same values in the same fields."""
    with pytest.raises(ContractError) as raised:
        act()
    assert type(raised.value) is type(expected), raised.value
    assert raised.value.fields() == expected.fields()
