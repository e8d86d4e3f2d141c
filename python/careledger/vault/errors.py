"""Which kind of "no" a vault says.

    VaultError
    ├── WrongPassphrase    the file is whole; this passphrase does not open it
    ├── VaultDamaged       the file is not what was written
    ├── VaultBusy          another process is writing
    ├── VaultRotated       another process gave the vault new keys since it was opened here
    ├── EntryMissing       there is no such entry, and never was one erased under that name
    ├── EntryErased        the entry was erased by `forget`
    └── EntryConflict      the name holds another value

They name an entry by kind and name, never by value.
"""

from __future__ import annotations

from careledger.errors import VaultError

__all__ = [
    "EntryConflict",
    "EntryErased",
    "EntryMissing",
    "VaultBusy",
    "VaultDamaged",
    "VaultRotated",
    "WrongPassphrase",
]


class WrongPassphrase(VaultError):
    """The file is whole; this passphrase does not open it."""


class VaultDamaged(VaultError):
    """The file is not what was written: a byte changed, or an entry is lost. Restore a backup."""


class VaultBusy(VaultError):
    """Another process is writing; nothing was done here."""


class VaultRotated(VaultError):
    """Another process gave the vault new keys since it was opened here; nothing was done."""


class EntryMissing(VaultError):
    """There is no such entry, and never was one erased under that name."""


class EntryErased(VaultError):
    """The entry was erased by `forget`; its name cannot be used again."""


class EntryConflict(VaultError):
    """The name holds another value; nothing was written."""
