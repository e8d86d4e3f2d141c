"""`careledger deploy`, killed by SIGKILL at random moments and run again until it is done."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from chain.killed_deployment import Job, Record, kill_and_resume, report

SUITE = Job(("deploy", "--recovery-delay", "60"), contracts=3)


def test_a_deployment_is_resumed_after_four_kills(tmp_path: Path, record_property: Record) -> None:
    landed = kill_and_resume(SUITE, 4, create2=True, folder=tmp_path, seed=1, kills_on_a_chain=4)
    report(record_property, "careledger deploy, CREATE2,", landed)
    assert landed.total() == 4
    assert landed["signed, before broadcast"] >= 1
    assert landed["between broadcast and inclusion"] >= 1
    assert landed["after inclusion, before the manifest is written"] >= 1


@pytest.mark.full
def test_a_deployment_without_a_create2_deployer_is_resumed_after_two_kills(
    tmp_path: Path, record_property: Record
) -> None:
    landed = kill_and_resume(SUITE, 2, create2=False, folder=tmp_path, seed=2, kills_on_a_chain=2)
    report(record_property, "careledger deploy, addresses by nonce,", landed)
    assert landed.total() == 2


@pytest.mark.full
@pytest.mark.parametrize(("create2", "kills"), [(True, 20), (False, 8)], ids=["create2", "by nonce"])
def test_a_deployment_is_resumed_after_many_kills(
    tmp_path: Path, record_property: Record, create2: bool, kills: int
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    landed = kill_and_resume(SUITE, kills, create2, tmp_path, seed, kills_on_a_chain=2)
    record_property("seed", seed)
    report(record_property, f"careledger deploy, {'CREATE2' if create2 else 'addresses by nonce'},", landed)
    assert landed.total() == kills
    assert len(landed) >= 3
