"""What is known of a collection of documents on its way to the chain: one file at home, so that a killed run goes on.

A document's salt is on disk before its leaf is in a batch, and a batch's leaves and order are before its root is sent:
whoever runs the job again makes the same roots. Once a document's receipt is stored, its salt is taken out of the file.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careledger.errors import DatabaseError, InvalidInput

__all__ = ["Batch", "Job", "Row"]

FORMAT = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batch (
    number INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    count INTEGER NOT NULL,
    stored INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS document (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    size_bytes INTEGER,
    changed_at_ns INTEGER,
    digest BLOB NOT NULL,
    leaf BLOB NOT NULL,
    salt BLOB,
    batch INTEGER REFERENCES batch (number),
    place INTEGER
);
CREATE INDEX IF NOT EXISTS document_name ON document (name);
CREATE INDEX IF NOT EXISTS document_waiting ON document (number) WHERE batch IS NULL;
CREATE INDEX IF NOT EXISTS document_batch ON document (batch, place);
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A document of a job. `name` is its path under the folder, or its name in a list; `salt` is None once its receipt
    is stored."""

    number: int
    name: str
    digest: bytes
    leaf: bytes
    salt: bytes | None
    place: int | None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of a job, with its root (32 bytes)."""

    number: int
    root: bytes
    count: int


class Job:
    """A context manager. One process at a time."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        """Opens the job's file, or makes it, readable by its owner alone.

        Raises InvalidInput if it is a job of other settings (another chain, submitter, kind, ...), and DatabaseError.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with self._errors():
            self._file = sqlite3.connect(path, isolation_level=None, timeout=1)
        try:
            self._prepare()
            self._check({"format": FORMAT, **settings})
        except BaseException:
            self._file.close()  # with it goes its lock
            raise

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    # ------------------------------------------------------------------ documents

    def known(self, name: str, size_bytes: int, changed_at_ns: int) -> bool:
        """Whether a file is in the job as it is now, by its size and time of change."""
        with self._errors():
            found = self._file.execute(
                "SELECT size_bytes, changed_at_ns FROM document WHERE name = ? ORDER BY number DESC LIMIT 1", (name,)
            )
            return bool(found.fetchone() == (size_bytes, changed_at_ns))

    def add(self, documents: Iterable[tuple[str, int | None, int | None, bytes, bytes, bytes]]) -> int:
        """Adds documents (name, size, time of change, digest, leaf, salt) in one commit. Returns how many were new.

        A file that was touched, but is what it was when last added, is left as it is; one that is again what it was
        before that is new. A digest without a size, from a list, is left as it is wherever it is there.
        """
        new = 0
        with self._transaction():
            for document in documents:
                name, size_bytes, changed_at_ns, digest = document[:4]
                last = "" if size_bytes is None else "number = (SELECT max(number) FROM document WHERE name = ?1) AND "
                touched = self._file.execute(
                    f"UPDATE document SET size_bytes = ?2, changed_at_ns = ?3 WHERE {last}name = ?1 AND digest = ?4",  # noqa: S608
                    (name, size_bytes, changed_at_ns, digest),
                )
                if touched.rowcount == 0:
                    self._file.execute(
                        "INSERT INTO document (name, size_bytes, changed_at_ns, digest, leaf, salt) "
                        "VALUES (?, ?, ?, ?, ?, ?)",
                        document,
                    )
                    new += 1
        return new

    def waiting(self) -> int:
        """How many documents are in no batch yet."""
        return self._number("SELECT count(*) FROM document WHERE batch IS NULL")

    def count(self) -> int:
        """How many documents there are."""
        return self._number("SELECT count(*) FROM document")

    def stored(self) -> int:
        """How many documents have their receipt."""
        return self._number("SELECT coalesce(sum(count), 0) FROM batch WHERE stored")

    # ------------------------------------------------------------------ batches

    def next_leaves(self, most: int) -> list[tuple[int, bytes]]:
        """Number and leaf of the first documents that wait."""
        with self._errors():
            found = self._file.execute(
                "SELECT number, leaf FROM document WHERE batch IS NULL ORDER BY number LIMIT ?", (most,)
            )
            return found.fetchall()

    def close_batch(self, root: bytes, numbers: list[int]) -> None:
        """Makes a batch of documents, in this order, in one commit."""
        with self._transaction():
            batch = self._file.execute("INSERT INTO batch (root, count) VALUES (?, ?)", (root, len(numbers))).lastrowid
            self._file.executemany(
                "UPDATE document SET batch = ?, place = ? WHERE number = ?",
                ((batch, place, number) for place, number in enumerate(numbers)),
            )

    def unfinished(self) -> list[Batch]:
        """The batches whose receipts are not all stored, oldest first."""
        with self._errors():
            found = self._file.execute("SELECT number, root, count FROM batch WHERE NOT stored ORDER BY number")
            return [Batch(*row) for row in found]

    def documents(self, batch: int) -> Iterator[Row]:
        """A batch's documents in their order."""
        with self._errors():
            found = self._file.execute(
                "SELECT number, name, digest, leaf, salt, place FROM document WHERE batch = ? ORDER BY place", (batch,)
            )
            while rows := found.fetchmany(1000):
                yield from (Row(*row) for row in rows)

    def finish(self, batch: int) -> None:
        """Notes that a batch's receipts are stored, and takes its salts out of the file."""
        with self._transaction():
            self._file.execute("UPDATE document SET salt = NULL WHERE batch = ?", (batch,))
            self._file.execute("UPDATE batch SET stored = 1 WHERE number = ?", (batch,))

    def forget(self, leaf: bytes) -> bool:
        """Takes a document out of the file, so that nothing in it leads from the document to its leaf. Its place in
        its batch stays empty. False if it is not there.

        Raises InvalidInput if its batch is not finished: the next run needs it, and would write its receipt again.
        """
        finished = "SELECT number FROM batch WHERE stored"
        with self._transaction():
            found = self._file.execute(f"DELETE FROM document WHERE leaf = ? AND batch IN ({finished})", (leaf,))  # noqa: S608
            if found.rowcount > 0:
                return True
            if self._file.execute("SELECT 1 FROM document WHERE leaf = ?", (leaf,)).fetchone() is None:
                return False
        raise InvalidInput("job", str(self.path), "has not finished this document's batch: run it again, then forget")

    # ------------------------------------------------------------------ inner

    def _prepare(self) -> None:
        with self._errors():
            self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._file.execute("PRAGMA journal_mode = TRUNCATE")
            self._file.execute("PRAGMA synchronous = FULL")
            self._file.execute("PRAGMA secure_delete = ON")
            self._file.executescript(SCHEMA)

    def _check(self, settings: dict[str, Any]) -> None:
        with self._transaction():
            held = {name: json.loads(value) for name, value in self._file.execute("SELECT name, value FROM setting")}
            if not held:
                rows = [(name, json.dumps(value)) for name, value in settings.items()]
                self._file.executemany("INSERT INTO setting VALUES (?, ?)", rows)
                return
        for name, value in settings.items():
            if held.get(name) != value:
                raise InvalidInput(
                    name.replace("_", " "),
                    str(value),
                    f"the job in {self.path} was begun with {held.get(name)}: finish it so, or use another file",
                )

    def _number(self, query: str) -> int:
        with self._errors():
            return int(self._file.execute(query).fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors():
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            hint = "; is another run at work on it?" if "locked" in str(error) else ""
            raise DatabaseError(str(self.path), f"{error}{hint}") from None
