"""`careledger ship` and `receive`: the handover, with the bundle that belongs to the goods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.cli.documents.files import readable, write_private
from careledger.cli.payer.words import said
from careledger.cli.session import Answer, parse_time, signs
from careledger.cli.supply.unit import ReasonFile
from careledger.cli.supply.words import (
    ActingOptions,
    CardFile,
    ContainerName,
    House,
    Names,
    acting,
    find_container,
    load_card,
    sent,
    sscc_in,
    things,
)
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.contract_enums import ContainerState
from careledger.errors import InvalidInput
from careledger.serialization.custody import WHOLE_SHARE_BASIS_POINTS
from careledger.serialization.sealed_bundle import open_bundle, seal

__all__ = ["receive", "ship"]

NOT_RECEIVED = 9


@signs
def ship(
    ledger: CareLedger,
    container: ContainerName,
    card: CardFile,
    deadline: Annotated[
        str,
        typer.Option(
            help="Until when the receiver accepts, else it is to come back: Unix seconds, or ISO 8601.",
            show_default=False,
        ),
    ],
    options: ActingOptions,
    out: Annotated[
        Path | None, typer.Option(help="Where the sealed bundle goes.", show_default="CONTAINER.bundle.json")
    ] = None,
    carrier: Annotated[
        str, typer.Option(help="Who brings it: registered name, or id. Default: the sender.", show_default=False)
    ] = "",
    is_return: Annotated[
        bool,
        typer.Option("--return", help="It is a return: not for redistribution until verified.", show_default=False),
    ] = False,
    order: Annotated[
        str, typer.Option(help="The receiver's order that it is for: accepting pays.", show_default=False)
    ] = "",
    terms: Annotated[
        Path | None,
        typer.Option(
            help="File with the terms: a salted hash is published, salt and hash go to FILE.statement.json.",
            show_default=False,
        ),
    ] = None,
) -> Answer:
    """Ship a container to the organization of a card, and write the bundle that only it can open.

    The bundle has all that the receiver needs to verify and dispense what is inside; send it by any way. Again, only
    the bundle is written anew.
    """
    if order and is_return:
        raise InvalidInput("--order", order, "is for no return: a return is not paid")
    due, stated = parse_time(deadline, ledger.connection), said(terms)
    to = load_card(card)
    names = Names(ledger)
    with acting(ledger, options, "Shipping") as house:
        stock, signer = house.stock, ledger.signer
        assert signer is not None
        by = ledger.organizations.known(carrier) if carrier else None
        identity = find_container(stock, container)
        bundle = seal(house.supply, signer, to, stock.book.with_shipment([identity]))
        path = out or Path(f"{identity}.bundle.json")
        write_private(path, bundle.dump())
        told, receipts = stock.custody.container(identity), []
        on_its_way = told is not None and told.state is ContainerState.IN_TRANSIT
        if told is None or not on_its_way or (told.holder, told.receiver) != (stock.book.organization, to.organization):
            if order:
                receipts.append(stock.custody.ship_order(identity, to.organization, due, order, by, stated))
            else:
                receipts.append(stock.custody.ship(identity, to.organization, due, by, is_return, stated))
    body = {"container": identity, "receiver": to.organization, "file": path, "digest": bundle.digest}
    lines = [
        f"container {identity}, to {names.of(to.organization)} until {time_text(due)}",
        f"hand over with it: {path}",
    ]
    return sent("ship", receipts, body, lines)


@signs
def receive(
    ledger: CareLedger,
    container: ContainerName,
    options: ActingOptions,
    bundle: Annotated[
        list[Path] | None,
        typer.Option(help="The sealed bundle that came with it. May be repeated.", show_default=False),
    ] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Reject it as a whole.", show_default=False)] = False,
    but_for: Annotated[
        list[str] | None,
        typer.Option(
            "--except", help="Reject this of it: SSCC, or code of a pack. May be repeated.", show_default=False
        ),
    ] = None,
    rejected_sscc: Annotated[
        str, typer.Option(help="With --except: SSCC of the container that it goes back in.", show_default=False)
    ] = "",
    share: Annotated[
        int,
        typer.Option(
            help="With --except, of an order: basis points of the price that are paid at once.",
            min=0,
            max=WHOLE_SHARE_BASIS_POINTS,
        ),
    ] = WHOLE_SHARE_BASIS_POINTS,
    reason: ReasonFile = None,
    despite_excursion: Annotated[
        bool,
        typer.Option("--despite-excursion", help="Accept it though its cold chain was broken.", show_default=False),
    ] = False,
) -> Answer:
    """Accept a shipment, or reject it as a whole or in part. Bundles are opened and held against the chain first.

    If its cold chain was broken, nothing is sent without --despite-excursion or --reject: exit code 9. Again, it sends
    nothing.
    """
    if reject and but_for:
        raise InvalidInput("--except", but_for[0], "does not go with --reject, which rejects all")
    if bool(but_for) != bool(rejected_sscc):
        raise InvalidInput("--rejected-sscc", rejected_sscc, "goes with --except: in it goes back what is rejected")
    stated = said(reason)
    names = Names(ledger)
    with acting(ledger, options, "Receiving") as house:
        stock = house.stock
        opened = [_open(house, path) for path in bundle or ()]
        identity = find_container(stock, container)
        told = stock.custody.container(identity)
        if told is None:
            raise InvalidInput("container", container, "is not on chain")
        body: dict[str, Any] = {"container": identity, "excursion": told.excursion, "bundles": opened}
        if (told.state, told.holder) == (ContainerState.HELD, stock.book.organization):
            return sent("receive", [], {**body, "received": True}, ["it was received already"])
        if reject:
            receipt = stock.custody.reject(identity, stated)
            return sent("receive --reject", [receipt], {**body, "received": False}, [f"container {identity}: rejected"])
        if told.excursion and not despite_excursion:
            return _not_received({**body, "received": False, "transactions": []}, identity)
        lines = [f"container {identity}: received"]
        if but_for:
            of_it = things(stock, but_for)
            rejected, receipt = stock.receive_but_for(
                identity, sscc_in(rejected_sscc), of_it.containers, of_it.packs, share, stated
            )
            body["rejected_in"] = rejected.id
            lines.append(f"what was not accepted is in container {rejected.id}: SSCC {rejected.sscc}")
        else:
            receipt = stock.custody.receive(identity)
    lines += [f"bundle of {names.of(one['sender'])}: {len(one['lots'])} lots" for one in opened]
    return sent("receive", [receipt], {**body, "received": True}, lines)


def _open(house: House, path: Path) -> dict[str, Any]:
    with readable(path, "bundle"):
        received = open_bundle(path, house.supply, house.stock.book, house.keys)
    return {"file": path, "sender": received.sender, "digest": received.digest, "lots": received.lots}


def _not_received(body: dict[str, Any], container: str) -> Answer:
    def render(console: Console) -> None:
        console.print("NOT received: its cold chain was broken", style="bold red")
        console.print(f"  look at it by `careledger container show {container}` and `careledger device show`,")
        console.print("  then receive it again with --despite-excursion, or with --reject")

    return Answer(body, render, NOT_RECEIVED)
