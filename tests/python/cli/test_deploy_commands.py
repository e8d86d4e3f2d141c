"""`careledger deploy`, its `--verify` and its drill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from careledger.chain.contract import Contract
from careledger.chain.deployment import REGISTRAR
from careledger.chain.development import Node, development_signer
from cli.command_line import CommandLine

DEPLOYER = development_signer(0).address


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


def test_deploy_writes_a_manifest_and_a_second_run_sends_nothing(
    careledger: CommandLine, node: Node, tmp_path: Path
) -> None:
    arguments = ["deploy", "--rpc", node.url, "--signer", "development:0", "--deployments", tmp_path, "--json"]
    first = careledger(*arguments)
    assert first.exit_code == 0, first.err
    assert first.body["deployment"]["configured"]
    assert first.body["admin_transaction"] is None
    assert first.body["deployment"] == json.loads((tmp_path / "31337.json").read_text())
    nonce = node.connect().nonce(DEPLOYER)
    assert careledger(*arguments).body == first.body
    assert node.connect().nonce(DEPLOYER) == nonce == 4
    verified = careledger("deploy", "--verify", "--rpc", node.url, "--deployments", tmp_path, "--json")
    assert verified.exit_code == 0
    assert all(check["holds"] for check in verified.body)


def test_verify_ends_with_code_9_when_a_check_fails(careledger: CommandLine, node: Node, tmp_path: Path) -> None:
    common = ["--rpc", node.url, "--deployments", tmp_path, "--json"]
    deployed = careledger("deploy", "--signer", "development:0", *common).body["deployment"]
    address = deployed["contracts"]["OrganizationRegistry"]["address"]
    node.connect().web3.provider.make_request("anvil_setCode", [address, "0x00"])  # type: ignore[arg-type]
    result = careledger("deploy", "--verify", *common)
    assert result.exit_code == 9
    assert [check["found"] for check in result.body if not check["holds"]] == ["other code"]


def test_other_parameters_end_with_code_9(careledger: CommandLine, node: Node, tmp_path: Path) -> None:
    common = ["deploy", "--rpc", node.url, "--signer", "development:0", "--deployments", tmp_path, "--json"]
    assert careledger(*common).exit_code == 0
    result = careledger(*common, "--recovery-delay", "5")
    assert result.exit_code == 9
    assert result.error["type"] == "DeploymentChanged"
    assert result.error["fields"]["subject"].endswith("recovery_delay_seconds")


def test_who_rules_is_not_left_to_a_default_outside_a_local_chain(careledger: CommandLine, tmp_path: Path) -> None:
    with Node(chain_id=11155111) as node:
        common = ["deploy", "--rpc", node.url, "--signer", "development:0", "--deployments", tmp_path, "--json"]
        result = careledger(*common)
        assert result.exit_code == 3
        assert "--admin" in result.error["fields"]["setting"]
        roles = [
            part
            for role in ("admin", "registrar", "policy-administrator", "guardian")
            for part in (f"--{role}", DEPLOYER)
        ]
        assert careledger(*common, *roles).exit_code == 9
        result = careledger(*common, *roles, "--allow-plain-key-admin")
        assert result.exit_code == 3  # a development key
        assert node.connect().nonce(DEPLOYER) == 0


@pytest.mark.parametrize("option", ["--admin", "--registrar", "--guardian"])
def test_an_address_that_is_none_ends_with_code_2(
    careledger: CommandLine, node: Node, tmp_path: Path, option: str
) -> None:
    common = ["deploy", "--rpc", node.url, "--signer", "development:0", "--deployments", tmp_path, "--json"]
    result = careledger(*common, option, "0x12")
    assert result.exit_code == 2
    assert result.error["fields"]["value"] == "0x12"
    assert node.connect().nonce(DEPLOYER) == 0


@pytest.mark.parametrize("signer", ["development:x", "development:10", "paper:note"])
def test_a_signer_that_is_none_ends_with_code_2(
    careledger: CommandLine, node: Node, tmp_path: Path, signer: str
) -> None:
    result = careledger("deploy", "--rpc", node.url, "--signer", signer, "--deployments", tmp_path, "--json")
    assert result.exit_code == 2


def test_verify_without_a_manifest_ends_with_code_9(careledger: CommandLine, node: Node, tmp_path: Path) -> None:
    result = careledger("deploy", "--verify", "--rpc", node.url, "--deployments", tmp_path, "--json")
    assert result.exit_code == 9
    assert result.error["type"] == "DeploymentMissing"


def test_a_role_that_was_handed_on_is_recorded_on_demand_only(
    careledger: CommandLine, node: Node, tmp_path: Path
) -> None:
    common = ["deploy", "--rpc", node.url, "--deployments", tmp_path, "--json"]
    deployed = careledger(*common, "--signer", "development:0", "--admin-delay", "0").body["deployment"]
    successor = development_signer(5).address
    connection = node.connect()
    manager = Contract(connection, "AccessManager", deployed["contracts"]["AccessManager"]["address"])
    manager.send(development_signer(0), "revokeRole", REGISTRAR, DEPLOYER)
    manager.send(development_signer(0), "grantRole", REGISTRAR, successor, 0)
    block = connection.block_number()
    again = careledger(*common, "--signer", "development:1")  # not the admin's
    assert again.exit_code == 0
    assert again.body == {"deployment": deployed, "admin_transaction": None}
    assert not (tmp_path / "31337.admin.json").exists()
    found = careledger(*common, "--verify")
    assert found.exit_code == 9
    assert all(successor in check["found"] for check in found.body if not check["holds"])
    recorded = careledger(*common, "--record-roles")
    assert recorded.exit_code == 0, recorded.err
    assert recorded.body == {**deployed, "parameters": {**deployed["parameters"], "registrar": successor}}
    assert recorded.body == json.loads((tmp_path / "31337.json").read_text())
    assert careledger(*common, "--verify").exit_code == 0
    assert connection.block_number() == block


def test_options_before_a_subcommand_end_with_code_2(careledger: CommandLine) -> None:
    result = careledger("deploy", "--rpc", "http://127.0.0.1:1", "drill", "--json")
    assert result.exit_code == 2
    assert result.error["type"] == "InvalidInput"
    assert result.error["fields"]["value"] == "--rpc"
    assert "drill" in result.error["fields"]["problem"]


def test_a_drill_on_a_deployed_suite_wants_a_member(careledger: CommandLine) -> None:
    result = careledger("deploy", "drill", "--rpc", "http://127.0.0.1:1", "--json")
    assert result.exit_code == 3
    assert result.error["fields"]["setting"] == "--member"


def test_a_drill_refuses_another_chain(careledger: CommandLine, node: Node, tmp_path: Path) -> None:
    signers = ["--signer", "development:0", "--member", "development:1"]
    drill = ["deploy", "drill", "--rpc", node.url, "--deployments", tmp_path, "--chain-id", "5", "--json"]
    result = careledger(*drill, *signers)
    assert result.exit_code == 4
    assert result.error["type"] == "WrongChain"
    assert result.error["fields"] == {"expected": 5, "actual": 31337}
