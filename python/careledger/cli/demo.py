"""`careledger demo`: the whole suite at work."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import rich.console
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from careledger.chain.connection import Connection
from careledger.chain.development import Node, development_signer, embedded_connection, find_anvil
from careledger.chain.signers import KeystoreSigner, Signer
from careledger.chain.signers.passphrase import read_passphrase
from careledger.cli.documents.files import write_private
from careledger.cli.output import Json, progress_console, show, table, to_plain
from careledger.client import deployments_folder
from careledger.demo.ether import parse_ether
from careledger.demo.funding import Funding
from careledger.demo.page import page
from careledger.demo.performance import Audience, Performance
from careledger.demo.runner import perform
from careledger.demo.settings import (
    LOT_UNITS,
    LOT_UNITS_STEP,
    MOST_LOT_UNITS,
    RECOVERY_DELAY_SECONDS,
    RULE_DELAY_SECONDS,
    Settings,
)
from careledger.demo.stage import StepRecord
from careledger.demo.summary import funding_table, show_performance, step_line
from careledger.errors import ConfigurationError, InvalidInput, MissingPrerequisite

if TYPE_CHECKING:
    from careledger.demo.serving import Pilot

__all__ = ["demo"]


def demo(
    rpc: Annotated[
        str | None,
        typer.Option("--rpc", metavar="URL", envvar="CARELEDGER_DEMO_RPC", help="Run on this node's chain."),
    ] = None,
    keystore: Annotated[
        Path | None,
        typer.Option(help="The encrypted keystore file of the account that pays; needed outside a local chain."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="ETH", help="The most that the demo may cost, in ETH; needed outside a local chain."),
    ] = None,
    embedded: Annotated[bool, typer.Option("--embedded", help="Run on an EVM inside this process.")] = False,
    deployments: Annotated[
        Path | None,
        typer.Option(
            envvar="CARELEDGER_DEPLOYMENTS",
            help="The folder of the deployment's manifest, with --rpc.",
            show_default="deployments/",
        ),
    ] = None,
    rule_delay_seconds: Annotated[
        int, typer.Option(min=0, help="Seconds that a change of the rules has to wait.")
    ] = RULE_DELAY_SECONDS,
    recovery_delay_seconds: Annotated[
        int, typer.Option(min=1, help="Seconds until a lost controller's recovery can be completed.")
    ] = RECOVERY_DELAY_SECONDS,
    refund: Annotated[
        bool, typer.Option("--refund", help="Send what the actors have left back to the funder.")
    ] = False,
    lot_units: Annotated[
        int,
        typer.Option(help=f"Packs of the lot, a multiple of {LOT_UNITS_STEP}, up to {MOST_LOT_UNITS:,}."),
    ] = LOT_UNITS,
    report: Annotated[
        Path | None, typer.Option(help="Write it as an HTML page, too, that needs nothing else.", show_default=False)
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Then a gateway and console for each organization, until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65_000, help="With --serve: of the first gateway.")] = 8080,
    as_json: Json = False,
) -> None:
    """Deploy the suite and put it to work: admit organizations, rotate a key, suspend one, and ask.

    Without --rpc, on an Anvil of its own if there is one, else on an EVM inside this process. With --rpc, on that
    node's chain: what it costs is shown first, and a second run goes on where the first one stopped. The keystore's
    passphrase comes from the file that CARELEDGER_PASSPHRASE_FILE names, from CARELEDGER_PASSPHRASE, or from a prompt.
    """
    if serve and (embedded or rpc is not None):
        raise InvalidInput("--serve", "given with --embedded or --rpc", "gateways are served on an Anvil of the demo's")
    if serve:
        find_anvil()
        try:
            from careledger.demo.serving import require_ports, serving
        except ModuleNotFoundError as error:
            raise MissingPrerequisite("gateways", f"{error}; pip install 'careledger[gateway]'") from None
        require_ports(port)
    if embedded and rpc is not None:
        raise InvalidInput("--embedded", "given with --rpc", "choose one of them")
    budget_wei = None if budget is None else parse_ether("--budget", budget)
    with contextlib.ExitStack() as stack:
        connection, where, folder = _chain(rpc, embedded, deployments, stack)
        home = None
        if serve:
            home = folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="careledger-demo-")))
        settings = Settings(folder, budget_wei, rule_delay_seconds, recovery_delay_seconds, refund, lot_units, home)
        funder = _funder(connection, keystore, budget)
        if not as_json:
            progress_console.print(f"careledger demo on chain {connection.chain_id}: {where}", markup=False)
        with _progress(verbose=rpc is not None) as audience:
            performance = perform(connection, funder, settings, where, audience)
        if report is not None:
            write_private(report, page(performance))
        pilot = None
        if home is not None:
            progress_console.print("Starting a gateway for each of five organizations ...", markup=False)
            pilot = stack.enter_context(serving(connection, funder, home, port))
        _show(performance, report, pilot, home, as_json)
        if home is not None:
            _wait_for_the_end()


def _wait_for_the_end() -> None:
    ended = threading.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: ended.set())
    ended.wait()


def _chain(
    rpc: str | None, embedded: bool, deployments: Path | None, stack: contextlib.ExitStack
) -> tuple[Connection, str, Path | None]:
    """The connection, the chain in words, and the manifests' folder: none for a chain that ends with the demo."""
    if rpc is not None:
        connection = Connection.open(rpc)
        return connection, f"the node at {connection.url}", deployments or deployments_folder()
    if not embedded:
        with contextlib.suppress(MissingPrerequisite):
            find_anvil()
            node = stack.enter_context(Node())
            return node.connect(), "an Anvil, started for this run", None
    why = "as asked" if embedded else "since there is no Anvil"
    return embedded_connection(), f"an EVM inside this process (py-evm), {why}", None


def _funder(connection: Connection, keystore: Path | None, budget: str | None) -> Signer:
    if keystore is not None:
        signer: Signer = KeystoreSigner.open(keystore, lambda: read_passphrase(prompt="Keystore passphrase"))
    elif connection.is_local:
        signer = development_signer(0)
    else:
        raise ConfigurationError("--keystore", f"needed on chain {connection.chain_id}: the account that pays")
    if budget is None and not connection.is_local:
        raise ConfigurationError("--budget", f"needed on chain {connection.chain_id}: the most that the demo may cost")
    return signer


class _Screen(Audience):
    """Shows the funding and the steps on standard error."""

    def __init__(self, progress: Progress, task: TaskID, verbose: bool) -> None:
        self._progress = progress
        self._task = task
        self._verbose = verbose

    def funding(self, funding: Funding) -> None:
        if self._verbose:
            self._progress.console.print(funding_table(funding))

    def steps(self, total: int) -> None:
        self._progress.update(self._task, total=total)

    def step(self, record: StepRecord) -> None:
        self._progress.console.print(step_line(record), markup=False)
        self._progress.advance(self._task)


@contextlib.contextmanager
def _progress(verbose: bool) -> Iterator[Audience]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=progress_console, transient=True) as progress:
        yield _Screen(progress, progress.add_task("demo", total=None), verbose)


def _show(performance: Performance, report: Path | None, pilot: Pilot | None, home: Path | None, as_json: bool) -> None:
    def render(console: rich.console.Console) -> None:
        show_performance(console, performance)
        if report is not None:
            console.print(f"\nreport: {report}", markup=False, soft_wrap=True)
        if pilot is not None and home is not None:
            asked = [(one.organization, one.what, one.request, one.status, one.answer) for one in pilot.exchanges]
            columns = ("gateway of", "what", "request", "status", "what came of it")
            console.print(table("\nOver HTTP, each at its own gateway", columns, asked))
            rows = [(one.organization, one.url, one.account) for one in pilot.consoles]
            console.print(table("\nConsoles, until Ctrl-C", ("organization", "address", "sign in with"), rows))
            console.print(f"Keys to sign in with, for a wallet: {home / 'keys.json'}", markup=False, soft_wrap=True)
            console.print(f"Keys of systems, for SMART: {home / 'systems.json'}", markup=False, soft_wrap=True)
            console.print(f"A patient's papers, to verify: {home / 'papers'}", markup=False, soft_wrap=True)

    served = {"consoles": [], "exchanges": []} if pilot is None else to_plain(pilot)
    show({**to_plain(performance), "report": report, **served, "folder": home}, as_json, render)
