"""A suite on an Anvil with a hospital of two keys and a sponsor, for the tests of the commands on documents."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careledger.chain.connection import Connection
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.deployment.suite import ANCHOR
from careledger.chain.development import Node, development_signer
from careledger.client import CareLedger
from careledger.contract_events import BatchAnchored, ContractEvent, DocumentAnchored
from careledger.identity import Admission, MemberRole
from cli.command_line import CommandLine, Result

HOSPITAL = "development:1"
HOSPITAL_SECOND = "development:2"
SPONSOR = "development:3"
PATIENT = "development:6"
OUTSIDER = "development:7"
LICENCE = 2_208_988_800


@dataclass
class World:
    """Runs commands in this process; `start` runs one in a process of its own."""

    careledger: CommandLine
    url: str
    deployments: Path

    def __call__(self, *arguments: object, signer: str = HOSPITAL, rpc: str | None = None) -> Result:
        for name, value in self.settings(signer, rpc).items():
            self.careledger.monkeypatch.setenv(name, value)
        return self.careledger(*arguments, "--json")

    def ok(self, *arguments: object, signer: str = HOSPITAL) -> Any:
        result = self(*arguments, signer=signer)
        assert result.exit_code == 0, result.err + result.out
        return result.body

    def settings(self, signer: str = HOSPITAL, rpc: str | None = None) -> dict[str, str]:
        return {
            "CARELEDGER_SIGNER": signer,
            "CARELEDGER_RPC": rpc or self.url,
            "CARELEDGER_DEPLOYMENTS": str(self.deployments),
        }

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "careledger", *map(str, arguments)]
        return subprocess.Popen(
            command, env={**os.environ, **self.settings()}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )

    @property
    def ledger(self) -> CareLedger:
        return CareLedger.connect(self.url, deployments=self.deployments)

    def events(self, *kinds: type[ContractEvent], since: int = 0) -> list[ContractEvent]:
        ledger = self.ledger
        address = ledger.governance.contract(ANCHOR).address
        return [entry.event for entry in ledger.connection.logs(address, kinds, since)]

    def block(self) -> int:
        return Connection.open(self.url).block_number()

    def anchored_documents(self, since: int) -> int:
        """How many documents were anchored from a block on; every root once."""
        events = self.events(BatchAnchored, DocumentAnchored, since=since)
        roots = Counter(event.root for event in events if isinstance(event, BatchAnchored))
        assert all(count == 1 for count in roots.values())
        return sum(event.count if isinstance(event, BatchAnchored) else 1 for event in events)


def deploy(node: Node, folder: Path) -> Path:
    """The suite with its members; returns the folder of manifests."""
    ruler, controller = development_signer(5), development_signer(4)
    parameters = Parameters(*(ruler.address,) * 4, *(1, 0, 1))
    connection = node.connect()
    deployment = Deployer(connection, ruler, suite_plan(parameters), folder).run()
    ledger = CareLedger(connection, deployment, ruler)
    for name, keys in (("hospital.example", (1, 2)), ("sponsor.example", (3,))):
        ledger.organizations.admit(Admission(name, controller.address, frozenset({MemberRole.PROVIDER}), LICENCE))
        for key in keys:
            signer = development_signer(key)
            deadline = connection.block_time() + 3600
            proof = ledger.organizations.prove_possession(name, signer, deadline)
            ledger.acting_as(controller).organizations.add_key(proof)
    return folder
