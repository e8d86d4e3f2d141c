from __future__ import annotations

from pathlib import Path

import pytest
from careledger.chain.development import Node
from cli.command_line import CommandLine
from cli.document_world import World, deploy


@pytest.fixture
def careledger(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line, with no setting from the environment."""
    for setting in (
        "RPC",
        "SIGNER",
        "DEPLOYMENTS",
        "CHAIN_ID",
        "OUTBOX",
        "INDEX",
        "PASSPHRASE",
        "PASSPHRASE_FILE",
    ):
        monkeypatch.delenv(f"CARELEDGER_{setting}", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return CommandLine(monkeypatch, capsys)


@pytest.fixture(scope="module")
def documents_deployment(anvil_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a deployment whose organizations anchor documents."""
    return deploy(anvil_node, tmp_path_factory.mktemp("deployments"))


@pytest.fixture
def world(careledger: CommandLine, anvil_node: Node, documents_deployment: Path) -> World:
    return World(careledger, anvil_node.url, documents_deployment)
