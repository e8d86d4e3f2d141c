"""EIP-712 messages to the suite's contracts, and the 64 bytes of EIP-2098."""

from __future__ import annotations

from typing import Any

from careledger.chain.signers import LocalSigner, Signer
from careledger.errors import InvalidInput

__all__ = ["Message", "compact_signature", "shortest_signature", "typed_message"]

DOMAIN_VERSION = "1"
DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
SIGNATURE_LENGTH = 65

Message = dict[str, Any]


def typed_message(name: str, chain_id: int, address: str, kind: str, /, **fields: tuple[str, Any]) -> Message:
    """A message of a kind to one of the suite's contracts. `fields` are (Solidity type, value) in the type's order."""
    return {
        "types": {
            "EIP712Domain": DOMAIN_TYPE,
            kind: [{"name": field, "type": solidity} for field, (solidity, _) in fields.items()],
        },
        "primaryType": kind,
        "domain": {
            "name": f"careledger {name}",
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": address,
        },
        "message": {field: value for field, (_, value) in fields.items()},
    }


def compact_signature(signature: bytes) -> bytes:
    """An ordinary key's signature in the 64 bytes of EIP-2098, which cost the contract no look at the account.

    Takes r, s, v of 65 bytes. Raises InvalidInput for another length or another v than 27 or 28.
    """
    if len(signature) != SIGNATURE_LENGTH or signature[64] not in (27, 28):
        raise InvalidInput("signature", "0x" + signature.hex(), "must be 65 bytes that end with 27 or 28")
    odd = signature[64] - 27
    return signature[:32] + (int.from_bytes(signature[32:64], "big") | odd << 255).to_bytes(32, "big")


def shortest_signature(signer: Signer, message: Message) -> bytes:
    """A signer's signature of a message: 64 bytes by a key held here; another's may be a contract wallet's, as it is.

    Raises what `sign_typed_data` raises.
    """
    signature = signer.sign_typed_data(message)
    return compact_signature(signature) if isinstance(signer, LocalSigner) else signature
