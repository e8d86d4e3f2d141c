"""Service records of medical devices, and their signatures by eth-account."""

from __future__ import annotations

import enum
from typing import Any

import ape
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

CONTENT = keccak(text="what was done, salted")

SERVICE_FIELDS = {
    "lot": "bytes12",
    "index": "uint256",
    "sequence": "uint32",
    "kind": "uint8",
    "servicedAt": "uint40",
    "partLot": "bytes12",
    "partIndex": "uint256",
    "content": "bytes32",
}


class ServiceKind(enum.IntEnum):
    (
        UNSPECIFIED,
        INSPECTION,
        CALIBRATION,
        MAINTENANCE,
        REPAIR,
        PART_REPLACEMENT,
        SOFTWARE_UPDATE,
        DECONTAMINATION,
    ) = range(8)


def signature_of(contract: Any, service: dict[str, Any], key: Any, **domain_changes: Any) -> bytes:
    """A key's signature over a record. `domain_changes` alter the domain."""
    domain = {
        "name": "careledger ServiceHistory",
        "version": "1",
        "chainId": ape.networks.provider.chain_id,
        "verifyingContract": contract.address,
    }
    types = {"Service": [{"name": name, "type": kind} for name, kind in SERVICE_FIELDS.items()]}
    signed = Account.sign_typed_data(
        key.private_key, domain_data={**domain, **domain_changes}, message_types=types, message_data=service
    )
    return bytes(signed.signature)


def head_after(head: bytes, key: Any, service: dict[str, Any]) -> bytes:
    """The hash of all records of a device, with one more."""
    stated = [str(key), *service.values()]
    record = keccak(encode(["address", *SERVICE_FIELDS.values()], stated))
    return keccak(encode(["bytes32", "bytes32"], [head, record]))
