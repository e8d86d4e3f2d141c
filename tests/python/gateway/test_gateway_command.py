"""`careledger gateway` as a process: several that answer, one of them killed, and an end by Ctrl-C."""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests
import uvicorn
from careledger.gateway.access import SCOPES
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from careledger.gateway.serving import listening_socket
from gateway_stage import free_port, serve
from rpc_proxy import RpcProxy

SECONDS = 120


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def get(url: str) -> requests.Response | None:
    """On a connection of its own: any of the processes may answer."""
    with contextlib.suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
        return requests.get(url, headers={"Connection": "close"}, timeout=60)
    return None


def counted(url: str) -> int:
    answer = get(f"{url}/metrics")
    found = re.search(
        r'^careledger_gateway_requests_total\{[^}]*route="/health"[^}]*\} (\S+)', answer.text if answer else "", re.M
    )
    return int(float(found[1])) if found else 0


def children(process_id: int) -> set[int]:
    """All that descend from a process."""
    found: set[int] = set()
    for task in Path(f"/proc/{process_id}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended meanwhile
            for child in map(int, task.read_text().split()):
                found |= {child} | children(child)
    return found


def answering(process_id: int) -> set[int]:
    """The processes that answer, among the children."""
    found = set()
    for child in children(process_id):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"spawn_main" in command:
                found.add(child)
    return found


def test_several_processes_answer_as_one_and_end_together(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARELEDGER_")}
    command = [sys.executable, "-m", "careledger", "gateway", "--local", "--workers", "2", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--folder", str(tmp_path / "home")], stdout=log, stderr=log, env=environment
        )
    try:
        until(lambda: process.poll() is not None or get(f"{url}/ready") is not None)
        assert process.poll() is None, (tmp_path / "log").read_text()
        until(lambda: len(answering(process.pid)) == 2)
        for _ in range(30):
            answer = get(f"{url}/health")
            assert answer is not None
            assert answer.ok
        until(lambda: counted(url) >= 30)
        assert {counted(url) for _ in range(10)} == {counted(url)}, "each process tells of all"
        before = counted(url)
        victim = min(answering(process.pid))
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(answering(process.pid) - {victim}) == 2)
        until(lambda: (answer := get(f"{url}/ready")) is not None and answer.ok)
        assert counted(url) >= before
        descendants = children(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0, (tmp_path / "log").read_text()
        until(lambda: not [one for one in descendants if Path(f"/proc/{one}").exists()])
        lines = (tmp_path / "log").read_text()
        assert '"event": "request.answered"' in lines
        assert "Traceback" not in lines, lines
    finally:
        for one in {process.pid} | children(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.wait()


def test_a_setting_that_is_wrong_ends_it_at_once_with_its_name(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARELEDGER_")}
    for given, named in (({}, "CARELEDGER_ORGANIZATION"), ({"CARELEDGER_ORGANIZATION": "x"}, "CARELEDGER_RPC")):
        command = [sys.executable, "-m", "careledger", "gateway", "--workers", "2", "--port", str(free_port())]
        done = subprocess.run(
            command, env={**environment, **given}, capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path
        )
        assert done.returncode == 3, done.stderr
        assert named in done.stderr
        assert "Traceback" not in done.stderr


def test_a_process_that_starts_while_the_node_is_away_waits_for_it(tmp_path: Path) -> None:
    with local_settings(tmp_path) as settings, RpcProxy(settings["rpc"]) as proxy:
        proxy.lose_requests(times=math.inf)
        threading.Timer(5, proxy.heal).start()
        with serve(tmp_path, {"ehr": (LOCAL_ORGANIZATION, SCOPES)}, **{**settings, "rpc": proxy.url}) as gateway:
            assert proxy.faults()["lost request"] > 1
            until(lambda: gateway.call("GET", "/ready").ok)


def test_what_several_processes_accept_sends_at_once() -> None:
    with listening_socket(uvicorn.Config("", host="127.0.0.1", port=0)) as shared:
        shared.listen()
        with socket.create_connection(shared.getsockname()):
            accepted, _ = shared.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
