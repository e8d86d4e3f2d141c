"""A decision whose block goes away is sent again as it was signed, and decides once."""

from __future__ import annotations

import time
from pathlib import Path

from authorization.payer_requests import NUTRITION, asked
from authorization.provider_world import HOSPITAL
from careledger.chain.rpc import HttpRpc
from careledger.contract_enums import LineStatus
from careledger.contract_events import LineDecided
from desk_stage import REVIEWER, insurer_gateway, provider_world
from gateway_stage import SECONDS
from register_acts import answered

CONFIRMATIONS = 3


def test_a_decision_whose_block_goes_away_is_sent_again_as_it_was_signed(tmp_path: Path) -> None:
    with (
        provider_world(tmp_path) as stage,
        insurer_gateway(*stage, tmp_path / "insurer", reviewer=REVIEWER, confirmations=CONFIRMATIONS) as desk,
    ):
        world, _ = stage
        node = HttpRpc(world.connection.url)
        request = asked(world, NUTRITION)
        body = {
            "provider": HOSPITAL,
            "sequence": 1,
            "action": "DENIED",
            "reason": 4,
            "statement": "Not needed, by the letter of May.",
        }
        first = desk.call("POST", f"/reviews/{request}/0", "reviews.write", json=body)
        assert (first.status_code, first.json()["final"]) == (201, False), first.text
        before = len(answered(desk, "/reviews", "reviews.read")["lines"])
        node.call("anvil_reorg", 1, [])
        end = time.monotonic() + 4 * SECONDS
        while True:
            job = desk.call("GET", first.json()["href"], "reviews.write").json()
            names = [event["name"] for event in job["events"]]
            if job["final"]:
                break
            if "reorganized" in names:
                node.call("anvil_mine", "0x1")
            assert time.monotonic() < end, job
            time.sleep(0.2)
        assert "reorganized" in names
        assert job["result"]["statement"] == first.json()["result"]["statement"]
        line = world.authorizations(world.hospital).line(world.provider, request, 0)
        assert line is not None
        assert (line.status, line.sequence) == (LineStatus.DENIED, 2)
        decided = [
            entry.event
            for entry in world.connection.logs(world.payer.authorizations.address, [LineDecided])
            if isinstance(entry.event, LineDecided) and entry.event.sequence == 2
        ]
        assert [event.request_id for event in decided] == [request]
        assert len(answered(desk, "/reviews", "reviews.read")["lines"]) == before == 0
