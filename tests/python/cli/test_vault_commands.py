"""`careledger vault`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from careledger.cli.vault import app
from careledger.errors import ConfigurationError, InvalidInput, VaultError
from careledger.vault import EntryErased, ScryptCost, Vault, WrongPassphrase
from typer.testing import CliRunner

PASSPHRASE = "a hospital's passphrase"
NEW_PASSPHRASE = "the passphrase after that"
run = CliRunner().invoke


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CARELEDGER_HOME", str(tmp_path / "home"))
    for setting in ("VAULT_PASSPHRASE", "NEW_PASSPHRASE", "BACKUP_PASSPHRASE", "PASSPHRASE"):
        monkeypatch.delenv(f"CARELEDGER_{setting}", raising=False)
        monkeypatch.delenv(f"CARELEDGER_{setting}_FILE", raising=False)
    monkeypatch.delenv("CARELEDGER_VAULT", raising=False)
    monkeypatch.setenv("CARELEDGER_PASSPHRASE", PASSPHRASE)
    return tmp_path / "home"


@pytest.fixture
def vault(home: Path) -> Path:
    path = home / "vault.db"
    with Vault.create(path, PASSPHRASE, cost=ScryptCost(n=2)) as created:
        created.put_many([("salt", "claim-1", b"1"), ("salt", "claim-2", b"2"), ("receipt", "claim-1", b"r")])
    return path


def answer(*arguments: str) -> Any:
    return json.loads(run(app, [*arguments, "--json"], catch_exceptions=False).stdout)


def test_init_makes_an_empty_vault_in_the_home_and_not_twice(home: Path) -> None:
    assert answer("init") == {"vault": str(home / "vault.db")}
    assert answer("list") == {"kinds": {}}
    assert isinstance(run(app, ["init"]).exception, VaultError)


def test_the_path_comes_from_the_option_or_the_variable(tmp_path: Path, vault: Path, monkeypatch: Any) -> None:
    vault.rename(tmp_path / "elsewhere.db")
    assert answer("list", "--vault", str(tmp_path / "elsewhere.db"))["kinds"] == {"receipt": 1, "salt": 2}
    monkeypatch.setenv("CARELEDGER_VAULT", str(tmp_path / "elsewhere.db"))
    assert answer("list")["kinds"] == {"receipt": 1, "salt": 2}


def test_list_names_entries_when_asked_and_never_values(vault: Path) -> None:
    assert answer("list", "--names")["entries"] == [
        {"kind": "receipt", "name": "claim-1"},
        {"kind": "salt", "name": "claim-1"},
        {"kind": "salt", "name": "claim-2"},
    ]
    shown = run(app, ["list"], catch_exceptions=False).stdout
    assert "salt" in shown
    assert "claim-1" not in shown
    assert "claim-1" in run(app, ["list", "--names"], catch_exceptions=False).stdout


def test_backup_forget_and_restore_keep_what_was_erased_erased(vault: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    assert answer("backup", str(backup)) == {"vault": str(vault), "backup": str(backup), "entries": 3}
    assert answer("forget", "salt", "claim-1", "--yes")["erased"] is True
    result = answer("restore", str(backup))
    assert (result["restored"], result["already_there"], result["withheld"]) == (0, 2, 1)
    with Vault.open(vault, PASSPHRASE) as opened, pytest.raises(EntryErased):
        opened.get("salt", "claim-1")


def test_restore_makes_a_vault_where_there_is_none(vault: Path, tmp_path: Path) -> None:
    answer("backup", str(tmp_path / "backup.db"))
    vault.unlink()
    assert "restored" in run(app, ["restore", str(tmp_path / "backup.db")], catch_exceptions=False).stdout
    assert answer("list")["kinds"] == {"receipt": 1, "salt": 2}


def test_forget_without_yes_and_terminal_erases_nothing(vault: Path) -> None:
    result = run(app, ["forget", "salt", "claim-1"])
    assert isinstance(result.exception, InvalidInput)
    assert answer("list")["kinds"] == {"receipt": 1, "salt": 2}


def test_forget_of_an_absent_name_says_so(vault: Path) -> None:
    result = run(app, ["forget", "salt", "claim-9", "--yes", "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["erased"] is False
    assert "there was no salt 'claim-9'" in result.stderr


def test_rotate_takes_the_new_passphrase_from_its_file_and_the_vaults_own_setting_opens_it(
    vault: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer("backup", str(tmp_path / "backup.db"))
    (tmp_path / "new").write_text(NEW_PASSPHRASE + "\n")
    monkeypatch.setenv("CARELEDGER_NEW_PASSPHRASE_FILE", str(tmp_path / "new"))
    result = run(app, ["rotate"], catch_exceptions=False)
    assert "new keys" in result.stdout
    assert NEW_PASSPHRASE not in result.output
    assert isinstance(run(app, ["list"]).exception, WrongPassphrase)
    monkeypatch.setenv("CARELEDGER_VAULT_PASSPHRASE_FILE", str(tmp_path / "new"))
    assert answer("list")["kinds"] == {"receipt": 1, "salt": 2}
    # The backup is from before: it opens with the passphrase of its time.
    assert isinstance(run(app, ["restore", str(tmp_path / "backup.db")]).exception, WrongPassphrase)
    monkeypatch.setenv("CARELEDGER_BACKUP_PASSPHRASE", PASSPHRASE)
    assert answer("restore", str(tmp_path / "backup.db"))["already_there"] == 3


def test_rotate_without_a_new_passphrase_changes_nothing(vault: Path) -> None:
    result = run(app, ["rotate"])
    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.setting == "CARELEDGER_NEW_PASSPHRASE_FILE"
    assert answer("list")["kinds"] == {"receipt": 1, "salt": 2}


def test_without_a_passphrase_the_setting_is_named(vault: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARELEDGER_PASSPHRASE")
    result = run(app, ["list"])
    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.setting == "CARELEDGER_VAULT_PASSPHRASE_FILE"
