"""`careledger payer member-keys`: the keys that the insurer's contracts know its members by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from careledger.authorization.member_list import (
    derive_keys,
    dump_keys,
    keep_plan_secret,
    parse_members,
    parse_plan_secret,
    plan_secret,
)
from careledger.cli.authorization.words import PayerName, opened_vault, require_payer_name
from careledger.cli.documents.files import readable, write_private
from careledger.cli.output import Json, show
from careledger.cli.payer.words import InsurerVault
from careledger.errors import InvalidInput

__all__ = ["app"]

app = typer.Typer(
    help="The keys that contracts know members by: the plan's secret, and keys for a list.", no_args_is_help=True
)

PlanNumber = Annotated[int, typer.Option("--plan", help="The plan's number.", min=0, max=2**32 - 1, show_default=False)]


@app.command("init")
def init(
    plan: PlanNumber,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="File with the one that the house has, in hexadecimal. Default: random.", show_default=False
        ),
    ] = None,
    payer: PayerName = "",
    vault: InsurerVault = None,
    as_json: Json = False,
) -> None:
    """Keep a plan's secret in the vault. It is for good: with another, every member would have another key.

    Asks no chain. Back the vault up.
    """
    insurer = require_payer_name(payer)
    found = None
    if source is not None:
        with readable(source, "plan secret"):
            found = parse_plan_secret(source.read_bytes())
    with opened_vault(vault) as opened:
        made = keep_plan_secret(opened, insurer, plan, found)
    text = f"plan {plan} has its secret in {opened.path}" + ("" if made else ": it was there already")
    body = {"plan": plan, "vault": opened.path, "made": made}
    show(body, as_json, lambda console: console.print(text, markup=False, soft_wrap=True))


@app.command("derive")
def derive(
    file: Annotated[Path, typer.Argument(help="The members, in CSV or JSON; see docs/authorization.md.")],
    plan: PlanNumber,
    out: Annotated[Path, typer.Option("--out", help="Where the keys go: .csv or .json.", show_default=False)],
    period: Annotated[
        int | None,
        typer.Option(help="The benefit period of rows that name none.", min=0, max=65_535, show_default=False),
    ] = None,
    payer: PayerName = "",
    vault: InsurerVault = None,
    as_json: Json = False,
) -> None:
    """Derive the keys of a list of members, into a file that its owner alone can read. Asks no chain.

    The same list gives the same keys. Members are in that file, and nowhere else: not in the answer, not in errors.
    """
    insurer = require_payer_name(payer)
    of_members, of_keys = (_is_json(path) for path in (file, out))
    if out.resolve() == file.resolve():
        raise InvalidInput("--out", str(out), "is the list itself: name another file")
    with readable(file, "members"):
        content = file.read_bytes()
    with opened_vault(vault) as opened:
        secret = plan_secret(opened, insurer, plan)
    keys = list(derive_keys(secret, parse_members(content, json=of_members, period=period)))
    write_private(out, dump_keys(keys, json=of_keys))
    text = f"{out}: {len(keys)} keys of plan {plan}"
    body = {"file": out, "plan": plan, "keys": len(keys), "periods": sorted({one.member.period for one in keys})}
    show(body, as_json, lambda console: console.print(text, markup=False, soft_wrap=True))


def _is_json(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".json"):
        raise InvalidInput("file", str(path), "must end with .csv or .json")
    return suffix == ".json"
