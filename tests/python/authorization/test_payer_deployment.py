"""The deployment of an insurer's contracts: idempotent, wired, ruled by its own manager, and checked by reading."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from authorization.payer_stage import PayerStage, contracts_of, deploy_token, payer_stage
from careledger.authorization.deployment import (
    BUILT_IN,
    PUBLISHED,
    PayerParameters,
    payer_deployment,
    publications,
)
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import Deployer, Deployment, verify
from careledger.chain.deployment.deployer import Progress
from careledger.chain.deployment.verify import roles_on_chain
from careledger.chain.development import Node, development_signer
from careledger.chain.signers.local import LocalSigner
from careledger.client import CareLedger
from careledger.errors import (
    BytecodeMismatch,
    ConfigurationError,
    ContractUnpublished,
    DeploymentChanged,
    DeploymentMissing,
    InvalidInput,
    NotAContract,
    PlainKeyAdmin,
    PublicChainUnnamed,
    UnknownOrganization,
)
from careledger.identity import MemberRole, Reason, organization_id
from eth_account import Account
from identity.suite import travel

SEPOLIA = 11155111
NOBODY = "0x" + 40 * "0"
STEPS = [
    "AccessManager",
    "CoveragePolicy",
    "UnitLedger",
    "ReviewPanel",
    "AuthorizationIntake",
    "AuthorizationDesk",
    "PriorAuthorization",
    "InsurerVault",
    "ClaimSettlement",
]
TRANSACTIONS = len(STEPS) + 1
ADMIN, POLICY_ADMINISTRATOR, GUARDIAN, MEDICAL_DIRECTOR, TREASURER = 0, 2, 3, 4, 5

WORK = {
    "halt": GUARDIAN,
    "resume": POLICY_ADMINISTRATOR,
    "openToNewWork": POLICY_ADMINISTRATOR,
    "closeToNewWork": POLICY_ADMINISTRATOR,
}
RULED = {
    "CoveragePolicy": dict.fromkeys(("draftVersion", "addRules", "sealVersion"), POLICY_ADMINISTRATOR),
    "UnitLedger": {"setWriter": POLICY_ADMINISTRATOR},
    "ReviewPanel": {"appoint": MEDICAL_DIRECTOR, "dismiss": MEDICAL_DIRECTOR},
    "AuthorizationIntake": dict.fromkeys(WORK, ADMIN),
    "AuthorizationDesk": dict.fromkeys(WORK, ADMIN),
    "PriorAuthorization": {**WORK, "setSettlement": POLICY_ADMINISTRATOR},
    "InsurerVault": {
        "setWriter": POLICY_ADMINISTRATOR,
        **dict.fromkeys(("setLimits", "requestWithdrawal", "withdraw"), TREASURER),
    },
    "ClaimSettlement": WORK,
}
"""Every function that the insurer's manager rules, by contract, and the role that may call it."""


def rpc(connection: Connection, method: str, *parameters: Any) -> Any:
    answer = connection.web3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
    assert "error" not in answer, answer
    return answer["result"]


def failing(connection: Connection, deployment: Deployment) -> dict[str, str]:
    return {check.subject: check.found for check in verify(connection, deployment) if not check.holds}


@pytest.fixture
def stage(chain: Connection) -> PayerStage:
    """On each kind of chain in turn."""
    return payer_stage(chain)


# ---------------------------------------------------------------------- the run


@pytest.mark.daily("anvil")
def test_a_second_run_sends_nothing(stage: PayerStage, tmp_path: Path) -> None:
    connection, insurer = stage.connection, stage.parameters.insurer
    before = connection.nonce(stage.operator.address)
    steps: list[Progress] = []
    first = stage.deployer(tmp_path, steps.append).run()
    assert [step.subject for step in steps] == [*STEPS, "settings"]
    assert not any(step.present for step in steps)
    assert first.configured
    assert connection.nonce(stage.operator.address) == before + TRANSACTIONS
    assert failing(connection, first) == {}
    path = tmp_path / f"{connection.chain_id}.{insurer}.json"
    written = path.read_text()
    assert payer_deployment(tmp_path, connection.chain_id, insurer) == first
    steps.clear()
    assert stage.deployer(tmp_path, steps.append).run() == first
    assert all(step.present and step.receipt is None for step in steps)
    assert connection.nonce(stage.operator.address) == before + TRANSACTIONS
    assert path.read_text() == written
    kinds = ["json", "lock"] if connection.is_in_process else ["json", "lock", "outbox.db", "outbox.db.worker"]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        f"{connection.chain_id}.{insurer}.{kind}" for kind in kinds
    ]


@pytest.mark.daily("anvil")
def test_contracts_know_each_other_and_are_open(stage: PayerStage) -> None:
    contracts = contracts_of(stage.connection, stage.deploy())
    authorizations, settlement, vault = (
        contracts[name] for name in ("PriorAuthorization", "ClaimSettlement", "InsurerVault")
    )
    assert contracts["UnitLedger"].read("writer") == authorizations.address
    assert vault.read("writer") == settlement.address
    assert authorizations.read("settlement") == settlement.address
    assert authorizations.read("isOpenToNewWork")
    assert settlement.read("isOpenToNewWork")
    for part in ("AuthorizationIntake", "AuthorizationDesk"):
        assert not contracts[part].read("isOpenToNewWork")
    assert vault.read("token") == stage.parameters.token
    assert vault.read("registry") == stage.parameters.registry
    for name in ("CoveragePolicy", "ReviewPanel", "PriorAuthorization", "InsurerVault", "ClaimSettlement"):
        assert contracts[name].read("insurer") == organization_id(stage.parameters.insurer)
        assert contracts[name].read("authority") == contracts["AccessManager"].address


@pytest.mark.daily("anvil")
def test_every_ruled_function_is_its_role_s(stage: PayerStage) -> None:
    contracts = contracts_of(stage.connection, stage.deploy())
    manager, parameters = contracts["AccessManager"], stage.parameters
    holders = {
        ADMIN: parameters.admin,
        POLICY_ADMINISTRATOR: parameters.policy_administrator,
        GUARDIAN: parameters.guardian,
        MEDICAL_DIRECTOR: parameters.medical_director,
        TREASURER: parameters.treasurer,
    }
    for name, functions in RULED.items():
        for function, wanted in functions.items():
            selector = contracts[name].artifact.selector(function)
            for role, account in holders.items():
                expected = (False, 0)
                if role == wanted:
                    delay = parameters.rule_delay_seconds if role == POLICY_ADMINISTRATOR else 0
                    expected = (delay == 0, delay)
                assert manager.read("canCall", account, contracts[name].address, selector) == expected
    for role in (POLICY_ADMINISTRATOR, MEDICAL_DIRECTOR, TREASURER):
        assert manager.read("getRoleGuardian", role) == GUARDIAN


@pytest.mark.daily("anvil")
def test_the_suite_s_manager_rules_nothing_of_the_insurer_s(stage: PayerStage) -> None:
    deployment = stage.deploy()
    assert deployment.addresses["AccessManager"] != stage.suite.manager.address
    admin = stage.suite.admin.address
    manager = contracts_of(stage.connection, deployment)["AccessManager"]
    for role in (ADMIN, POLICY_ADMINISTRATOR, GUARDIAN, MEDICAL_DIRECTOR, TREASURER):
        assert manager.read("hasRole", role, admin)[0] is False


@pytest.mark.daily("anvil")
def test_the_admin_s_delay_is_set_last(stage: PayerStage) -> None:
    deployment = stage.deploy(admin_delay_seconds=86_400)
    assert deployment.configured
    assert failing(stage.connection, deployment) == {}
    manager = contracts_of(stage.connection, deployment)["AccessManager"]
    assert manager.read("hasRole", ADMIN, stage.parameters.admin) == (True, 86_400)
    travel(stage.connection, manager.read("minSetback"))
    for name in RULED:
        assert manager.read("getTargetAdminDelay", deployment.addresses[name]) == 86_400


@pytest.mark.daily("anvil")
def test_the_settings_are_left_to_the_admin_s_wallet(stage: PayerStage, tmp_path: Path) -> None:
    connection, deployer = stage.connection, development_signer(8)
    first = stage.deployer(tmp_path, signer=deployer).run()
    assert not first.configured
    path = stage.deployer(tmp_path, signer=deployer).leave_settings(first)
    assert path == tmp_path / f"{connection.chain_id}.{stage.parameters.insurer}.admin.json"
    (call,) = json.loads(path.read_text())["transactions"]
    assert call["to"] == first.addresses["AccessManager"]
    open_checks = failing(connection, first)
    assert "UnitLedger: written by PriorAuthorization" in open_checks
    assert "ClaimSettlement: open to new work" in open_checks
    connection.send(stage.operator, call["to"], bytes.fromhex(call["data"][2:]))
    again = stage.deployer(tmp_path, signer=deployer)
    nonce = connection.nonce(deployer.address)
    second = again.run()
    assert second.configured
    assert connection.nonce(deployer.address) == nonce
    assert again.leave_settings(second) is None
    assert not path.exists()
    assert failing(connection, second) == {}


# ---------------------------------------------------------------------- on Anvil


@pytest.fixture(scope="module")
def anvil_stage() -> Iterator[PayerStage]:
    with Node() as node:
        yield payer_stage(node.connect())


@pytest.fixture
def anvil(anvil_stage: PayerStage) -> Iterator[PayerStage]:
    """One stage, as it was before each test."""
    snapshot = rpc(anvil_stage.connection, "evm_snapshot")
    yield anvil_stage
    assert rpc(anvil_stage.connection, "evm_revert", snapshot)


def test_a_manifest_stands_beside_the_suite_s_and_another_insurer_s(anvil: PayerStage, tmp_path: Path) -> None:
    suite = anvil.suite.ledger.deployment
    suite.save(tmp_path)
    first = anvil.deploy(tmp_path)
    other = anvil.deploy(tmp_path, insurer=anvil.suite.admit())
    assert set(first.addresses.values()).isdisjoint(other.addresses.values())
    assert Deployment.load(tmp_path, 31337) == suite
    assert payer_deployment(tmp_path, 31337, anvil.parameters.insurer) == first
    assert failing(anvil.connection, first) == failing(anvil.connection, other) == {}


def test_a_manifest_that_is_none_of_the_insurer_s_is_refused(anvil: PayerStage, tmp_path: Path) -> None:
    with pytest.raises(DeploymentMissing) as missing:
        payer_deployment(tmp_path, 31337, "northstar")
    assert missing.value.fields() == {
        "chain_id": 31337,
        "manifest": str(tmp_path / "31337.northstar.json"),
        "command": "careledger payer deploy northstar",
    }
    assert "careledger payer deploy northstar" in str(missing.value)
    anvil.deploy(tmp_path)
    (tmp_path / f"31337.{anvil.parameters.insurer}.json").rename(tmp_path / "31337.northstar.json")
    with pytest.raises(DeploymentChanged) as changed:
        payer_deployment(tmp_path, 31337, "northstar")
    assert anvil.parameters.insurer in changed.value.actual


@pytest.mark.parametrize("change", ["treasurer", "token", "rule_delay_seconds"])
def test_other_parameters_than_the_manifest_s_are_refused(anvil: PayerStage, tmp_path: Path, change: str) -> None:
    anvil.deploy(tmp_path)
    nonce = anvil.connection.nonce(anvil.operator.address)
    value: Any = 61 if change == "rule_delay_seconds" else deploy_token(anvil.connection)
    with pytest.raises(DeploymentChanged) as raised:
        anvil.deploy(tmp_path, **{change: value})
    assert raised.value.subject.endswith(f"{anvil.parameters.insurer}.json: {change}")
    assert anvil.connection.nonce(anvil.operator.address) == nonce


def test_an_interrupted_run_is_named_as_such_until_it_is_finished(
    anvil: PayerStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Deployer._deploy

    def cut(self: Deployer, step: Any, *rest: Any) -> None:
        if step.name == "AuthorizationDesk":
            raise KeyboardInterrupt
        whole(self, step, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Deployer, "_deploy", cut)
        with pytest.raises(KeyboardInterrupt):
            anvil.deploy(tmp_path)
    half = payer_deployment(tmp_path, 31337, anvil.parameters.insurer)
    assert list(half.contracts) == STEPS[: STEPS.index("AuthorizationDesk")]
    with pytest.raises(DeploymentChanged) as raised:
        verify(anvil.connection, half)
    assert f"careledger payer deploy {anvil.parameters.insurer}" in raised.value.actual
    nonce = anvil.connection.nonce(anvil.operator.address)
    finished = anvil.deploy(tmp_path)
    assert anvil.connection.nonce(anvil.operator.address) == nonce + TRANSACTIONS - len(half.contracts)
    assert half.contracts.items() <= finished.contracts.items()
    assert failing(anvil.connection, finished) == {}


@pytest.mark.parametrize(
    "wrong",
    ["registry without code", "other registry", "anchors of another registry", "no token", "no payer", "nobody"],
)
def test_what_the_contracts_stand_on_must_be_there(anvil: PayerStage, tmp_path: Path, wrong: str) -> None:
    stranger = Account.create().address
    manager = anvil.suite.manager.address
    parameters = anvil.parameters
    change, subject, found = {
        "registry without code": ({"registry": stranger}, f"OrganizationRegistry at {stranger}", "no code"),
        "other registry": ({"registry": manager}, f"OrganizationRegistry at {manager}", "other code"),
        "anchors of another registry": (
            {"registry": payer_stage(anvil.connection, recovery_delay_seconds=5).parameters.registry},
            f"DocumentAnchor at {parameters.anchors}: registry",
            parameters.registry,
        ),
        "no token": ({"token": manager}, f"token at {manager}", "no token"),
        "no payer": (
            {"insurer": (hospital := anvil.suite.admit(member_roles=frozenset({MemberRole.PROVIDER})))},
            f"{hospital} in the registry",
            "active, provider",
        ),
        "nobody": ({"insurer": "nobody"}, "nobody in the registry", "unknown, without a role"),
    }[wrong]
    nonce = anvil.connection.nonce(anvil.operator.address)
    with pytest.raises(DeploymentChanged) as raised:
        anvil.deploy(tmp_path, **change)
    assert (raised.value.subject, raised.value.actual) == (subject, found)
    assert anvil.connection.nonce(anvil.operator.address) == nonce


@pytest.mark.parametrize("name", ["admin", "northstar.admin", "North", "0x12", ""])
def test_a_name_that_cannot_be_is_refused(anvil: PayerStage, name: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        dataclasses.replace(anvil.parameters, insurer=name)
    assert raised.value.value == name


@pytest.mark.parametrize("name", ["token", "registry", "anchors", *PayerParameters.ACCOUNTS])
def test_an_account_that_is_no_checksummed_address_is_refused(anvil: PayerStage, name: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        dataclasses.replace(anvil.parameters, **{name: anvil.operator.address.lower()})  # type: ignore[arg-type]
    assert raised.value.name == name


# ---------------------------------------------------------------------- a chain that others read


@pytest.fixture(scope="module")
def sepolia() -> Iterator[PayerStage]:
    """A suite on a chain that is not local."""
    with Node() as node:  # development keys deploy the suite while the chain is still a local one
        connection = node.connect()
        stage = payer_stage(connection)
        operator = LocalSigner(Account.create())
        rpc(connection, "anvil_setBalance", operator.address, hex(10**20))
        rpc(connection, "anvil_setChainId", SEPOLIA)
        connection = Connection.open(node.url)
        assert connection.chain_id == SEPOLIA
        ledger = CareLedger(connection, stage.suite.ledger.deployment)
        parameters = dataclasses.replace(stage.parameters, admin=operator.address)
        yield PayerStage(dataclasses.replace(stage.suite, ledger=ledger), parameters, operator)


@pytest.mark.parametrize("named", [None, 1, 31337])
def test_a_chain_that_is_not_local_must_be_named(sepolia: PayerStage, tmp_path: Path, named: int | None) -> None:
    plan = sepolia.parameters.plan()
    deployer = Deployer(
        sepolia.connection,
        sepolia.operator,
        plan,
        tmp_path,
        allow_plain_key_admin=True,
        public_chain_id=named,
    )
    with pytest.raises(PublicChainUnnamed) as raised:
        deployer.run()
    assert raised.value.chain_id == SEPOLIA
    assert "class, amount and time" in str(raised.value)
    assert "per member key" in str(raised.value)
    assert f"--public-chain-id {SEPOLIA}" in str(raised.value)
    assert sepolia.connection.nonce(sepolia.operator.address) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_chain_that_is_named_gets_the_contracts(sepolia: PayerStage) -> None:
    plan = sepolia.parameters.plan()
    with pytest.raises(PlainKeyAdmin):
        Deployer(sepolia.connection, sepolia.operator, plan, public_chain_id=SEPOLIA).run()
    deployment = Deployer(
        sepolia.connection, sepolia.operator, plan, allow_plain_key_admin=True, public_chain_id=SEPOLIA
    ).run()
    assert deployment.configured
    assert list(failing(sepolia.connection, deployment)) == ["every admin is a contract account"]


# ---------------------------------------------------------------------- verify


@dataclass(frozen=True)
class Deployed:
    """The insurer's contracts on the stage, and what befalls them."""

    stage: PayerStage
    deployment: Deployment

    @property
    def contracts(self) -> dict[str, Contract]:
        return contracts_of(self.stage.connection, self.deployment)

    def manage(self, function: str, *arguments: Any) -> None:
        """A call of the manager by the admin."""
        self.contracts["AccessManager"].send(self.stage.operator, function, *arguments)

    def without_delay(self) -> None:
        """The policy administrator acts at once, as soon as its delay is over."""
        self.manage("grantRole", POLICY_ADMINISTRATOR, self.stage.parameters.policy_administrator, 0)
        travel(self.stage.connection, self.stage.parameters.rule_delay_seconds)

    def administer(self, name: str, function: str, *arguments: Any) -> None:
        """A call that the policy administrator has scheduled."""
        contract = self.contracts[name]
        data = contract.encode(function, *arguments)
        administrator = self.stage.suite.policy_administrator
        self.contracts["AccessManager"].send(administrator, "schedule", contract.address, data, 0)
        travel(self.stage.connection, self.stage.parameters.rule_delay_seconds)
        contract.send(administrator, function, *arguments)

    def made_again(self, name: str, arguments: list[Any]) -> Deployment:
        """The deployment with another contract of the same code in the place of one."""
        made_from = artifact(name)
        creation = made_from.creation_code(arguments)
        address = self.stage.connection.send(self.stage.operator, None, creation).contract_address
        assert address is not None
        entry = dataclasses.replace(self.deployment.contracts[name], address=address)
        return dataclasses.replace(self.deployment, contracts={**self.deployment.contracts, name: entry})


@pytest.fixture(scope="module")
def deployed_once(anvil_stage: PayerStage) -> Deployed:
    return Deployed(anvil_stage, anvil_stage.deploy())


@pytest.fixture
def deployed(deployed_once: Deployed) -> Iterator[Deployed]:
    """One deployment, as it was before each test."""
    snapshot = rpc(deployed_once.stage.connection, "evm_snapshot")
    yield deployed_once
    assert rpc(deployed_once.stage.connection, "evm_revert", snapshot)


STRANGER = development_signer(8).address

Act = Callable[[Deployed], object]

WRONG: dict[str, tuple[Act, list[str]]] = {
    "a role taken": (
        lambda it: it.manage("revokeRole", TREASURER, it.stage.parameters.treasurer),
        ["{treasurer} has role 5 with 0 s delay"],
    ),
    "a role given to another too": (
        lambda it: it.manage("grantRole", MEDICAL_DIRECTOR, STRANGER, 0),
        ["the only medical director is the manifest's"],
    ),
    "a delay taken away": (
        lambda it: it.without_delay(),
        ["{policy_administrator} has role 2 with 60 s delay"],
    ),
    "another admin": (
        lambda it: it.manage("grantRole", ADMIN, STRANGER, 0),
        ["the only admin is the manifest's"],
    ),
    "another label": (
        lambda it: it.manage("labelRole", MEDICAL_DIRECTOR, "director"),
        ["role 4 is labelled medical director"],
    ),
    "another guardian": (
        lambda it: it.manage("setRoleGuardian", TREASURER, ADMIN),
        ["role 5 is watched by role 3"],
    ),
    "another administrator of a role": (
        lambda it: it.manage("setRoleAdmin", GUARDIAN, 9),
        ["role 3 is administered by role 0"],
    ),
    "a function given to another role": (
        lambda it: it.manage(
            "setTargetFunctionRole",
            it.deployment.addresses["InsurerVault"],
            [artifact("InsurerVault").selector("withdraw")],
            GUARDIAN,
        ),
        ["InsurerVault: setLimits, requestWithdrawal, withdraw by role 5"],
    ),
    "a part's function given to a role": (
        lambda it: it.manage(
            "setTargetFunctionRole",
            it.deployment.addresses["AuthorizationDesk"],
            [artifact("AuthorizationDesk").selector("openToNewWork")],
            GUARDIAN,
        ),
        ["AuthorizationDesk: every other function by role 0"],
    ),
    "a target closed": (
        lambda it: it.manage("setTargetClosed", it.deployment.addresses["UnitLedger"], True),
        ["UnitLedger: open"],
    ),
    "another authority": (
        lambda it: it.manage("updateAuthority", it.deployment.addresses["ReviewPanel"], it.stage.suite.manager.address),
        ["ReviewPanel: authority"],
    ),
    "units without a writer": (
        lambda it: it.administer("UnitLedger", "setWriter", NOBODY),
        ["UnitLedger: written by PriorAuthorization"],
    ),
    "a vault without a writer": (
        lambda it: it.administer("InsurerVault", "setWriter", NOBODY),
        ["InsurerVault: written by ClaimSettlement"],
    ),
    "another settlement": (
        lambda it: it.administer("PriorAuthorization", "setSettlement", STRANGER),
        ["PriorAuthorization: settled by ClaimSettlement"],
    ),
    "authorizations closed": (
        lambda it: it.administer("PriorAuthorization", "closeToNewWork"),
        ["PriorAuthorization: open to new work"],
    ),
    "claims closed": (
        lambda it: it.administer("ClaimSettlement", "closeToNewWork"),
        ["ClaimSettlement: open to new work"],
    ),
    "no payer any more": (
        lambda it: it.stage.suite.organizations(it.stage.suite.registrar).remove_member_roles(
            it.stage.parameters.insurer, {MemberRole.PAYER}, Reason.APPLICATION
        ),
        ["{insurer} in the registry"],
    ),
    "other code of the anchor": (
        lambda it: rpc(it.stage.connection, "anvil_setCode", it.stage.parameters.anchors, "0x00"),
        ["DocumentAnchor at {anchors}", "DocumentAnchor at {anchors}: registry"],
    ),
}


def test_verify_finds_nothing_in_a_sound_deployment(deployed: Deployed) -> None:
    connection = deployed.stage.connection
    block = connection.block_number()
    assert failing(connection, deployed.deployment) == {}
    assert connection.block_number() == block


@pytest.mark.parametrize("name", WRONG)
def test_verify_finds(deployed: Deployed, name: str) -> None:
    act, subjects = WRONG[name]
    act(deployed)
    told = dataclasses.asdict(deployed.stage.parameters)
    found = failing(deployed.stage.connection, deployed.deployment)
    assert list(found) == [subject.format(**told) for subject in subjects]


@pytest.mark.parametrize("name", STEPS)
def test_verify_finds_other_code(deployed: Deployed, name: str) -> None:
    connection, address = deployed.stage.connection, deployed.deployment.addresses[name]
    rpc(connection, "anvil_setCode", address, "0x6001")
    assert failing(connection, deployed.deployment) == {f"{name} at {address}": "other code"}
    rpc(connection, "anvil_setCode", address, "0x")
    assert failing(connection, deployed.deployment) == {f"{name} at {address}": "no code"}


FACTS = [(name, subject) for name, subjects in BUILT_IN.items() for subject in subjects]


OTHERWISE = {
    *("_insurer", "_token"),  # which functions tell
    *("_cachedChainId", "_cachedDomainSeparator", "_cachedThis", "_hashedName", "_hashedVersion", "_name", "_version"),
}


@pytest.mark.parametrize("name", STEPS)
def test_verify_reads_every_address_that_is_fixed_in_a_contract_s_code(name: str) -> None:
    assert {f"_{subject}" for subject in BUILT_IN.get(name, ())} == artifact(name).immutables.keys() - OTHERWISE


@pytest.mark.parametrize(("name", "subject"), FACTS, ids=lambda value: value)
def test_verify_finds_a_contract_that_knows_another(deployed: Deployed, name: str, subject: str) -> None:
    """Of the same code, with one address changed where only its code has it."""
    connection, address = deployed.stage.connection, deployed.deployment.addresses[name]
    code = bytearray(connection.code(address))
    for start, length in artifact(name).immutables[f"_{subject}"]:
        code[start : start + length] = bytes.fromhex(STRANGER[2:]).rjust(length, b"\0")
    rpc(connection, "anvil_setCode", address, "0x" + code.hex())
    found = failing(connection, deployed.deployment)
    assert found.pop(f"{name}: {subject}") == STRANGER
    assert set(found) <= {f"{name}: insurer"}  # what it answers by asking the one that it knows


def test_verify_finds_parts_that_are_exchanged(deployed: Deployed) -> None:
    entry = deployed.deployment.contracts["PriorAuthorization"]
    manager, foundations, intake, desk = entry.arguments
    changed = deployed.made_again("PriorAuthorization", [manager, foundations, desk, intake])
    found = failing(deployed.stage.connection, changed)
    assert found["PriorAuthorization: intake"] == desk
    assert found["PriorAuthorization: desk"] == intake


def test_verify_finds_another_insurer_s_contract(deployed: Deployed) -> None:
    other = organization_id(deployed.stage.suite.admit())
    manager, registry, _ = deployed.deployment.contracts["ReviewPanel"].arguments
    changed = deployed.made_again("ReviewPanel", [manager, registry, other])
    found = failing(deployed.stage.connection, changed)
    assert found["ReviewPanel: insurer"] == other


def test_verify_finds_another_token_than_the_manifest_s(deployed: Deployed) -> None:
    token = deploy_token(deployed.stage.connection)
    parameters = dataclasses.replace(deployed.stage.parameters, token=token)
    changed = dataclasses.replace(deployed.deployment, parameters=parameters)
    found = failing(deployed.stage.connection, changed)
    assert found == {"InsurerVault: token": deployed.stage.parameters.token}
    parameters = dataclasses.replace(deployed.stage.parameters, token=STRANGER)
    changed = dataclasses.replace(deployed.deployment, parameters=parameters)
    found = failing(deployed.stage.connection, changed)
    assert found == {f"token at {STRANGER}": "no code", "InsurerVault: token": deployed.stage.parameters.token}


def test_roles_that_were_handed_on_are_recorded(deployed: Deployed) -> None:
    connection, parameters = deployed.stage.connection, deployed.stage.parameters
    deployed.manage("revokeRole", TREASURER, parameters.treasurer)
    deployed.manage("grantRole", TREASURER, STRANGER, 0)
    found = failing(connection, deployed.deployment)
    assert all(f"careledger payer deploy {parameters.insurer} --record-roles" in text for text in found.values())
    recorded = roles_on_chain(connection, deployed.deployment)
    assert recorded.parameters == dataclasses.replace(parameters, treasurer=STRANGER)
    assert failing(connection, recorded) == {}


# ---------------------------------------------------------------------- published, and found


@pytest.mark.daily("anvil")
def test_contracts_are_published_once_and_found(stage: PayerStage, tmp_path: Path) -> None:
    ledger, controller = stage.suite.ledger, stage.suite.controller
    deployer = stage.deployer(tmp_path)
    deployment = deployer.run()
    assert list(publications(stage.connection, deployment)) == list(PUBLISHED)
    with pytest.raises(ConfigurationError):
        deployer.carry_out(publications(stage.connection, deployment).values(), stage.operator)
    deployer.carry_out(publications(stage.connection, deployment).values(), controller)
    assert publications(stage.connection, deployment) == {}
    nonce = stage.connection.nonce(controller.address)
    deployer.carry_out(publications(stage.connection, deployment).values(), controller)
    assert stage.connection.nonce(controller.address) == nonce
    for asked in (stage.parameters.insurer, organization_id(stage.parameters.insurer)):
        payer = ledger.payer(asked)
        assert payer.insurer == organization_id(stage.parameters.insurer)
        assert {
            contract.name: contract.address
            for contract in (
                payer.manager,
                payer.policy,
                payer.units,
                payer.panel,
                payer.authorizations,
                payer.vault,
                payer.settlement,
            )
        } == {name: deployment.addresses[name] for name in ("AccessManager", *PUBLISHED)}
        assert payer.signer is None
        labels = {member.label for member in payer.governance.members()}
        assert labels == {"admin", "policy administrator", "guardian", "medical director", "treasurer"}
    assert ledger.acting_as(controller).payer(stage.parameters.insurer).signer is controller


def test_a_publication_that_was_withdrawn_since_is_not_said_to_be_done(anvil: PayerStage, tmp_path: Path) -> None:
    deployer = anvil.deployer(tmp_path)
    deployment = deployer.run()
    deployer.carry_out(publications(anvil.connection, deployment).values(), anvil.suite.controller)
    organizations = anvil.suite.organizations(anvil.suite.controller)
    organizations.publish_contract(anvil.parameters.insurer, "UnitLedger", NOBODY)
    with pytest.raises(DeploymentChanged) as raised:
        deployer.carry_out(publications(anvil.connection, deployment).values(), anvil.suite.controller)
    assert raised.value.subject == "publish UnitLedger"


def test_a_payer_is_not_found_unless_all_is_published(deployed: Deployed) -> None:
    ledger, insurer = deployed.stage.suite.ledger, deployed.stage.parameters.insurer
    with pytest.raises(UnknownOrganization):
        ledger.payer("nobody")
    with pytest.raises(ContractUnpublished) as raised:
        ledger.payer(insurer)
    assert raised.value.fields() == {"organization": insurer, "kind": "CoveragePolicy"}
    acts = list(publications(deployed.stage.connection, deployed.deployment).values())
    deployed.stage.deployer().carry_out(acts[:-1], deployed.stage.suite.controller)
    with pytest.raises(ContractUnpublished) as raised:
        ledger.payer(insurer)
    assert raised.value.kind == "ClaimSettlement"


@pytest.mark.parametrize("part", [*PUBLISHED, "AuthorizationIntake", "AuthorizationDesk", "AccessManager"])
def test_a_payer_of_other_code_is_refused(deployed: Deployed, part: str) -> None:
    deployed.stage.publish(deployed.deployment)
    connection, address = deployed.stage.connection, deployed.deployment.addresses[part]
    for code, refused in (("0x6001", BytecodeMismatch), ("0x", NotAContract)):
        rpc(connection, "anvil_setCode", address, code)
        with pytest.raises(refused) as raised:
            deployed.stage.suite.ledger.payer(deployed.stage.parameters.insurer)
        assert raised.value.fields() == {"contract": part, "address": address}


def test_a_payer_with_another_insurer_s_contract_is_refused(deployed: Deployed) -> None:
    stage = deployed.stage
    stage.publish(deployed.deployment)
    insurer = stage.suite.admit()
    other = stage.deploy(insurer=insurer)
    organizations = stage.suite.organizations(stage.suite.controller)
    for kind in PUBLISHED:
        organizations.publish_contract(insurer, kind, deployed.deployment.addresses[kind])
    with pytest.raises(DeploymentChanged) as raised:
        stage.suite.ledger.payer(insurer)
    assert raised.value.subject.endswith(": insurer")
    for kind in PUBLISHED:
        organizations.publish_contract(insurer, kind, other.addresses[kind])
    assert stage.suite.ledger.payer(insurer).units.address == other.addresses["UnitLedger"]
    for kind, subject in (("UnitLedger", "AuthorizationIntake"), ("InsurerVault", "InsurerVault")):
        organizations.publish_contract(insurer, kind, deployed.deployment.addresses[kind])
        with pytest.raises(DeploymentChanged) as raised:
            stage.suite.ledger.payer(insurer)
        assert raised.value.subject.startswith(subject)
        organizations.publish_contract(insurer, kind, other.addresses[kind])


def test_a_payer_of_another_registry_is_refused(deployed: Deployed) -> None:
    """Its contracts stand on another suite of the same chain."""
    elsewhere = payer_stage(deployed.stage.connection, recovery_delay_seconds=5)
    elsewhere = dataclasses.replace(
        elsewhere, parameters=dataclasses.replace(elsewhere.parameters, insurer=deployed.stage.parameters.insurer)
    )
    elsewhere.suite.organizations(elsewhere.suite.registrar).admit(
        elsewhere.suite.admission(name=deployed.stage.parameters.insurer)
    )
    theirs = elsewhere.deploy()
    organizations = deployed.stage.suite.organizations(deployed.stage.suite.controller)
    for kind in PUBLISHED:
        organizations.publish_contract(deployed.stage.parameters.insurer, kind, theirs.addresses[kind])
    with pytest.raises(DeploymentChanged) as raised:
        deployed.stage.suite.ledger.payer(deployed.stage.parameters.insurer)
    assert raised.value.subject.endswith(": registry")
    assert raised.value.actual == elsewhere.parameters.registry
