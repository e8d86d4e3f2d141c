"""Whether a digest was signed by an account: an ordinary key, or a contract that answers for its owners."""

from __future__ import annotations

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from careledger.chain.connection import Connection
from careledger.chain.signers.digests import Signature, recover
from careledger.errors import ContractError

__all__ = ["is_signed_by"]

SIGNATURE_LENGTH = 65
IS_VALID_SIGNATURE = keccak(text="isValidSignature(bytes32,bytes)")[:4]
"""ERC-1271: the selector, which is also the answer."""


def is_signed_by(connection: Connection, account: str, digest: bytes, signature: bytes) -> bool:
    """Whether a signature is an ordinary key's, s in the lower half, or one that a contract account takes (ERC-1271).

    Raises ChainError if the chain could not be asked about an account that may be a contract.
    """
    if len(signature) == SIGNATURE_LENGTH and signature[64] in (27, 28):
        r, s = (int.from_bytes(signature[start : start + 32], "big") for start in (0, 32))
        made = Signature(r, s, signature[64] - 27)
        found = recover(digest, made)
        if found is not None and found.lower() == account.lower() and made == made.in_lower_half():
            return True
    if not connection.code(account):
        return False
    try:
        answer = connection.call(account, IS_VALID_SIGNATURE + encode(["bytes32", "bytes"], [digest, signature]))
    except ContractError:
        return False
    return len(answer) >= 32 and answer[:32] == IS_VALID_SIGNATURE.ljust(32, b"\0")
