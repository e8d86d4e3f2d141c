"""`careledger keys`."""

from __future__ import annotations

import json
import os
import pty
import stat
import sys
from pathlib import Path

import pytest
from careledger.chain.signers import signer_from_uri
from careledger.cli.keys import app
from careledger.errors import ConfigurationError, SignerError
from eth_account import Account
from typer.testing import CliRunner

KEY = "0x" + "4c" * 32
PASSPHRASE = "a hospital's passphrase"
run = CliRunner().invoke


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CARELEDGER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CARELEDGER_PASSPHRASE_FILE", raising=False)
    monkeypatch.setenv("CARELEDGER_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr("careledger.chain.signers.keystore.write.__kwdefaults__", {"scrypt_n": 2}, raising=True)
    return tmp_path / "home"


def test_new_writes_a_keystore_that_its_signer_uri_opens(home: Path) -> None:
    result = run(app, ["new", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    path = Path(answer["path"])
    assert path.parent == home / "keys"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signer_from_uri(answer["signer"], lambda: PASSPHRASE).address == answer["address"]


def test_new_prints_address_file_and_signer_for_a_person() -> None:
    result = run(app, ["new"], catch_exceptions=False)
    (file,) = json.loads(run(app, ["list", "--json"]).stdout)
    assert result.stdout.split() == ["address", file["address"], "file", file["path"], "signer", file["signer"]]


@pytest.mark.parametrize("text", [KEY, KEY[2:] + "\n", f"  {KEY}\r\n"])
def test_import_reads_the_key_from_standard_input(text: str) -> None:
    result = run(app, ["import", "--json"], input=text, catch_exceptions=False)
    answer = json.loads(result.stdout)
    assert answer["address"] == Account.from_key(KEY).address
    assert signer_from_uri(answer["signer"], lambda: PASSPHRASE).address == answer["address"]
    assert KEY[2:] not in result.output


def test_import_of_no_key_is_refused_without_repeating_it(home: Path) -> None:
    result = run(app, ["import"], input="f" * 63 + "\n")
    assert isinstance(result.exception, SignerError)
    assert "f" * 63 not in f"{result.exception} {result.output}"
    assert not home.exists()


def test_import_takes_no_argument() -> None:
    assert run(app, ["import", KEY]).exit_code == 2


def test_importing_a_key_twice_is_refused() -> None:
    assert run(app, ["import"], input=KEY).exit_code == 0
    assert isinstance(run(app, ["import"], input=KEY).exception, SignerError)


def test_import_hides_what_is_typed_at_a_terminal(home: Path) -> None:
    """The one way to see what a terminal shows is to be one."""
    process, terminal = pty.fork()
    if process == 0:
        program = "from careledger.cli.keys import app; app()"
        os.execv(sys.executable, [sys.executable, "-c", program, "import", "--json"])
    shown = b""
    while b"Private key" not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, KEY.encode() + b"\n")
    while True:
        try:
            shown += os.read(terminal, 1024)
        except OSError:  # Linux: the other end is closed
            break
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert KEY[2:].encode() not in shown
    assert Account.from_key(KEY).address.encode() in shown


def test_list_shows_addresses_without_a_passphrase(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        run(app, ["new"], catch_exceptions=False)
    (home / "keys" / "notes.txt").write_text("not a keystore")
    monkeypatch.delenv("CARELEDGER_PASSPHRASE")
    listed = json.loads(run(app, ["list", "--json"], catch_exceptions=False).stdout)
    assert len({file["address"] for file in listed}) == 2
    assert all(Path(file["path"]).is_file() and file["signer"] == f"keystore:{file['path']}" for file in listed)
    person = run(app, ["list"], catch_exceptions=False).stdout.replace("\n", "")
    assert "address" in person


def test_list_of_an_empty_home_is_empty(home: Path) -> None:
    assert json.loads(run(app, ["list", "--json"], catch_exceptions=False).stdout) == []
    assert not home.exists()


def test_new_without_a_passphrase_or_with_a_short_one_writes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARELEDGER_PASSPHRASE", "short")
    assert isinstance(run(app, ["new"]).exception, ConfigurationError)
    monkeypatch.delenv("CARELEDGER_PASSPHRASE")
    assert isinstance(run(app, ["new"]).exception, ConfigurationError)
    assert not home.exists()
