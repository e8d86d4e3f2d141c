"""Who keeps a gateway's index, on each kind of database, and what it follows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from authorization.payer_requests import NUTRITION, asked
from authorization.provider_world import ProviderWorld
from careledger.anchoring.types import RevocationReason
from careledger.chain.database import Database
from careledger.chain.development import Node, development_signer
from careledger.gateway.access import SCOPES
from careledger.gateway.indexing import lead
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from desk_stage import insurer_gateway
from gateway_stage import SECONDS, Served, serve
from postgres import postgres
from register_acts import acting, admitted, answered

HOLDER = """
import sys, time
from careledger.chain.database import Database
from careledger.gateway.indexing import lead
with lead(Database(sys.argv[1])) as leads:
    print(leads, flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty one."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'shared.db'}"
        return
    with postgres() as url:
        yield url


def test_one_leads_until_it_ends(database: str) -> None:
    first, second = Database(database), Database(database)
    with lead(first) as leads:
        assert leads
        with lead(second) as other:
            assert not other
    with lead(second) as other:
        assert other
    first.close()
    second.close()


def test_a_leader_that_is_killed_leads_no_more(database: str) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, database], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "True"
        waiting = Database(database)
        with lead(waiting) as leads:
            assert not leads
        os.kill(holder.pid, signal.SIGKILL)
        end = time.monotonic() + SECONDS
        while True:
            with lead(waiting) as leads:
                if leads:
                    break
            assert time.monotonic() < end
            time.sleep(0.05)
        waiting.close()


def test_one_of_two_gateways_indexes_and_the_other_takes_over(database: str, tmp_path: Path) -> None:
    clients = {"ehr": (LOCAL_ORGANIZATION, SCOPES)}
    key = development_signer(5)
    with local_settings(tmp_path) as settings, ExitStack() as stack:
        settings["database"] = database
        first = stack.enter_context(serve(tmp_path / "first", clients, **settings))
        admitted(first, key)
        documents = acting(first, key).documents
        receipt = documents.anchor(documents.fingerprint(b"Discharge letter."))
        path = f"/documents/{receipt.submitter}/{receipt.leaf}/history"
        assert len(answered(first, path)["acts"]) == 1
        with serve(tmp_path / "second", clients, **settings) as second:
            assert len(answered(second, path)["acts"]) == 1
            assert (first.app.state.indexing.leads, second.app.state.indexing.leads) == (True, False)
            first.app.state.indexing.__exit__()
            documents.revoke(receipt.submitter, receipt.leaf, RevocationReason.ENTERED_IN_ERROR)
            assert len(answered(second, path)["acts"]) == 2
            assert second.app.state.indexing.leads


class LateWorld(ProviderWorld):
    """A gateway of the insurer's is up, and has an index, before the insurer publishes anything."""

    def __init__(self, node: Node, folder: Path, start: Callable[[ProviderWorld], Served]) -> None:
        self._start = start
        super().__init__(node.connect(), folder)

    def _deploy_payer(self, folder: Path) -> None:
        self.desk = self._start(self)
        assert answered(self.desk, "/organizations/insurer.example")["contracts"] == []
        assert self.desk.call("GET", "/reviews", "reviews.read").status_code == 404
        super()._deploy_payer(folder)


def test_what_is_published_later_is_followed_from_its_first_block(tmp_path: Path) -> None:
    with Node() as node, ExitStack() as stack:
        deployments = tmp_path / "deployments"

        def start(world: ProviderWorld) -> Served:
            gateway: AbstractContextManager[Served] = insurer_gateway(world, deployments, tmp_path / "insurer")
            return stack.enter_context(gateway)

        world = LateWorld(node, deployments, start)
        request = asked(world, NUTRITION)
        found = answered(world.desk, "/reviews", "reviews.read")
        assert [line["request"] for line in found["lines"]] == [request]
        assert len(answered(world.desk, "/organizations/insurer.example")["contracts"]) > 1
