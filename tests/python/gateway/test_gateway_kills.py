"""Gateways killed by SIGKILL at every point of a job's way, on one database: what was accepted is done once."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployment
from careledger.chain.deployment.suite import ANCHOR
from careledger.contract_events import BY_TOPIC
from careledger.gateway.access import SCOPES
from careledger.gateway.client import GatewayClient
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from careledger.gateway.points import POINTS
from careledger.vault import Vault
from gateway_process import GatewayProcess, Orders, running
from gateway_stage import free_port, write_clients

Count = Callable[[str, object], None]
DIES_SECONDS = 60
FINAL_SECONDS = 120


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The settings of a gateway; each test takes a database and a vault of its own."""
    folder = tmp_path_factory.mktemp("chain")
    with local_settings(folder) as settings:
        yield dict(settings)


class Client:
    """Submits documents, and keeps what it was promised."""

    def __init__(self, folder: Path, settings: dict[str, Any], database_url: str) -> None:
        self.port = free_port()
        key = write_clients(folder, {"ehr": (LOCAL_ORGANIZATION, SCOPES)})["ehr"]
        self.system = GatewayClient(f"http://127.0.0.1:{self.port}", "ehr", key)
        self.vault = folder / "vault-of-test.db"
        Vault.create(self.vault, settings["passphrase"]).close()
        self.settings = {
            **settings,
            "vault": str(self.vault),
            "database": database_url,
            "clients": str(folder / "clients.yaml"),
        }
        self.connection = Connection.open(settings["rpc"])
        self.anchors = Deployment.load(Path(settings["deployments"]), self.connection.chain_id).addresses[ANCHOR]
        self.first_block = self.connection.block_number() + 1
        self.promised: dict[str, str | None] = {}

    def orders(self, die_at: str | None = None, count: int = 1) -> Orders:
        return Orders(self.settings, self.port, die_at, count)

    def submit(self, name: str, system: GatewayClient | None = None) -> bool:
        """Whether it was accepted. The same name again is the same request."""
        system = system or self.system
        self.promised.setdefault(name, None)
        body = {"digest": "0x" + hashlib.sha256(name.encode()).hexdigest()}
        headers = {"Idempotency-Key": name, "Prefer": "respond-async"}
        try:
            answer = system.call("POST", "/documents/digests", "documents.write", json=body, headers=headers)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            return False
        assert answer.status_code in {201, 202}, answer.text
        job = answer.json()["job"]
        assert self.promised[name] in {None, job}, "an accepted request was lost"
        self.promised[name] = job
        return True

    def check(self, process: GatewayProcess) -> None:
        """That all that was ever promised comes to its end, with one effect each."""
        assert process.await_health()
        for name in self.promised:
            assert self.submit(name)
        until = time.monotonic() + FINAL_SECONDS
        for job in self.promised.values():
            while (found := self.system.call("GET", f"/jobs/{job}", "documents.read").json())["state"] != "final":
                assert time.monotonic() < until, found
                assert found["state"] != "failed", found
                time.sleep(0.1)
            receipt = self.system.call("GET", found["result"]["receipt"], "documents.read").json()
            answer = self.system.call("POST", "/documents/verify", None, json={"receipt": receipt}).json()
            assert answer["answer"] == "active", answer
        event = next(kind for kind in BY_TOPIC.values() if kind.__name__ == "DocumentAnchored")
        anchored = list(self.connection.logs(self.anchors, [event], self.first_block))
        assert len(anchored) == len(self.promised), "one effect each"

    def payloads(self) -> set[str]:
        """Of which jobs the vault has what was submitted. What a kill left without a job goes after an hour."""
        with Vault.open(self.vault, self.settings["passphrase"]) as vault:
            return set(vault.names("gateway-job"))


def kill_at(client: Client, point: str, count: int, number: int) -> bool:
    """Whether the process came to the point."""
    with running(client.orders(point, count)) as process:
        alive = process.await_health()
        for part in range(3 if alive else 0):
            client.submit(f"document {number}-{part}")
        return process.died(DIES_SECONDS)


def test_gateways_killed_at_every_point_lose_nothing_and_double_nothing(
    request: pytest.FixtureRequest, chain: dict[str, Any], database_url: str, tmp_path: Path, record_property: Count
) -> None:
    """Daily, one database takes every other point, the other those between."""
    points = POINTS if request.config.getoption("--full") else POINTS[database_url.startswith("postgresql") :: 2]
    client = Client(tmp_path, chain, database_url)
    landed = [kill_at(client, point, 1 + number % 2, number) for number, point in enumerate(points)]
    assert all(landed), dict(zip(points, landed, strict=True))
    with running(client.orders()) as process:
        client.check(process)
        until = time.monotonic() + FINAL_SECONDS
        while client.payloads() & set(client.promised.values()):
            assert time.monotonic() < until, "what was submitted is not erased"
            time.sleep(0.2)
        process.stop()
    record_property("counted: gateways, killed at a point", len(landed))


@pytest.mark.daily("postgresql")
def test_two_gateways_at_once_of_which_one_is_killed_do_everything_once(
    chain: dict[str, Any], database_url: str, tmp_path: Path, record_property: Count
) -> None:
    client = Client(tmp_path, chain, database_url)
    other = replace(client.orders(), port=free_port())
    with running(client.orders()) as process:
        assert process.await_health()
        with running(other) as victim:
            assert victim.await_health()
            system = GatewayClient(victim.url, "ehr", client.system.key)
            for number in range(16):
                client.submit(f"document {number}")
                with contextlib.suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                    client.submit(f"another {number}", system)
                    client.submit(f"document {number}", system)
                if number == 12:
                    victim.kill()
        client.check(process)
        process.stop()
    record_property("counted: requests to two gateways, one of them killed", len(client.promised))
