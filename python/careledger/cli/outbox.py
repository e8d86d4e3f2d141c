"""`careledger outbox`: the durable queue of transactions: look, retry, cancel, and work on it."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from prometheus_client import CollectorRegistry, start_http_server
from rich.console import Console, Group, RenderableType
from rich.live import Live

from careledger import logs
from careledger.chain.outbox import FINAL, Outbox, OutboxStatus, Policy, Record, State, Summary, Worker
from careledger.cli.output import Json, progress_console, show, table
from careledger.cli.session import ChainId, OutboxUrl, Rpc, connect, open_signer
from careledger.cli.words import time_text
from careledger.errors import ConfigurationError, InvalidInput

__all__ = ["app", "required_outbox"]

UNFINISHED = 9
REFRESH_SECONDS = 1.0
LOCAL_CONFIRMATIONS = 1

app = typer.Typer(help="The durable queue of transactions: look, retry, cancel, and send.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The record's idempotency key, as `outbox list` shows it.")]
Signers = Annotated[
    list[str],
    typer.Option("--signer", envvar="CARELEDGER_SIGNER", help="A sender's key; may be repeated. See `org --help`."),
]
Confirmations = Annotated[
    int | None, typer.Option(min=1, help="Blocks until a record is final: 12, on a local chain 1.")
]
FeeCap = Annotated[int | None, typer.Option("--fee-cap-wei", min=1, help="The most to pay for a unit of gas.")]
DailyLimit = Annotated[
    int | None, typer.Option("--daily-limit-wei", min=1, help="The most that a sender may spend in a UTC day.")
]
LowFunds = Annotated[int | None, typer.Option("--low-funds-wei", min=1, help="Alert when a sender has less.")]


@dataclass(frozen=True)
class _Limits:
    fee_cap_wei: int | None
    daily_limit_wei: int | None
    low_funds_wei: int | None


@app.command("status")
def status(
    outbox: OutboxUrl = "",
    chain_id: ChainId = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep showing it, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show how many records are in which state, each sender, and what needs a person's eye."""
    with _opened(outbox, chain_id) as opened:
        if not watch:
            found = opened.status()
            show(found, as_json, lambda console: console.print(_status_view(found)))
            return
        if as_json:
            raise InvalidInput("--watch", "", "shows to a person; leave out --json")
        with contextlib.suppress(KeyboardInterrupt), Live(auto_refresh=False) as live:
            while True:
                live.update(_status_view(opened.status()), refresh=True)
                time.sleep(REFRESH_SECONDS)


@app.command("list")
def list_records(
    state: Annotated[str, typer.Option(help="Only this state: " + ", ".join(State) + ".")] = "",
    sender: Annotated[str, typer.Option(help="Only this sender's.")] = "",
    label: Annotated[str, typer.Option(help="Only those with this label.")] = "",
    after: Annotated[str, typer.Option(help="Go on after this key.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
    outbox: OutboxUrl = "",
    chain_id: ChainId = None,
    as_json: Json = False,
) -> None:
    """List records in the order in which they were accepted."""
    with _opened(outbox, chain_id) as opened:
        found = opened.records(
            state=_state(state), sender=sender or None, label=label or None, after=after or None, limit=limit
        )
    columns = ("key", "label", "state", "nonce", "attempts", "block", "problem")
    rows = [
        (
            record.key,
            record.label,
            record.state.value,
            _text(record.nonce),
            len(record.attempts),
            _text(record.block_number),
            _problem(record),
        )
        for record in found
    ]
    show(found, as_json, lambda console: console.print(table(None, columns, rows)))


@app.command("show")
def show_record(key: Key, outbox: OutboxUrl = "", chain_id: ChainId = None, as_json: Json = False) -> None:
    """Show a record with every transaction that was signed for it."""
    with _opened(outbox, chain_id) as opened:
        record = opened.get(key)
    show(record, as_json, lambda console: _render_record(console, record))


@app.command("retry")
def retry(key: Key, outbox: OutboxUrl = "", chain_id: ChainId = None, as_json: Json = False) -> None:
    """Put a record that was refused, reverted or cancelled back into the queue."""
    with _opened(outbox, chain_id) as opened:
        record = opened.retry(key)
    show(record, as_json, lambda console: console.print(f"{key}: {record.state.value}", markup=False))


@app.command("cancel")
def cancel(key: Key, outbox: OutboxUrl = "", chain_id: ChainId = None, as_json: Json = False) -> None:
    """Cancel a record: at once if it owns no nonce yet, else by a no-op that a worker sends under its nonce."""
    with _opened(outbox, chain_id) as opened:
        record = opened.cancel(key)
    show(record, as_json, lambda console: console.print(f"{key}: {record.state.value}", markup=False))


@app.command("drain")
def drain(
    signer: Signers = [],  # noqa: B006  (typer makes a new list each time)
    timeout: Annotated[int | None, typer.Option(min=1, help="Seconds after which to stop.")] = None,
    confirmations: Confirmations = None,
    fee_cap_wei: FeeCap = None,
    daily_limit_wei: DailyLimit = None,
    low_funds_wei: LowFunds = None,
    outbox: OutboxUrl = "",
    rpc: Rpc = "",
    chain_id: ChainId = None,
    as_json: Json = False,
) -> None:
    """Send what waits, until every record of these senders is final. Exit code 9 if time is up first."""
    limits = _Limits(fee_cap_wei, daily_limit_wei, low_funds_wei)
    with _working(outbox, rpc, chain_id, signer, confirmations, limits, None) as (opened, worker):
        summary = _drain(opened, worker, timeout)
    show(summary, as_json, lambda console: console.print(_summary_text(summary)))
    if not summary.drained:
        raise typer.Exit(UNFINISHED)


@app.command("run")
def run(
    signer: Signers = [],  # noqa: B006
    confirmations: Confirmations = None,
    fee_cap_wei: FeeCap = None,
    daily_limit_wei: DailyLimit = None,
    low_funds_wei: LowFunds = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Serve Prometheus metrics at this port.")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="The address for metrics.")] = "127.0.0.1",
    outbox: OutboxUrl = "",
    rpc: Rpc = "",
    chain_id: ChainId = None,
) -> None:
    """Work on the queue until told to end (Ctrl-C or SIGTERM). Logs are JSON lines on standard error.

    On PostgreSQL any number of workers may run, on several machines; on SQLite one.
    """
    logs.to_stderr()
    limits = _Limits(fee_cap_wei, daily_limit_wei, low_funds_wei)
    registry = CollectorRegistry()
    with _working(outbox, rpc, chain_id, signer, confirmations, limits, registry) as (_, worker):
        if metrics_port is not None:
            try:
                start_http_server(metrics_port, metrics_host, registry)
            except OSError as error:
                raise ConfigurationError("--metrics-port", f"{metrics_port}: {error.strerror}") from None
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: stop.set())
        worker.run(stop)


def required_outbox(url: str) -> str:
    """The outbox that the settings name. Raises ConfigurationError if they name none."""
    if not url:
        raise ConfigurationError(
            "--outbox or CARELEDGER_OUTBOX", "not set; name a database, e.g. sqlite:///outbox.db for one worker"
        )
    return url


@contextmanager
def _opened(url: str, chain_id: int | None) -> Iterator[Outbox]:
    """The outbox without a node: to look, retry and cancel also while none answers."""
    with contextlib.closing(Outbox.offline(required_outbox(url), chain_id)) as opened:
        yield opened


@contextmanager
def _working(
    url: str,
    rpc: str,
    chain_id: int | None,
    signers: list[str],
    confirmations: int | None,
    limits: _Limits,
    registry: CollectorRegistry | None,
) -> Iterator[tuple[Outbox, Worker]]:
    if not signers:
        open_signer("")  # says what is missing
    connection = connect(rpc, chain_id)
    depth = confirmations or (LOCAL_CONFIRMATIONS if connection.is_local else Policy().confirmations)
    policy = Policy(
        confirmations=depth,
        fee_cap_wei=limits.fee_cap_wei,
        daily_limit_wei=limits.daily_limit_wei,
        low_funds_wei=limits.low_funds_wei,
    )
    with contextlib.closing(Outbox.open(required_outbox(url), connection)) as opened:
        keys = [open_signer(uri) for uri in signers]
        with contextlib.closing(Worker(opened, connection.rpc(), keys, policy, registry)) as worker:
            yield opened, worker


def _drain(opened: Outbox, worker: Worker, timeout: int | None) -> Summary:
    """Drains with a live view on standard error."""

    def view() -> RenderableType:
        return _status_view(opened.status())

    with Live(console=progress_console, get_renderable=view, refresh_per_second=1 / REFRESH_SECONDS, transient=True):
        return worker.drain(timeout)


def _state(text: str) -> State | None:
    try:
        return State(text.lower()) if text else None
    except ValueError:
        raise InvalidInput("state", text, "is none of " + ", ".join(State)) from None


def _status_view(found: OutboxStatus) -> RenderableType:
    counts = table(
        f"{found.database}, chain {found.chain_id}",
        ("state", "records"),
        [(state.value, found.counts[state]) for state in State if found.counts.get(state)],
    )
    rows = [
        (
            sender.address,
            sum(count for state, count in sender.counts.items() if state not in FINAL),
            _text(sender.next_nonce),
            "" if sender.oldest_waiting_seconds is None else f"{sender.oldest_waiting_seconds} s",
            f"{sender.spent_today_wei} wei",
            sender.lease_owner or "none",
        )
        for sender in found.senders
    ]
    parts: list[RenderableType] = [counts]
    if rows:
        columns = ("sender", "waiting", "next nonce", "oldest waiting", "spent today", "worker")
        parts.append(table(None, columns, rows))
    alerts = [
        (sender.address, alert.kind, time_text(alert.since), alert.detail)
        for sender in found.senders
        for alert in sender.alerts
    ]
    if alerts:
        parts.append(table("Alerts", ("sender", "kind", "since", "detail"), alerts))
    return Group(*parts)


def _render_record(console: Console, record: Record) -> None:
    rows: list[tuple[str, Any]] = [
        ("label", record.label),
        ("state", record.state.value),
        ("sender", record.sender),
        ("to", record.to or "creates a contract"),
        ("nonce", _text(record.nonce)),
        ("queued", _time(record.queued_at)),
        ("signed", _time(record.signed_at)),
        ("included", _time(record.included_at)),
        ("final", _time(record.final_at)),
        ("transaction", record.transaction_hash or ""),
        ("block", _text(record.block_number)),
        ("gas used", _text(record.gas_used)),
        ("cost", "" if record.cost_wei is None else f"{record.cost_wei} wei"),
        ("problem", _problem(record)),
    ]
    console.print(table(record.key, ("", ""), [row for row in rows if row[1] != ""]))
    if record.attempts:
        columns = ("transaction", "kind", "gas", "fee per gas", "signed", "broadcast")
        attempts = [
            (
                one.transaction_hash,
                one.kind,
                one.gas,
                f"{one.max_fee_wei} wei",
                _time(one.signed_at),
                _time(one.broadcast_at),
            )
            for one in record.attempts
        ]
        console.print(table("Signed", columns, attempts))


def _problem(record: Record) -> str:
    return str(record.error) if record.error is not None else record.problem or ""


def _summary_text(summary: Summary) -> str:
    state = "nothing waits" if summary.drained else f"time is up, {summary.waiting} wait"
    return f"{state}: {summary.final} became final in {summary.seconds:.1f} s"


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _time(value: int | None) -> str:
    return "" if value is None else time_text(value)
