"""`careledger device`: data loggers of the cold chain, and what was done to medical devices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.digests import typed_data_digest
from careledger.chain.signers.passphrase import PASSPHRASE, read_passphrase
from careledger.cli.authorization.words import id_on_chain
from careledger.cli.documents.files import readable
from careledger.cli.output import table
from careledger.cli.session import Answer, asks, parse_time, signs, working, writes
from careledger.cli.supply.service import app as service
from careledger.cli.supply.words import (
    ActingOptions,
    BookOptions,
    ContainerName,
    Names,
    SupplyName,
    acting,
    celsius,
    celsius_text,
    find_container,
    named_supply,
    reading,
    sent,
)
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.contract_events import WindowRecorded
from careledger.errors import InvalidInput
from careledger.serialization.cold_chain import ColdChain, DeviceKey, DevicePublicKey, Limits, Window, check_window
from careledger.serialization.kept_readings import KeptReadings
from careledger.serialization.lot_book_entries import SupplyId
from careledger.serialization.readings import Reading, Stretch, parse_readings, stretches

__all__ = ["app"]

DEVICE_PASSPHRASE = "CARELEDGER_DEVICE_PASSPHRASE"  # noqa: S105  a setting's name
SIGNATURE = re.compile("0x[0-9a-fA-F]{128}")
DIFFERS = 9

app = typer.Typer(
    help="Data loggers: register, bind, record, look at; and the service history of medical devices.",
    no_args_is_help=True,
)
app.add_typer(service, name="service")


def _device_id(text: str) -> str:
    return id_on_chain("device", text)


DeviceId = Annotated[
    str, typer.Argument(metavar="DEVICE", help="The logger's id, as `device register` told it.", callback=_device_id)
]
ReadingsFile = Annotated[
    Path,
    typer.Argument(
        metavar="READINGS",
        help="CSV or JSON with `time`, Unix seconds, and `temperature`, hundredths of a degree Celsius.",
    ),
]


@app.command("register")
@signs
def register(
    ledger: CareLedger,
    key: Annotated[Path, typer.Argument(metavar="KEY", help="The logger's public key in PEM, P-256 or secp256k1.")],
    supply: SupplyName = "",
) -> Answer:
    """Register a data logger of the signer's, a device operator. Again, it changes nothing."""
    with readable(key, "public key"):
        public = DevicePublicKey.from_pem(key.read_bytes())
    with working("Registering"):
        chain = named_supply(ledger, supply)
        signer = ledger.signer
        assert signer is not None
        identity = public.device_id(chain.organizations.require_key(signer.address))
        cold_chain = ColdChain(chain)
        receipts = [] if cold_chain.device(identity) is not None else [cold_chain.register(public)]
    return sent("device register", receipts, {"device": identity, "curve": public.curve}, [f"device {identity}"])


@app.command("retire")
@writes
def retire(ledger: CareLedger, device: DeviceId, supply: SupplyName = "") -> TransactionReceipt:
    """Retire a data logger for good, as its operator: its windows are refused from now on."""
    return ColdChain(named_supply(ledger, supply)).retire(device)


@app.command("bind")
@signs
def bind(
    ledger: CareLedger,
    device: DeviceId,
    container: ContainerName,
    options: ActingOptions,
    lowest: Annotated[str, typer.Option(help="Degrees Celsius, where the lot has no limits.", show_default=False)] = "",
    highest: Annotated[str, typer.Option(help="Degrees Celsius.", show_default=False)] = "",
    highest_mean: Annotated[
        str, typer.Option(help="The mean kinetic temperature at most, degrees Celsius.", show_default=False)
    ] = "",
) -> Answer:
    """Have a data logger go with a container that the signer holds or carries.

    Limits are the lot's. Where it has none, or there are several lots in it, all three are stated.
    """
    stated = (lowest, highest, highest_mean)
    if any(stated) and not all(stated):
        raise InvalidInput("limits", " ".join(stated), "are stated all three, or none")
    limits = Limits(*map(celsius, stated)) if all(stated) else None
    with acting(ledger, options, "Binding") as house:
        identity = find_container(house.stock, container)
        receipt = ColdChain(house.supply).bind(device, identity, limits)
    return sent("device bind", [receipt], {"device": device, "container": identity})


@app.command("unbind")
@writes
def unbind(ledger: CareLedger, device: DeviceId, supply: SupplyName = "") -> TransactionReceipt:
    """Have a data logger go with its container no more, as its operator."""
    return ColdChain(named_supply(ledger, supply)).unbind(device)


@app.command("record")
@signs
def record(
    ledger: CareLedger,
    device: DeviceId,
    file: ReadingsFile,
    options: ActingOptions,
    key: Annotated[
        Path | None,
        typer.Option(
            help="The logger's private key in PEM, for pilots; its passphrase by CARELEDGER_DEVICE_PASSPHRASE_FILE.",
            show_default=False,
        ),
    ] = None,
    signature: Annotated[
        str, typer.Option(help="What the logger signed: 64 bytes, 0x-prefixed.", show_default=False)
    ] = "",
    longest_gap: Annotated[
        int | None,
        typer.Option(
            help="With --key: a longer time without readings, in seconds, is told as a window without any.",
            min=1,
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str,
        typer.Option(
            help="With --key: up to when: Unix seconds, ISO 8601. Default: the last reading.", show_default=False
        ),
    ] = "",
) -> Answer:
    """Record the readings since a logger's last window: root, lowest, highest, mean kinetic temperature. They stay at
    home, in the vault.

    Without --key and --signature nothing is sent: what the logger has to sign is told. Then the same command with
    --signature sends it. Exit code 9 if a window was an excursion.
    """
    if key is not None and signature:
        raise InvalidInput("--signature", signature, "does not go with --key")
    if key is None and (longest_gap is not None or until):
        raise InvalidInput("--key", "", "not given: --longest-gap and --until go with it")
    if signature and not SIGNATURE.fullmatch(signature):
        raise InvalidInput("--signature", signature, "must be 0x and 128 hex digits")
    with readable(file, "readings"):
        readings = parse_readings(file.read_bytes())
    signing = None if key is None else DeviceKey.open(key, _device_passphrase)
    with acting(ledger, options, f"Recording {len(readings)} readings") as house:
        cold_chain = ColdChain(house.supply)
        kept = KeptReadings(house.vault, SupplyId.of(house.supply))
        receipts: list[TransactionReceipt] = []
        windows: list[Window] = []
        for stretch in _cut(cold_chain, device, readings, longest_gap, parse_time(until) if until else None):
            window = _next(cold_chain, kept, device, stretch)
            windows.append(window)
            if signing is not None:
                receipts.append(cold_chain.record(window, cold_chain.sign(window, signing)))
            elif signature:
                receipts.append(cold_chain.record(window, bytes.fromhex(signature[2:])))
        message = cold_chain.message(windows[0])
    digest = "0x" + typed_data_digest(message).hex()
    if not receipts:
        body = {"sent": False, "window": windows[0], "digest": digest, "message": message}
        text = f"the logger has to sign {digest}; then add --signature"
        return Answer(body, lambda console: console.print(text, soft_wrap=True))
    excursions = [receipt.event(WindowRecorded).excursion for receipt in receipts]
    lines = [_window_text(window, bad) for window, bad in zip(windows, excursions, strict=True)]
    body = {"sent": True, "windows": windows, "excursions": excursions}
    return sent("device record", receipts, body, lines, DIFFERS if any(excursions) else 0)


@app.command("show")
@asks
def show_device(
    ledger: CareLedger,
    device: DeviceId,
    options: BookOptions,
    container: Annotated[
        str,
        typer.Option(
            help="Its windows with this container: SSCC or id. Default: what it goes with.", show_default=False
        ),
    ] = "",
) -> Answer:
    """Show a data logger: whose it is, what it goes with, and its windows, held against the readings that are kept
    here. Exit code 9 if it is unknown, or a window is not what its readings say."""
    names = Names(ledger)
    with reading(ledger, options) as house:
        cold_chain = ColdChain(house.supply)
        found, binding = cold_chain.device(device), cold_chain.binding(device)
        chosen = find_container(house.stock, container) if container else binding and binding.container
        recorded = cold_chain.windows(device, chosen) if chosen else []
        kept = KeptReadings(house.vault, SupplyId.of(house.supply))
        held = [(one, kept.found(one.window)) for one in recorded]
    differences = [() if readings is None else check_window(one.window, readings) for one, readings in held]
    body: dict[str, Any] = {
        "device": found,
        "binding": binding,
        "windows": [
            {
                "window": one.window,
                "excursion": one.excursion,
                "block_number": one.block_number,
                "readings_kept": readings is not None,
                "differences": differs,
            }
            for (one, readings), differs in zip(held, differences, strict=True)
        ],
    }

    def render(console: Console) -> None:
        if found is None:
            console.print("the chain knows no such device", style="bold red")
            return
        state = "retired" if found.retired else "in use"
        console.print(f"data logger of {names.of(found.operator)}, {found.key.curve.name}, {state}", markup=False)
        if binding is not None:
            with_ = f"goes with container {binding.container}, {binding.excursions} excursions"
            console.print(f"{with_}; up to {time_text(binding.end)}", soft_wrap=True)
        rows = [
            (one.window.sequence, _window_text(one.window, one.excursion), _held(readings is not None, differs))
            for (one, readings), differs in zip(held, differences, strict=True)
        ]
        console.print(table("Windows", ("number", "what was signed", "readings"), rows))

    wrong = found is None or any(differences)
    return Answer(body, render, DIFFERS if wrong else 0)


# ---------------------------------------------------------------------- helpers


def _device_passphrase() -> str:
    return read_passphrase(DEVICE_PASSPHRASE, PASSPHRASE, prompt="The logger's key's passphrase")


def _cut(
    cold_chain: ColdChain, device: str, readings: Sequence[Reading], longest_gap: int | None, end: int | None
) -> Sequence[Stretch]:
    binding = cold_chain.binding(device)
    if binding is None:
        raise InvalidInput("device", device, "goes with no container: bind it first")
    last = end if end is not None else readings[-1].time if readings else 0
    if longest_gap is None:
        return [Stretch(binding.end, last, tuple(readings))]
    return stretches(readings, binding.end, last, longest_gap)


def _next(cold_chain: ColdChain, kept: KeptReadings, device: str, stretch: Stretch) -> Window:
    """The window of a stretch, once those before it are recorded; its readings are kept."""
    if not stretch.readings:
        return cold_chain.next_window(device, end=stretch.end)
    binding = cold_chain.binding(device)
    assert binding is not None
    return cold_chain.next_window(device, kept.keep(device, binding.sequence + 1, stretch.readings), stretch.end)


def _window_text(window: Window, excursion: bool) -> str:
    when = f"{time_text(window.start)} to {time_text(window.end)}"
    if not window.has_readings:
        return f"{when}: no readings, EXCURSION"
    ends = f"{celsius_text(window.lowest)} to {celsius_text(window.highest)}, mean {celsius_text(window.mean)}"
    return f"{when}: {ends}{', EXCURSION' if excursion else ''}"


def _held(kept: bool, differs: Sequence[Any]) -> str:
    if not kept:
        return "not kept here"
    if not differs:
        return "as signed"
    return "; ".join(f"{one.part.value}: signed {one.signed}, readings say {one.found}" for one in differs)
