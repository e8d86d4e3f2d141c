"""`careledger outbox` on an Anvil: look, retry, cancel, drain, and the worker with its metrics."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from careledger.chain.connection import Connection
from careledger.chain.development import Node, development_signer
from careledger.chain.outbox import Intent, Outbox, State
from cli.command_line import CommandLine, Result

SENDER = development_signer(6)
RECEIVER = development_signer(7).address
WORKER_SECONDS = 30

Run = Callable[..., Result]


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'outbox.db'}"


@pytest.fixture
def outbox(node: Node, url: str) -> Iterator[Outbox]:
    with Outbox.open(url, node.connect()) as outbox:
        yield outbox


@pytest.fixture
def run(careledger: CommandLine, url: str) -> Run:
    def run(*arguments: object, as_json: bool = True) -> Result:
        return careledger("outbox", *arguments, "--outbox", url, *(["--json"] if as_json else []))

    return run


def payment(key: str, **changes: object) -> Intent:
    content = {"to": RECEIVER, "value_wei": 1, "gas": 21_000, "label": "payment", **changes}
    return Intent(key, SENDER.address, **content)  # type: ignore[arg-type]


def balance_wei(connection: Connection) -> int:
    return connection.balance_wei(RECEIVER)


def test_what_waits_is_shown_drained_and_shown_again(node: Node, outbox: Outbox, run: Run) -> None:
    outbox.submit_many([payment(f"payment-{number}") for number in range(3)])
    before = balance_wei(node.connect())
    status = run("status").body
    assert status["counts"] == {"QUEUED": 3}
    assert [(sender["address"], sender["counts"]) for sender in status["senders"]] == [(SENDER.address, {"QUEUED": 3})]

    drained = run("drain", "--rpc", node.url, "--signer", "development:6", "--timeout", 60)
    assert drained.exit_code == 0, drained.err
    assert (drained.body["drained"], drained.body["final"], drained.body["waiting"]) == (True, 3, 0)
    assert balance_wei(node.connect()) == before + 3

    listed = run("list", "--state", "confirmed", "--label", "payment", "--sender", SENDER.address).body
    assert [(record["key"], record["state"], record["nonce"]) for record in listed] == [
        (f"payment-{number}", "CONFIRMED", number) for number in range(3)
    ]
    assert run("list", "--after", "payment-0", "--limit", 1).body == [listed[1]]
    shown = run("show", "payment-2").body
    assert shown == listed[2]
    (attempt,) = shown["attempts"]
    assert attempt["transaction_hash"] == shown["transaction_hash"]
    text = run("show", "payment-2", as_json=False).out
    assert shown["transaction_hash"] in text
    assert "confirmed" in text


def test_cancel_and_retry(node: Node, outbox: Outbox, run: Run) -> None:
    outbox.submit(payment("payment"))
    assert run("cancel", "payment").body["state"] == "CANCELLED"
    again = run("cancel", "payment")
    assert (again.exit_code, again.error["type"], again.error["fields"]["state"]) == (11, "WrongState", "cancelled")
    assert run("retry", "payment").body["state"] == "QUEUED"
    assert run("drain", "--rpc", node.url, "--signer", "development:6").body["drained"]
    assert run("show", "payment").body["state"] == "CONFIRMED"


def test_time_that_is_up_ends_with_exit_code_9(outbox: Outbox, run: Run, node: Node) -> None:
    node.connect().web3.provider.make_request("evm_setAutomine", [False])  # type: ignore[arg-type]
    outbox.submit(payment("payment"))
    late = run("drain", "--rpc", node.url, "--signer", "development:6", "--timeout", 1)
    assert (late.exit_code, late.body["drained"], late.body["waiting"]) == (9, False, 1)
    assert outbox.get("payment").state is State.BROADCAST


@pytest.mark.parametrize(
    ("arguments", "exit_code", "kind"),
    [
        (("show", "nothing"), 11, "UnknownIntent"),
        (("list", "--after", "nothing"), 11, "UnknownIntent"),
        (("list", "--state", "lost"), 2, "InvalidInput"),
        (("status", "--watch"), 2, "InvalidInput"),
        (("status", "--chain-id", "5"), 3, "ConfigurationError"),
        (("drain",), 3, "ConfigurationError"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_use_is_named(outbox: Outbox, run: Run, arguments: tuple[str, ...], exit_code: int, kind: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.error["type"]) == (exit_code, kind)


def test_without_an_outbox_the_setting_is_named(careledger: CommandLine, tmp_path: Path) -> None:
    unset = careledger("outbox", "status", "--json")
    assert (unset.exit_code, unset.error["fields"]["setting"]) == (3, "--outbox or CARELEDGER_OUTBOX")
    missing = careledger("outbox", "status", "--json", "--outbox", f"sqlite:///{tmp_path / 'none.db'}")
    assert (missing.exit_code, missing.error["type"]) == (3, "ConfigurationError")
    assert not (tmp_path / "none.db").exists()
    strange = careledger("outbox", "status", "--json", "--outbox", "mysql://user:hunter2@host/name")
    assert (strange.exit_code, strange.error["type"]) == (3, "ConfigurationError")
    assert "hunter2" not in strange.err


def test_a_worker_sends_serves_metrics_logs_no_payload_and_ends_when_told(
    node: Node, outbox: Outbox, url: str, run: Run
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "careledger", "outbox", "run", "--outbox", url, "--rpc", node.url]
    command += ["--signer", "development:6", "--metrics-port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARELEDGER_")}
    worker = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        data = bytes.fromhex("5ec4e7" * 11)
        outbox.submit_many([payment(f"payment-{number}", data=data, gas=30_000) for number in range(5)])
        assert outbox.wait("payment-4", timeout_seconds=WORKER_SECONDS).state is State.CONFIRMED
        busy = run("drain", "--rpc", node.url, "--signer", "development:6")
        assert (busy.exit_code, busy.error["type"]) == (11, "WorkerBusy")
        deadline = time.monotonic() + WORKER_SECONDS
        while 'state="confirmed"} 5.0' not in (
            metrics := requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        ):
            assert time.monotonic() < deadline, metrics
            time.sleep(0.1)
        assert "payment-" not in metrics  # no keys: they would be one series each
    finally:
        worker.send_signal(signal.SIGTERM)
        printed, logged = worker.communicate(timeout=WORKER_SECONDS)
    assert worker.returncode == 0, logged
    assert printed == ""
    events = [json.loads(line) for line in logged.splitlines()]
    assert events
    assert all({"event", "level", "timestamp"} <= event.keys() for event in events)
    assert "5ec4e7" not in logged
