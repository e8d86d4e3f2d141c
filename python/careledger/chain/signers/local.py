"""Keys held in this process: from an encrypted keystore file, or for development from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from coincurve import PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress, Hash32

from careledger.chain.signers import keystore
from careledger.chain.signers.digests import Signature, checked_transaction, transaction_digest, typed_data_digest
from careledger.chain.signers.raw import RawTransaction, encode_and_sign
from careledger.errors import ConfigurationError, SignerError

__all__ = ["EnvironmentSigner", "KeystoreSigner", "LocalSigner"]


class LocalSigner:
    """Signs with an eth-account `LocalAccount`.

    `origin` says where the key came from, in `describe()` and in errors.
    """

    development_only = False

    def __init__(self, account: LocalAccount, origin: str = "in memory") -> None:
        self._account = account
        self._origin = origin

    @property
    def address(self) -> ChecksumAddress:
        return self._account.address

    def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
        fields = checked_transaction(transaction, self.address)
        transaction_digest(fields)  # says what is wrong with the fields
        return bytes(self._account.sign_transaction(fields).raw_transaction)  # type: ignore[arg-type, unused-ignore]

    def sign_raw(self, transaction: RawTransaction) -> tuple[bytes, bytes]:
        """The signed transaction and its hash, as `sign_transaction` makes it, in about a tenth of the time.

        Raises InvalidInput naming the field that is wrong.
        """
        return encode_and_sign(self._private_key, transaction)

    def sign_typed_data(self, typed_data: dict[str, Any]) -> bytes:
        signed = self._account.unsafe_sign_hash(Hash32(typed_data_digest(typed_data)))
        return Signature(signed.r, signed.s, signed.v - 27).to_bytes()

    def describe(self) -> str:
        return f"{self._origin} ({self.address})"

    @cached_property
    def _private_key(self) -> PrivateKey:
        return PrivateKey(bytes(self._account.key))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"


class KeystoreSigner(LocalSigner):
    """Signs with the key of an encrypted Web3 keystore (version 3) file."""

    @classmethod
    def open(cls, path: Path | str, passphrase: Callable[[], str]) -> KeystoreSigner:
        """Reads and decrypts the file. `passphrase` is called once, after the file was seen to be a keystore.

        Raises SignerError naming the path: no such file, not a keystore, wrong passphrase, or a key that is not the
        address the file names.
        """
        path = Path(path).expanduser()
        return cls(keystore.decrypt(path, passphrase), f"keystore:{path}")


class EnvironmentSigner(LocalSigner):
    """Signs with a private key from an environment variable: any program started from here can read it."""

    development_only = True

    @classmethod
    def read(cls, variable: str) -> EnvironmentSigner:
        """Reads the variable: 32 bytes in hexadecimal, 0x or not.

        Raises ConfigurationError if it is not set, SignerError if it does not hold a key.
        """
        text = os.environ.get(variable, "").strip()
        if not text:
            raise ConfigurationError(variable, "not set; it should hold a private key for development")
        return cls(account_from_text(text, f"env:{variable}"), f"env:{variable}")


def account_from_text(text: str, origin: str) -> LocalAccount:
    """The account of a private key in hexadecimal. Raises SignerError, which does not repeat the text."""
    try:
        key = bytes.fromhex(text.strip().removeprefix("0x"))
        if len(key) != 32:
            raise ValueError
        account: LocalAccount = Account.from_key(key)
    except Exception:  # a key's own error may repeat the key: none of it goes on
        raise SignerError(origin, "does not hold a private key (32 bytes in hexadecimal, inside the curve)") from None
    return account
