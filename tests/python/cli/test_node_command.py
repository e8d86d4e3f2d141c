"""`careledger node` as a process: it starts, and nothing of it is left when it ends, however it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.connection import Connection
from careledger.chain.development import development_signer

ENDING_SECONDS = 10


def start(*options: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """The program, and what it said when its node was ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "careledger", "node", "--port", str(port), *options, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = ""
    while not said.endswith("}\n"):
        line = process.stdout.readline()
        assert line, "the program ended"
        said += line
    return process, json.loads(said)


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process_id}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def listens(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def ends(is_there: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + ENDING_SECONDS
    while is_there():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda ending: ending.name)
def test_no_node_is_left_when_the_program_ends(ending: signal.Signals) -> None:
    process, said = start()
    try:
        assert is_running(said["process_id"])
        connection = Connection.open(said["url"])
        assert connection.chain_id == said["chain_id"] == 31337
        assert connection.balance_wei(development_signer(0).address) > 0
        process.send_signal(ending)
        process.wait(ENDING_SECONDS)
        assert ends(lambda: is_running(said["process_id"]))
        assert ends(lambda: listens(said["url"]))
    finally:
        process.kill()
        process.wait()


def test_options_reach_the_node() -> None:
    process, said = start("--chain-id", "1337", "--block-time", "1")
    try:
        connection = Connection.open(said["url"])
        assert connection.chain_id == 1337
        before = connection.block_number()
        time.sleep(2.2)
        assert connection.block_number() > before
    finally:
        process.terminate()
        process.wait()


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "careledger", "node", "--port", str(port), "--json"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 3
    error = json.loads(result.stderr)["error"]
    assert (error["type"], error["fields"]["setting"]) == ("ConfigurationError", "port")
    assert str(port) in error["message"]
    assert result.stdout == ""


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "70000"),
        ("--port", "-1"),
        ("--block-time", "0"),
        ("--block-time", str(10**9)),
        ("--chain-id", "0"),
        ("--chain-id", str(2**64)),
    ],
)
def test_a_number_out_of_bounds_is_refused(options: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "careledger", "node", *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (2, "")
    assert options[0] in result.stderr
    assert "Traceback" not in result.stderr
