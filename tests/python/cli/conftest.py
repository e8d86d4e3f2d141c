from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from careledger.chain.development import Node
from cli.command_line import CommandLine
from cli.document_world import World, deploy
from cli.supply_world import SupplyWorld, set_up
from serialization.supply_stage import SupplyStage


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
        "SUPPLY",
        "ORGANIZATION",
        "VAULT",
        "VAULT_PASSPHRASE",
        "VAULT_PASSPHRASE_FILE",
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


@pytest.fixture(scope="session")
def supply_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, SupplyStage, dict[str, str], Path]]:
    """A supply chain with its organizations on an Anvil of its own, and the folder of manifests and vaults."""
    folder = tmp_path_factory.mktemp("supply")
    with Node() as node:
        stage, names = set_up(node, folder)
        yield node, stage, names, folder


@pytest.fixture
def trade(
    careledger: CommandLine, supply_chain: tuple[Node, SupplyStage, dict[str, str], Path], tmp_path: Path
) -> SupplyWorld:
    node, stage, names, folder = supply_chain
    return SupplyWorld(careledger, stage, names, node.url, folder, folder, tmp_path)
