"""`careledger keys`: encrypted keystore files, and the signer URIs that name them."""

from __future__ import annotations

import getpass
import sys

import typer
from eth_account import Account
from eth_account.signers.local import LocalAccount

from careledger.chain.signers import keystore
from careledger.chain.signers.keystore import KeystoreFile
from careledger.chain.signers.local import account_from_text
from careledger.chain.signers.passphrase import read_passphrase
from careledger.cli.output import Json, show, table

__all__ = ["app"]

app = typer.Typer(
    help="""Make, import and list keys in encrypted keystore files, in CARELEDGER_HOME/keys.

The passphrase comes from the file that CARELEDGER_PASSPHRASE_FILE names, from CARELEDGER_PASSPHRASE, or from a prompt.
A private key is never an argument.""",
    no_args_is_help=True,
)


@app.command("new")
def new(as_json: Json = False) -> None:
    """Make a new key in an encrypted keystore file."""
    _write(Account.create(), as_json)


@app.command("import")
def import_key(as_json: Json = False) -> None:
    """Encrypt a private key into a keystore file. The key is read from a hidden prompt, or from standard input."""
    text = getpass.getpass("Private key (hexadecimal): ") if sys.stdin.isatty() else sys.stdin.readline()
    _write(account_from_text(text, "standard input"), as_json)


@app.command("list")
def list_keys(as_json: Json = False) -> None:
    """List the keystore files and the addresses they name. Nothing is decrypted."""
    files = keystore.list_files()
    rows = [(file.address, file.path) for file in files]
    show([_plain(file) for file in files], as_json, lambda c: c.print(table(None, ("address", "file"), rows)))


def _write(account: LocalAccount, as_json: bool) -> None:
    file = keystore.write(account, read_passphrase(prompt="New keystore passphrase", new=True))
    show(
        _plain(file),
        as_json,
        lambda console: console.print(
            f"address  {file.address}\nfile     {file.path}\nsigner   {file.uri}", soft_wrap=True, markup=False
        ),
    )


def _plain(file: KeystoreFile) -> dict[str, str]:
    return {"address": file.address, "path": str(file.path), "signer": file.uri}
