"""A file of who may do what, read again once it changes: nobody is let in or put out by a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from careledger.errors import CareLedgerError
from careledger.logs import logger

__all__ = ["Reread"]


class _Read(Protocol):
    @property
    def files(self) -> tuple[Path, ...]:
        """What it was read from."""


Content = TypeVar("Content", bound=_Read)
Mark = tuple[int, int, int] | None


class Reread(Generic[Content]):
    """What `load` reads. Raises as `load` does, once at the start; what is wrong later is told in the log, and what was
    read before stays in force until the files change again."""

    def __init__(self, load: Callable[[], Content]) -> None:
        self._load = load
        self._content = load()
        self._marks = self._now()
        self._reading = threading.Lock()
        self._log = logger("gateway")

    @property
    def content(self) -> Content:
        if self._now() != self._marks and self._reading.acquire(blocking=False):
            try:
                self._read_again()
            finally:
                self._reading.release()
        return self._content

    def _read_again(self) -> None:
        marks, files = self._now(), self._content.files
        names = [file.name for file in files]
        try:
            self._content = self._load()
        except CareLedgerError as error:
            self._log.error("access.file_refused", files=names, problem=str(error))
        else:
            self._log.info("access.file_read", files=names)
        self._marks = marks if self._content.files == files else self._now()

    def _now(self) -> tuple[Mark, ...]:
        return tuple(map(_mark, self._content.files))


def _mark(file: Path) -> Mark:
    """What differs once a file is written or replaced; None while it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
