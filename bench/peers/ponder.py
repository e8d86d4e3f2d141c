"""Ponder, an indexer in TypeScript. Its project is in the folder of the same name; its packages come with `npm ci` when
the bench first runs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

__all__ = ["Ponder", "Sync"]

FOLDER = Path(__file__).with_suffix("")
STARTED, INDEXED = "Started backfill indexing", "Indexed block range"
COMPLETED = "Completed backfill indexing across all chains"
INSTALL_SECONDS = 300
SYNC_SECONDS = 120


@dataclass(frozen=True)
class Sync:
    """How many events Ponder stored in how long."""

    events: int
    seconds: float


class Ponder:
    """Ponder's program, installed."""

    def __init__(self, node: str) -> None:
        self._node = node

    @classmethod
    def install(cls) -> Ponder | None:
        """None if it cannot be had here; says why."""
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            print("bench chain: no Node.js and npm here, so no Ponder")
            return None
        lock, stamp = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".careledger-stamp"
        if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
            print("bench chain: installing Ponder (about 20 s)")
            command = [npm, "ci", "--ignore-scripts", "--loglevel=error"]
            try:
                subprocess.run(command, cwd=FOLDER, check=True, timeout=INSTALL_SECONDS)
            except (subprocess.SubprocessError, OSError) as error:
                print(f"bench chain: Ponder cannot be installed, so it is left out: {error}")
                return None
            stamp.write_bytes(lock.read_bytes())
        return cls(node)

    def read(self, url: str, chain_id: int, address: str, first: int, last: int, database: str) -> Sync:
        """The events of a range of blocks into a fresh PostgreSQL database.

        Its time is from its own message that it started to the one that all is indexed, which comes after the commit:
        neither the program's start nor its migrations count.
        """
        environment = {
            **os.environ,
            "BENCH_RPC_URL": url,
            "BENCH_CHAIN_ID": str(chain_id),
            "BENCH_ADDRESS": address,
            "BENCH_START_BLOCK": str(first),
            "BENCH_END_BLOCK": str(last),
            "BENCH_DATABASE_URL": database,
            "PONDER_TELEMETRY_DISABLED": "true",
        }
        started_milliseconds = events = 0
        with self._running(environment) as process:
            assert process.stdout is not None
            for line in process.stdout:
                entry: dict[str, Any] = orjson.loads(line) if line.startswith(b"{") else {"msg": ""}
                if entry["msg"] == STARTED:
                    started_milliseconds = entry["time"]
                elif entry["msg"] == INDEXED:
                    events += entry["event_count"]
                elif entry["msg"] == COMPLETED:
                    return Sync(events, (entry["time"] - started_milliseconds) / 1000)
        raise RuntimeError(f"Ponder ended before it was done, with exit code {process.returncode}")

    @contextmanager
    def _running(self, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        program = FOLDER / "node_modules" / "ponder" / "dist" / "esm" / "bin" / "ponder.js"
        command = [self._node, str(program), "start", "--schema", "bench", "--port", str(_free_port())]
        command += ["--log-format", "json", "--log-level", "info"]
        process = subprocess.Popen(
            command, cwd=FOLDER, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        end = threading.Timer(SYNC_SECONDS, process.kill)
        end.start()
        try:
            yield process
        finally:
            end.cancel()
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
