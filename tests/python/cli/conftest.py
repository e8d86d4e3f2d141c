from __future__ import annotations

import pytest
from cli.command_line import CommandLine


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
