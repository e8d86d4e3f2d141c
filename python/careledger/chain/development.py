"""Development chains: a local Anvil, or an EVM inside this process. Both hold the same well-known accounts."""

from __future__ import annotations

import atexit
import ctypes
import itertools
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from eth_account import Account
from web3 import EthereumTesterProvider

from careledger.chain.connection import Connection
from careledger.chain.signers import LocalSigner
from careledger.errors import ConfigurationError, InvalidInput, MissingPrerequisite, NodeUnreachable

__all__ = [
    "MNEMONIC",
    "DevelopmentSigner",
    "Node",
    "development_signer",
    "embedded_connection",
    "end_with_parent",
    "find_anvil",
]

MNEMONIC = "test test test test test test test test test test test junk"
"""The mnemonic that every development node uses. Its keys are public: worth nothing outside a local chain."""

ACCOUNT_COUNT = 10
HD_PATH = "m/44'/60'/0'/0"
START_TIMEOUT_SECONDS = 20
FIRST_PORT, PORT_COUNT = 20_000, 12_000
PORT_TAKEN = "Address already in use"
STOP_TIMEOUT_SECONDS = 5
PR_SET_PDEATHSIG = 1

_port_numbers = itertools.count()


class DevelopmentSigner(LocalSigner):
    """One of the funded accounts of a development chain. Anyone has its key."""

    development_only = True


def development_signer(index: int = 0) -> DevelopmentSigner:
    """The funded account with an index from 0 to 9. Raises InvalidInput for another."""
    if not 0 <= index < ACCOUNT_COUNT:
        raise InvalidInput("development account", str(index), f"must be 0 to {ACCOUNT_COUNT - 1}")
    Account.enable_unaudited_hdwallet_features()
    account = Account.from_mnemonic(MNEMONIC, account_path=f"{HD_PATH}/{index}")
    return DevelopmentSigner(account, f"development:{index}")


def find_anvil() -> str:
    """The native `anvil`: from CARELEDGER_ANVIL, the clone's node_modules, or PATH. Raises MissingPrerequisite.

    npm's platform-independent `anvil` is a Node script that leaves the real process behind when killed: not used.
    """
    named = os.environ.get("CARELEDGER_ANVIL")
    if named:
        if not os.access(named, os.X_OK):
            raise ConfigurationError("CARELEDGER_ANVIL", f"{named} is not an executable file")
        return named
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system(), platform.system().lower())
    machine = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    clone = Path(__file__).resolve().parents[3]
    packaged = clone / "node_modules" / "@foundry-rs" / f"anvil-{system}-{machine}" / "bin" / "anvil"
    if packaged.is_file():
        return str(packaged)
    found = shutil.which("anvil")
    if found is None:
        raise MissingPrerequisite(
            "anvil", "install Foundry, or name the program in CARELEDGER_ANVIL; CareLedger.embedded() needs neither"
        )
    return found


class Node:
    """A local Anvil. Ends with the process that started it, however that ends (on Linux; elsewhere at a normal exit).

    Use as a context manager, or call `stop`.
    """

    def __init__(
        self,
        port: int | None = None,
        block_time_seconds: int | None = None,
        chain_id: int = 31337,
        options: tuple[str, ...] = (),
    ) -> None:
        """Starts the node and waits until it answers. Raises ConfigurationError if the port is taken or none,
        NodeUnreachable if the node does not answer, with what it printed."""
        if port is not None and not 0 < port < 2**16:
            raise ConfigurationError("port", f"{port} is none; name one from 1 to {2**16 - 1}")
        command = [find_anvil(), "--host", "127.0.0.1", "--chain-id", str(chain_id)]
        command += ["--mnemonic", MNEMONIC, "--accounts", str(ACCOUNT_COUNT), *options]
        if block_time_seconds is not None:
            command += ["--block-time", str(block_time_seconds)]
        self._process: subprocess.Popen[bytes]
        while True:
            self.port = port or _free_port()
            self.url = f"http://127.0.0.1:{self.port}"
            if not _is_taken(self.port) and self._starts(command):
                return
            if port is not None:
                raise ConfigurationError("port", f"{port} is taken by another program; name a free one")

    def _starts(self, command: list[str]) -> bool:
        """Starts the node and waits until it has its port; False if another program has taken that meanwhile."""
        self._folder = tempfile.TemporaryDirectory(prefix="careledger-anvil-")
        ready = Path(self._folder.name) / "ready"  # Anvil writes it once it has its port: who answers is this node
        # States of older blocks go to disk. Anvil leaves them there: some MB for each node.
        states = Path(self._folder.name) / "states"
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port), "--config-out", str(ready), "--cache-path", str(states)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        atexit.register(self.stop)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if ready.exists():
                return True
            if self._process.poll() is not None:
                printed = self._process.stderr.read().decode(errors="replace") if self._process.stderr else ""
                self.stop()
                if PORT_TAKEN in printed:
                    return False
                raise NodeUnreachable(
                    self.url, f"anvil ended at once: {printed.strip()[-500:] or 'it printed nothing'}"
                )
            time.sleep(0.01)
        self.stop()
        raise NodeUnreachable(self.url, f"anvil did not answer within {START_TIMEOUT_SECONDS} s")

    @property
    def process_id(self) -> int:
        return self._process.pid

    def connect(self) -> Connection:
        """A connection to the node."""
        return Connection.open(self.url)

    def wait(self) -> int:
        """Waits until the node ends; returns its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """Ends the node, and removes what it kept on disk. Does nothing if it has ended."""
        atexit.unregister(self.stop)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._folder.cleanup()

    def __enter__(self) -> Node:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def embedded_connection() -> Connection:
    """A fresh EVM in this process (py-evm), without a node, a port or Node.js."""
    import eth_tester  # slow to import, and only needed here

    backend: Any = eth_tester.PyEVMBackend.from_mnemonic(MNEMONIC, num_accounts=ACCOUNT_COUNT, hd_path=HD_PATH)
    return Connection(EthereumTesterProvider(eth_tester.EthereumTester(backend)), "in-process")


def _free_port() -> int:
    """A free port below those that the system gives out by itself. Processes start their search at different ones;
    nothing holds the port until the node does."""
    while True:
        port = FIRST_PORT + (os.getpid() * 101 + next(_port_numbers)) % PORT_COUNT
        if not _is_taken(port):
            return port


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def end_with_parent() -> None:
    """For `preexec_fn`: on Linux the kernel ends the child when its parent is gone, even by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
