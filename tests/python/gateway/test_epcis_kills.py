"""A capture whose gateway is killed in the middle of it: the next process finishes it, and nothing is done twice."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import quote

import pytest
from careledger.chain.development import development_signer
from careledger.gateway.access import SCOPES
from careledger.gateway.client import GatewayClient
from cli.supply_world import MAKER, ROLES
from gateway_process import Orders, running
from gateway_stage import free_port, write_clients
from serialization.told_events import container_uri, document
from supply_gateway import Goods, supply_settings

DIES_SECONDS, ENDS_SECONDS = 60, 120


@pytest.mark.daily("on-chain")
@pytest.mark.parametrize(("point", "count"), [("submitted", 3), ("on-chain", 2), ("performed", 1)])
def test_a_capture_that_was_killed_is_finished_once(tmp_path: Path, point: str, count: int) -> None:
    with supply_settings(tmp_path) as (stage, names, found):
        key = write_clients(tmp_path, {"ehr": (names[MAKER], SCOPES)})["ehr"]
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in found.items()}
        settings["clients"] = str(tmp_path / "clients.yaml")
        port, goods = free_port(), Goods.made_up()
        system = GatewayClient(f"http://127.0.0.1:{port}", "ehr", key)
        before = stage.connection.nonce(development_signer(ROLES[MAKER][0]).address)
        headers = {"Content-Type": "application/ld+json"}
        with running(Orders(settings, port, point, count)) as process:
            assert process.await_health()
            answer = system.call("POST", "/capture", "epcis.capture", data=document(*goods.told()), headers=headers)
            assert answer.status_code == 202, answer.text
            assert process.died(DIES_SECONDS)
        with running(Orders(settings, port)) as process:
            assert process.await_health()
            until = time.monotonic() + ENDS_SECONDS
            while (done := system.call("GET", answer.headers["Location"], "epcis.capture").json())["running"]:
                assert time.monotonic() < until, done
                time.sleep(0.1)
            assert done["success"], done
            path = f"/epcs/{quote(container_uri(goods.case), safe='')}"
            assert system.call("GET", f"{path}/state", "epcis.query").json()["state"] == "in transit"
            events = system.call("GET", f"{path}/events", "epcis.query").json()
            assert len(events["epcisBody"]["queryResults"]["resultsBody"]["eventList"]) == 2
        sent = stage.connection.nonce(development_signer(ROLES[MAKER][0]).address) - before
        assert sent == 4, "commissioned, packed, shipped and anchored once each"
