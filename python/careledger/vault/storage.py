"""The vault's file: SQLite with a rollback journal, so that a closed vault is one file, and a killed process leaves a
whole one. Deleted content is overwritten with zeros (`secure_delete`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from careledger.errors import InvalidInput, VaultError
from careledger.vault.cipher import KeyWrap, ScryptCost
from careledger.vault.errors import VaultBusy, VaultDamaged

__all__ = ["ENTRIES_TABLE", "VaultFile", "publish", "unpublished"]

FORMAT = 1
APPLICATION_ID = 0x434C5654
"""SQLite's application id of a vault: "CLVT"."""

ENTRIES_TABLE = """
CREATE TABLE entries (
    id BLOB PRIMARY KEY,     -- 16 bytes for the kind, 32 for kind and name: HMAC-SHA256
    label BLOB NOT NULL,     -- kind and name: nonce (12), AES-256-GCM
    value BLOB NOT NULL      -- nonce (12), AES-256-GCM
) WITHOUT ROWID
"""
_SCHEMA = (
    """
CREATE TABLE header (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    file_id BLOB NOT NULL,   -- 16 random bytes, kept by every copy and rotation
    scrypt_n INTEGER NOT NULL,
    scrypt_r INTEGER NOT NULL,
    scrypt_p INTEGER NOT NULL,
    salt BLOB NOT NULL,
    wrapped BLOB NOT NULL,   -- the data key and the tombstone key: nonce (12), AES-256-GCM
    checksum BLOB NOT NULL,  -- SHA-256 of the columns above
    census BLOB NOT NULL     -- how many rows there are, and a keyed sum of which: nonce (12), AES-256-GCM
)
""",
    ENTRIES_TABLE,
    """
CREATE TABLE tombstones (
    id BLOB PRIMARY KEY      -- HMAC-SHA256 of an erased entry's kind and name
) WITHOUT ROWID
""",
)
_CACHE_KIB = 8192
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_ERROR)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class VaultFile:
    """One open vault file. SQLite's errors come out as VaultError."""

    def __init__(self, path: Path, *, read_only: bool, busy_seconds: float, shown_as: Path | None = None) -> None:
        self.path = path
        self.shown = str(shown_as or path)
        mode = "ro" if read_only else "rw"
        with self.translated():
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                timeout=busy_seconds,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            with self.translated():
                self.execute("PRAGMA secure_delete = ON")
                self.execute("PRAGMA synchronous = FULL")
                self.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                self.execute("PRAGMA trusted_schema = OFF")
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, busy_seconds: float, shown_as: Path) -> VaultFile:
        """Lays the tables out in an empty file."""
        file = cls(path, read_only=False, busy_seconds=busy_seconds, shown_as=shown_as)
        try:
            with file.translated():
                file.execute("PRAGMA journal_mode = DELETE")
                file.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                file.execute(f"PRAGMA user_version = {FORMAT}")
                for statement in _SCHEMA:
                    file.execute(statement)
        except BaseException:
            file.close()
            raise
        return file

    def check_format(self) -> None:
        """Raises VaultError if this is not a vault, or one of a later format."""
        with self.translated():
            application_id = self.execute("PRAGMA application_id").fetchone()[0]
            found = self.execute("PRAGMA user_version").fetchone()[0]
        if application_id != APPLICATION_ID:
            raise VaultDamaged(self.shown, "not a vault, or its beginning is damaged")
        if found != FORMAT:
            raise VaultError(self.shown, f"its format is {found}, this version of careledger reads {FORMAT}")

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        return self._connection.execute(statement, values)

    @contextlib.contextmanager
    def transaction(self, write: bool) -> Iterator[None]:
        """All or nothing. A writer waits for other writers for the busy time, then raises VaultBusy."""
        with self.translated():
            if self._in_transaction():
                raise VaultError(self.shown, "what is given to put_many may not use the same vault while it is read")
            self.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                if self._in_transaction():
                    self.execute("ROLLBACK")
                raise

    def _in_transaction(self) -> bool:
        return self._connection.in_transaction

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """SQLite's errors as this package's."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._vault_error(error) from error

    def read_key_wrap(self) -> KeyWrap:
        row = self.execute(
            "SELECT file_id, scrypt_n, scrypt_r, scrypt_p, salt, wrapped, checksum FROM header"
        ).fetchone()
        try:
            file_id, n, r, p, salt, wrapped, checksum = row
            wrap = KeyWrap(file_id, ScryptCost(n, r, p), salt, wrapped, checksum)
            whole = wrap.is_whole()
        except (TypeError, ValueError, InvalidInput):
            whole = False
        if not whole:
            raise VaultDamaged(self.shown, "its header is damaged; restore a backup")
        return wrap

    def write_header(self, wrap: KeyWrap, census: bytes) -> None:
        cost = wrap.cost
        self.execute(
            "INSERT OR REPLACE INTO header VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
            (wrap.file_id, cost.n, cost.r, cost.p, wrap.salt, wrap.wrapped, wrap.checksum, census),
        )

    def copy_to(self, path: Path) -> None:
        """A consistent, compact copy into an empty file."""
        with self.translated():
            self.execute("VACUUM INTO ?", (str(path),))

    def compact(self) -> None:
        """Drops free pages. Not being able to is no reason to fail: they hold zeros, not content."""
        with contextlib.suppress(VaultError), self.translated():
            self.execute("VACUUM")

    def check_pages(self) -> None:
        """Raises VaultDamaged if SQLite finds the file's structure broken."""
        with self.translated():
            found = [row[0] for row in self.execute("PRAGMA integrity_check(1)")]
        if found != ["ok"]:
            raise VaultDamaged(self.shown, "the file's structure is damaged; restore a backup")

    def close(self) -> None:
        self._connection.close()

    def _vault_error(self, error: sqlite3.Error) -> VaultError:
        if isinstance(error, sqlite3.ProgrammingError):
            return VaultError(self.shown, f"is closed, or was used wrongly ({error})")
        extended: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        code = extended & 0xFF
        if code in _BUSY:
            return VaultBusy(self.shown, "another process is writing to it; try again")
        if code in _DAMAGE:
            return VaultDamaged(self.shown, "not a vault, or damaged; restore a backup")
        return VaultError(self.shown, str(error))


def unpublished(path: Path) -> Path:
    """A new empty file beside `path`, mode 0600, to be filled and then published. Raises VaultError."""
    if path.exists():
        raise VaultError(str(path), "exists already; nothing was changed")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    except OSError as error:
        raise VaultError(str(path), f"cannot be created: {error.strerror}") from error
    os.close(descriptor)
    return Path(name)


def publish(partial: Path, path: Path) -> None:
    """Gives a finished file its name, all at once and never over another file. Raises VaultError."""
    try:
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        try:
            path.hardlink_to(partial)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            if path.exists():  # a file system without links
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
            partial.rename(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise VaultError(str(path), f"cannot be created: {error.strerror}") from error
