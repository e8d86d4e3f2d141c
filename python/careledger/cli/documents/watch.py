"""A folder that is watched: what is there is anchored, then what appears, once files are whole."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from watchfiles import Change, watch

from careledger.anchoring.bulk import BulkAnchoring, Failure, Summary
from careledger.anchoring.sources import Source, files_in, is_document
from careledger.errors import ChainError

__all__ = ["Watch", "until_told_to_end"]

LOOK_MILLISECONDS = 250
BATCH_EVERY_SECONDS = 3.0
RETRY_SECONDS = 10.0

Seen = tuple[int, int, float]
"""A file's size, its time of change in nanoseconds, and since when it has been so, on this process's clock."""


class Watch:
    """A file is whole when its size and time of change have stayed for `settle_seconds`."""

    def __init__(
        self, bulk: BulkAnchoring, folder: Path, skip: Path, settle_seconds: float, say: Callable[[str], None]
    ) -> None:
        self._bulk = bulk
        self._folder = folder
        self._skip = skip.resolve()
        self._settle = settle_seconds
        self._say = say
        self._pending: dict[Path, Seen] = {}
        self._failures: dict[str, Failure] = {}
        self._total = Summary()
        self._next_at = 0.0
        self._retry = False

    def run(self, stop: threading.Event) -> Summary:
        """Until told to stop. While the node is away, it waits and tries again. Raises what `BulkAnchoring.run` raises
        but ChainError."""
        changes = watch(
            self._folder,
            watch_filter=None,
            debounce=LOOK_MILLISECONDS,
            rust_timeout=LOOK_MILLISECONDS,
            yield_on_timeout=True,
            stop_event=stop,
            ignore_permission_denied=True,
        )
        next(changes)  # from here on nothing that happens is missed
        self._anchor(self._there_before(), force=True)
        self._say(f"watching {self._folder}; Ctrl-C ends it")
        for found in changes:
            for change, name in found:
                self._note(change, Path(name))
            if time.monotonic() >= self._next_at:
                self._anchor(iter(self._whole()), force=self._retry)
        if not self._retry:
            self._anchor(iter(self._whole()))
        self._total.failures = [*self._failures.values()]
        return self._total

    def _there_before(self) -> Iterator[Source]:
        """What is in the folder, but for what changed just now: that waits."""
        for source in files_in(self._folder, skip=self._skip):
            if source.path is not None and not self._is_recent(source.path):
                yield source

    def _is_recent(self, path: Path) -> bool:
        try:
            changed_at = path.stat().st_mtime
        except OSError:
            return False
        if 0 <= time.time() - changed_at < self._settle and is_document(path):
            self._see(path)
            return True
        return False

    def _note(self, change: Change, path: Path) -> None:
        if change is Change.deleted or self._skip in (path, *path.parents) or self._is_behind_link(path):
            return
        if path.is_dir():
            try:
                for source in files_in(self._folder, skip=self._skip, under=path):
                    if source.path is not None:
                        self._see(source.path)
            except OSError as error:
                self._fail(path, error)
        elif is_document(path):
            self._see(path)

    def _is_behind_link(self, path: Path) -> bool:
        ways = [path, *path.parents]
        return any(way.is_symlink() for way in ways[: ways.index(self._folder)])

    def _see(self, path: Path) -> None:
        try:
            found = path.stat()
        except OSError:  # removed meanwhile
            self._pending.pop(path, None)
            return
        before = self._pending.get(path)
        if before is None or before[:2] != (found.st_size, found.st_mtime_ns):
            self._pending[path] = (found.st_size, found.st_mtime_ns, time.monotonic())

    def _whole(self) -> list[Source]:
        for path in [*self._pending]:
            self._see(path)
        latest = time.monotonic() - self._settle
        return [
            Source(path.relative_to(self._folder).as_posix(), path)
            for path, (_, _, since) in self._pending.items()
            if since <= latest
        ]

    def _anchor(self, sources: Iterator[Source], force: bool = False) -> None:
        """Anchors sources, and with `force` what is left of a run before also if there are none. What the chain had no
        answer for stays pending."""
        taken: list[Source] = []

        def taking() -> Iterator[Source]:
            for source in sources:
                if source.path in self._pending:
                    taken.append(source)
                self._failures.pop(source.name, None)
                yield source

        first = next(sources, None)
        if first is None and not force:
            return
        sources = sources if first is None else chain([first], sources)
        try:
            summary = self._bulk.run(taking())
        except ChainError as error:
            self._say(f"not anchored yet, trying again in {RETRY_SECONDS:.0f} s: {error}")
            self._next_at = time.monotonic() + RETRY_SECONDS
            self._retry = True
            return
        self._retry = False
        self._next_at = time.monotonic() + BATCH_EVERY_SECONDS
        for source in taken:
            assert source.path is not None
            self._pending.pop(source.path, None)
        self._add(summary)

    def _add(self, summary: Summary) -> None:
        total = self._total
        total.anchored += summary.anchored
        total.known += summary.known
        total.batches += summary.batches
        total.gas_used += summary.gas_used
        total.cost_wei += summary.cost_wei
        for failure in summary.failures:
            self._failures[failure.name] = failure
            self._say(f"{failure.name}: {failure.problem}")
        if summary.anchored:
            self._say(f"anchored {summary.anchored:,}, {total.anchored:,} in all")

    def _fail(self, path: Path, error: OSError) -> None:
        name = path.relative_to(self._folder).as_posix()
        self._failures[name] = Failure(name, error.strerror or type(error).__name__)


@contextmanager
def until_told_to_end(say: Callable[[str], None]) -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets; the second one interrupts at once."""
    stop = threading.Event()

    def told(_number: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("ending after this batch; again to end at once: the next run goes on")

    former = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
