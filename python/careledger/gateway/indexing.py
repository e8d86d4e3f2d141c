"""Keeps the index in step with the chain: a thread in every process, of which one per database writes.

Which one is said by a lock that ends with its process: on PostgreSQL a session's, beside an SQLite file the system's.
The index is of the suite and of what the settings' payer and supply have published. If they publish more, or another
version built what is there, it is built anew; until that has come to the chain's head, `Indexed` answers nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from careledger.chain.database import Database
from careledger.chain.indexer.engine import Indexer, Progress
from careledger.chain.indexer.reader import Index, View
from careledger.chain.indexer.source import Source
from careledger.client import CareLedger
from careledger.errors import (
    BytecodeMismatch,
    ContractUnpublished,
    DeploymentError,
    IndexerError,
    IndexOutdated,
    NotAContract,
    UnknownOrganization,
)
from careledger.gateway.settings import Settings
from careledger.logs import logger

__all__ = ["Indexing", "lead"]

POLL_SECONDS = 0.5
RETRY_SECONDS = 1.0
LOCK = "hashtext('careledger gateway index')"

log = logger("gateway")


class Indexing:
    """Start it in every process of the gateway. Use as a context manager."""

    def __init__(self, settings: Settings, ledger: CareLedger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._stop = threading.Event()
        self._round_over = threading.Event()
        self._leads = threading.Event()
        self._source: Source | None = None
        self._known: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)

    @property
    def leads(self) -> bool:
        """Whether this process writes the index now."""
        return self._leads.is_set()

    def __enter__(self) -> Indexing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._round_over.set()
        if self._source is not None:
            self._source.interrupted.set()
        self._thread.join(timeout=10)

    # ------------------------------------------------------------------ inner

    def _run(self) -> None:
        while not self._stop.is_set():
            database = Database(self._settings.database, durable=False)
            try:
                with lead(database) as leads:
                    while leads and not self._stop.is_set():
                        self._leads.set()
                        self._keep(database)
            except Exception as error:  # whatever it is: without this thread nothing is answered from the index
                log.error("index.trouble", error=type(error).__name__)
            finally:
                self._leads.clear()
                database.close()
            self._stop.wait(RETRY_SECONDS)

    def _keep(self, database: Database) -> None:
        """Keeps the index until the gateway ends, or something is published that it does not follow."""
        self._round_over.clear()
        contracts = self._contracts()
        self._known |= {address.lower() for address in contracts}
        try:
            self._follow(database, contracts)
        except IndexOutdated as error:
            log.warning("index.anew", problem=error.problem)
            self._follow(database, contracts, anew=True)

    def _follow(self, database: Database, contracts: list[str], anew: bool = False) -> None:
        self._source = Source.open([self._settings.rpc], contracts)
        indexer = Indexer(database, self._source, self._ledger.deployment.first_block, anew=anew)
        opened = Index(database)

        def watch(progress: Progress) -> None:
            if not progress.events:
                return
            with contextlib.suppress(IndexerError):  # blocks were taken back: the next batch will tell
                found = {address.lower() for address in self._published(opened.at("latest"))}
                if found - self._known:
                    self._known |= found
                    self._round_over.set()

        if not self._stop.is_set():
            indexer.follow(self._round_over, POLL_SECONDS, progress=watch)

    def _contracts(self) -> list[str]:
        """What the index follows: the suite, and what payer and supply published so far."""
        from careledger.authorization.published import published_contracts
        from careledger.serialization.published import supply_contracts

        found = list(self._ledger.deployment.addresses.values())
        parts: tuple[tuple[str | None, Callable[[CareLedger, str], tuple[str, ...]]], ...] = (
            (self._settings.payer, published_contracts),
            (self._settings.supply, supply_contracts),
        )
        for name, published in parts:
            if name is None:
                continue
            try:
                found += published(self._ledger, name)
            except (UnknownOrganization, ContractUnpublished):
                pass  # to come: then it is built anew
            except (BytecodeMismatch, DeploymentError, NotAContract) as error:  # what asks for them says so
                log.error("contracts.not_followed", organization=name, error=type(error).__name__)
        return found

    def _published(self, view: View) -> list[str]:
        """The same by the index, of whatever code: what is new in it is a reason to look again."""
        from careledger.authorization.index import published_in as published_by_insurer
        from careledger.serialization.index import published_in as published_by_operator

        payer, supply = self._settings.payer, self._settings.supply
        found = [] if payer is None else published_by_insurer(view, payer)
        return found if supply is None else [*found, *published_by_operator(view, supply)]


@contextmanager
def lead(database: Database) -> Iterator[bool]:
    """Whether this holder is the one that writes; as long as the context lasts. Raises DatabaseError, OSError."""
    if database.dialect == "postgresql":
        with database.failures(), database.engine.connect() as session:
            session = session.execution_options(isolation_level="AUTOCOMMIT")
            yield bool(session.exec_driver_sql(f"SELECT pg_try_advisory_lock({LOCK})").scalar_one())
            session.exec_driver_sql(f"SELECT pg_advisory_unlock({LOCK})")
        return
    if database.path is None:
        yield True
        return
    path = database.path.resolve()  # a link to it is the same file
    with path.with_name(f"{path.name}.indexer").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
