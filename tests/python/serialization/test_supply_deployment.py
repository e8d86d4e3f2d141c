"""The deployment of a supply chain's contracts: idempotent, wired, ruled by their own manager, published and found."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import Deployment, verify
from careledger.errors import (
    ContractUnpublished,
    DeploymentChanged,
    DeploymentMissing,
    InvalidInput,
    UnknownOrganization,
)
from careledger.serialization.deployment import PUBLISHED, SupplyParameters, publications, supply_deployment
from serialization.supply_stage import SupplyStage, supply_stage

STEPS = ["AccessManager", "Custody", "LotRegistry", "PurchaseEscrow", "ColdChain", "ServiceHistory"]
ADMIN, REGISTRAR, POLICY_ADMINISTRATOR, GUARDIAN = range(4)

RULED = {
    "Custody": {
        "halt": GUARDIAN,
        **dict.fromkeys(("resume", "setLots", "setEscrow", "setColdChain"), POLICY_ADMINISTRATOR),
    },
    "LotRegistry": {
        "assignProduct": REGISTRAR,
        "halt": GUARDIAN,
        **dict.fromkeys(("resume", "openToNewWork", "closeToNewWork"), POLICY_ADMINISTRATOR),
    },
}
"""Every function that the manager rules, by contract, and the role that may call it."""


@pytest.fixture(scope="module")
def deployed(chain: Connection) -> tuple[SupplyStage, Deployment]:
    stage = supply_stage(chain)
    return stage, stage.deploy()


@pytest.fixture(scope="module")
def published(deployed: tuple[SupplyStage, Deployment]) -> SupplyStage:
    stage, deployment = deployed
    stage.publish(deployment)
    return stage


@pytest.fixture
def fresh(chains: Any) -> SupplyStage:
    return supply_stage(chains("anvil"))


def contracts_of(connection: Connection, deployment: Deployment) -> dict[str, Contract]:
    return {name: Contract(connection, entry.artifact, entry.address) for name, entry in deployment.contracts.items()}


def test_all_stand_wired_and_open(deployed: tuple[SupplyStage, Deployment]) -> None:
    stage, deployment = deployed
    assert list(deployment.contracts) == STEPS
    contracts = contracts_of(stage.connection, deployment)
    addresses = deployment.addresses
    custody = contracts["Custody"]
    assert [custody.read(view) for view in ("lots", "escrow", "coldChain")] == [
        addresses[name] for name in ("LotRegistry", "PurchaseEscrow", "ColdChain")
    ]
    assert contracts["LotRegistry"].read("isOpenToNewWork") is True
    assert not any(contracts[name].read("halted") for name in ("Custody", "LotRegistry"))
    failing = {check.subject: check.found for check in verify(stage.connection, deployment) if not check.holds}
    assert failing == {}


def test_every_restricted_function_has_the_role_that_the_page_says(deployed: tuple[SupplyStage, Deployment]) -> None:
    stage, deployment = deployed
    manager = contracts_of(stage.connection, deployment)["AccessManager"]
    for name, functions in RULED.items():
        for function, role in functions.items():
            selector = artifact(name).selector(function)
            assert manager.read("getTargetFunctionRole", deployment.addresses[name], selector) == role, function


def test_a_second_run_sends_nothing(fresh: SupplyStage, tmp_path: Path) -> None:
    first = fresh.deploy(tmp_path)
    sent = fresh.connection.nonce(fresh.deployer_signer.address)
    assert fresh.deploy(tmp_path).addresses == first.addresses
    assert fresh.connection.nonce(fresh.deployer_signer.address) == sent
    kept = supply_deployment(tmp_path, fresh.connection.chain_id, fresh.operator)
    assert kept.parameters == fresh.parameters
    with pytest.raises(DeploymentMissing):
        supply_deployment(tmp_path, fresh.connection.chain_id, "somebody-else")


def test_an_operator_who_is_not_admitted_is_refused_before_anything_is_sent(fresh: SupplyStage) -> None:
    sent = fresh.connection.nonce(fresh.deployer_signer.address)
    with pytest.raises(DeploymentChanged, match="nobody-knows-them in the registry"):
        fresh.deploy(operator="nobody-knows-them")
    assert fresh.connection.nonce(fresh.deployer_signer.address) == sent


def test_a_registry_that_is_none_is_refused(fresh: SupplyStage) -> None:
    with pytest.raises(DeploymentChanged, match="OrganizationRegistry at"):
        fresh.deploy(registry=fresh.suite.stranger.address)


@pytest.mark.parametrize(
    ("field", "value"), [("operator", "No Name"), ("admin", "0x12"), ("registrar", ""), ("rule_delay_seconds", -1)]
)
def test_wrong_parameters_are_named(fresh: SupplyStage, field: str, value: Any) -> None:
    with pytest.raises(InvalidInput):
        dataclasses.replace(fresh.parameters, **{field: value})


def test_anyone_finds_what_the_operator_published(published: SupplyStage) -> None:
    supply = published.as_(None)
    assert (supply.name, supply.operator) == (
        published.operator,
        published.suite.organizations().known(published.operator),
    )
    assert supply.lots.read("isOpenToNewWork") is True
    assert supply.manager.address == supply.lots.read("authority")
    assert supply.signer is None


def test_nothing_is_left_to_publish(published: SupplyStage, deployed: tuple[SupplyStage, Deployment]) -> None:
    assert publications(published.connection, deployed[1]) == {}


def test_what_is_not_published_is_not_found(fresh: SupplyStage) -> None:
    deployment = fresh.deploy()
    with pytest.raises(ContractUnpublished, match="Custody"):
        fresh.as_(None)
    acts = publications(fresh.connection, deployment)
    assert list(acts) == list(PUBLISHED)
    fresh.deployer().carry_out([acts["Custody"]], fresh.suite.controller)
    with pytest.raises(ContractUnpublished, match="LotRegistry"):
        fresh.as_(None)
    with pytest.raises(UnknownOrganization):
        fresh.suite.ledger.supply("nobody-knows-them")


def test_contracts_that_do_not_belong_together_are_refused(fresh: SupplyStage) -> None:
    mine = fresh.deploy()
    fresh.publish(mine)
    other = fresh.deploy(admin_delay_seconds=1, rule_delay_seconds=2)
    registry, name = fresh.suite.registry, fresh.operator
    operator = fresh.suite.organizations().known(name)
    kind = "0x" + b"LotRegistry".ljust(32, b"\0").hex()
    registry.send(fresh.suite.controller, "publishContract", operator, kind, other.addresses["LotRegistry"])
    with pytest.raises(DeploymentChanged, match="custody"):
        fresh.as_(None)


def test_parameters_of_another_kind_have_no_publications(fresh: SupplyStage) -> None:
    with pytest.raises(InvalidInput, match="supply chain"):
        publications(fresh.connection, fresh.suite.ledger.deployment)


def test_the_manifest_s_name_is_not_an_insurer_s(fresh: SupplyStage) -> None:
    assert isinstance(fresh.parameters, SupplyParameters)
    assert fresh.parameters.name == f"{fresh.operator}.supply"
    assert fresh.parameters.command == f"careledger supply deploy {fresh.operator}"
