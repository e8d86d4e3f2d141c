"""A gateway for each of the demo's organizations, with its own key, vault and database, once the demo is over."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployment
from careledger.chain.signers import Signer
from careledger.client import CareLedger
from careledger.demo.cast import (
    DISTRIBUTOR,
    HOSPITAL,
    INSURER,
    MANUFACTURER,
    PATIENT,
    PHARMACY,
    REGULATOR,
    Cast,
    Member,
)
from careledger.demo.chapters.authorization.payer import DESK_KEY, HOSPITAL_KEY, REVIEWERS, RULES
from careledger.demo.chapters.supply.books import PASSPHRASE, create_vault, vault_path
from careledger.demo.errors import GatewayNotUp
from careledger.demo.exchanges import Exchange, eligibility, exchange
from careledger.demo.leaving import leave
from careledger.errors import ConfigurationError
from careledger.gateway.access.scopes import SCOPES
from careledger.gateway.client import GatewayClient, new_key

__all__ = ["HOUSES", "Console", "Pilot", "require_ports", "serving"]

SECONDS = 180
"""How long gateways may take to start: each reads the whole chain first."""

GAS_MONEY_WEI = 10**18
SYSTEM = "system"
"""What each house's system is called at its gateway."""

HOST = "127.0.0.1"
PREFIX = "CARELEDGER_"
DEMO_KEY, REVIEWER_KEY = "CARELEDGER_DEMO_KEY", "CARELEDGER_DEMO_REVIEWER"


@dataclass(frozen=True)
class House:
    """An organization that runs a gateway, with the actor whose key it has."""

    member: Member
    actor: str
    settings: tuple[str, ...]
    """Which of the insurer's and the supply chain's contracts it works with: `payer`, `supply`."""


HOUSES = (
    House(HOSPITAL, HOSPITAL_KEY, ("payer",)),
    House(INSURER, DESK_KEY, ("payer",)),
    House(MANUFACTURER, MANUFACTURER.key(1), ("supply",)),
    House(PHARMACY, PHARMACY.key(1), ("supply",)),
    House(REGULATOR, REGULATOR.key(1), ("supply",)),
)
"""All but the distributor, which the register has suspended by then: its gateway would let nobody in."""


@dataclass(frozen=True)
class Console:
    """A gateway that answers, and the account with which a person signs in there."""

    organization: str
    url: str
    account: str


@dataclass(frozen=True)
class Pilot:
    """The gateways that answer, and what was asked of them over HTTP."""

    consoles: tuple[Console, ...]
    exchanges: tuple[Exchange, ...]


def require_ports(first_port: int) -> None:
    """Raises ConfigurationError if a port for one of the gateways is taken."""
    for port in range(first_port, first_port + len(HOUSES)):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                raise ConfigurationError("--port", f"{port} is taken; {len(HOUSES)} free ones in a row are needed")


@contextlib.contextmanager
def serving(connection: Connection, funder: Signer, folder: Path, first_port: int) -> Iterator[Pilot]:
    """Gateways at this port and those that follow, until the context ends. `folder` is where the demo left its manifest
    and vaults. It gets `keys.json`, the keys to sign in with and the patient's, `systems.json`, the keys of each
    house's system at its gateway, all worth nothing beyond this chain, and `papers`, what the patient has.

    Raises GatewayNotUp, and what sending raises.
    """
    cast = Cast(funder, connection.chain_id)
    keys = {PATIENT: "0x" + cast.private_key(PATIENT).hex()}
    consoles: list[Console] = []
    systems: dict[str, GatewayClient] = {}
    with contextlib.ExitStack() as stack:
        started = []
        for port, house in enumerate(HOUSES, first_port):
            signer = cast.actor(house.actor).signer
            connection.send(funder, signer.address, value_wei=GAS_MONEY_WEI)
            url = f"http://{HOST}:{port}"
            systems[house.member.organization] = GatewayClient(url, SYSTEM, new_key())
            environment = _environment(house, cast, connection.url, folder, port)
            _register(systems[house.member.organization], house, folder)
            process = stack.enter_context(_process(environment, port, folder / f"{house.member.name}.log"))
            person = REVIEWERS[0] if house.member is INSURER else house.actor
            keys[house.member.organization] = "0x" + cast.private_key(person).hex()
            consoles.append(Console(house.member.organization, url, cast.actor(person).address))
            started.append((process, url, folder / f"{house.member.name}.log"))
        _write_private(folder / "keys.json", keys)
        _write_private(folder / "systems.json", {name: _shown(one) for name, one in systems.items()})
        ledger = CareLedger(connection, Deployment.load(folder, connection.chain_id))
        covered = eligibility(ledger, cast)
        leave(folder / "papers", ledger, cast, covered)
        for process, url, log in started:
            _wait(process, url, log)
        yield Pilot(tuple(consoles), tuple(exchange(systems, covered)))


def _shown(system: GatewayClient) -> dict[str, Any]:
    return {"url": system.url, "client_id": system.client_id, "jwk": system.key.as_dict(private=True)}


def _write_private(path: Path, content: Any) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=2))


def _register(system: GatewayClient, house: House, folder: Path) -> None:
    """Writes the file of clients of a gateway: its house's own system."""
    entry = system.registration(house.member.organization, SCOPES)
    _clients(folder, house).write_text(json.dumps({"clients": [entry]}))


def _clients(folder: Path, house: House) -> Path:
    return folder / f"{house.member.name}.clients.json"


def _environment(house: House, cast: Cast, rpc: str, folder: Path, port: int) -> dict[str, str]:
    name = house.member.name
    vault = vault_path(folder, house.member)
    if not vault.exists():
        create_vault(vault).close()
    settings = {
        "ORGANIZATION": house.member.organization,
        "RPC": rpc,
        "SIGNER": f"env:{DEMO_KEY}",
        "VAULT": str(vault),
        "PASSPHRASE": PASSPHRASE,
        "DEPLOYMENTS": str(folder),
        "DATABASE": f"sqlite:///{folder / name}.db",
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "CONFIRMATIONS": "1",
        "CLIENTS": str(_clients(folder, house)),
    }
    if "payer" in house.settings:
        settings |= {"PAYER": INSURER.organization, "RULES": str(RULES)}
    if "supply" in house.settings:
        settings |= {"SUPPLY": REGULATOR.organization, "MASTER_DATA": str(_master_data(folder))}
    own = {DEMO_KEY: cast.private_key(house.actor).hex()}
    if house.member is INSURER:
        settings["REVIEWER"] = f"env:{REVIEWER_KEY}"
        own[REVIEWER_KEY] = cast.private_key(REVIEWERS[0]).hex()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**inherited, **{PREFIX + name: value for name, value in settings.items()}, **own}


def _master_data(folder: Path) -> Path:
    path = folder / "master-data.json"
    address = {"street": ["1 Example Way"], "city": "Springfield", "country": "US"}
    parties = [
        {"gln": one.gln, "name": one.name, "organization": one.organization, "address": address}
        for one in (MANUFACTURER, DISTRIBUTOR, PHARMACY)
    ]
    path.write_text(json.dumps({"format": "careledger-master-data", "version": 1, "parties": parties}))
    return path


@contextlib.contextmanager
def _process(environment: dict[str, str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "careledger", "gateway", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > until:
            lines = log.read_text(errors="replace").strip().splitlines()
            raise GatewayNotUp(url, lines[-1] if lines else "it said nothing")
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{url}/ready", timeout=5).ok:
                return
        time.sleep(0.2)
