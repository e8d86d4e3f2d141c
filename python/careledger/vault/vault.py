"""The vault: put, get, forget, rotate, backup, restore."""

from __future__ import annotations

import contextlib
import hmac
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from careledger.errors import InvalidInput, VaultError
from careledger.vault.cipher import Census, EntryCipher, Keys, KeyWrap, ScryptCost, Unreadable, kind_range
from careledger.vault.errors import (
    EntryConflict,
    EntryErased,
    EntryMissing,
    VaultDamaged,
    VaultRotated,
    WrongPassphrase,
)
from careledger.vault.storage import ENTRIES_TABLE, VaultFile, publish, unpublished

__all__ = ["Restoration", "Vault"]

_PAGE = 500
"""How many rows are read at a time when names are listed: what bounds memory, and how long a reader holds the file."""

_COUNTED_SECONDS, _COUNTED_TIMES = 60.0, 100
"""For how long a count of all rows stands, and for how many times as long as it took: a hundredth of the time
at most."""


@dataclass(frozen=True)
class Restoration:
    """What `Vault.restore` did, in entries."""

    path: Path
    restored: int
    already_there: int
    withheld: int
    """In the backup, and not restored: erased in the vault since."""
    erased: int
    """In the vault, and erased now: the backup is the younger one, and knows of their erasure."""


class Vault:
    """An open vault. Close it, or use it in a `with`. May be shared between threads, not across a fork.

    Every method raises VaultBusy if another process keeps the file locked for longer than the busy time, VaultRotated
    if another process gave it new keys, VaultDamaged if what is read is not what was written, and VaultError if the
    file cannot be read or written; those are not repeated below.
    """

    def __init__(self, file: VaultFile, wrap: KeyWrap, wrapping_key: bytes) -> None:
        """Use `create` or `open`."""
        self._file = file
        self._lock = threading.RLock()
        self._wrapping_key = wrapping_key
        self._counted_until = -float("inf")
        self._take(wrap)

    @classmethod
    def create(
        cls, path: Path | str, passphrase: str, *, cost: ScryptCost | None = None, busy_seconds: float = 5.0
    ) -> Vault:
        """A new vault in a new file of mode 0600. Raises VaultError if the file exists, InvalidInput for an empty
        passphrase."""
        path = Path(path)
        keys, file_id = Keys.fresh(), os.urandom(16)
        wrap, wrapping_key = KeyWrap.lock(keys, passphrase, file_id, cost or ScryptCost())
        partial = unpublished(path)
        try:
            file = VaultFile.create(partial, busy_seconds, shown_as=path)
            try:
                with file.transaction(write=True):
                    file.write_header(wrap, EntryCipher(keys, file_id).seal_census(Census()))
            finally:
                file.close()
            publish(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        return cls(VaultFile(path, read_only=False, busy_seconds=busy_seconds), wrap, wrapping_key)

    @classmethod
    def open(cls, path: Path | str, passphrase: str, *, read_only: bool = False, busy_seconds: float = 5.0) -> Vault:
        """Opens a vault.

        Raises WrongPassphrase; VaultDamaged if the file is damaged or not a vault; VaultError if there is no file.
        """
        path = Path(path)
        if not path.is_file():
            raise VaultError(str(path), "no such file; `careledger vault init` makes a vault")
        file = VaultFile(path, read_only=read_only, busy_seconds=busy_seconds)
        try:
            file.check_format()
            with file.transaction(write=False):
                wrap = file.read_key_wrap()
            return cls(file, wrap, wrap.wrapping_key(passphrase))
        except BaseException:
            file.close()
            raise

    @property
    def path(self) -> Path:
        """The vault's file."""
        return self._file.path

    @property
    def identity(self) -> str:
        """Which vault it is, 32 hex digits: the same for all its copies, and after a rotation."""
        return self._wrap.file_id.hex()

    def put(self, kind: str, name: str, value: bytes) -> bool:
        """Stores a value; False if the same value was there already.

        Raises EntryConflict if the name holds another value, EntryErased if it was erased, InvalidInput for an empty
        kind or name.
        """
        return self.put_many([(kind, name, value)]) == 1

    def put_many(self, entries: Iterable[tuple[str, str, bytes]]) -> int:
        """Stores many (kind, name, value), all or none; returns how many were not there already. Raises as `put`."""
        added = 0
        with self._transaction(write=True):
            census = self._census()
            for kind, name, value in entries:
                added += self._put(census, kind, name, value)
            if added:
                self._write_census(census)
        return added

    def get(self, kind: str, name: str) -> bytes:
        """The value of an entry. Raises EntryMissing, or EntryErased if it was erased.

        That an entry is missing is only said where nothing was lost since it was written: by a count of all rows, at
        the first time, and again once a minute or so.
        """
        with self._transaction(write=False):
            value = self._get(kind, name)
            if value is not None:
                return value
            if self._is_erased(kind, name):
                raise EntryErased(self._shown, f"{kind} {name!r} was erased")
            self._check_census_lately()
            raise EntryMissing(self._shown, f"there is no {kind} {name!r}")

    def names(self, kind: str) -> Iterator[str]:
        """The names of a kind's entries, in no order, read as it goes: what is put meanwhile may be in it or not."""
        with self._transaction(write=False):
            self._check_census()
            tag = self._cipher.kind_tag(kind)
        return (name for _, name in self._labels(*kind_range(tag), guard=lambda: self._transaction(write=False)))

    def kinds(self) -> dict[str, int]:
        """The kinds there are, and how many entries each has."""
        counts: dict[str, int] = {}
        with self._transaction(write=False):
            self._check_census()
            after = b""
            while row := self._file.execute(
                "SELECT id, label FROM entries WHERE id > ? ORDER BY id LIMIT 1", (after,)
            ).fetchone():
                kind, _ = self._open_label(*row)
                least, after = kind_range(self._cipher.kind_tag(kind))
                counted = self._file.execute("SELECT count(*) FROM entries WHERE id BETWEEN ? AND ?", (least, after))
                counts[kind] = counted.fetchone()[0]
        return dict(sorted(counts.items()))

    def forget(self, kind: str, name: str) -> bool:
        """Erases an entry: the row is overwritten, and a keyed tombstone keeps an older backup from bringing it back.

        True if there was such an entry; False if there was none, and a tombstone was laid all the same. What older
        backups still hold, only `rotate` and destroying them ends.
        """
        with self._transaction(write=True):
            census = self._census()
            erased = self._forget(census, kind, name)
            self._write_census(census)
        with self._lock:
            self._file.compact()
        return erased

    def forget_many(self, entries: Iterable[tuple[str, str]]) -> int:
        """Erases many entries, (kind, name), in one transaction, as `forget` does; returns how many there were. The
        file does not shrink: later entries take the place."""
        erased = 0
        with self._transaction(write=True):
            census = self._census()
            for kind, name in entries:
                erased += self._forget(census, kind, name)
            self._write_census(census)
        return erased

    def rotate(self, new_passphrase: str, *, cost: ScryptCost | None = None) -> None:
        """A new passphrase and a new data key: every entry is encrypted anew, in one transaction.

        Neither the old passphrase nor a copy of the old keys opens the file afterwards. The scrypt cost stays, unless
        given. Raises InvalidInput for an empty passphrase.
        """
        with self._lock:
            keys = self._keys.rotated()
            wrap, wrapping_key = KeyWrap.lock(keys, new_passphrase, self._wrap.file_id, cost or self._wrap.cost)
            old, new = self._cipher, EntryCipher(keys, wrap.file_id)
            with self._transaction(write=True):
                self._check_census()
                census = Census()
                self._file.execute("ALTER TABLE entries RENAME TO previous")
                self._file.execute(ENTRIES_TABLE)
                for entry_id, label, value in self._file.execute("SELECT id, label, value FROM previous"):
                    kind, name = self._open_label(entry_id, label)
                    row = new.seal(kind, name, self._opened(old, kind, name, value))
                    self._file.execute("INSERT INTO entries VALUES (?, ?, ?)", row)
                    new.count_entry(census, row[0])
                self._file.execute("DROP TABLE previous")
                for (tombstone_id,) in self._file.execute("SELECT id FROM tombstones"):
                    new.count_tombstone(census, tombstone_id)
                self._file.write_header(wrap, new.seal_census(census))
            self._wrapping_key = wrapping_key
            self._take(wrap)
            self._file.compact()

    def backup(self, path: Path | str) -> None:
        """A copy in a new file of mode 0600, opened and read through before it gets its name.

        It opens with the passphrase of this moment. Raises VaultError if the file exists.
        """
        path = Path(path)
        partial = unpublished(path)
        try:
            with self._lock:
                with self._transaction(write=False):
                    self._check_census()
                self._file.copy_to(partial)
            copy = VaultFile(partial, read_only=True, busy_seconds=0.0, shown_as=path)
            try:
                with copy.transaction(write=False):
                    wrap = copy.read_key_wrap()
                Vault(copy, wrap, self._wrapping_key).verify()
            finally:
                copy.close()
            publish(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def restore(
        cls,
        backup_path: Path | str,
        path: Path | str,
        passphrase: str,
        *,
        backup_passphrase: str | None = None,
        busy_seconds: float = 5.0,
    ) -> Restoration:
        """Brings a backup back: as a new vault, if there is no file at `path`, or else into the vault that is there.

        Into a vault, all or nothing: what was erased there stays erased, what the backup knows to be erased is erased,
        and a name with two values is an EntryConflict. `passphrase` opens the vault; the backup opens with
        `backup_passphrase`, or else with the same. A new vault keeps the backup's passphrase.

        Raises VaultDamaged if the backup is damaged, VaultError if it is of another vault.
        """
        path = Path(path)
        if path.exists() and path.samefile(backup_path):
            raise InvalidInput("backup", str(backup_path), "is the vault itself")
        with cls.open(
            backup_path, backup_passphrase or passphrase, read_only=True, busy_seconds=busy_seconds
        ) as backup:
            entries = backup.verify()
            if not path.exists():
                backup.backup(path)
                return Restoration(path, restored=entries, already_there=0, withheld=0, erased=0)
            with cls.open(path, passphrase, busy_seconds=busy_seconds) as vault:
                return vault._merge(backup)

    def verify(self) -> int:
        """Reads everything through and returns how many entries there are. Raises VaultDamaged."""
        with self._transaction(write=False):
            self._file.check_pages()
            self._check_census()
            count = 0
            for entry_id, label, value in self._file.execute("SELECT id, label, value FROM entries"):
                self._opened(self._cipher, *self._open_label(entry_id, label), value)
                count += 1
        return count

    def close(self) -> None:
        """Closes the file; the vault is one file again."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Vault({self._shown!r})"

    @property
    def _shown(self) -> str:
        return self._file.shown

    def _take(self, wrap: KeyWrap) -> None:
        try:
            self._keys = wrap.unlock(self._wrapping_key)
        except Unreadable:
            raise WrongPassphrase(self._shown, "wrong passphrase") from None
        self._wrap = wrap
        self._cipher = EntryCipher(self._keys, wrap.file_id)

    @contextlib.contextmanager
    def _transaction(self, write: bool) -> Iterator[None]:
        with self._lock, self._file.transaction(write):
            if self._file.read_key_wrap() != self._wrap:
                raise VaultRotated(self._shown, "it was given new keys since it was opened; open it again")
            yield

    def _put(self, census: Census, kind: str, name: str, value: bytes) -> bool:
        if not isinstance(value, bytes):
            raise InvalidInput("value", type(value).__name__, f"the value of {kind} {name!r} should be bytes")
        if census.tombstones and self._is_erased(kind, name):
            raise EntryErased(self._shown, f"{kind} {name!r} was erased; its name cannot be used again")
        row = self._cipher.seal(kind, name, value)
        if self._file.execute("INSERT OR IGNORE INTO entries VALUES (?, ?, ?)", row).rowcount:
            self._cipher.count_entry(census, row[0])
            return True
        present = self._get(kind, name)
        if present is None or not hmac.compare_digest(present, value):
            raise EntryConflict(self._shown, f"{kind} {name!r} holds another value; nothing was written")
        return False

    def _get(self, kind: str, name: str) -> bytes | None:
        row = self._file.execute(
            "SELECT value FROM entries WHERE id = ?", (self._cipher.entry_id(kind, name),)
        ).fetchone()
        return None if row is None else self._opened(self._cipher, kind, name, row[0])

    def _forget(self, census: Census, kind: str, name: str) -> bool:
        entry_id, tombstone_id = self._cipher.entry_id(kind, name), self._cipher.tombstone_id(kind, name)
        erased = self._file.execute("DELETE FROM entries WHERE id = ?", (entry_id,)).rowcount > 0
        if erased:
            self._cipher.count_entry(census, entry_id, -1)
        self._bury(census, tombstone_id)
        return erased

    def _bury(self, census: Census, tombstone_id: bytes) -> None:
        if self._file.execute("INSERT OR IGNORE INTO tombstones VALUES (?)", (tombstone_id,)).rowcount:
            self._cipher.count_tombstone(census, tombstone_id)

    def _is_erased(self, kind: str, name: str) -> bool:
        tombstone_id = self._cipher.tombstone_id(kind, name)
        return self._has_tombstone(tombstone_id)

    def _has_tombstone(self, tombstone_id: bytes) -> bool:
        return self._file.execute("SELECT 1 FROM tombstones WHERE id = ?", (tombstone_id,)).fetchone() is not None

    def _merge(self, backup: Vault) -> Restoration:
        if backup._wrap.file_id != self._wrap.file_id:
            raise VaultError(backup._shown, f"is a backup of another vault than {self._shown}")
        restored = already_there = withheld = erased = 0
        with self._transaction(write=True), backup._transaction(write=False):
            self._check_census()
            census = self._census()
            for kind, name in self._erased_in(backup):
                erased += self._forget(census, kind, name)
            for (tombstone_id,) in backup._file.execute("SELECT id FROM tombstones"):
                self._bury(census, tombstone_id)
            for entry_id, label, value in backup._file.execute("SELECT id, label, value FROM entries"):
                kind, name = backup._open_label(entry_id, label)
                if self._is_erased(kind, name):
                    withheld += 1
                elif self._put(census, kind, name, backup._opened(backup._cipher, kind, name, value)):
                    restored += 1
                else:
                    already_there += 1
            self._write_census(census)
        if erased:
            self._file.compact()
        return Restoration(self.path, restored, already_there, withheld, erased)

    def _erased_in(self, backup: Vault) -> Iterator[tuple[str, str]]:
        """Our entries that a backup knows to be erased."""
        if backup._census().tombstones:
            for kind, name in self._labels(b"", b"\xff" * 49, guard=contextlib.nullcontext):
                if backup._has_tombstone(backup._cipher.tombstone_id(kind, name)):
                    yield kind, name

    def _labels(
        self, least: bytes, greatest: bytes, guard: Callable[[], AbstractContextManager[None]]
    ) -> Iterator[tuple[str, str]]:
        """Kind and name of the entries in a range of ids, read a page at a time, each under a guard."""
        while True:
            with guard():
                page = self._file.execute(
                    "SELECT id, label FROM entries WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
                    (least, greatest, _PAGE),
                ).fetchall()
            for entry_id, label in page:
                yield self._open_label(entry_id, label)
            if len(page) < _PAGE:
                return
            least = page[-1][0]

    def _open_label(self, entry_id: bytes, label: bytes) -> tuple[str, str]:
        try:
            return self._cipher.open_label(entry_id, label)
        except (Unreadable, TypeError, UnicodeDecodeError):
            raise VaultDamaged(self._shown, "an entry's name is damaged; restore a backup") from None

    def _opened(self, cipher: EntryCipher, kind: str, name: str, value: bytes) -> bytes:
        try:
            return cipher.open_value(kind, name, value)
        except (Unreadable, TypeError):
            raise VaultDamaged(self._shown, f"{kind} {name!r} is damaged; restore a backup") from None

    def _census(self) -> Census:
        row = self._file.execute("SELECT census FROM header").fetchone()
        try:
            return self._cipher.open_census(row[0])
        except (Unreadable, TypeError):
            raise VaultDamaged(self._shown, "its census is damaged; restore a backup") from None

    def _write_census(self, census: Census) -> None:
        self._file.execute("UPDATE header SET census = ?", (self._cipher.seal_census(census),))

    def _check_census_lately(self) -> None:
        """As `_check_census`, unless that was done a moment ago: it reads the ids of all rows."""
        if time.monotonic() < self._counted_until:
            return
        started = time.monotonic()
        self._check_census()
        ended = time.monotonic()
        self._counted_until = ended + max(_COUNTED_SECONDS, _COUNTED_TIMES * (ended - started))

    def _check_census(self) -> None:
        """Raises VaultDamaged if a row was lost, added or renamed since it was written."""
        found = Census()
        try:
            for (entry_id,) in self._file.execute("SELECT id FROM entries"):
                self._cipher.count_entry(found, entry_id)
            for (tombstone_id,) in self._file.execute("SELECT id FROM tombstones"):
                self._cipher.count_tombstone(found, tombstone_id)
        except TypeError:
            raise VaultDamaged(self._shown, "an entry's id is damaged; restore a backup") from None
        if found != self._census():
            raise VaultDamaged(self._shown, "entries are lost or were added; restore a backup")
