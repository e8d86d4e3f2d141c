"""From a transaction or a typed message to the 32 bytes that are signed, and from a signature back to bytes to send.

The encoding is eth-account's; this module adds what a key outside this process needs: the digest without the key, and
the signed bytes from a signature made elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import rlp  # type: ignore[import-untyped]
from eth_account._utils.legacy_transactions import (
    Transaction,
    encode_transaction,
    serializable_unsigned_transaction_from_dict,
)
from eth_account.messages import encode_typed_data
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_keys.exceptions import BadSignature
from eth_keys.main import lazy_key_api as keys
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from careledger.errors import InvalidInput

__all__ = [
    "CURVE_ORDER",
    "Signature",
    "checked_transaction",
    "recover",
    "signature_in",
    "signed_transaction",
    "transaction_digest",
    "typed_data_digest",
]

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The order of secp256k1 (SEC 2, section 2.4.1)."""

_REFUSED = (TypeError, ValueError, KeyError, AttributeError, IndexError, AssertionError, OverflowError)
"""What eth-account and rlp raise for values they cannot encode."""


@dataclass(frozen=True)
class Signature:
    """A secp256k1 signature with its recovery bit (0 or 1)."""

    r: int
    s: int
    parity: int

    def in_lower_half(self) -> Signature:
        """The equal signature whose s is at most half the curve order (EIP-2): the only form the chain takes."""
        if self.s <= CURVE_ORDER // 2:
            return self
        return Signature(self.r, CURVE_ORDER - self.s, 1 - self.parity)

    def to_bytes(self) -> bytes:
        """r || s || v with v 27 or 28, 65 bytes."""
        return self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes([27 + self.parity])


def checked_transaction(transaction: dict[str, Any], address: ChecksumAddress) -> dict[str, Any]:
    """The transaction as eth-account takes it: without `from`, and with all that makes it valid once and on one chain.

    Raises InvalidInput naming the field.
    """
    fields = dict(transaction)
    sender = fields.pop("from", None)
    if sender is not None and str(sender).lower() != address.lower():
        raise InvalidInput("from", str(sender), f"this signer signs for {address}")
    for name in ("chainId", "nonce", "gas"):
        if fields.get(name) is None:
            raise InvalidInput(name, "", "a transaction needs it")
    if "gasPrice" not in fields and not {"maxFeePerGas", "maxPriorityFeePerGas"} <= fields.keys():
        raise InvalidInput("gasPrice", "", "a transaction needs it, or maxFeePerGas with maxPriorityFeePerGas")
    if fields.get("to") is None:
        fields.pop("to", None)  # a contract creation
    if fields.get("type") in (0, "0x0"):
        del fields["type"]  # eth-account knows a legacy transaction by having no type
    return fields


def transaction_digest(fields: dict[str, Any]) -> bytes:
    """The 32 bytes that a transaction's signature signs. `fields` from `checked_transaction`."""
    return bytes(_unsigned(fields).hash())


def signed_transaction(fields: dict[str, Any], signature: Signature) -> bytes:
    """The raw transaction with a signature made elsewhere. `fields` from `checked_transaction`."""
    unsigned = _unsigned(fields)
    v = signature.parity
    if isinstance(unsigned, Transaction):
        v += 35 + 2 * int(unsigned.v)  # EIP-155
    return bytes(encode_transaction(unsigned, vrs=(v, signature.r, signature.s)))  # type: ignore[arg-type, unused-ignore]


def signature_in(raw: bytes) -> Signature:
    """The signature in a raw signed transaction. Raises ValueError if the bytes are not one."""
    typed = raw[:1] < b"\xc0"
    try:
        fields = rlp.decode(raw[1:] if typed else raw)
        v, r, s = (int.from_bytes(field, "big") for field in fields[-3:])
    except (rlp.exceptions.RLPException, TypeError, ValueError) as error:
        raise ValueError("not a signed transaction") from error
    parity = v if typed else (v - 35) % 2
    if parity not in (0, 1):
        raise ValueError(f"not a signed transaction: its recovery bit is {parity}")
    return Signature(r, s, parity)


def typed_data_digest(typed_data: dict[str, Any]) -> bytes:
    """The 32 bytes that an EIP-712 signature signs. Raises InvalidInput if this is not a whole typed message."""
    missing = [part for part in ("types", "primaryType", "domain", "message") if part not in typed_data]
    if missing:
        raise InvalidInput("typed data", ", ".join(missing), "missing from the message")
    try:
        signable = encode_typed_data(full_message=typed_data)
    except _REFUSED as error:
        raise InvalidInput("typed data", str(typed_data["primaryType"]), f"cannot be encoded: {error}") from error
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def recover(digest: bytes, signature: Signature) -> ChecksumAddress | None:
    """The address whose key made the signature; None if no key can have made it."""
    try:
        key = keys.Signature(vrs=(signature.parity, signature.r, signature.s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError, ValueError):
        return None
    return to_checksum_address(key.to_canonical_address())


def _unsigned(fields: dict[str, Any]) -> TypedTransaction | Transaction:
    try:
        unsigned = serializable_unsigned_transaction_from_dict(cast(Any, fields))
    except _REFUSED as error:
        raise InvalidInput("transaction", "", f"cannot be encoded: {error}") from error
    return cast("TypedTransaction | Transaction", unsigned)
