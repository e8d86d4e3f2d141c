"""Settings: what is missing or wrong is refused at the start, by its name; so is what is for trying only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.development import Node
from careledger.errors import ConfigurationError
from careledger.gateway import Settings
from careledger.gateway.services import open_services
from eth_account import Account

REAL = {
    "organization": "general-hospital",
    "vault": "vault.db",
    "passphrase": "a passphrase",
    "public_url": "https://gateway.example.org",
    "token_secret": "0123456789abcdef0123456789abcdef",
}


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A chain that is no development chain by its id."""
    with Node(chain_id=4242) as node:
        yield node


@pytest.fixture
def keystore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(Account.encrypt(Account.create().key, "x", iterations=2)))
    monkeypatch.setenv("CARELEDGER_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    (tmp_path / "passphrase").write_text("x")
    return f"keystore:{path}"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"token_secret": None}, "CARELEDGER_TOKEN_SECRET"),
        ({"token_secret": "short"}, "CARELEDGER_TOKEN_SECRET"),
        ({"public_url": "http://gateway.example.org"}, "CARELEDGER_PUBLIC_URL"),
        ({"confirmations": 1}, "CARELEDGER_CONFIRMATIONS"),
        ({"signer": "development:2"}, "CARELEDGER_SIGNER"),
    ],
    ids=["default secret", "short secret", "without TLS", "one confirmation", "a known key"],
)
def test_what_is_for_development_chains_is_refused_elsewhere(
    node: Node, keystore: str, changes: dict[str, Any], named: str
) -> None:
    given = {**REAL, "rpc": node.url, "signer": keystore, **changes}
    settings = Settings.load(**{name: value for name, value in given.items() if value is not None})
    with pytest.raises(ConfigurationError) as refused, open_services(settings):
        pass
    assert refused.value.setting == named


def test_with_all_of_them_right_the_next_thing_is_looked_at(node: Node, keystore: str, tmp_path: Path) -> None:
    settings = Settings.load(**{**REAL, "rpc": node.url, "signer": keystore, "deployments": tmp_path})
    with pytest.raises(Exception, match="4242"), open_services(settings):
        pass


@pytest.mark.parametrize("name", ["organization", "rpc", "signer", "vault"])
def test_a_missing_setting_is_named(name: str) -> None:
    given = {"organization": "x", "rpc": "http://x", "signer": "development:2", "vault": "v"}
    del given[name]
    with pytest.raises(ConfigurationError) as refused:
        Settings.load(**given)  # type: ignore[arg-type]
    assert (refused.value.setting, refused.value.problem) == (f"CARELEDGER_{name.upper()}", "not set")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cors_origins", "portal.example.org"),
        ("cors_origins", "https://portal.example.org/path"),
        ("cors_origins", "*"),
        ("public_url", "gateway.example.org"),
        ("json_depth", "100000"),
        ("body_limit_bytes", "0"),
        ("wait_seconds", "3600"),
        ("rate_limit", "often"),
    ],
)
def test_a_setting_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CARELEDGER_{name.upper()}", value)
    with pytest.raises(ConfigurationError) as refused:
        Settings.load(organization="x", rpc="http://x", signer="development:2", vault=Path("v"))
    assert refused.value.setting == f"CARELEDGER_{name.upper()}"


def test_secrets_are_read_from_files_and_are_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "careledger_token_secret").write_text("from a file 0123456789 0123456789")
    settings = Settings.load(tmp_path, organization="x", rpc="http://x", signer="development:2", vault=Path("v"))
    assert settings.token_secret.get_secret_value() == "from a file 0123456789 0123456789"
    assert "from a file" not in repr(settings) + str(settings.model_dump())
