"""A call for a contract wallet to make, as a file that Safe{Wallet}'s Transaction Builder imports."""

from __future__ import annotations

import json
from pathlib import Path

from careledger.chain.deployment.manifest import write_atomically

__all__ = ["write_safe_transaction"]


def write_safe_transaction(folder: Path, chain_id: int, safe: str, to: str, data: bytes, name: str) -> Path:
    """Writes `<chainId>.admin.json`; returns its path. Format version 1.0 of the Transaction Builder."""
    path = folder / f"{chain_id}.admin.json"
    batch = {
        "version": "1.0",
        "chainId": str(chain_id),
        "meta": {"name": name, "createdFromSafeAddress": safe},
        "transactions": [{"to": to, "value": "0", "data": "0x" + data.hex()}],
    }
    write_atomically(path, json.dumps(batch, indent=2) + "\n")
    return path
