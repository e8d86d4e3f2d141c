"""What the commands of the supply chain share: whose goods, how lots, packs and containers are named, what is told."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.cli.documents.checking import NAMES_WITHIN_BLOCKS
from careledger.cli.documents.files import readable, write_private
from careledger.cli.session import Answer, progress_line, receipt_body, render_receipt, working
from careledger.cli.vault import open_vault
from careledger.client import CareLedger
from careledger.contract_enums import RecallClass
from careledger.errors import ConfigurationError, InvalidInput, NotInBook
from careledger.serialization import barcodes
from careledger.serialization.bundle_keys import KEY_KIND, BundleKeyCard, BundleKeys
from careledger.serialization.lot_book import PAGE_KIND, LotBook
from careledger.serialization.lot_book_entries import KeptLot, SupplyId
from careledger.serialization.stock import EPOCH, Stock
from careledger.serialization.supply import SupplyChain
from careledger.serialization.types import NO_CONTAINER, Unit
from careledger.vault import Vault

__all__ = [
    "ID",
    "ActingOptions",
    "BookOptions",
    "CardFile",
    "Codes",
    "ContainerName",
    "House",
    "LotName",
    "Names",
    "Product",
    "SupplyName",
    "Things",
    "VaultFile",
    "acting",
    "as_unit",
    "celsius",
    "celsius_text",
    "date_text",
    "find_container",
    "find_lot",
    "given_codes",
    "kebab_names",
    "kept_sscc",
    "load_card",
    "named_supply",
    "pack_in",
    "reading",
    "sent",
    "spoken",
    "sscc_in",
    "things",
    "write_new",
]

ID = re.compile("0x[0-9a-fA-F]{24}")
UNIT = re.compile("(0x[0-9a-fA-F]{24})/([0-9]{1,8})")
GTIN = re.compile("[0-9]{14}")
STANDARD_INPUT = "-"


def _product(text: str) -> str:
    """A GTIN stands for `gtin:` and itself."""
    return f"gtin:{text}" if GTIN.fullmatch(text) else text


SupplyName = Annotated[
    str,
    typer.Option(
        "--supply",
        envvar="CARELEDGER_SUPPLY",
        help="The supply chain: its operator's registered name, or id.",
        show_default=False,
    ),
]
VaultFile = Annotated[
    Path | None,
    typer.Option(
        "--vault",
        envvar="CARELEDGER_VAULT",
        help="The vault with what is kept of lots, packs and containers.",
        show_default="CARELEDGER_HOME/vault.db",
    ),
]
Product = Annotated[
    str,
    typer.Argument(help="GTIN of 14 digits, or a scheme and its value: gtin:00300010000015.", callback=_product),
]
LotName = Annotated[
    str, typer.Argument(metavar="LOT", help="Lot number, code of a pack with its lot number, or id on the chain.")
]
ContainerName = Annotated[str, typer.Argument(metavar="CONTAINER", help="SSCC, its barcode, or id on the chain.")]
Codes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CODE]...",
        help="What a scanner reads, or a person types: GS1 element string, bracketed line, Digital Link. "
        "None, or -: one per line from standard input.",
        show_default=False,
    ),
]
CardFile = Annotated[
    Path,
    typer.Option("--card", help="The receiver's card, as its `careledger bundle card` wrote it.", show_default=False),
]


@dataclass(frozen=True, kw_only=True)
class ActingOptions:
    """By which who acts finds the supply chain, and what its organization keeps of it."""

    supply: SupplyName = ""
    vault: VaultFile = None


@dataclass(frozen=True, kw_only=True)
class BookOptions:
    """By which who only asks finds the supply chain, and what an organization keeps of it. No key is needed."""

    supply: SupplyName = ""
    vault: VaultFile = None
    organization: Annotated[
        str,
        typer.Option(
            envvar="CARELEDGER_ORGANIZATION",
            help="Whose book of lots, by registered name or id. Default: the only one in the vault.",
            show_default=False,
        ),
    ] = ""


@dataclass(frozen=True)
class House:
    """An organization's goods, and its vault."""

    stock: Stock
    vault: Vault

    @property
    def supply(self) -> SupplyChain:
        return self.stock.supply

    @cached_property
    def keys(self) -> BundleKeys:
        """To which bundles for it are sealed."""
        return BundleKeys(self.vault, self.stock.book.organization)


class Names:
    """What organizations are called. An id that is not known to them is shown as it is."""

    def __init__(self, ledger: CareLedger) -> None:
        """By the registry's events, where these are few."""
        self._ledger = ledger

    @cached_property
    def _names(self) -> dict[str, str]:
        blocks = self._ledger.connection.block_number() - self._ledger.deployment.first_block
        if blocks > NAMES_WITHIN_BLOCKS:
            return {}
        return {identifier: name for name, identifier in self._ledger.organizations.names().items()}

    def of(self, organization: str | None) -> str:
        """A name, or the id; "nobody" for none."""
        if organization is None or not int(organization, 16):
            return "nobody"
        return self._names.get(organization, organization)


# ---------------------------------------------------------------------- whose goods


def named_supply(ledger: CareLedger, name: str) -> SupplyChain:
    """Raises ConfigurationError if none is named, and what `CareLedger.supply` raises."""
    if not name:
        raise ConfigurationError("--supply or CARELEDGER_SUPPLY", "not set; name the supply chain by its operator")
    return ledger.supply(name)


@contextmanager
def acting(ledger: CareLedger, options: ActingOptions, title: str) -> Iterator[House]:
    """What the signer's organization has, while something is done with it. Raises ContractError for nobody's key."""
    with open_vault(options.vault) as vault, working(title):
        supply = named_supply(ledger, options.supply)
        organization = supply.organizations.require_key(required(ledger.signer).address)
        yield _house(supply, vault, organization)


@contextmanager
def reading(ledger: CareLedger, options: BookOptions, title: str = "Reading the chain") -> Iterator[House]:
    """What an organization has, by its book, while something is asked. Raises ConfigurationError if none is named and
    the vault has none, or several."""
    with open_vault(options.vault) as vault, working(title):
        supply = named_supply(ledger, options.supply)
        organization = options.organization or _only_organization(vault, supply)
        yield _house(supply, vault, organization)


def _house(supply: SupplyChain, vault: Vault, organization: str) -> House:
    return House(Stock(supply, LotBook(vault, SupplyId.of(supply), organization)), vault)


def _only_organization(vault: Vault, supply: SupplyChain) -> str:
    prefix = f"{SupplyId.of(supply)}/"
    books = {name.split("/")[1] for name in vault.names(PAGE_KIND) if name.startswith(prefix)}
    found = books or {name.split("/")[0] for name in vault.names(KEY_KIND)}
    if len(found) == 1:
        return found.pop()
    problem = f"{vault.path} has the books of {', '.join(sorted(found))}" if found else f"{vault.path} has no book yet"
    raise ConfigurationError("--organization or CARELEDGER_ORGANIZATION", f"not set, and {problem}: name yours")


# ---------------------------------------------------------------------- how goods are named


def given_codes(codes: Sequence[str] | None) -> list[str]:
    """Codes as arguments, or one per line from standard input, empty lines left out. Raises InvalidInput for none."""
    if codes and list(codes) != [STANDARD_INPUT]:
        return list(codes)
    if sys.stdin.isatty():
        progress_line("scan one code per line; Ctrl-D ends")
    found = [line for line in (line.strip(" \t\r\n") for line in sys.stdin) if line]  # FNC1 stays
    if not found:
        raise InvalidInput("code", "none", "is given, neither as an argument nor on standard input")
    return found


def pack_in(text: str) -> tuple[barcodes.Pack, tuple[barcodes.Finding, ...]]:
    """The pack of a code, and what is wrong with the code. Raises BarcodeUnreadable, and InvalidInput for another code
    than a pack's."""
    scan = barcodes.read(text)
    if not isinstance(scan.item, barcodes.Pack):
        kind = "a container's" if isinstance(scan.item, barcodes.Container) else "a traceability code without a GTIN"
        raise InvalidInput("code", text, f"is {kind}: a pack is found by GTIN, lot number and serial")
    return scan.item, scan.findings


def find_lot(stock: Stock, text: str) -> str:
    """The id of a lot by its number, by a code that has it, or the id itself. Raises NotInBook, and InvalidInput for a
    number of several lots."""
    if ID.fullmatch(text):
        return text.lower()
    named: Sequence[KeptLot] = [lot for lot in stock.book.lots() if lot.lot_number == text]
    if not named:
        try:
            pack, _ = pack_in(text)
        except InvalidInput:
            raise NotInBook("lot", text) from None
        named = stock.book.lots_numbered(pack.product, pack.lot or "")
    standing = [lot for lot in named if len(named) == 1 or stock.lots.lot(lot.id) is not None]
    if not standing:
        raise NotInBook("lot", text)
    if len(standing) > 1:
        ids = ", ".join(lot.id for lot in standing)
        raise InvalidInput("lot", text, f"is the number of several: name one by its id, {ids}")
    return standing[0].id


def find_container(stock: Stock, text: str) -> str:
    """The id of a container by its SSCC or barcode, or the id itself. Raises what `Stock.container` raises."""
    if ID.fullmatch(text):
        return text.lower()
    return stock.container(sscc_in(text))


def sscc_in(text: str) -> str:
    """The SSCC of a code. Raises BarcodeUnreadable, and InvalidInput for another code than a container's."""
    item = barcodes.read(text).item
    if not isinstance(item, barcodes.Container):
        raise InvalidInput("code", text, "is no SSCC, and no barcode with one")
    return item.sscc


def as_unit(stock: Stock, text: str) -> Unit:
    """A unit by the code of its pack, or as LOT/NUMBER by the lot's id, in the container that it is known to be in.
    Raises what `Stock.find` raises."""
    found = UNIT.fullmatch(text)
    if found is None:
        return stock.find(pack_in(text)[0]).unit
    lot, index = found[1].lower(), int(found[2])
    try:
        place = stock.book.place_of(lot, index)
    except NotInBook:
        place = None
    return Unit(lot, index, place or NO_CONTAINER)


@dataclass(frozen=True)
class Things:
    """What codes name: containers by id, and packs."""

    containers: tuple[str, ...]
    packs: tuple[barcodes.Pack, ...]


def things(stock: Stock, codes: Iterable[str]) -> Things:
    """Raises what `find_container` and `pack_in` raise."""
    containers: dict[str, None] = {}
    packs: dict[barcodes.Pack, None] = {}
    for text in codes:
        if ID.fullmatch(text) or isinstance(barcodes.read(text).item, barcodes.Container):
            containers[find_container(stock, text)] = None
        else:
            packs[pack_in(text)[0]] = None
    return Things(tuple(containers), tuple(packs))


def kept_sscc(book: LotBook, container: str) -> str | None:
    """A container's SSCC, None if the book does not know it."""
    try:
        return book.container(container).sscc
    except NotInBook:
        return None


def kebab_names(kind: type[IntEnum], first: int = 1) -> str:
    """The names of an enum as they are written on the command line."""
    return ", ".join(member.name.lower().replace("_", "-") for member in kind if member >= first)


# ---------------------------------------------------------------------- values


def spoken(value: IntEnum) -> str:
    """A member's name as a person says it."""
    if isinstance(value, RecallClass) and value:
        return f"class {value.name.removeprefix('CLASS_')}"
    return value.name.lower().replace("_", " ")


def date_text(day: int) -> str:
    """A day since 1970-01-01."""
    return (EPOCH + dt.timedelta(days=day)).isoformat()


def celsius(text: str) -> int:
    """Hundredths of a degree Celsius of a number with two decimals at most. Raises InvalidInput."""
    found = re.fullmatch(r"(-?)([0-9]{1,3})(?:\.([0-9]{1,2}))?", text)
    if found is None:
        raise InvalidInput("temperature", text, "must be degrees Celsius with two decimals at most, such as 2 or -20.5")
    value = int(found[2]) * 100 + int((found[3] or "").ljust(2, "0"))
    return -value if found[1] else value


def celsius_text(hundredths: int) -> str:
    """Degrees Celsius of hundredths: 425 is `4.25 °C`."""
    sign, value = "-" if hundredths < 0 else "", abs(hundredths)
    return f"{sign}{value // 100}.{value % 100:02} °C"


# ---------------------------------------------------------------------- files and answers


def load_card(path: Path) -> BundleKeyCard:
    """Raises InvalidInput for a file that cannot be read, and what `BundleKeyCard.load` raises."""
    with readable(path, "card"):
        return BundleKeyCard.load(path)


def write_new(path: Path, content: bytes) -> None:
    """Writes a file that is not there yet, for its owner alone. Raises InvalidInput."""
    if path.exists():
        raise InvalidInput("file", str(path), "is there already: name another")
    write_private(path, content)


def sent(
    title: str,
    receipts: Sequence[TransactionReceipt],
    body: dict[str, Any] | None = None,
    lines: Sequence[str] = (),
    exit_code: int = 0,
) -> Answer:
    """What was sent, and what came of it."""

    def render(console: Console) -> None:
        for receipt in receipts:
            render_receipt(console, title, receipt)
        if not receipts:
            console.print(f"{title}: nothing to send", markup=False, soft_wrap=True)
        for line in lines:
            console.print(line, markup=False, soft_wrap=True)

    transactions = [receipt_body(receipt) for receipt in receipts]
    return Answer({**(body or {}), "transactions": transactions}, render, exit_code)
