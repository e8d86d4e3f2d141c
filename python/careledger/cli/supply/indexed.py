"""An index for one question: the one that is named, or one made of the chain's events for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from careledger.cli.session import working
from careledger.cli.supply.words import ID, BookOptions, as_unit, find_lot, kept_sscc, named_supply, reading
from careledger.client import CareLedger
from careledger.errors import InvalidInput
from careledger.serialization.lot_book import LotBook
from careledger.serialization.supply import SupplyChain

if TYPE_CHECKING:
    from careledger.chain.indexer.reader import View
    from careledger.serialization.index import SerializationIndex

__all__ = ["Asked", "AskedUnit", "opened_index", "resolved_lot", "resolved_unit"]

UNIT_BY_ID = "/"
MOST_DIGITS = 8


@dataclass(frozen=True)
class Asked:
    """A supply chain's tables, and as of which block. `blocks_behind` the chain's head."""

    index: SerializationIndex
    view: View
    blocks_behind: int

    @property
    def as_of(self) -> dict[str, int]:
        """As `--json` has it."""
        return {
            "as_of_block": self.view.block_number,
            "as_of_time": self.view.block_time,
            "blocks_behind": self.blocks_behind,
        }


@contextmanager
def opened_index(ledger: CareLedger, supply: SupplyChain, url: str) -> Iterator[Asked]:
    """The index at a URL; without one, an index of the chain's events of now, which is thrown away afterwards. Raises
    IndexOfAnotherChain for an index that does not follow the supply chain."""
    from careledger.chain.database import Database  # with these comes SQLAlchemy
    from careledger.chain.indexer.engine import Indexer
    from careledger.chain.indexer.reader import Index
    from careledger.chain.indexer.source import Source
    from careledger.cli.documents.indexed import open_index
    from careledger.serialization.index import SerializationIndex
    from careledger.serialization.published import supply_contracts

    head = ledger.connection.block_number()

    def asked(opened: Index) -> Asked:
        view = opened.at("latest")
        return Asked(SerializationIndex(view, supply.operator), view, max(0, head - view.block_number))

    if url:
        with open_index(url, ledger.connection.genesis_hash(), supply.lots.address) as opened:
            yield asked(opened)
        return
    with TemporaryDirectory() as folder:
        made = f"sqlite:///{Path(folder) / 'index.db'}"
        contracts = [ledger.organizations.address, *supply_contracts(ledger, supply.operator)]
        source = Source([ledger.connection.rpc()], contracts)
        with Indexer(Database(made, durable=False), source, supply.first_block) as indexer:
            indexer.sync()
        with Index.open(made) as opened:
            yield asked(opened)


def resolved_lot(ledger: CareLedger, options: BookOptions, text: str) -> tuple[SupplyChain, str]:
    """The supply chain, and a lot's id: by the book, if it is named otherwise. Raises what `find_lot` raises."""
    if ID.fullmatch(text):
        with working("Reading the chain"):
            return named_supply(ledger, options.supply), text.lower()
    with reading(ledger, options) as house:
        return house.supply, find_lot(house.stock, text)


@dataclass(frozen=True)
class AskedUnit:
    """A unit of a supply chain; what it is called, and the book that knows it, if there is one."""

    supply: SupplyChain
    lot: str
    index: int
    title: str
    book: LotBook | None = None

    def sscc(self, container: str | None) -> str | None:
        """A container's SSCC, if the book knows it."""
        if self.book is None or container is None:
            return None
        return kept_sscc(self.book, container)


def resolved_unit(ledger: CareLedger, options: BookOptions, text: str) -> AskedUnit:
    """By LOT/NUMBER, or by the code of a pack that the book knows. Raises what `as_unit` raises."""
    lot, slash, number = text.partition(UNIT_BY_ID)
    if slash and ID.fullmatch(lot):
        if not (number.isascii() and number.isdigit() and len(number) <= MOST_DIGITS):
            raise InvalidInput("unit", text, "must be the pack's code, or LOT/NUMBER by the lot's id")
        with working("Reading the chain"):
            supply = named_supply(ledger, options.supply)
        return AskedUnit(supply, lot.lower(), int(number), f"Number {int(number)} of lot {lot.lower()}")
    with reading(ledger, options) as house:
        found = as_unit(house.stock, text)
        book = house.stock.book
        kept, serial = book.lot(found.lot), book.unit(found.lot, found.index).serial
        title = f"{kept.product}, lot {kept.lot_number}, serial {serial}"
        return AskedUnit(house.supply, found.lot, found.index, title, book)
