"""The one encrypted store for salts, receipts and plan secrets: a single file, opened by a passphrase.

    with Vault.create(path, passphrase) as vault:
        vault.put("salt", "claim-2041", os.urandom(32))

An entry has a kind, a name and a value, and is never overwritten. `docs/vault.md` has the format, what the file still
shows to someone without the passphrase, and what erasing an entry needs beyond `forget`.
"""

from __future__ import annotations

from careledger.vault.cipher import ScryptCost
from careledger.vault.errors import (
    EntryConflict,
    EntryErased,
    EntryMissing,
    VaultBusy,
    VaultDamaged,
    VaultRotated,
    WrongPassphrase,
)
from careledger.vault.vault import Restoration, Vault

__all__ = [
    "EntryConflict",
    "EntryErased",
    "EntryMissing",
    "Restoration",
    "ScryptCost",
    "Vault",
    "VaultBusy",
    "VaultDamaged",
    "VaultRotated",
    "WrongPassphrase",
]
