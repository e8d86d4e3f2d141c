"""`careledger vault`: the one encrypted store for salts, receipts and plan secrets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from careledger.chain.signers.keystore import home_directory
from careledger.chain.signers.passphrase import PASSPHRASE, configured_passphrase, read_passphrase
from careledger.cli.output import Json, progress_console, show, table
from careledger.errors import InvalidInput
from careledger.vault import Vault, WrongPassphrase

__all__ = ["VAULT_PASSPHRASE", "app", "open_vault"]

VAULT_PASSPHRASE = "CARELEDGER_VAULT_PASSPHRASE"  # noqa: S105  a setting's name, as the next two
NEW_PASSPHRASE = "CARELEDGER_NEW_PASSPHRASE"  # noqa: S105
BACKUP_PASSPHRASE = "CARELEDGER_BACKUP_PASSPHRASE"  # noqa: S105

app = typer.Typer(
    help="""Keep, back up, restore, rotate and erase the encrypted store of salts, receipts and plan secrets.

The passphrase comes from the file that CARELEDGER_VAULT_PASSPHRASE_FILE or CARELEDGER_PASSPHRASE_FILE names, from the
variable of the same name without _FILE, or from a prompt.""",
    no_args_is_help=True,
)

VaultPath = Annotated[
    Path | None,
    typer.Option(
        "--vault", envvar="CARELEDGER_VAULT", help="The vault's file.", show_default="CARELEDGER_HOME/vault.db"
    ),
]


@app.command("init")
def init(vault: VaultPath = None, as_json: Json = False) -> None:
    """Make a new, empty vault."""
    path = _path(vault)
    with Vault.create(path, read_passphrase(VAULT_PASSPHRASE, PASSPHRASE, prompt="New vault passphrase", new=True)):
        pass
    show({"vault": path}, as_json, lambda console: console.print(f"made {path}", soft_wrap=True))


@app.command("list")
def list_entries(
    names: Annotated[bool, typer.Option("--names", help="Also name every entry.")] = False,
    vault: VaultPath = None,
    as_json: Json = False,
) -> None:
    """List the kinds of entries, and how many there are of each. Values are never shown."""
    with open_vault(vault) as opened:
        counts = opened.kinds()
        found = {kind: sorted(opened.names(kind)) for kind in counts} if names else {}
    if names:
        entries = [{"kind": kind, "name": name} for kind, of_kind in found.items() for name in of_kind]
        rows = [(entry["kind"], entry["name"]) for entry in entries]
        show({"kinds": counts, "entries": entries}, as_json, lambda c: c.print(table(None, ("kind", "name"), rows)))
    else:
        show({"kinds": counts}, as_json, lambda c: c.print(table(None, ("kind", "entries"), counts.items())))


@app.command("backup")
def backup(
    to: Annotated[Path, typer.Argument(help="The new file.")], vault: VaultPath = None, as_json: Json = False
) -> None:
    """Copy the vault into a new file, and read the copy through before saying so.

    The backup opens with the passphrase of now, also after a rotation.
    """
    with open_vault(vault) as opened:
        opened.backup(to)
        entries = sum(opened.kinds().values())
    result = {"vault": opened.path, "backup": to, "entries": entries}
    show(result, as_json, lambda console: console.print(f"{entries} entries backed up to {to}", soft_wrap=True))


@app.command("restore")
def restore(
    backup: Annotated[Path, typer.Argument(help="The backup's file.")],
    vault: VaultPath = None,
    as_json: Json = False,
) -> None:
    """Bring a backup back: as the vault, if there is none, or into the vault that is there.

    What was erased in the vault stays erased. If the backup has another passphrase than the vault, give it by
    CARELEDGER_BACKUP_PASSPHRASE_FILE, or at the prompt.
    """
    path = _path(vault)
    passphrase = read_passphrase(VAULT_PASSPHRASE, PASSPHRASE, prompt="Vault passphrase")
    try:
        result = Vault.restore(backup, path, passphrase, backup_passphrase=configured_passphrase(BACKUP_PASSPHRASE))
    except WrongPassphrase as error:
        if error.path != str(backup) or not sys.stdin.isatty():
            raise
        asked = read_passphrase(BACKUP_PASSPHRASE, prompt="The backup's passphrase")
        result = Vault.restore(backup, path, passphrase, backup_passphrase=asked)
    rows = [
        ("restored", result.restored),
        ("already there", result.already_there),
        ("withheld: erased in the vault", result.withheld),
        ("erased: erased in the backup", result.erased),
    ]
    show(result, as_json, lambda console: console.print(table(f"{backup} into {path}", ("", "entries"), rows)))


@app.command("rotate")
def rotate(vault: VaultPath = None, as_json: Json = False) -> None:
    """Give the vault a new passphrase and new keys, and encrypt every entry anew.

    The new passphrase comes from CARELEDGER_NEW_PASSPHRASE_FILE, CARELEDGER_NEW_PASSPHRASE, or a prompt. Older backups
    still open with the passphrase of their time: destroy them once there is a new one.
    """
    with open_vault(vault) as opened:
        opened.rotate(read_passphrase(NEW_PASSPHRASE, prompt="New vault passphrase", new=True))
    done = f"{opened.path} has a new passphrase and new keys; back it up, and destroy its older backups"
    show({"vault": opened.path, "rotated": True}, as_json, lambda console: console.print(done, soft_wrap=True))


@app.command("forget")
def forget(
    kind: Annotated[str, typer.Argument(help="The entry's kind, as `list` shows it.")],
    name: Annotated[str, typer.Argument(help="The entry's name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    vault: VaultPath = None,
    as_json: Json = False,
) -> None:
    """Erase an entry for good, and keep older backups from bringing it back."""
    with open_vault(vault) as opened:
        if not yes:
            if not sys.stdin.isatty():
                raise InvalidInput("--yes", "", "not given, and there is no terminal to ask at; nothing was erased")
            typer.confirm(f"Erase {kind} {name!r} from {opened.path} for good?", abort=True, err=True)
        erased = opened.forget(kind, name)
    if not erased:
        progress_console.print(f"there was no {kind} {name!r}; that name is now barred from coming back", markup=False)
    result = {"vault": opened.path, "kind": kind, "name": name, "erased": erased}
    done = f"{kind} {name!r} is erased; older backups hold it until they are destroyed" if erased else ""
    show(result, as_json, lambda console: console.print(done, soft_wrap=True, markup=False) if done else None)


def _path(vault: Path | None) -> Path:
    return home_directory() / "vault.db" if vault is None else vault


def open_vault(vault: Path | None) -> Vault:
    """A vault by its path, by default that of the home directory, with the passphrase of the settings."""
    return Vault.open(_path(vault), read_passphrase(VAULT_PASSPHRASE, PASSPHRASE, prompt="Vault passphrase"))
