"""`careledger payer`: deploy, --verify, --record-roles, publish, show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from authorization.payer_stage import deploy_token
from careledger.authorization.deployment import PUBLISHED
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.development import Node, development_signer
from careledger.client import CareLedger
from careledger.identity import Admission, MemberRole
from cli.command_line import CommandLine, Result

INSURER = "northstar-insurance"
LICENCE = 2_208_988_800
SEPOLIA = 11155111
RULER, CONTROLLER, DEPLOYER, OTHER = (development_signer(index) for index in (5, 4, 0, 6))
STEPS = 9
TREASURER = 5


@dataclass(frozen=True)
class Chain:
    """A suite with an insurer, a token, and the folder of the suite's manifest."""

    careledger: CommandLine
    node: Node
    folder: Path
    token: str

    @property
    def connection(self) -> Connection:
        return self.node.connect()

    def run(self, *arguments: object, signer: str = "development:0") -> Result:
        self.careledger.monkeypatch.setenv("CARELEDGER_SIGNER", signer)
        common = ("--rpc", self.node.url, "--deployments", self.folder, "--json")
        return self.careledger("payer", *arguments, *common)

    def deploy(self, *arguments: object, signer: str = "development:0") -> Any:
        result = self.run("deploy", INSURER, "--token", self.token, *arguments, signer=signer)
        assert result.exit_code == 0, result.err
        return result.body


@pytest.fixture
def chain(careledger: CommandLine, tmp_path: Path) -> Iterator[Chain]:
    with Node() as node:
        connection = node.connect()
        parameters = Parameters(*(RULER.address,) * 4, *(1, 0, 1))
        ledger = CareLedger(connection, Deployer(connection, RULER, suite_plan(parameters), tmp_path).run(), RULER)
        ledger.organizations.admit(Admission(INSURER, CONTROLLER.address, frozenset({MemberRole.PAYER}), LICENCE))
        yield Chain(careledger, node, tmp_path, deploy_token(connection))


def test_deploy_writes_a_manifest_and_says_what_the_controller_has_to_do(chain: Chain) -> None:
    first = chain.deploy()
    assert first["deployment"]["configured"]
    assert first["admin_transaction"] is None
    assert list(first["unpublished"]) == list(PUBLISHED)
    assert first["deployment"] == json.loads((chain.folder / f"31337.{INSURER}.json").read_text())
    nonce = chain.connection.nonce(DEPLOYER.address)
    again = chain.run("deploy", INSURER)  # the manifest has the token, and who rules
    assert again.body == first
    assert chain.connection.nonce(DEPLOYER.address) == nonce == STEPS + 1
    verified = chain.run("deploy", INSURER, "--verify")
    assert verified.exit_code == 0
    assert all(check["holds"] for check in verified.body)
    for_people = chain.careledger("payer", "deploy", INSURER, "--rpc", chain.node.url, "--deployments", chain.folder)
    assert f"careledger payer publish {INSURER}" in for_people.out
    assert CONTROLLER.address in for_people.out


def test_the_controller_publishes_and_anyone_finds(chain: Chain) -> None:
    deployed = chain.deploy()["deployment"]
    missing = chain.run("show", INSURER)
    assert missing.exit_code == 9
    assert missing.error["type"] == "ContractUnpublished"
    stranger = chain.run("publish", INSURER)
    assert stranger.exit_code == 3
    assert CONTROLLER.address in stranger.error["fields"]["problem"]
    addresses = {kind: deployed["contracts"][kind]["address"] for kind in PUBLISHED}
    published = chain.run("publish", INSURER, signer="development:4")
    assert published.body == {"published": addresses, "sent": len(PUBLISHED)}
    nonce = chain.connection.nonce(CONTROLLER.address)
    assert chain.run("publish", INSURER, signer="development:4").body == {"published": addresses, "sent": 0}
    assert chain.connection.nonce(CONTROLLER.address) == nonce
    found = chain.run("show", INSURER).body
    assert found["token"] == chain.token
    assert found["contracts"] == {"AccessManager": deployed["contracts"]["AccessManager"]["address"], **addresses}
    assert chain.run("deploy", INSURER).body["unpublished"] == {}


@pytest.mark.parametrize(
    ("arguments", "signer"),
    [(["--controller-signer", "development:4"], "development:0"), ([], "development:4")],
    ids=["named", "is the deployer"],
)
def test_deploy_publishes_with_the_controller_s_signer(chain: Chain, arguments: list[str], signer: str) -> None:
    assert chain.deploy(*arguments, signer=signer)["unpublished"] == {}
    assert chain.run("show", INSURER).exit_code == 0


def test_nothing_is_published_before_the_admin_has_acted(chain: Chain) -> None:
    left = chain.deploy("--admin", OTHER.address, "--controller-signer", "development:4")
    path = chain.folder / f"31337.{INSURER}.admin.json"
    assert left["admin_transaction"] == str(path)
    assert not left["deployment"]["configured"]
    assert list(left["unpublished"]) == list(PUBLISHED)
    (call,) = json.loads(path.read_text())["transactions"]
    chain.connection.send(OTHER, call["to"], bytes.fromhex(call["data"][2:]))
    done = chain.run("deploy", INSURER, "--controller-signer", "development:4").body
    assert done["deployment"]["configured"]
    assert done["unpublished"] == {}
    assert not path.exists()


def test_verify_ends_with_code_9_when_a_check_fails(chain: Chain) -> None:
    deployed = chain.deploy()["deployment"]
    address = deployed["contracts"]["InsurerVault"]["address"]
    chain.connection.web3.provider.make_request("anvil_setCode", [address, "0x6001"])  # type: ignore[arg-type]
    result = chain.run("deploy", INSURER, "--verify")
    assert result.exit_code == 9
    assert [check["subject"] for check in result.body if not check["holds"]] == [f"InsurerVault at {address}"]
    assert chain.run("deploy", INSURER).error["type"] == "BytecodeMismatch"


def test_a_role_that_was_handed_on_is_recorded_on_demand(chain: Chain) -> None:
    deployed = chain.deploy("--admin-delay", "0")["deployment"]
    manager = Contract(chain.connection, "AccessManager", deployed["contracts"]["AccessManager"]["address"])
    manager.send(DEPLOYER, "revokeRole", TREASURER, DEPLOYER.address)
    manager.send(DEPLOYER, "grantRole", TREASURER, OTHER.address, 0)
    assert chain.run("deploy", INSURER, "--verify").exit_code == 9
    recorded = chain.run("deploy", INSURER, "--record-roles")
    assert recorded.body["parameters"] == {**deployed["parameters"], "treasurer": OTHER.address}
    assert chain.run("deploy", INSURER, "--verify").exit_code == 0


def test_other_parameters_end_with_code_9(chain: Chain) -> None:
    chain.deploy()
    result = chain.run("deploy", INSURER, "--treasurer", OTHER.address)
    assert result.exit_code == 9
    assert result.error["fields"]["subject"].endswith(f"{INSURER}.json: treasurer")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "kind"),
    [
        (["deploy", INSURER], 3, "ConfigurationError"),
        (["deploy", "Northstar"], 2, "InvalidInput"),
        (["deploy", INSURER, "--token", "0x12"], 2, "InvalidInput"),
        (["deploy", INSURER, "--verify"], 9, "DeploymentMissing"),
        (["publish", INSURER], 9, "DeploymentMissing"),
        (["show", "nobody"], 6, "UnknownOrganization"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_told_and_sends_nothing(chain: Chain, arguments: list[str], exit_code: int, kind: str) -> None:
    result = chain.run(*arguments)
    assert (result.exit_code, result.error["type"]) == (exit_code, kind)
    assert chain.connection.nonce(DEPLOYER.address) == 0


def test_an_organization_that_is_no_payer_is_refused(chain: Chain) -> None:
    result = chain.run("deploy", "nobody", "--token", chain.token)
    assert result.exit_code == 9
    assert result.error["fields"]["subject"] == "nobody in the registry"
    assert chain.connection.nonce(DEPLOYER.address) == 0


def test_a_chain_that_is_not_local_must_be_named(chain: Chain) -> None:
    """Before anything else is asked: who has filled in all options has decided already."""
    chain.connection.web3.provider.make_request("anvil_setChainId", [SEPOLIA])  # type: ignore[arg-type]
    for option in ([], ["--public-chain-id", "1"]):
        result = chain.run("deploy", INSURER, *option)
        assert result.exit_code == 9
        assert result.error["type"] == "PublicChainUnnamed"
        assert "per member key" in result.error["message"]
    result = chain.run("deploy", INSURER, "--public-chain-id", SEPOLIA)
    assert result.error["type"] == "DeploymentMissing"  # of the suite: the next thing that is needed
    assert chain.connection.nonce(DEPLOYER.address) == 0
