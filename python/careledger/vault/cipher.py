"""The vault's keys: a random data key under a passphrase, and what is derived from it for names, values and the census.

    passphrase --scrypt--> wrapping key --AES-256-GCM--> { data key, tombstone key }
    data key --HKDF-SHA256--> label key, value key, census key (AES-256-GCM), lookup key (HMAC-SHA256)

The tombstone key outlives a rotation, since a tombstone's name is gone and cannot be hashed again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import unicodedata
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from careledger.errors import InvalidInput

__all__ = ["Census", "EntryCipher", "KeyWrap", "Keys", "ScryptCost", "Unreadable", "kind_range"]

_NONCE_BYTES = 12
_KIND_TAG_BYTES = 16


class Unreadable(Exception):
    """A ciphertext is not by this key, or was changed."""


@dataclass(frozen=True)
class ScryptCost:
    """What one guess at the passphrase costs: 128 * n * r bytes of memory, p times.

    The default, 128 MiB, is the first choice of OWASP's Password Storage Cheat Sheet.
    """

    n: int = 2**17
    r: int = 8
    p: int = 1

    def __post_init__(self) -> None:
        whole = self.n >= 2 and self.n & (self.n - 1) == 0 and self.r >= 1 and self.p >= 1
        if not whole or 128 * self.n * self.r > 2**32 or self.p > 64:
            raise InvalidInput("scrypt cost", f"{self.n}, {self.r}, {self.p}", "n is a power of two, within 4 GiB")


@dataclass(frozen=True, repr=False)
class Keys:
    """The two secrets of a vault, 32 bytes each."""

    data: bytes
    tombstone: bytes

    @classmethod
    def fresh(cls) -> Keys:
        return cls(os.urandom(32), os.urandom(32))

    def rotated(self) -> Keys:
        return Keys(os.urandom(32), self.tombstone)


@dataclass(frozen=True)
class KeyWrap:
    """The vault's keys, locked by a passphrase: the part of the file that is read first.

    `checksum` is over all the rest, and has no key: it tells a damaged file from a wrong passphrase.
    """

    file_id: bytes
    cost: ScryptCost
    salt: bytes
    wrapped: bytes
    checksum: bytes

    @classmethod
    def lock(cls, keys: Keys, passphrase: str, file_id: bytes, cost: ScryptCost) -> tuple[KeyWrap, bytes]:
        """The keys under a passphrase and a fresh salt; also the wrapping key."""
        salt = os.urandom(16)
        wrapping_key = _wrapping_key(passphrase, salt, cost)
        wrapped = _seal(AESGCM(wrapping_key), keys.data + keys.tombstone, _wrap_context(file_id, cost, salt))
        checksum = _checksum(file_id, cost, salt, wrapped)
        return cls(file_id, cost, salt, wrapped, checksum), wrapping_key

    def is_whole(self) -> bool:
        """Whether this is what was written, as far as can be told without the passphrase."""
        return self.checksum == _checksum(self.file_id, self.cost, self.salt, self.wrapped)

    def wrapping_key(self, passphrase: str) -> bytes:
        """The key that the passphrase gives; takes the time and memory of the cost."""
        return _wrapping_key(passphrase, self.salt, self.cost)

    def unlock(self, wrapping_key: bytes) -> Keys:
        """Raises Unreadable if the key is wrong."""
        secrets = _open(AESGCM(wrapping_key), self.wrapped, _wrap_context(self.file_id, self.cost, self.salt))
        return Keys(secrets[:32], secrets[32:])


@dataclass
class Census:
    """How many entries and tombstones there are, and a keyed sum over which: a lost or added row does not go unseen."""

    entries: int = 0
    tombstones: int = 0
    total: int = 0

    def to_bytes(self) -> bytes:
        return self.entries.to_bytes(8, "big") + self.tombstones.to_bytes(8, "big") + self.total.to_bytes(32, "big")

    @classmethod
    def from_bytes(cls, data: bytes) -> Census:
        return cls(*(int.from_bytes(part, "big") for part in (data[:8], data[8:16], data[16:48])))


class EntryCipher:
    """Names, seals and opens the entries of one file under one data key."""

    def __init__(self, keys: Keys, file_id: bytes) -> None:
        self._file_id = file_id
        self._tombstone_key = keys.tombstone
        self._label = AESGCM(_derived(keys.data, "label"))
        self._value = AESGCM(_derived(keys.data, "value"))
        self._census = AESGCM(_derived(keys.data, "census"))
        self._lookup_key = _derived(keys.data, "lookup")
        self._sum_key = _derived(keys.data, "census sum")

    def kind_tag(self, kind: str) -> bytes:
        """The first 16 bytes of the ids of a kind's entries."""
        return self._hash(self._lookup_key, b"kind", _text("kind", kind))[:_KIND_TAG_BYTES]

    def entry_id(self, kind: str, name: str) -> bytes:
        """Where an entry lies: 48 bytes that say nothing without the key."""
        return self.kind_tag(kind) + self._hash(self._lookup_key, b"name", _entry_name(kind, name))

    def tombstone_id(self, kind: str, name: str) -> bytes:
        """32 bytes that stand for an erased entry; the same in every copy and after every rotation of a vault."""
        return self._hash(self._tombstone_key, b"tombstone", _entry_name(kind, name))

    def seal(self, kind: str, name: str, value: bytes) -> tuple[bytes, bytes, bytes]:
        """An entry's row: id, label, value."""
        entry_id = self.entry_id(kind, name)
        label = _seal(self._label, _entry_name(kind, name), self._file_id + entry_id)
        return entry_id, label, _seal(self._value, value, self._file_id + _entry_name(kind, name))

    def open_label(self, entry_id: bytes, label: bytes) -> tuple[str, str]:
        """The kind and name of a row. Raises Unreadable."""
        text = _open(self._label, label, self._file_id + entry_id)
        length = int.from_bytes(text[:4], "big")
        return text[4 : 4 + length].decode(), text[4 + length :].decode()

    def open_value(self, kind: str, name: str, value: bytes) -> bytes:
        """The value of a row. Raises Unreadable, also if the value was moved here from another name or file."""
        return _open(self._value, value, self._file_id + _entry_name(kind, name))

    def seal_census(self, census: Census) -> bytes:
        return _seal(self._census, census.to_bytes(), self._file_id)

    def open_census(self, sealed: bytes) -> Census:
        """Raises Unreadable."""
        return Census.from_bytes(_open(self._census, sealed, self._file_id))

    def count_entry(self, census: Census, entry_id: bytes, sign: int = 1) -> None:
        """Takes an entry into the census, or with sign -1 out of it."""
        census.entries += sign
        self._add(census, b"entry", entry_id, sign)

    def count_tombstone(self, census: Census, tombstone_id: bytes) -> None:
        census.tombstones += 1
        self._add(census, b"tombstone", tombstone_id, 1)

    def _add(self, census: Census, purpose: bytes, row_id: bytes, sign: int) -> None:
        term = int.from_bytes(self._hash(self._sum_key, purpose, row_id), "big")
        census.total = (census.total + sign * term) % 2**256

    @staticmethod
    def _hash(key: bytes, purpose: bytes, data: bytes) -> bytes:
        return hmac.digest(key, purpose + b"\0" + data, "sha256")


def kind_range(tag: bytes) -> tuple[bytes, bytes]:
    """The least and the greatest id of a kind's entries."""
    return tag, tag + b"\xff" * 33


def _entry_name(kind: str, name: str) -> bytes:
    encoded = _text("kind", kind)
    return len(encoded).to_bytes(4, "big") + encoded + _text("name", name)


def _text(field: str, text: str) -> bytes:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(field, ascii(text), "is not text that can be stored") from None
    if not encoded:
        raise InvalidInput(field, "", "is empty")
    return encoded


def _wrapping_key(passphrase: str, salt: bytes, cost: ScryptCost) -> bytes:
    if not passphrase:
        raise InvalidInput("passphrase", "", "is empty")
    # Keyboards differ in how they compose an accented letter; NFC makes it one.
    secret = unicodedata.normalize("NFC", passphrase).encode()
    return Scrypt(salt=salt, length=32, n=cost.n, r=cost.r, p=cost.p).derive(secret)


def _wrap_context(file_id: bytes, cost: ScryptCost, salt: bytes) -> bytes:
    return b"careledger vault 1\0" + file_id + salt + f"{cost.n},{cost.r},{cost.p}".encode()


def _checksum(file_id: bytes, cost: ScryptCost, salt: bytes, wrapped: bytes) -> bytes:
    return hashlib.sha256(_wrap_context(file_id, cost, salt) + wrapped).digest()


def _derived(key: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=f"careledger vault {purpose}".encode()).derive(key)


def _seal(cipher: AESGCM, plaintext: bytes, context: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plaintext, context)


def _open(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise Unreadable from None
