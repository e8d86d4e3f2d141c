"""Ids of lots and containers: the hashes of `contracts/serialization/LotId.sol` and `ContainerId.sol`."""

from __future__ import annotations

from biip.checksums import gs1_standard_check_digit
from tiny_keccak import keccak256

from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id, to_padded

__all__ = ["container_id", "lot_id", "lot_reference", "sscc_reference"]

LOT_TAG = keccak256(b"careledger.serialization.lot.v1")
REFERENCE_TAG = keccak256(b"careledger.serialization.lot-reference.v1")
CONTAINER_TAG = keccak256(b"careledger.serialization.container.v1")
SSCC_TAG = keccak256(b"careledger.serialization.sscc.v1")
ID_LENGTH = 12
WORD = 32
SSCC_DIGITS = 18


def lot_reference(product: str, lot_number: str, salt: bytes) -> bytes:
    """A maker's reference to a lot, 32 bytes: product and lot number under a salt of 32 random bytes.

    `product` is a scheme and its value, for example `gtin:00300010000015`; a lot number has up to 20 characters (GS1
    AI 10). Raises InvalidInput for one that is no ASCII of 1 to 32, and for another salt.
    """
    return keccak256(REFERENCE_TAG + to_padded(product) + to_padded(lot_number) + _word("salt", salt))


def lot_id(maker: str, reference: bytes) -> str:
    """A lot's id, 0x and 24 hex digits, of its maker by name or id. Raises InvalidInput."""
    return _id(LOT_TAG, maker, reference)


def sscc_reference(sscc: str, salt: bytes) -> bytes:
    """A packer's reference to a container, 32 bytes: the SSCC under a salt of 32 random bytes.

    Raises InvalidInput for what is not 18 digits with the GS1 check digit at the end, and for another salt.
    """
    is_number = len(sscc) == SSCC_DIGITS and sscc.isascii() and sscc.isdigit()
    if not is_number or str(gs1_standard_check_digit(sscc[:-1])) != sscc[-1]:
        raise InvalidInput("SSCC", sscc, "must be 18 digits, the last one the GS1 check digit")
    return keccak256(SSCC_TAG + to_padded(sscc) + _word("salt", salt))


def container_id(packer: str, reference: bytes) -> str:
    """A container's id, 0x and 24 hex digits, of its packer by name or id. Raises InvalidInput."""
    return _id(CONTAINER_TAG, packer, reference)


def _id(tag: bytes, organization: str, reference: bytes) -> str:
    organization_word = bytes.fromhex(organization_id(organization)[2:]).ljust(WORD, b"\0")
    return "0x" + keccak256(tag + organization_word + _word("reference", reference))[:ID_LENGTH].hex()


def _word(name: str, value: bytes) -> bytes:
    if len(value) != WORD:
        raise InvalidInput(name, f"{len(value)} bytes", f"must be {WORD} bytes")
    return value
