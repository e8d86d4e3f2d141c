"""What the gateway is asked under load: to verify documents by their digests, and to anchor them."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import requests
from careledger.anchoring import Receipt
from careledger.anchoring.verification import Answer, NodeChecker, verify_digest
from careledger.chain.artifacts import artifact
from careledger.chain.deployment.suite import ANCHOR
from careledger.client import CareLedger
from web3 import HTTPProvider, Web3

from bench.gateway_load import Call, Load, load, median_load
from bench.gateway_stage import Gateway, Process, constant_app, serving, stand
from bench.harness import Result, alone, compare
from bench.peers import web3_py

__all__ = ["submitting", "verifying"]

PROCESSES = (1, 4)
CLIENTS = 16
WARM_UP = 50
DOCUMENTS = 10
JOB_SECONDS = 600
TUTORIAL_CALLS = 5
FLOOR = "bare FastAPI, the same processes"
JSON = {"Content-Type": "application/json"}


def verifying(rounds: int, count: int) -> list[Result]:
    """`POST /documents/verify` by digest, beside the bare application, the client library and one plain call."""
    results: list[Result] = []
    with stand() as on:
        for processes in PROCESSES:
            gateway = Gateway(on.home, processes, confirmations="1")
            floor = constant_app(processes, on.folder / "floor.log")
            with serving(gateway, processes), serving(floor, processes):
                receipts = _receipts(gateway)
                bodies = [orjson.dumps({"receipt": one, "digest": one["digest"]}) for one in receipts]
                calls = [Call("POST", "/documents/verify", body, JSON) for body in bodies]
                found, bare = _rounds(rounds, count, gateway, calls, floor)
            inside = alone(_verified_inside, on.settings["rpc"], on.settings["deployments"], receipts, count)
            plain = alone(_plain_calls, on.settings["rpc"], on.settings["deployments"], receipts, count)
            name = f"verify by digest, {processes} process{'es' if processes > 1 else ''}"
            results += _beside_floor(name, found, bare)
            rate = median_load(found)[0]
            title = f"{name}: throughput"
            results.append(compare(title, rate, "documents/s", f"careledger without HTTP, {CLIENTS} threads", inside))
            results.append(compare(title, rate, "documents/s", f"web3.py `verify` call, {CLIENTS} threads", plain))
    return results


def submitting(count: int) -> list[Result]:
    """`POST /documents/digests` with `respond-async`: until it is accepted, and until all is on chain and final."""
    results: list[Result] = []
    with stand() as on:
        for processes in PROCESSES:
            gateway = Gateway(on.home, processes, confirmations="1")
            floor = constant_app(processes, on.folder / "floor.log")
            with serving(gateway, processes), serving(floor, processes):
                write = {"Authorization": f"Bearer {gateway.token('documents.write documents.read')}"}
                _until_final(gateway.url, write, _submit(gateway, write, CLIENTS)[1])
                bare = _load(floor, [Call("POST", "/", b"{}", JSON)], count)
                started = time.perf_counter()
                found, jobs = _submit(gateway, write, count)
                _until_final(gateway.url, write, jobs)
                anchored = len(jobs) / (time.perf_counter() - started)
            one_by_one = alone(_one_by_one, on.settings["rpc"], on.settings["deployments"])
            name = f"anchor, answered 202, {processes} process{'es' if processes > 1 else ''}"
            results += _beside_floor(name, [found], [bare])
            title = f"anchor until all is final, {processes} process{'es' if processes > 1 else ''}"
            results.append(compare(title, anchored, "documents/s", "web3.py, one by one", one_by_one))
    return results


def _rounds(
    rounds: int, count: int, gateway: Process, calls: list[Call], floor: Process
) -> tuple[list[Load], list[Load]]:
    """Both in turn, after a warm-up that is not counted."""
    constant = [Call("POST", "/", calls[0].body, JSON)]
    _load(gateway, calls, WARM_UP)
    _load(floor, constant, WARM_UP)
    found, bare = [], []
    for _ in range(rounds):
        found.append(_load(gateway, calls, count, _active))
        bare.append(_load(floor, constant, count))
    return found, bare


def _load(process: Process, calls: list[Call], count: int, on_answer: Any = None) -> Load:
    found = load(process.url, (calls[number % len(calls)] for number in range(count)), CLIENTS, on_answer)
    _require_success(found, count)
    return found


def _require_success(found: Load, count: int) -> None:
    """Raises RuntimeError if anything was answered but 2xx: figures of errors are none."""
    answered = sum(times for status, times in found.statuses.items() if status.startswith("2"))
    if answered != count:
        raise RuntimeError(f"of {count} requests: {dict(found.statuses)}")


def _beside_floor(name: str, found: list[Load], bare: list[Load]) -> list[Result]:
    mine, floor = median_load(found), median_load(bare)
    units = {"throughput": "requests/s", "p50": "ms", "p99": "ms"}
    return [
        compare(f"{name}: {what}", value, unit, FLOOR, peer)
        for (what, unit), value, peer in zip(units.items(), mine, floor, strict=True)
    ]


def _active(status: int, content: bytes) -> None:
    assert status == 200, content
    assert orjson.loads(content)["answer"] == Answer.ACTIVE.value, content


def _submit(gateway: Gateway, write: dict[str, str], count: int) -> tuple[Load, list[str]]:
    jobs: list[str] = []

    def calls() -> Iterator[Call]:
        for _ in range(count):
            key = uuid.uuid4().hex
            body = orjson.dumps({"digest": "0x" + hashlib.sha256(key.encode()).hexdigest()})
            headers = {**write, **JSON, "Idempotency-Key": key, "Prefer": "respond-async"}
            yield Call("POST", "/documents/digests", body, headers)

    found = load(gateway.url, calls(), CLIENTS, lambda _, content: jobs.append(orjson.loads(content)["job"]))
    _require_success(found, count)
    return found, jobs


def _until_final(url: str, headers: dict[str, str], jobs: list[str]) -> list[dict[str, Any]]:
    """The jobs when all are final, looked at from the last to the first. Raises RuntimeError if one fails, or after ten
    minutes."""
    until = time.monotonic() + JOB_SECONDS
    found: list[dict[str, Any]] = []
    with requests.Session() as session:
        for job in reversed(jobs):
            while True:
                one = session.get(f"{url}/jobs/{job}", headers=headers, timeout=60).json()
                if one["state"] == "final":
                    break
                if one["state"] == "failed" or time.monotonic() > until:
                    raise RuntimeError(f"a job is {one['state']}")
                time.sleep(0.1)
            found.append(one)
    return found


def _receipts(gateway: Gateway) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {gateway.token('documents.write documents.read')}"}
    _, jobs = _submit(gateway, headers, DOCUMENTS)
    ended = _until_final(gateway.url, headers, jobs)
    paths = [one["result"]["receipt"] for one in ended]
    return [requests.get(gateway.url + path, headers=headers, timeout=60).json() for path in paths]


def _verified_inside(rpc: str, deployments: str, receipts: list[dict[str, Any]], count: int) -> float:
    """Verifications a second by the client library, from the receipt's bytes."""
    ledger = CareLedger.connect(rpc, deployments=Path(deployments))
    files = [orjson.dumps(one) for one in receipts]
    checker = NodeChecker(ledger.connection, ledger.governance.contract(ANCHOR), ledger.organizations)

    def one(number: int) -> None:
        receipt = Receipt.load(files[number % len(files)])
        assert verify_digest(bytes.fromhex(receipt.digest[2:]), receipt, checker).answer is Answer.ACTIVE

    return _in_threads(one, count)


def _plain_calls(rpc: str, deployments: str, receipts: list[dict[str, Any]], count: int) -> float:
    """Calls of the contract's `verify` a second, without what else a verification looks at."""
    address = CareLedger.connect(rpc, deployments=Path(deployments)).governance.contract(ANCHOR).address
    contract = Web3(HTTPProvider(rpc)).eth.contract(address=Web3.to_checksum_address(address), abi=artifact(ANCHOR).abi)
    places = [tuple(Receipt.load(orjson.dumps(one)).location.to_abi().values()) for one in receipts]
    return _in_threads(lambda number: contract.functions.verify(places[number % len(places)]).call(), count)


def _in_threads(one: Any, count: int) -> float:
    with ThreadPoolExecutor(CLIENTS) as threads:
        list(threads.map(one, range(CLIENTS)))
        started = time.perf_counter()
        list(threads.map(one, range(count)))
        return count / (time.perf_counter() - started)


def _one_by_one(rpc: str, deployments: str) -> float:
    """Documents a second as web3.py's documentation anchors them: each until its receipt."""
    address = CareLedger.connect(rpc, deployments=Path(deployments)).governance.contract(ANCHOR).address
    calls = [(uuid.uuid4().bytes + uuid.uuid4().bytes, 0) for _ in range(TUTORIAL_CALLS)]
    checksum = Web3.to_checksum_address(address)
    return web3_py.send(rpc, checksum, artifact(ANCHOR).abi, calls, "anchor").per_second
