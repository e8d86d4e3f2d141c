"""`ape run deploy`, and that Ape compiles what the wheel carries."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from careledger.chain.artifacts import artifact, artifact_names
from careledger.chain.deployment import Deployer, Deployment, suite_plan, verify
from careledger.chain.development import Node, development_signer

ROOT = Path(__file__).resolve().parents[2]
APE = Path(sysconfig.get_path("scripts")) / "ape"
NOT_OURS = {"AccessManager"}
"""Carried by the wheel and not under contracts/, so Ape does not compile it."""


@pytest.fixture
def node():
    with Node() as running:
        yield running


def run_deploy(network, folder, *options, host=None):
    environment = {**os.environ, "NO_COLOR": "1"}
    environment.pop("APE_FOUNDRY_HOST", None)
    if host is not None:
        environment["APE_FOUNDRY_HOST"] = host
    return subprocess.run(
        [APE, "run", "deploy", "--network", network, "--deployments", folder, *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_first_run_deploys_and_the_second_sends_nothing(node, tmp_path):
    first = run_deploy("ethereum:local:foundry", tmp_path, "--account", "TEST::1", "--rule-delay", "5", host=node.url)
    assert first.returncode == 0, first.stderr
    connection = node.connect()
    block = connection.block_number()
    deployment = Deployment.load(tmp_path, connection.chain_id)
    assert deployment.configured
    assert deployment.parameters.admin == development_signer(1).address
    assert deployment.parameters.rule_delay_seconds == 5
    assert [check for check in verify(connection, deployment) if not check.holds] == []
    manifest = (tmp_path / "31337.json").read_text()

    second = run_deploy(f"ethereum:local:{node.url}", tmp_path, "--account", "TEST::1")
    assert second.returncode == 0, second.stderr
    assert connection.block_number() == block
    assert (tmp_path / "31337.json").read_text() == manifest
    for address in deployment.addresses.values():
        assert address in first.stdout
        assert address in second.stdout


def test_script_and_client_run_one_plan(node, tmp_path):
    """After the script, the client's own deployer finds everything there."""
    script = run_deploy("ethereum:local:foundry", tmp_path / "script", host=node.url)
    assert script.returncode == 0, script.stderr
    connection = node.connect()
    block = connection.block_number()
    by_script = Deployment.load(tmp_path / "script", connection.chain_id)
    by_client = Deployer(connection, development_signer(0), suite_plan(by_script.parameters), tmp_path / "client").run()
    assert by_client.addresses == by_script.addresses
    assert connection.block_number() == block


def test_run_without_a_node_of_ours_starts_one(tmp_path):
    script = run_deploy("ethereum:local:foundry", tmp_path)
    assert script.returncode == 0, script.stderr
    assert "OrganizationRegistry: " in script.stderr
    assert (tmp_path / "31337.json").exists()


def test_settings_are_left_to_an_admin_who_is_not_the_deployer(node, tmp_path):
    admin = development_signer(5).address
    script = run_deploy("ethereum:local:foundry", tmp_path, "--admin", admin, host=node.url)
    assert script.returncode == 0, script.stderr
    deployment = Deployment.load(tmp_path, 31337)
    assert not deployment.configured
    left = json.loads((tmp_path / "31337.admin.json").read_text())
    assert left["meta"]["createdFromSafeAddress"] == admin
    assert [call["to"] for call in left["transactions"]] == [deployment.addresses["AccessManager"]]
    assert "31337.admin.json" in script.stdout.replace("\n", "")


def test_changed_parameter_is_refused_by_name(node, tmp_path):
    assert run_deploy("ethereum:local:foundry", tmp_path, host=node.url).returncode == 0
    block = node.connect().block_number()
    script = run_deploy("ethereum:local:foundry", tmp_path, "--recovery-delay", "60", host=node.url)
    assert script.returncode != 0
    assert "recovery_delay_seconds" in script.stderr
    assert node.connect().block_number() == block


@pytest.mark.full
def test_ape_compiles_the_wheels_bytecode(tmp_path):
    """In a project of its own with the same settings, so that no other test's cache answers."""
    for name in ("ape-config.yaml", "contracts"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    compiled = subprocess.run([APE, "compile"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert compiled.returncode == 0, compiled.stderr
    types = json.loads((tmp_path / ".build" / "__local__.json").read_text())["contractTypes"]
    ours = [name for name in artifact_names() if name not in NOT_OURS]
    assert "OrganizationRegistry" in ours
    for name in ours:
        wheels = artifact(name)
        assert _code(types[name], "deploymentBytecode") == wheels.bytecode, f"{name}: creation code"
        assert _code(types[name], "runtimeBytecode") == wheels.runtime, f"{name}: runtime code"


def _code(contract, kind):
    return bytes.fromhex((contract.get(kind, {}).get("bytecode") or "0x").removeprefix("0x"))
