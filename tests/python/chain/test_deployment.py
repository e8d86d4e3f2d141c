"""The deployment: idempotent, at predictable addresses, and refusing what is not as it should be."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import (
    ADMIN,
    GUARDIAN,
    POLICY_ADMINISTRATOR,
    REGISTRAR,
    Deployer,
    Deployment,
    Parameters,
    suite_plan,
    verify,
)
from careledger.chain.deployment.deployer import CREATE2_DEPLOYER, Progress
from careledger.chain.deployment.verify import roles_on_chain
from careledger.chain.development import Node, development_signer, embedded_connection
from careledger.chain.signers.local import LocalSigner
from careledger.client import CareLedger
from careledger.errors import BytecodeMismatch, ConfigurationError, DeploymentChanged, InvalidInput, PlainKeyAdmin
from eth_account import Account

SEPOLIA = 11155111
DEPLOYER = development_signer(0)
PARAMETERS = Parameters(
    admin=DEPLOYER.address,
    registrar=development_signer(1).address,
    policy_administrator=development_signer(2).address,
    guardian=development_signer(3).address,
    rule_delay_seconds=60,
    admin_delay_seconds=0,
    recovery_delay_seconds=60,
)


def rpc(connection: Connection, method: str, *parameters: Any) -> Any:
    answer = connection.web3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
    assert "error" not in answer, answer
    return answer["result"]


def deploy(connection: Connection, folder: Path | None = None, parameters: Parameters = PARAMETERS) -> Deployment:
    return Deployer(connection, DEPLOYER, suite_plan(parameters), folder).run()


@pytest.fixture
def anvil() -> Iterator[Connection]:
    with Node() as node:
        yield node.connect()


@pytest.fixture
def sepolia() -> Iterator[Connection]:
    """A chain that is not local, and a funded key on it."""
    with Node(chain_id=SEPOLIA) as node:
        yield node.connect()


@pytest.fixture
def funded(sepolia: Connection) -> LocalSigner:
    signer = LocalSigner(Account.create())
    rpc(sepolia, "anvil_setBalance", signer.address, hex(10**20))
    return signer


def test_a_second_run_sends_nothing(chain: Connection, tmp_path: Path) -> None:
    operator = development_signer(7)  # an admin of its own, so that nothing stands on the shared chain yet
    parameters = dataclasses.replace(PARAMETERS, admin=operator.address)
    steps: list[Progress] = []
    first = Deployer(chain, operator, suite_plan(parameters), tmp_path, report=steps.append).run()
    assert [(step.subject, step.present) for step in steps] == [
        ("AccessManager", False),
        ("OrganizationRegistry", False),
        ("DocumentAnchor", False),
        ("settings", False),
    ]
    assert first.configured
    written = (tmp_path / f"{chain.chain_id}.json").read_text()
    nonce = chain.nonce(operator.address)
    steps.clear()
    second = Deployer(chain, operator, suite_plan(parameters), tmp_path, report=steps.append).run()
    assert second == first
    assert all(step.present and step.receipt is None for step in steps)
    assert chain.nonce(operator.address) == nonce
    assert (tmp_path / f"{chain.chain_id}.json").read_text() == written
    kinds = ["json", "lock"] if chain.is_in_process else ["json", "lock", "outbox.db", "outbox.db.worker"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{chain.chain_id}.{kind}" for kind in kinds]
    assert all(check.holds for check in verify(chain, first)), verify(chain, first)


def test_a_delay_of_the_admin_s_acts_is_set_once(chain: Connection, tmp_path: Path) -> None:
    operator = development_signer(6)
    parameters = dataclasses.replace(PARAMETERS, admin=operator.address, admin_delay_seconds=86_400)
    deployment = Deployer(chain, operator, suite_plan(parameters), tmp_path).run()
    assert deployment.configured
    nonce = chain.nonce(operator.address)
    assert Deployer(chain, operator, suite_plan(parameters), tmp_path).run() == deployment
    assert chain.nonce(operator.address) == nonce
    manager = Contract(chain, "AccessManager", deployment.addresses["AccessManager"])
    assert manager.read("hasRole", ADMIN, operator.address) == (True, 86_400)
    assert all(check.holds for check in verify(chain, deployment)), verify(chain, deployment)


def test_addresses_are_the_same_on_every_chain_with_a_create2_deployer() -> None:
    with Node() as one, Node(chain_id=1337, options=("--timestamp", "1700000000")) as two:
        first, second = one.connect(), two.connect()
        second.send(DEPLOYER, DEPLOYER.address)  # another nonce
        here, there = deploy(first), deploy(second)
        assert here.addresses == there.addresses
        assert here.genesis_hash != there.genesis_hash
        assert all(contract.salt is not None for contract in here.contracts.values())
        other = deploy(first, parameters=dataclasses.replace(PARAMETERS, admin=development_signer(4).address))
        assert set(other.addresses.values()).isdisjoint(here.addresses.values())
        assert not other.configured  # its admin has yet to act


@pytest.mark.parametrize("kind", ["embedded", "no create2 deployer", "other code at its address"])
def test_without_a_create2_deployer_addresses_follow_from_the_nonce(kind: str, tmp_path: Path) -> None:
    if kind == "embedded":
        by_nonce(embedded_connection(), tmp_path)
        return
    options = ("--disable-default-create2-deployer",) if kind == "no create2 deployer" else ()
    with Node(options=options) as node:
        connection = node.connect()
        if kind == "other code at its address":
            rpc(connection, "anvil_setCode", CREATE2_DEPLOYER, "0x60016000f3")
        by_nonce(connection, tmp_path)


def by_nonce(connection: Connection, folder: Path) -> None:
    deployment = deploy(connection, folder)
    assert [contract.salt for contract in deployment.contracts.values()] == [None] * 3
    assert deployment.configured
    assert connection.nonce(DEPLOYER.address) == 4
    assert deploy(connection, folder) == deployment
    assert connection.nonce(DEPLOYER.address) == 4


def test_a_lost_manifest_is_rebuilt_by_a_run_that_sends_nothing(anvil: Connection, tmp_path: Path) -> None:
    first = deploy(anvil, tmp_path)
    anvil.send(DEPLOYER, DEPLOYER.address)
    nonce = anvil.nonce(DEPLOYER.address)
    (tmp_path / "31337.json").unlink()
    assert deploy(anvil, tmp_path) == first  # the outbox has the transactions' hashes
    assert anvil.nonce(DEPLOYER.address) == nonce
    (tmp_path / "31337.json").unlink()
    (tmp_path / "31337.outbox.db").unlink()
    second = deploy(anvil, tmp_path)
    assert anvil.nonce(DEPLOYER.address) == nonce
    assert second.configured
    for name, contract in first.contracts.items():
        assert second.contracts[name] == dataclasses.replace(contract, transaction_hash=None)


@pytest.mark.parametrize(
    "change",
    [
        {"admin": development_signer(7).address},
        {"registrar": development_signer(7).address},
        {"rule_delay_seconds": 61},
        {"recovery_delay_seconds": 61},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_parameters_than_the_manifest_s_are_refused(
    anvil: Connection, tmp_path: Path, change: dict[str, Any]
) -> None:
    deploy(anvil, tmp_path)
    nonce = anvil.nonce(DEPLOYER.address)
    with pytest.raises(DeploymentChanged) as raised:
        deploy(anvil, tmp_path, dataclasses.replace(PARAMETERS, **change))
    ((name, value),) = change.items()
    assert raised.value.subject == f"{tmp_path / '31337.json'}: {name}"
    assert raised.value.expected == str(getattr(PARAMETERS, name))
    assert raised.value.actual == str(value)
    assert anvil.nonce(DEPLOYER.address) == nonce


def test_other_bytecode_than_the_manifest_s_is_refused(anvil: Connection, tmp_path: Path) -> None:
    deploy(anvil, tmp_path)
    path = tmp_path / "31337.json"
    body = json.loads(path.read_text())
    body["contracts"]["OrganizationRegistry"]["bytecode_hash"] = "0x" + 64 * "1"
    path.write_text(json.dumps(body))
    with pytest.raises(DeploymentChanged) as raised:
        deploy(anvil, tmp_path)
    assert raised.value.fields() == {
        "subject": "OrganizationRegistry: bytecode",
        "expected": "0x" + 64 * "1",
        "actual": artifact("OrganizationRegistry").bytecode_hash,
    }


def test_other_code_where_a_contract_should_stand_is_refused(anvil: Connection, tmp_path: Path) -> None:
    deployment = deploy(anvil, tmp_path)
    address = deployment.addresses["OrganizationRegistry"]
    rpc(anvil, "anvil_setCode", address, "0x00")
    for folder in (tmp_path, None):
        with pytest.raises(BytecodeMismatch) as raised:
            deploy(anvil, folder)
        assert raised.value.fields() == {"contract": "OrganizationRegistry", "address": address}


def test_a_manifest_of_a_development_chain_that_is_gone_is_replaced(tmp_path: Path) -> None:
    with Node(options=("--timestamp", "1700000000")) as node:
        first = deploy(node.connect(), tmp_path)
    with Node() as node:
        second = deploy(node.connect(), tmp_path)
    assert first.genesis_hash != second.genesis_hash
    assert Deployment.load(tmp_path, 31337) == second


def test_a_manifest_of_another_genesis_is_refused_outside_a_local_chain(
    sepolia: Connection, funded: LocalSigner, tmp_path: Path
) -> None:
    def run() -> Deployment:
        plan = suite_plan(dataclasses.replace(PARAMETERS, admin=funded.address))
        return Deployer(sepolia, funded, plan, tmp_path, allow_plain_key_admin=True).run()

    run()
    path = tmp_path / f"{SEPOLIA}.json"
    body = json.loads(path.read_text())
    body["genesis_hash"] = "0x" + 64 * "1"
    path.write_text(json.dumps(body))
    with pytest.raises(DeploymentChanged) as raised:
        run()
    assert raised.value.subject == f"{path}: genesis block"
    assert sepolia.nonce(funded.address) == 4


@pytest.mark.parametrize("delegated", [False, True])
def test_a_plain_key_admin_is_refused_outside_a_local_chain(
    sepolia: Connection, funded: LocalSigner, tmp_path: Path, delegated: bool
) -> None:
    admin = Account.create().address
    if delegated:  # EIP-7702: code, and still ruled by the key
        rpc(sepolia, "anvil_setCode", admin, "0xef0100" + 20 * "11")
    plan = suite_plan(dataclasses.replace(PARAMETERS, admin=admin))
    with pytest.raises(PlainKeyAdmin) as raised:
        Deployer(sepolia, funded, plan, tmp_path).run()
    assert raised.value.fields() == {"admin": admin, "chain_id": SEPOLIA}
    assert sepolia.nonce(funded.address) == 0
    assert list(tmp_path.iterdir()) == []
    deployment = Deployer(sepolia, funded, plan, tmp_path, allow_plain_key_admin=True).run()
    assert not deployment.configured
    assert sepolia.nonce(funded.address) == 3


def test_a_contract_account_may_be_the_admin(sepolia: Connection, funded: LocalSigner, tmp_path: Path) -> None:
    admin = Account.create().address
    rpc(sepolia, "anvil_setCode", admin, "0x00")
    deployment = Deployer(sepolia, funded, suite_plan(dataclasses.replace(PARAMETERS, admin=admin)), tmp_path).run()
    assert deployment.contracts["AccessManager"].arguments == [admin]


def test_a_signer_that_is_not_the_admin_s_is_refused(anvil: Connection) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Deployer(anvil, DEPLOYER, suite_plan(PARAMETERS), admin_signer=development_signer(5))
    assert development_signer(5).address in raised.value.problem


def test_the_admin_s_signer_makes_the_settings_of_another_deployer(anvil: Connection) -> None:
    admin = development_signer(5)
    plan = suite_plan(dataclasses.replace(PARAMETERS, admin=admin.address))
    assert Deployer(anvil, DEPLOYER, plan, admin_signer=admin).run().configured
    assert (anvil.nonce(DEPLOYER.address), anvil.nonce(admin.address)) == (3, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rule_delay_seconds", -1),
        ("rule_delay_seconds", 2**32),
        ("admin_delay_seconds", -1),
        ("recovery_delay_seconds", 0),
        ("recovery_delay_seconds", 90 * 86_400 + 1),
    ],
)
def test_a_delay_out_of_its_bounds_is_refused(name: str, value: int) -> None:
    with pytest.raises(InvalidInput) as raised:
        dataclasses.replace(PARAMETERS, **{name: value})  # type: ignore[arg-type]
    assert (raised.value.name, raised.value.value) == (name, str(value))


@pytest.mark.parametrize("name", ["admin", "registrar", "policy_administrator", "guardian"])
def test_an_account_that_is_no_checksummed_address_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        dataclasses.replace(PARAMETERS, **{name: DEPLOYER.address.lower()})  # type: ignore[arg-type]
    assert raised.value.name == name


# ---------------------------------------------------------------------- after it is configured


def hand_on(connection: Connection, deployment: Deployment, successor: str) -> None:
    """The admin takes the registrar's role from the manifest's account and gives it to another."""
    manager = manager_of(connection, deployment)
    manager.send(DEPLOYER, "revokeRole", REGISTRAR, PARAMETERS.registrar)
    manager.send(DEPLOYER, "grantRole", REGISTRAR, successor, 0)


def test_a_second_run_does_not_give_back_a_role_that_was_handed_on(anvil: Connection, tmp_path: Path) -> None:
    deployment = deploy(anvil, tmp_path)
    hand_on(anvil, deployment, development_signer(5).address)
    nonce = anvil.nonce(DEPLOYER.address)
    steps: list[Progress] = []
    again = Deployer(anvil, DEPLOYER, suite_plan(PARAMETERS), tmp_path, report=steps.append).run()
    assert again == deployment
    assert all(step.present for step in steps)
    assert anvil.nonce(DEPLOYER.address) == nonce
    assert manager_of(anvil, deployment).read("hasRole", REGISTRAR, PARAMETERS.registrar) == (False, 0)


def test_a_lost_manifest_does_not_give_back_a_role_that_was_handed_on(anvil: Connection, tmp_path: Path) -> None:
    hand_on(anvil, deploy(anvil), development_signer(5).address)
    nonce = anvil.nonce(DEPLOYER.address)
    with pytest.raises(DeploymentChanged) as raised:
        deploy(anvil, tmp_path)
    assert raised.value.subject == f"{PARAMETERS.registrar} has role 1 with 0 s delay"
    assert anvil.nonce(DEPLOYER.address) == nonce


def test_a_manager_that_stood_already_with_another_admin_is_refused(anvil: Connection, tmp_path: Path) -> None:
    deployment = deploy(anvil)
    other = development_signer(6).address
    manager_of(anvil, deployment).send(DEPLOYER, "grantRole", ADMIN, other, 0)
    nonce = anvil.nonce(DEPLOYER.address)
    with pytest.raises(DeploymentChanged) as raised:
        deploy(anvil, tmp_path)
    assert raised.value.subject == f"AccessManager at {deployment.addresses['AccessManager']}: admins"
    assert raised.value.actual == ", ".join(sorted([DEPLOYER.address, other]))
    assert anvil.nonce(DEPLOYER.address) == nonce


# ---------------------------------------------------------------------- verify


def failing(connection: Connection, deployment: Deployment) -> list[str]:
    return [check.subject for check in verify(connection, deployment) if not check.holds]


def manager_of(connection: Connection, deployment: Deployment) -> Contract:
    return Contract(connection, "AccessManager", deployment.addresses["AccessManager"])


def test_verify_finds_nothing_in_a_sound_deployment(anvil: Connection) -> None:
    deployment = deploy(anvil)
    nonce = anvil.nonce(DEPLOYER.address)
    assert failing(anvil, deployment) == []
    assert anvil.nonce(DEPLOYER.address) == nonce


def test_verify_finds_other_code(anvil: Connection) -> None:
    deployment = deploy(anvil)
    address = deployment.addresses["OrganizationRegistry"]
    rpc(anvil, "anvil_setCode", address, "0x6001")
    assert failing(anvil, deployment) == [f"OrganizationRegistry at {address}"]
    rpc(anvil, "anvil_setCode", address, "0x")
    assert [check.found for check in verify(anvil, deployment) if not check.holds] == ["no code"]


def test_verify_finds_a_missing_role(anvil: Connection) -> None:
    deployment = deploy(anvil)
    manager_of(anvil, deployment).send(DEPLOYER, "revokeRole", REGISTRAR, PARAMETERS.registrar)
    assert failing(anvil, deployment) == [f"{PARAMETERS.registrar} has role 1 with 0 s delay"]


def test_verify_names_who_holds_a_role_that_was_handed_on(anvil: Connection) -> None:
    deployment = deploy(anvil)
    successor = development_signer(5).address
    hand_on(anvil, deployment, successor)
    found = {check.subject: check.found for check in verify(anvil, deployment) if not check.holds}
    assert list(found) == [f"{PARAMETERS.registrar} has role 1 with 0 s delay", "the only registrar is the manifest's"]
    assert all(successor in text and "--record-roles" in text for text in found.values())
    recorded = roles_on_chain(anvil, deployment)
    assert recorded.parameters == dataclasses.replace(PARAMETERS, registrar=successor)
    assert failing(anvil, recorded) == []


@pytest.mark.parametrize(
    ("function", "arguments", "found"),
    [
        (
            "setTargetFunctionRole",
            ("registry", [artifact("OrganizationRegistry").selector("settleRecovery")], GUARDIAN),
            ["OrganizationRegistry: every other function by role 0"],
        ),
        ("setRoleAdmin", (REGISTRAR, 9), ["role 1 is administered by role 0"]),
        ("setTargetClosed", ("registry", True), ["OrganizationRegistry: open"]),
        (
            "grantRole",
            (POLICY_ADMINISTRATOR, development_signer(5).address, 0),
            ["the only policy administrator is the manifest's"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_verify_finds_power_that_the_plan_gives_nobody(
    anvil: Connection, function: str, arguments: tuple[Any, ...], found: list[str]
) -> None:
    deployment = deploy(anvil)
    registry = deployment.addresses["OrganizationRegistry"]
    told = [registry if argument == "registry" else argument for argument in arguments]
    manager_of(anvil, deployment).send(DEPLOYER, function, *told)
    assert failing(anvil, deployment) == found


def test_roles_that_several_accounts_hold_are_not_recorded(anvil: Connection) -> None:
    deployment = deploy(anvil)
    other = development_signer(5).address
    manager_of(anvil, deployment).send(DEPLOYER, "grantRole", GUARDIAN, other, 0)
    with pytest.raises(DeploymentChanged) as raised:
        roles_on_chain(anvil, deployment)
    assert raised.value.subject == "role 3, guardian"
    assert other in raised.value.actual
    assert PARAMETERS.guardian in raised.value.actual


def test_verify_finds_a_function_given_to_another_role(anvil: Connection) -> None:
    deployment = deploy(anvil)
    selectors = [artifact("OrganizationRegistry").selector("expel")]
    registry = deployment.addresses["OrganizationRegistry"]
    manager_of(anvil, deployment).send(DEPLOYER, "setTargetFunctionRole", registry, selectors, REGISTRAR)
    assert failing(anvil, deployment) == ["OrganizationRegistry: expel by role 2"]


def test_verify_finds_an_extra_admin(anvil: Connection) -> None:
    deployment = deploy(anvil)
    other = development_signer(6).address
    manager_of(anvil, deployment).send(DEPLOYER, "grantRole", ADMIN, other, 0)
    (check,) = [check for check in verify(anvil, deployment) if not check.holds]
    assert check.subject == "the only admin is the manifest's"
    assert check.found == ", ".join(sorted([DEPLOYER.address, other]))


def test_verify_finds_another_genesis(anvil: Connection) -> None:
    deployment = dataclasses.replace(deploy(anvil), genesis_hash="0x" + 64 * "1")
    assert failing(anvil, deployment) == ["genesis block"]


def test_verify_finds_another_recovery_delay_than_the_manifest_s(anvil: Connection) -> None:
    deployment = deploy(anvil)
    changed = dataclasses.replace(PARAMETERS, recovery_delay_seconds=61)
    assert failing(anvil, dataclasses.replace(deployment, parameters=changed)) == [
        "OrganizationRegistry: recovery delay"
    ]


def test_verify_finds_documents_that_are_anchored_by_another_registry(anvil: Connection) -> None:
    deployment = deploy(anvil)
    other = deploy(anvil, parameters=dataclasses.replace(PARAMETERS, guardian=development_signer(7).address))
    contracts = {**deployment.contracts, "DocumentAnchor": other.contracts["DocumentAnchor"]}
    assert failing(anvil, dataclasses.replace(deployment, contracts=contracts)) == ["DocumentAnchor: registry"]


def test_verify_finds_a_plain_key_admin_outside_a_local_chain(sepolia: Connection, funded: LocalSigner) -> None:
    plan = suite_plan(dataclasses.replace(PARAMETERS, admin=funded.address))
    deployment = Deployer(sepolia, funded, plan, allow_plain_key_admin=True).run()
    (check,) = [check for check in verify(sepolia, deployment) if not check.holds]
    assert (check.subject, check.found) == ("every admin is a contract account", funded.address)
    assert all(check.holds for check in verify(sepolia, deployment, allow_plain_key_admin=True))


def test_local_and_embedded_ledgers_are_ready_to_use() -> None:
    with CareLedger.local() as ledger:
        url = ledger.connection.url
        assert failing(ledger.connection, ledger.deployment) == []
        assert ledger.signer is not None
        assert ledger.acting_as(None).signer is None
    with pytest.raises(Exception, match="no node answers"):
        Connection.open(url)
    with CareLedger.embedded() as ledger:
        assert failing(ledger.connection, ledger.deployment) == []
