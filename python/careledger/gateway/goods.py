"""What the organization keeps of packs and containers, opened for requests and jobs: its book of lots, its captured
events, and its master data."""

from __future__ import annotations

import fcntl
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from careledger.errors import ConfigurationError
from careledger.gateway.settings import PREFIX
from careledger.serialization.epcis.event_log import EventLog
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import SupplyId
from careledger.serialization.master_data import MasterData, read_master_data
from careledger.serialization.stock import Stock

if TYPE_CHECKING:
    from careledger.chain.database import Database
    from careledger.gateway.services import Services

__all__ = ["Goods"]

MOST_BOOKS = 4
"""So many books are read at a time; each is for one thread."""

LOCK = "hashtext('careledger gateway capture')"


class Goods:
    """Of the organization that a gateway acts for. Opening it asks nothing; its parts raise what `Services.supply`
    raises, VaultError, and InvalidInput for master data that are wrong."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._books: queue.LifoQueue[Stock | None] = queue.LifoQueue()
        for _ in range(MOST_BOOKS):
            self._books.put(None)
        self._reading = threading.Lock()
        self._log: EventLog | None = None
        self._capturing = threading.Lock()
        self._opened: tuple[Stock, EventLog] | None = None

    @cached_property
    def master(self) -> MasterData:
        """Which GLN is whose. Raises ConfigurationError if none is set."""
        if self._services.settings.master_data is None:
            raise ConfigurationError(f"{PREFIX}MASTER_DATA", "not set: events name parties by their GLN")
        return read_master_data(self._services.settings.master_data)

    def opened(self) -> Stock:
        """A stock of one's own, which reads the book anew."""
        supply = self._services.supply
        return Stock(supply, LotBook(self._services.vault, SupplyId.of(supply), self._services.organization))

    @contextmanager
    def stock(self) -> Iterator[Stock]:
        """The stock as it is kept now, to ask; nobody else has this one meanwhile."""
        self._services.supply  # noqa: B018  (raises if there is none)
        kept = self._books.get()
        try:
            if kept is None:
                kept = self.opened()
            kept.book.refresh()
            yield kept
        finally:
            self._books.put(kept)

    @contextmanager
    def events(self) -> Iterator[EventLog]:
        """What was captured until now, to ask; nobody else has it meanwhile."""
        self._services.supply  # noqa: B018  (raises if there is none)
        with self._reading:
            if self._log is None:
                self._log = self._event_log()
            self._log.refresh()
            yield self._log

    @contextmanager
    def capture(self) -> Iterator[tuple[Stock, EventLog]]:
        """Stock and log, to capture with. Of all that share the database, one has them at a time: what two do at once
        would be packed over each other."""
        with self._capturing, _turn(self._services.database):
            if self._opened is None:
                self._opened = self.opened(), self._event_log()
            stock, log = self._opened
            try:
                stock.book.refresh()
                log.refresh()
                yield stock, log
            except BaseException:
                self._opened = None
                raise

    def _event_log(self) -> EventLog:
        return EventLog(self._services.vault, SupplyId.of(self._services.supply), self._services.organization)


@contextmanager
def _turn(database: Database) -> Iterator[None]:
    """Waits until no other process has it. Raises DatabaseError, OSError. It ends with the process."""
    if database.dialect == "postgresql":
        with database.failures(), database.engine.connect() as session:
            session = session.execution_options(isolation_level="AUTOCOMMIT")
            session.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
            try:
                yield
            finally:
                session.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK})")
        return
    if database.path is None:
        yield
        return
    path = database.path.resolve()  # a link to it is the same file
    with path.with_name(f"{path.name}.capture").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
