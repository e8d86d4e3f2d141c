"""`careledger governance --payer`: an insurer's own manager, with a Safe that schedules and keys with delays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from authorization.payer_stage import PayerStage, payer_stage
from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployment
from careledger.chain.development import Node, development_signer
from cli.command_line import CommandLine, Result
from eth_account import Account
from identity.suite import travel
from web3.logs import DISCARD

SAFE = Path(__file__).resolve().parents[3] / "node_modules/@safe-global/safe-contracts/build/artifacts/contracts"
ZERO = "0x" + 40 * "0"
OWNER = development_signer(1)
POLICY_ADMINISTRATOR, GUARDIAN, OPERATOR, NOBODY = (f"development:{number}" for number in (2, 3, 7, 9))
MEDICAL_DIRECTOR = 4
DELAY = 3600


def safe_of(connection: Connection, owner: str) -> Any:
    """A Safe that one owner acts for."""
    web3 = connection.web3

    def create(path: str) -> Any:
        body = json.loads((SAFE / path).read_text())
        made = web3.eth.contract(abi=body["abi"], bytecode=body["bytecode"]).constructor().transact({"from": owner})
        address = web3.eth.wait_for_transaction_receipt(made)["contractAddress"]
        return web3.eth.contract(address=address, abi=body["abi"])

    singleton, factory = create("Safe.sol/Safe.json"), create("proxies/SafeProxyFactory.sol/SafeProxyFactory.json")
    setup = singleton.encode_abi("setup", args=[[owner], 1, ZERO, b"", ZERO, ZERO, 0, ZERO])
    sent = factory.functions.createProxyWithNonce(singleton.address, setup, 0).transact({"from": owner})
    receipt = web3.eth.wait_for_transaction_receipt(sent)
    (created,) = factory.events.ProxyCreation().process_receipt(receipt, errors=DISCARD)
    return web3.eth.contract(address=created["args"]["proxy"], abi=singleton.abi)


def execute(connection: Connection, safe: Any, file: Path) -> None:
    """The owner executes what a file for the Safe holds: a signature that says who sends is enough for that."""
    (step,) = json.loads(file.read_text())["transactions"]
    said = bytes(12) + bytes.fromhex(OWNER.address[2:]) + bytes(32) + b"\1"
    data = bytes.fromhex(step["data"][2:])
    call = safe.functions.execTransaction(step["to"], 0, data, 0, 0, 0, 0, ZERO, ZERO, said)
    sent = call.transact({"from": OWNER.address, "gas": 4_000_000})
    assert connection.web3.eth.wait_for_transaction_receipt(sent)["status"] == 1


@dataclass(frozen=True)
class Insurer:
    """An insurer whose admin is a Safe with a delay, and whose policy administrator has one too."""

    careledger: CommandLine
    stage: PayerStage
    safe: Any
    node: Node
    folder: Path
    deployment: Deployment

    @property
    def connection(self) -> Connection:
        return self.stage.connection

    @property
    def name(self) -> str:
        return self.stage.parameters.insurer

    @property
    def manifest(self) -> Path:
        return self.folder / f"31337.{self.name}.json"

    def __call__(self, *arguments: object, signer: str = OPERATOR, payer: object = None) -> Result:
        self.careledger.monkeypatch.setenv("CARELEDGER_SIGNER", signer)
        common = ("--rpc", self.node.url, "--deployments", self.folder, "--json")
        return self.careledger("governance", *arguments, "--payer", payer or self.name, *common)

    def ok(self, *arguments: object, signer: str = OPERATOR, payer: object = None) -> Any:
        result = self(*arguments, signer=signer, payer=payer)
        assert result.exit_code == 0, result.err
        return result.body

    def by_safe(self, file: Path) -> None:
        execute(self.connection, self.safe, file)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PayerStage, Any, Node, Path, Deployment]]:
    folder = tmp_path_factory.mktemp("deployments")
    with Node() as node:
        connection = node.connect()
        safe = safe_of(connection, OWNER.address)
        stage = payer_stage(connection)
        stage.suite.ledger.deployment.save(folder)
        deployer = stage.deployer(folder, admin=safe.address, rule_delay_seconds=DELAY, admin_delay_seconds=DELAY)
        deployment = deployer.run()
        file = deployer.leave_settings(deployment)
        assert file is not None
        execute(connection, safe, file)
        yield stage, safe, node, folder, deployment


@pytest.fixture
def unpublished(careledger: CommandLine, deployed: tuple[PayerStage, Any, Node, Path, Deployment]) -> Iterator[Insurer]:
    rpc = deployed[0].connection.rpc()
    snapshot = rpc.call("evm_snapshot")
    yield Insurer(careledger, *deployed)
    assert rpc.call("evm_revert", snapshot)


@pytest.fixture
def insurer(unpublished: Insurer) -> Insurer:
    unpublished.stage.publish(unpublished.deployment)
    return unpublished


def test_the_roles_of_an_insurer_are_its_own(insurer: Insurer) -> None:
    members = insurer.ok("list")["members"]
    held = {member["label"]: (member["account"], member["delay_seconds"]) for member in members}
    assert held["admin"] == (insurer.safe.address, DELAY)
    assert held["policy administrator"] == (insurer.stage.suite.policy_administrator.address, DELAY)
    assert {"medical director", "treasurer", "guardian"} <= held.keys()
    suite = insurer.careledger("governance", "list", "--rpc", insurer.node.url, "--deployments", insurer.folder)
    assert insurer.safe.address not in suite.out


def test_contracts_that_are_not_published_are_named_by_their_manifest(unpublished: Insurer) -> None:
    refused = unpublished("list")
    assert (refused.exit_code, refused.error["type"]) == (9, "ContractUnpublished")
    members = unpublished.ok("list", payer=unpublished.manifest)["members"]
    assert "treasurer" in {member["label"] for member in members}
    unpublished.stage.publish(unpublished.deployment)
    assert unpublished.ok("list")["members"] == members


def test_a_safe_appoints_in_two_steps(insurer: Insurer, tmp_path: Path) -> None:
    file, director = tmp_path / "proposal.json", Account.create().address
    appoint = ("AccessManager", "grantRole", json.dumps([MEDICAL_DIRECTOR, director, 0]))
    propose = ("propose", insurer.safe.address, *appoint, "--file", file)
    assert insurer.ok(*propose)["step"] == "schedule"
    insurer.by_safe(file)
    (waits,) = insurer.ok("list")["operations"]
    assert (waits["state"], waits["caller"]) == ("WAITING", insurer.safe.address)
    assert waits["description"] == f"AccessManager.grantRole({MEDICAL_DIRECTOR}, {director}, 0)"
    early = insurer(*propose)
    assert (early.exit_code, early.error["type"]) == (5, "AccessManagerNotReady")
    travel(insurer.connection, DELAY)
    assert insurer.ok(*propose)["step"] == "execute"
    insurer.by_safe(file)
    assert director in {member["account"] for member in insurer.ok("list")["members"]}
    treasury = ("propose", insurer.safe.address, "InsurerVault", "withdraw", "--file", file)
    refused = insurer(*treasury)
    assert (refused.exit_code, refused.error["type"]) == (5, "AccessManagedUnauthorized")


def test_a_key_with_a_delay_schedules_executes_and_is_cancelled(insurer: Insurer) -> None:
    close = ("ClaimSettlement", "closeToNewWork")
    (event,) = insurer.ok("schedule", *close, signer=POLICY_ADMINISTRATOR)["events"]
    assert (
        insurer("execute", event["operation_id"], signer=POLICY_ADMINISTRATOR).error["type"] == "AccessManagerNotReady"
    )
    insurer.ok("cancel", event["operation_id"], signer=GUARDIAN)
    insurer.ok("schedule", *close, signer=POLICY_ADMINISTRATOR, payer=insurer.manifest)
    travel(insurer.connection, DELAY)
    insurer.ok("execute", event["operation_id"], signer=POLICY_ADMINISTRATOR)
    assert [one["state"] for one in insurer.ok("list")["operations"]] == ["CANCELLED", "EXECUTED"]
    refused = insurer("schedule", *close, signer=NOBODY)
    assert (refused.exit_code, refused.error["type"]) == (5, "AccessManagerUnauthorizedCall")


def test_an_insurer_s_contract_is_paused_and_resumed(insurer: Insurer) -> None:
    assert insurer.ok("pause", "ClaimSettlement", signer=GUARDIAN)["events"][0]["event"] == "Halted"
    (event,) = insurer.ok("schedule", "ClaimSettlement", "resume", signer=POLICY_ADMINISTRATOR)["events"]
    travel(insurer.connection, DELAY)
    done = insurer.ok("execute", event["operation_id"], signer=POLICY_ADMINISTRATOR)
    assert "Resumed" in {one["event"] for one in done["events"]}
    assert insurer("pause", "InsurerVault", signer=GUARDIAN).exit_code == 2


def test_a_role_without_a_delay_calls_at_once(insurer: Insurer) -> None:
    limits = ("call", "InsurerVault", "setLimits", "[5, 7]")
    assert insurer.ok(*limits, signer="development:6")["events"][0]["event"] == "LimitsChanged"
    assert insurer(*limits, signer=NOBODY).error["type"] == "AccessManagedUnauthorized"


@pytest.mark.parametrize(
    ("arguments", "payer", "exit_code", "value"),
    [
        (("schedule", "OrganizationRegistry", "expel", "[]"), None, 2, "OrganizationRegistry"),
        (("schedule", "InsurerVault", "deposited", "[]"), None, 2, "deposited"),
        (("list",), "31337.nobody.json", 2, "31337.nobody.json"),
        (("list",), "nobody.example", 6, "nobody.example"),
    ],
)
def test_what_is_none_of_the_insurers_is_told(
    insurer: Insurer, arguments: tuple[str, ...], payer: str | None, exit_code: int, value: str
) -> None:
    refused = insurer(*arguments, payer=payer)
    assert refused.exit_code == exit_code
    assert value in refused.error["fields"].values()


def test_a_manifest_under_another_name_is_refused(insurer: Insurer, tmp_path: Path) -> None:
    copy = tmp_path / "northstar.json"
    copy.write_text(insurer.manifest.read_text())
    refused = insurer("list", payer=copy)
    assert refused.error["fields"]["problem"] == "is no manifest of an insurer's: that is a file 31337.NAME.json"
    renamed = tmp_path / "31337.other-insurer.json"
    renamed.write_text(insurer.manifest.read_text())
    assert insurer("list", payer=renamed).error["type"] == "DeploymentChanged"
