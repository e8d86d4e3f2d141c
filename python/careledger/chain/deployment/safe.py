"""A call for a contract wallet to make, as a file that Safe{Wallet}'s Transaction Builder imports."""

from __future__ import annotations

import json
from pathlib import Path

from careledger.chain.deployment.manifest import write_atomically

__all__ = ["write_safe_transaction"]


def write_safe_transaction(path: Path, chain_id: int, safe: str, to: str, data: bytes, name: str) -> None:
    """Writes the file, in format version 1.0 of the Transaction Builder."""
    batch = {
        "version": "1.0",
        "chainId": str(chain_id),
        "meta": {"name": name, "createdFromSafeAddress": safe},
        "transactions": [{"to": to, "value": "0", "data": "0x" + data.hex()}],
    }
    write_atomically(path, json.dumps(batch, indent=2) + "\n")
