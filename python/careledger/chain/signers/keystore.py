"""Encrypted Web3 keystore (version 3) files, and the directory they lie in: CARELEDGER_HOME/keys."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from eth_utils.address import is_hex_address, to_checksum_address

from careledger.errors import SignerError

__all__ = ["SCRYPT_N", "KeystoreFile", "decrypt", "home_directory", "keystore_directory", "list_files", "write"]

SCRYPT_N = 2**18
"""The scrypt work factor of new files, as Geth writes them: about a second and 256 MiB."""


@dataclass(frozen=True)
class KeystoreFile:
    """A keystore file and the address it names. The address is not proved until the file is decrypted."""

    address: ChecksumAddress
    path: Path

    @property
    def uri(self) -> str:
        """What to give as a signer."""
        return f"keystore:{self.path}"


def home_directory() -> Path:
    """Where careledger keeps its files: CARELEDGER_HOME, by default ~/.careledger."""
    return Path(os.environ.get("CARELEDGER_HOME") or "~/.careledger").expanduser()


def keystore_directory() -> Path:
    """Where keystore files lie: `keys` in the home directory."""
    return home_directory() / "keys"


def decrypt(path: Path, passphrase: Callable[[], str]) -> LocalAccount:
    """The account in a keystore file. Raises SignerError naming the path."""
    named, content = _read(path)
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(content, passphrase()))
    except ValueError:
        raise SignerError(str(path), "wrong passphrase, or the file is damaged") from None
    except (AssertionError, AttributeError, KeyError, MemoryError, NotImplementedError, TypeError):
        raise SignerError(str(path), "the keystore file is damaged") from None
    if named is not None and account.address != named:
        raise SignerError(str(path), f"the file names {named} and holds the key of {account.address}")
    return account


def write(
    account: LocalAccount, passphrase: str, directory: Path | None = None, *, scrypt_n: int = SCRYPT_N
) -> KeystoreFile:
    """Writes a new keystore file (mode 0600, in a directory of mode 0700) and reads it back.

    Raises SignerError if the directory holds this address already, or cannot be written.
    """
    directory = keystore_directory() if directory is None else directory
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%fZ")
    path = directory / f"UTC--{now}--{account.address[2:].lower()}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        for existing in list_files(directory):
            if existing.address == account.address:
                raise SignerError(account.address, f"its key is already in {existing.path}")
        content = Account.encrypt(account.key, passphrase, kdf="scrypt", iterations=scrypt_n)
        partial = path.with_name(f".{path.name}.partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            decrypt(partial, lambda: passphrase)  # a key that cannot be read back is lost
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise SignerError(str(path), f"cannot be written: {error.strerror}") from error
    return KeystoreFile(account.address, path)


def list_files(directory: Path | None = None) -> list[KeystoreFile]:
    """The keystore files of a directory, by name; what is not a keystore file is passed over. Nothing is decrypted."""
    directory = keystore_directory() if directory is None else directory
    return list(_keystores(directory)) if directory.is_dir() else []


def _keystores(directory: Path) -> Iterator[KeystoreFile]:
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            named, _ = _read(path)
        except SignerError:
            continue
        if named is not None:
            yield KeystoreFile(named, path)


def _read(path: Path) -> tuple[ChecksumAddress | None, dict[str, Any]]:
    """The address that a keystore file names (some name none), and its content."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SignerError(str(path), f"cannot be read: {error.strerror}") from error
    except ValueError:
        raise SignerError(str(path), "is not a keystore file (no JSON)") from None
    if not isinstance(content, dict) or content.get("version") != 3 or not {"crypto", "Crypto"} & content.keys():
        raise SignerError(str(path), "is not a Web3 keystore file of version 3")
    named = content.get("address")
    if named is None:
        return None, content
    if not isinstance(named, str) or not is_hex_address(named):
        raise SignerError(str(path), "is damaged: what it names is not an address")
    return to_checksum_address("0x" + named.removeprefix("0x")), content
