"""`careledger recall`: recall a lot, and say in one command who holds what of it now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from careledger.cli.documents.words import parse_reason
from careledger.cli.output import table
from careledger.cli.payer.words import IndexOption
from careledger.cli.session import Answer, asks, signs, working
from careledger.cli.supply.indexed import opened_index, resolved_lot
from careledger.cli.supply.words import (
    ActingOptions,
    BookOptions,
    LotName,
    Names,
    acting,
    find_lot,
    kebab_names,
    sent,
    spoken,
)
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.contract_enums import RecallClass, RecallReason
from careledger.errors import InvalidInput, NotInBook
from careledger.serialization.lot_book import LotBook

if TYPE_CHECKING:
    from careledger.serialization.index_entries import RecallReport

__all__ = ["app"]

LOT = "lot"
CLASSES = ("I", "II", "III")


class _LotByDefault(TyperGroup):
    """`recall L-0042` is `recall lot L-0042`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = [LOT, *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_LotByDefault,
    help="Recall a lot: `recall LOT`; and who holds what of it now: `recall report LOT`.",
    no_args_is_help=True,
)


@app.command(LOT)
@signs
def recall_lot(
    ledger: CareLedger,
    lot: LotName,
    recall_class: Annotated[
        str, typer.Option("--class", help="I, the gravest, II or III (21 CFR 7.3(m)).", show_default=False)
    ],
    reason: Annotated[str, typer.Option(help=kebab_names(RecallReason) + ".", show_default=False)],
    options: ActingOptions,
    keep_closed: Annotated[
        bool,
        typer.Option(
            "--keep-closed", help="Do not tell everybody which product and lot number it is.", show_default=False
        ),
    ] = False,
) -> Answer:
    """Recall a lot for good, as its maker or a regulator. It can be made graver, never lighter.

    The same again changes nothing. From its block on, no pack of it is verified or dispensed. Its maker tells everybody
    which product and lot number it is.
    """
    if recall_class.upper() not in CLASSES:
        raise InvalidInput("--class", recall_class, f"is none of {', '.join(CLASSES)}")
    graveness = RecallClass[f"CLASS_{recall_class.upper()}"]
    why = parse_reason(RecallReason, reason)
    with acting(ledger, options, "Recalling") as house:
        stock = house.stock
        identity = find_lot(stock, lot)
        opened = not keep_closed and _is_own(house.stock.book, identity)
        receipts = stock.recall(identity, graveness, why, opened)
    body = {"lot": identity, "class": graveness, "reason": why, "opened": opened}
    lines = [f"lot {identity} is recalled; who holds it now: careledger recall report {identity}"]
    return sent("recall", receipts, body, lines)


@app.command("report")
@asks
def report(ledger: CareLedger, lot: LotName, options: BookOptions, index: IndexOption = "") -> Answer:
    """Say who holds what of a lot now, what is on its way, and what became of the rest; and how long that took.

    Without --index, the chain's events are read, which takes long on a long chain. Every number that was commissioned
    counts once, whether a pack has it or its maker left it unused. Exit code 9 if the lot is unknown.
    """
    supply, identity = resolved_lot(ledger, options, lot)
    started = time.monotonic_ns()
    with working("Asking who holds it"), opened_index(ledger, supply, index) as asked:
        found = asked.index.recall_report(identity)
        as_of = asked.as_of
    took = (time.monotonic_ns() - started) // 1_000_000
    names = Names(ledger)
    if found is None:
        text = f"no lot {identity} is known"
        body: dict[str, Any] = {"lot": identity, "report": None, **as_of, "took_milliseconds": took}
        return Answer(body, lambda console: console.print(text, style="bold red"), 9)
    body = {"lot": identity, "report": _body(found, names), **as_of, "took_milliseconds": took}

    def render(console: Console) -> None:
        state = (
            "is not recalled"
            if not found.recall_class
            else f"is RECALLED: {spoken(found.recall_class)}, {spoken(found.recall_reason)}"
        )
        console.print(f"lot {identity} of {names.of(found.maker)} {state}", markup=False, soft_wrap=True)
        rows = [
            (names.of(share.holder), f"{share.units:,}", len(share.containers), f"{share.single_units:,}")
            for share in sorted(found.holders, key=lambda share: -share.units)
        ]
        if rows:
            console.print(table("Held now", ("holder", "numbers", "containers", "single"), rows))
        else:
            console.print("nobody holds any in hand")
        if found.shipments:
            moving = [
                (
                    spoken(one.state),
                    names.of(one.sender),
                    names.of(one.receiver),
                    names.of(one.carrier),
                    time_text(one.deadline),
                    f"{one.units:,}",
                    one.container,
                )
                for one in found.shipments
            ]
            columns = ("state", "from", "to", "carrier", "deadline", "numbers", "container")
            console.print(table("On the way", columns, moving))
        rest = [(spoken(status), f"{count:,}") for status, count in found.ended.items()]
        rest += [("not packed, at the maker", f"{found.not_packed:,}"), ("left out", f"{found.left_out:,}")]
        rest += [("suspect, among all of these", f"{found.suspect:,}"), ("commissioned", f"{found.commissioned:,}")]
        console.print(table("The rest", ("what", "numbers"), rest))
        behind = f", {as_of['blocks_behind']} blocks behind the chain" if as_of["blocks_behind"] else ""
        at = f"as of block {as_of['as_of_block']}, {time_text(as_of['as_of_time'])}{behind}"
        console.print(f"{at}; found in {took:,} ms")

    return Answer(body, render)


def _body(found: RecallReport, names: Names) -> dict[str, Any]:
    return {
        "maker": found.maker,
        "recall_class": found.recall_class,
        "recall_reason": found.recall_reason,
        "commissioned": found.commissioned,
        "holders": [
            {
                "holder": share.holder,
                "name": names.of(share.holder),
                "units": share.units,
                "containers": share.containers,
                "single_units": share.single_units,
            }
            for share in found.holders
        ],
        "held": found.held,
        "shipments": found.shipments,
        "on_the_way": found.on_the_way,
        "ended": found.ended,
        "not_packed": found.not_packed,
        "left_out": found.left_out,
        "suspect": found.suspect,
        "total": found.total,
    }


def _is_own(book: LotBook, lot: str) -> bool:
    try:
        return book.lot(lot).maker == book.organization
    except NotInBook:
        return False
