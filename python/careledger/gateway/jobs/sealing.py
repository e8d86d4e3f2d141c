"""What lies of jobs outside the vault: sealed with a key that lies in it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from careledger.errors import VaultError
from careledger.vault import EntryConflict, EntryMissing, Vault

__all__ = ["Seal"]

KIND, NAME = "gateway", "job-key"
KEY_BYTES = 32
NONCE_BYTES = 12


class Seal:
    """Encrypts results and problems, and hashes what tells requests apart: none of it may be read or guessed at from
    the database alone. All processes of a gateway have the vault's one key."""

    def __init__(self, vault: Vault) -> None:
        """Makes the key if there is none. Raises VaultError."""
        try:
            key = vault.get(KIND, NAME)
        except EntryMissing:
            with contextlib.suppress(EntryConflict):  # another process was faster
                vault.put(KIND, NAME, os.urandom(KEY_BYTES))
            key = vault.get(KIND, NAME)
        self._shown = str(vault.path)
        self._hash_key = hmac.digest(key, b"careledger.gateway.hash", "sha256")
        self._cipher = AESGCM(hmac.digest(key, b"careledger.gateway.seal", "sha256"))

    def hash(self, *parts: str) -> str:
        """64 hexadecimal digits. The limits between parts count."""
        message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.new(self._hash_key, message, hashlib.sha256).hexdigest()

    def seal(self, context: str, value: dict[str, Any]) -> str:
        """Text for a column. It opens in the same context only."""
        nonce = os.urandom(NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, orjson.dumps(value), context.encode())).decode()

    def open(self, context: str, text: str) -> dict[str, Any]:
        """Raises VaultError if it is not what was sealed."""
        try:
            sealed = base64.b64decode(text, validate=True)
            value: dict[str, Any] = orjson.loads(
                self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
            )
        except (InvalidTag, ValueError):
            raise VaultError(self._shown, f"what is kept of {context} was not sealed with its key") from None
        return value
