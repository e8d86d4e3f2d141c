"""`careledger payer deploy`, killed by SIGKILL at random moments and run again until it is done."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from authorization.payer_stage import deploy_token
from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.development import development_signer
from careledger.client import CareLedger
from careledger.identity import Admission, MemberRole
from chain.killed_deployment import Job, Record, kill_and_resume, report
from web3.utils.address import get_create_address

INSURER = "northstar-insurance"
LICENCE = 2_208_988_800
TOKEN = get_create_address(development_signer(9).address, 0)


def prepare(connection: Connection, folder: Path) -> None:
    """A suite by another deployer, with the insurer admitted, and a token."""
    ruler = development_signer(5)
    parameters = Parameters(*(ruler.address,) * 4, *(1, 0, 1))
    ledger = CareLedger(connection, Deployer(connection, ruler, suite_plan(parameters), folder).run(), ruler)
    controller = development_signer(4).address
    ledger.organizations.admit(Admission(INSURER, controller, frozenset({MemberRole.PAYER}), LICENCE))
    assert deploy_token(connection) == TOKEN


PAYER = Job(("payer", "deploy", INSURER, "--token", TOKEN), contracts=9, name=INSURER, prepare=prepare)


@pytest.mark.parametrize("create2", [True, pytest.param(False, marks=pytest.mark.full)], ids=["create2", "by nonce"])
def test_a_payer_s_deployment_is_resumed_after_two_kills(
    tmp_path: Path, record_property: Record, create2: bool
) -> None:
    landed = kill_and_resume(PAYER, 2, create2, tmp_path, seed=3 + create2, kills_on_a_chain=2)
    report(record_property, f"careledger payer deploy, {'CREATE2' if create2 else 'addresses by nonce'},", landed)
    assert landed.total() == 2


@pytest.mark.full
@pytest.mark.parametrize(("create2", "kills"), [(True, 12), (False, 6)], ids=["create2", "by nonce"])
def test_a_payer_s_deployment_is_resumed_after_many_kills(
    tmp_path: Path, record_property: Record, create2: bool, kills: int
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    landed = kill_and_resume(PAYER, kills, create2, tmp_path, seed, kills_on_a_chain=3)
    record_property("seed", seed)
    report(record_property, f"careledger payer deploy, {'CREATE2' if create2 else 'addresses by nonce'},", landed)
    assert landed.total() == kills
    assert len(landed) >= 3
