"""EPCIS captures by a maker's gateway: until they are durably taken, and until each is anchored, kept and final."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import requests
from careledger.chain.artifacts import artifact
from careledger.chain.deployment.suite import ANCHOR
from careledger.vault import Vault
from web3 import Web3
from web3.types import RPCEndpoint

from bench.databases import postgres
from bench.gateway_load import Call, Load, load, median_load
from bench.gateway_stage import BLOCK_SECONDS, Gateway, Home, constant_app, serving
from bench.harness import Result, alone, compare
from bench.peers import web3_py
from bench.serialization_stage import GTIN, Market, market, private_key

__all__ = ["EVENTS", "capturing"]

EVENTS = 100
"""Of each document."""

PROCESSES = (1, 4)
CLIENTS = 16
TUTORIAL_CALLS = 5
CAPTURE_SECONDS = 7_200
GLN = "0300010000008"
PASSPHRASE = "a passphrase"
KEY = "BENCH_KEY"
CONTEXT = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"]
LD_JSON = {"Content-Type": "application/ld+json"}
_serials = itertools.count()


@dataclass(frozen=True)
class _Captured:
    load: Load
    seconds: float
    """From the first request until all is done."""


def capturing(count: int, most: int) -> list[Result]:
    """`count` documents of 100 observations by 1 and by 4 processes, and `most` by 4: from the first request until
    every capture is done, each event by its hash under an anchored root, and kept in the vault."""
    results: list[Result] = []
    with market() as place, _home(place) as on:
        one_by_one = alone(_one_by_one, on.settings["rpc"], str(place.ledger.documents.address))
        for processes in PROCESSES:
            results += _by(on, processes, count, one_by_one)
        results += _by(on, PROCESSES[-1], most, one_by_one)
    return results


def _by(on: Home, processes: int, count: int, one_by_one: float) -> list[Result]:
    gateway = Gateway(on, processes, **{KEY: "0x" + private_key(on.settings["organization"]).hex()})
    floor = constant_app(processes, on.folder / "floor.log")
    with serving(gateway, processes), serving(floor, processes):
        _run(gateway, CLIENTS)
        bare = load(floor.url, (Call("POST", "/", _document(), LD_JSON) for _ in range(count)), CLIENTS)
        found = _run(gateway, count)
    name = f"capture {EVENTS} events, {count:,} documents, {processes} process{'es' if processes > 1 else ''}"
    mine, peer = median_load([found.load]), median_load([bare])
    units = {"answered 202": "requests/s", "p50": "ms", "p99": "ms"}
    told = [
        compare(f"{name}: {what}", value, unit, "bare FastAPI, the same processes", other)
        for (what, unit), value, other in zip(units.items(), mine, peer, strict=True)
    ]
    rate = count * EVENTS / found.seconds
    return [*told, compare(f"{name}: until done", rate, "events/s", "web3.py, one by one", one_by_one)]


def _run(gateway: Gateway, count: int) -> _Captured:
    token = {"Authorization": f"Bearer {gateway.token('epcis.capture')}"}
    started = time.perf_counter()
    calls = (Call("POST", "/capture", _document(), {**token, **LD_JSON}) for _ in range(count))
    found = load(gateway.url, calls, CLIENTS)
    if found.statuses != {"202": count}:
        raise RuntimeError(f"of {count} captures: {dict(found.statuses)}")
    _until_done(gateway)
    return _Captured(found, time.perf_counter() - started)


def _until_done(gateway: Gateway) -> None:
    """Looks at the jobs' counts. Raises RuntimeError if a capture fails, or after two hours."""
    until = time.monotonic() + CAPTURE_SECONDS
    session = requests.Session()
    while True:
        waiting = 0
        for state in ("queued", "running", "included", "failed"):
            token = gateway.token("epcis.capture")
            headers = {"Authorization": f"Bearer {token}"}
            found = session.get(f"{gateway.url}/jobs?state={state}&limit=1", headers=headers, timeout=120).json()
            waiting += len(found)
            if state == "failed" and found:
                raise RuntimeError(f"a capture failed: {found[0]}")
        if not waiting:
            return
        if time.monotonic() > until:
            raise RuntimeError("captures are not done")
        time.sleep(0.5)


def _document() -> bytes:
    """Observations of packs that nobody told of before: anchored and kept, and nothing else is done."""
    events: list[dict[str, Any]] = []
    for _ in range(EVENTS):
        number = next(_serials)
        events.append(
            {
                "type": "ObjectEvent",
                "eventTime": f"2026-01-02T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z",
                "eventTimeZoneOffset": "+00:00",
                "action": "OBSERVE",
                "bizStep": "inspecting",
                "epcList": [f"https://id.gs1.org/01/{GTIN}/21/SN{number:010}"],
                "readPoint": {"id": f"https://id.gs1.org/414/{GLN}"},
            }
        )
    body: dict[str, Any] = {"@context": CONTEXT, "type": "EPCISDocument", "schemaVersion": "2.0"}
    body |= {"creationDate": "2026-01-01T00:00:00Z", "epcisBody": {"eventList": events}}
    return orjson.dumps(body)


@contextmanager
def _home(place: Market) -> Iterator[Home]:
    """The settings of the maker's gateway, on the market's node with a block a second."""
    for method, parameters in (("anvil_removeBlockTimestampInterval", []), ("evm_setIntervalMining", [BLOCK_SECONDS])):
        place.connection.web3.manager.request_blocking(RPCEndpoint(method), parameters)
    with tempfile.TemporaryDirectory(prefix="careledger-bench-") as name, postgres() as database:
        folder = Path(name)
        place.ledger.deployment.save(folder / "deployments")
        Vault.create(folder / "vault.db", PASSPHRASE).close()
        address = {"street": ["1 Example Way"], "city": "Springfield", "country": "US"}
        party = {"gln": GLN, "name": place.maker.name, "organization": place.maker.name, "address": address}
        master = {"format": "careledger-master-data", "version": 1, "parties": [party]}
        (folder / "master.json").write_text(json.dumps(master))
        settings = {
            "organization": place.maker.name,
            "rpc": place.node.url,
            "signer": f"env:CARELEDGER_{KEY}",
            "vault": str(folder / "vault.db"),
            "passphrase": PASSPHRASE,
            "deployments": str(folder / "deployments"),
            "database": database,
            "supply": place.operator,
            "master_data": str(folder / "master.json"),
            "confirmations": "1",
        }
        yield Home(folder, settings)


def _one_by_one(rpc: str, address: str) -> float:
    """Events a second as web3.py's documentation anchors each: until its receipt."""
    calls = [(Web3.keccak(text=f"event {number}"), 0) for number in range(TUTORIAL_CALLS)]
    checksum = Web3.to_checksum_address(address)
    return web3_py.send(rpc, checksum, artifact(ANCHOR).abi, calls, "anchor").per_second
