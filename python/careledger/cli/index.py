"""`careledger index`: the chain's events and the read models as tables, kept in step with the chain."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from prometheus_client import CollectorRegistry, start_http_server
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from careledger import contract_events, logs
from careledger.chain.connection import Connection
from careledger.chain.database import Database
from careledger.chain.deployment import Deployment
from careledger.chain.indexer.checking import Mismatch
from careledger.chain.indexer.engine import Indexer, Progress, Summary
from careledger.chain.indexer.reader import EntityRow, EventRow, Index, Page, Tag, View
from careledger.chain.indexer.source import Source
from careledger.cli.output import Json, progress_console, show, table, to_plain
from careledger.cli.session import DEFAULT_DEPLOYMENTS, ChainId, Deployments, connect, parse_time
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.contract_events import ContractEvent
from careledger.errors import ConfigurationError, DeploymentChanged, InvalidInput, NodeUnreachable

__all__ = ["app"]

DIFFERS = 9

app = typer.Typer(
    help="The chain's events as tables: build, follow, look up, check against the chain.", no_args_is_help=True
)

IndexUrl = Annotated[
    str,
    typer.Option(
        "--index",
        envvar="CARELEDGER_INDEX",
        help="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME.",
        show_default=False,
    ),
]
Nodes = Annotated[
    list[str],
    typer.Option("--rpc", envvar="CARELEDGER_RPC", help="A node's URL; more of them stand in for the first."),
]
Payers = Annotated[
    list[str],
    typer.Option(
        "--payer",
        envvar="CARELEDGER_PAYERS",
        help="Follow an insurer's contracts too, by its name in the registry.",
    ),
]
Supplies = Annotated[
    list[str],
    typer.Option(
        "--supply",
        envvar="CARELEDGER_SUPPLIES",
        help="Follow a supply chain's contracts too, by its operator's name in the registry.",
    ),
]
At = Annotated[str, typer.Option("--at", help="latest, safe, finalized, a block's number, or a time in ISO 8601.")]
Where = Annotated[list[str], typer.Option("--where", help="COLUMN=VALUE; may be repeated.")]
After = Annotated[str, typer.Option("--after", help="Go on after this, as the page before ended.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]
Check = Annotated[bool, typer.Option("--verify", help="Check every row against the chain; exit code 9 if one differs.")]


# ---------------------------------------------------------------------- keep


@app.command("sync")
def sync(
    index: IndexUrl = "",
    rpc: Nodes = [],  # noqa: B006  (typer makes a new list each time)
    payer: Payers = [],  # noqa: B006
    supply: Supplies = [],  # noqa: B006
    deployments: Deployments = DEFAULT_DEPLOYMENTS,
    chain_id: ChainId = None,
    as_json: Json = False,
) -> None:
    """Bring the index to the chain's head. May be interrupted: it goes on where it was."""
    with _indexer(index, rpc, payer, supply, deployments, chain_id) as indexer, _bar() as report:
        summary = indexer.sync(progress=report)
    show(summary, as_json, lambda console: console.print(_summary_text(summary)))


@app.command("rebuild")
def rebuild(
    index: IndexUrl = "",
    rpc: Nodes = [],  # noqa: B006
    payer: Payers = [],  # noqa: B006
    supply: Supplies = [],  # noqa: B006
    deployments: Deployments = DEFAULT_DEPLOYMENTS,
    chain_id: ChainId = None,
    as_json: Json = False,
) -> None:
    """Empty the index and build it from the chain. The same chain gives the same rows."""
    with _indexer(index, rpc, payer, supply, deployments, chain_id, anew=True) as indexer, _bar() as report:
        summary = indexer.sync(progress=report)
    show(summary, as_json, lambda console: console.print(_summary_text(summary)))


@app.command("follow")
def follow(
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Serve Prometheus metrics at this port.")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="The address for metrics.")] = "127.0.0.1",
    index: IndexUrl = "",
    rpc: Nodes = [],  # noqa: B006
    payer: Payers = [],  # noqa: B006
    supply: Supplies = [],  # noqa: B006
    deployments: Deployments = DEFAULT_DEPLOYMENTS,
    chain_id: ChainId = None,
) -> None:
    """Keep the index at the chain's head until told to end (Ctrl-C or SIGTERM). Logs are JSON on standard error."""
    logs.to_stderr()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    registry = CollectorRegistry()
    with _indexer(index, rpc, payer, supply, deployments, chain_id, registry=registry) as indexer:
        if metrics_port is not None:
            try:
                start_http_server(metrics_port, metrics_host, registry)
            except OSError as error:
                raise ConfigurationError("--metrics-port", f"{metrics_port}: {error.strerror}") from None
        if not payer and not supply:
            indexer.follow(stop)
            return
        from careledger.authorization.index import published_in as published_by_insurer
        from careledger.chain.indexer.publication_watch import PublicationWatch
        from careledger.serialization.index import published_in as published_by_operator

        with Index.open(index) as opened:
            followed = opened.status().contracts
            watches = (
                PublicationWatch(opened, payer, followed, published_by_insurer),
                PublicationWatch(opened, supply, followed, published_by_operator),
            )

            def watch(progress: Progress) -> None:
                for one in watches:
                    one(progress)

            indexer.follow(stop, progress=watch)


@app.command("verify")
def verify(
    sample: Annotated[int, typer.Option(min=1, max=100_000, help="How many events, spread over the index.")] = 100,
    index: IndexUrl = "",
    rpc: Nodes = [],  # noqa: B006
    payer: Payers = [],  # noqa: B006
    supply: Supplies = [],  # noqa: B006
    deployments: Deployments = DEFAULT_DEPLOYMENTS,
    chain_id: ChainId = None,
    as_json: Json = False,
) -> None:
    """Check events of the index against the chain's receipts. Exit code 9 if one differs."""
    with _indexer(index, rpc, payer, supply, deployments, chain_id) as indexer:
        mismatches = indexer.verify(sample)
    show(mismatches, as_json, lambda console: _render_mismatches(console, mismatches))
    if mismatches:
        raise typer.Exit(DIFFERS)


# ---------------------------------------------------------------------- look


@app.command("status")
def status(index: IndexUrl = "", as_json: Json = False) -> None:
    """Show what the index is of and how far it is."""
    with Index.open(_required_index(index)) as opened:
        found = opened.status()
    rows = [
        ("chain", found.chain_id),
        ("block", f"{found.block_number}, {time_text(found.block_time)}"),
        ("safe block", "unknown" if found.safe is None else found.safe),
        ("finalized block", "unknown" if found.finalized is None else found.finalized),
        *(("contract", address) for address in found.contracts),
    ]
    show(found, as_json, lambda console: console.print(table(None, ("", ""), rows)))


@app.command("list")
def list_rows(
    entity: Annotated[str, typer.Argument(help="A read model's table; without it, the tables are listed.")] = "",
    where: Where = [],  # noqa: B006
    at: At = "latest",
    after: After = "",
    limit: Limit = 100,
    check: Check = False,
    index: IndexUrl = "",
    rpc: Nodes = [],  # noqa: B006
    as_json: Json = False,
) -> None:
    """List what a read model's table holds at a block, for example `organization` or `governance_operation`."""
    with Index.open(_required_index(index)) as opened:
        if not entity:
            rows = [(one.name, ", ".join(one.key), ", ".join(one.values)) for one in opened.schema.entities]
            body = [
                {"entity": one.name, "key": list(one.key), "values": list(one.values)} for one in opened.schema.entities
            ]
            show(body, as_json, lambda console: console.print(table(None, ("entity", "key", "values"), rows)))
            return
        view = _view(opened, at)
        page = view.rows(entity, _filters(where), _cursor(after), limit)
        _show_page(opened, page, as_json, check, rpc, entity)


@app.command("history")
def history(
    entity: Annotated[str, typer.Argument(help="A read model's table.")],
    key: Annotated[list[str], typer.Argument(help="The entity's key, one value for each key column.")],
    at: At = "latest",
    after: After = "",
    limit: Limit = 100,
    check: Check = False,
    index: IndexUrl = "",
    rpc: Nodes = [],  # noqa: B006
    as_json: Json = False,
) -> None:
    """Show every version of one entity, oldest first."""
    with Index.open(_required_index(index)) as opened:
        page = _view(opened, at).history(entity, tuple(map(_value, key)), _cursor(after), limit)
        _show_page(opened, page, as_json, check, rpc, f"{entity} {' '.join(key)}")


@app.command("events")
def events(
    kind: Annotated[str, typer.Argument(help="The event's name, for example KeyAdded.")],
    where: Where = [],  # noqa: B006
    since: Annotated[str, typer.Option("--from", help="Unix seconds, or ISO 8601.")] = "",
    until: Annotated[str, typer.Option("--to", help="Unix seconds, or ISO 8601.")] = "",
    at: At = "latest",
    after: After = "",
    limit: Limit = 100,
    check: Check = False,
    index: IndexUrl = "",
    rpc: Nodes = [],  # noqa: B006
    as_json: Json = False,
) -> None:
    """List the events of a kind, in the order of the chain."""
    found = getattr(contract_events, kind, None)
    if not (isinstance(found, type) and issubclass(found, ContractEvent) and found is not ContractEvent):
        raise InvalidInput("event", kind, "is no event of the suite; see `careledger index list`")
    with Index.open(_required_index(index)) as opened:
        page = _view(opened, at).events(
            found,
            _filters(where),
            parse_time(since) if since else None,
            parse_time(until) if until else None,
            _cursor(after),
            limit,
        )
        _show_page(opened, page, as_json, check, rpc, kind)


# ---------------------------------------------------------------------- inner


def _required_index(url: str) -> str:
    if not url:
        raise ConfigurationError("--index or CARELEDGER_INDEX", "not set; name a database, e.g. sqlite:///index.db")
    return url


@contextmanager
def _indexer(
    index: str,
    nodes: list[str],
    payers: list[str],
    supplies: list[str],
    deployments: Path,
    chain_id: int | None,
    anew: bool = False,
    registry: CollectorRegistry | None = None,
) -> Iterator[Indexer]:
    database = Database(_required_index(index), durable=False)
    connection = _first_that_answers(nodes, chain_id)
    deployment = Deployment.load(deployments, connection.chain_id)
    deployment.require_contracts()
    genesis_hash = connection.genesis_hash()
    if genesis_hash != deployment.genesis_hash:  # of this chain id there is another chain
        raise DeploymentChanged("genesis block", deployment.genesis_hash, genesis_hash)
    ledger = CareLedger(connection, deployment)
    further = [*_payers_contracts(ledger, payers), *_supplies_contracts(ledger, supplies)]
    contracts = [*deployment.addresses.values(), *further]
    source = Source.open(nodes, contracts)
    with Indexer(database, source, deployment.first_block, anew=anew, registry=registry) as indexer:
        yield indexer


def _payers_contracts(ledger: CareLedger, payers: list[str]) -> list[str]:
    if not payers:
        return []
    from careledger.authorization.published import published_contracts

    return [address for payer in payers for address in published_contracts(ledger, payer)]


def _supplies_contracts(ledger: CareLedger, supplies: list[str]) -> list[str]:
    if not supplies:
        return []
    from careledger.serialization.published import supply_contracts

    return [address for operator in supplies for address in supply_contracts(ledger, operator)]


def _first_that_answers(nodes: list[str], chain_id: int | None = None) -> Connection:
    """Raises what the last one that does not answer raises."""
    for url in nodes[:-1]:
        with contextlib.suppress(NodeUnreachable):
            return connect(url, chain_id)
    return connect(nodes[-1] if nodes else "", chain_id)


@contextmanager
def _bar() -> Iterator[Any]:
    columns = (TextColumn("block"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Bars(*columns, TimeRemainingColumn(), console=progress_console, transient=True) as bars:
        task = bars.add_task("", total=None)

        def report(progress: Progress) -> None:
            bars.update(
                task,
                total=progress.target,
                completed=progress.block_number,
                description=f"{progress.events:,} events",
            )

        yield report


def _view(opened: Index, at: str) -> View:
    if at in get_args(Tag):
        return opened.at(at)  # type: ignore[arg-type]
    if at.isascii() and at.isdigit():
        return opened.at(int(at))
    return opened.at(time=parse_time(at))


def _filters(where: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in where:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput("--where", text, "must be COLUMN=VALUE")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    """A number or truth value where the text is one in JSON, else the text."""
    with contextlib.suppress(ValueError):
        parsed = json.loads(text)
        if parsed is None or isinstance(parsed, bool | int):
            return parsed
    return text


def _cursor(after: str) -> tuple[Any, ...] | None:
    if not after:
        return None
    try:
        parsed = json.loads(after)
    except ValueError:
        parsed = None
    if not isinstance(parsed, list):
        raise InvalidInput("--after", after, "must be the JSON list that a page before gave as `next`")
    return tuple(parsed)


def _show_page(opened: Index, page: Page[Any], as_json: bool, check: bool, nodes: list[str], title: str) -> None:
    mismatches: list[Mismatch] = []
    if check:
        mismatches = opened.verify(page.rows, _first_that_answers(nodes).rpc())
    body: dict[str, Any] = {"rows": [_body(row) for row in page.rows], "next": page.next}
    if check:
        body["mismatches"] = mismatches

    def render(console: Console) -> None:
        if not page.rows:
            console.print("none")
        else:
            console.print(f"{title}, {len(page.rows)} rows", markup=False)
            for row in page.rows:
                console.print()
                console.print("\n".join(_lines(row)), markup=False, soft_wrap=True)
            console.print()
        if page.next is not None:
            console.print(f"more: --after '{json.dumps(to_plain(page.next))}'", markup=False, soft_wrap=True)
        if check:
            _render_mismatches(console, mismatches, len(page.rows))

    show(body, as_json, render)
    if mismatches:
        raise typer.Exit(DIFFERS)


def _body(row: EntityRow | EventRow) -> dict[str, Any]:
    if isinstance(row, EventRow):
        return {
            "event": type(row.event).__name__,
            **vars(row.event),
            "block_number": row.block_number,
            "block_time": row.block_time,
            "log_index": row.log_index,
            "transaction_hash": row.transaction_hash,
            "contract": row.address,
        }
    return {
        **row.key,
        **row.values,
        "since_block": row.since_block,
        "since_log": row.since_log,
        "since_time": row.since_time,
        "since_transaction": row.since_transaction,
        "until_block": row.until_block,
    }


def _lines(row: EntityRow | EventRow) -> list[str]:
    """A row for a person: one value per line, since most are too wide for columns; those that are not set left out."""
    body = {name: value for name, value in _body(row).items() if value is not None}
    for name in ("block_time", "since_time"):
        if name in body:
            body[name] = time_text(body[name])
    width = max(map(len, body))
    return [f"  {name:<{width}}  {to_plain(value)}" for name, value in body.items()]


def _render_mismatches(console: Console, mismatches: list[Mismatch], checked: int | None = None) -> None:
    if not mismatches:
        count = "" if checked is None else f"{checked} rows: "
        console.print(f"{count}the chain bears them out")
        return
    rows = [
        (one.claim.block_number, one.claim.log_index, one.claim.transaction_hash, one.problem) for one in mismatches
    ]
    console.print(table("Not borne out by the chain", ("block", "log", "transaction", "problem"), rows))


def _summary_text(summary: Summary) -> str:
    back = f"; went back {summary.reorganizations} times" if summary.reorganizations else ""
    return f"at block {summary.block_number}: {summary.events:,} events{back}"
