"""A capture whose blocks a reorganization takes away: it is done again, once, and its job tells."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import quote

from careledger.chain.development import development_signer
from careledger.chain.rpc import HttpRpc
from careledger.gateway.access import SCOPES
from cli.supply_world import MAKER, ROLES
from gateway_stage import serve
from rpc_proxy import RpcProxy
from serialization.told_events import container_uri, document
from supply_gateway import Goods, supply_settings

SECONDS = 120


def test_a_capture_that_a_reorganization_takes_away_is_done_again_once(tmp_path: Path) -> None:
    with supply_settings(tmp_path) as (stage, names, settings), RpcProxy(settings["rpc"]) as proxy:
        node, goods = HttpRpc(settings["rpc"]), Goods.made_up()
        maker = development_signer(ROLES[MAKER][0]).address
        before = stage.connection.nonce(maker)
        changed = {**settings, "rpc": proxy.url, "confirmations": 3}
        with serve(tmp_path, {"ehr": (names[MAKER], SCOPES)}, **changed) as gateway:
            snapshot = node.call("evm_snapshot")
            headers = {"Content-Type": "application/ld+json"}
            answer = gateway.call("POST", "/capture", "epcis.capture", data=document(*goods.told()), headers=headers)
            assert answer.status_code == 202, answer.text
            href = answer.headers["Location"].replace("/capture/", "/jobs/")
            included = gateway.job(href, "epcis.capture", "included", SECONDS)
            proxy.lose_requests(times=float("inf"))
            assert node.call("evm_revert", snapshot)
            node.call("anvil_dropAllTransactions")
            node.call("anvil_mine", hex(8))
            assert stage.connection.nonce(maker) == before
            proxy.heal()
            until = time.monotonic() + SECONDS
            while (job := gateway.call("GET", href, "epcis.capture").json())["state"] != "final":
                assert time.monotonic() < until, job
                node.call("evm_mine")
                time.sleep(0.1)
            assert "reorganized" in [event["name"] for event in job["events"]]
            assert job["block_number"] > included["block_number"]
            path = f"/epcs/{quote(container_uri(goods.case), safe='')}"
            assert gateway.call("GET", f"{path}/state", "epcis.query").json()["state"] == "in transit"
        assert stage.connection.nonce(maker) - before == 4, "commissioned, packed, shipped and anchored once each"
