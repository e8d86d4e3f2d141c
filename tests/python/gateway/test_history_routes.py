"""What happened to a document, over HTTP: in order, by name, as of a block; and who keeps the index."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import requests
from careledger.anchoring import Receipt
from careledger.anchoring.types import AmendmentReason, DisputeReason, RevocationReason
from careledger.chain.development import development_signer
from careledger.chain.rpc import HttpRpc
from careledger.gateway.access import SCOPES
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from gateway_stage import SECONDS, Served, serve
from register_acts import acting, admitted, answered

CLINIC, OTHER = development_signer(5), development_signer(6)
LETTER = b"Discharge letter: all is well."


@pytest.fixture(scope="module")
def names(gateway: Served) -> dict[str, str]:
    return {key.address: admitted(gateway, key) for key in (CLINIC, OTHER)}


def path_of(receipt: Receipt) -> str:
    return f"/documents/{receipt.submitter}/{receipt.leaf}/history"


def test_each_act_is_told_in_order_with_who_did_it(gateway: Served, names: dict[str, str]) -> None:
    clinic, other = (acting(gateway, key).documents for key in (CLINIC, OTHER))
    receipt = clinic.anchor(clinic.fingerprint(LETTER))
    other.countersign(receipt.location)
    other.dispute(receipt.location, DisputeReason.INACCURATE)
    other.withdraw_dispute(receipt.submitter, receipt.leaf)
    clinic.amend(receipt.location, clinic.fingerprint(LETTER + b" Truly."), AmendmentReason.CORRECTION)
    clinic.revoke(receipt.submitter, receipt.leaf, RevocationReason.ENTERED_IN_ERROR)
    found = answered(gateway, path_of(receipt))
    acts = found["acts"]
    assert [(act["act"], act["by"]["name"], act["reason"]) for act in acts] == [
        ("anchored", names[CLINIC.address], None),
        ("countersigned", names[OTHER.address], None),
        ("disputed", names[OTHER.address], "INACCURATE"),
        ("dispute_withdrawn", names[OTHER.address], None),
        ("amended", names[CLINIC.address], "CORRECTION"),
        ("revoked", names[CLINIC.address], "ENTERED_IN_ERROR"),
    ]
    assert acts[0]["block_number"] == receipt.block_number
    assert acts[1]["organization"]["name"] == names[OTHER.address]
    blocks = [act["block_number"] for act in acts]
    assert blocks == sorted(blocks)
    assert found["as_of"]["block_number"] >= blocks[-1]
    successor = acts[4]["other"]
    assert [
        act["act"] for act in answered(gateway, f"/documents/{CLINIC.address}/{successor['leaf']}/history")["acts"]
    ] == [
        "anchored",
        "succeeded",
    ]


def test_with_its_receipt_a_document_of_a_batch_has_the_acts_on_the_batch(
    gateway: Served, names: dict[str, str]
) -> None:
    clinic = acting(gateway, CLINIC).documents
    _, receipt = clinic.anchor_batch([clinic.fingerprint(LETTER + bytes([number])) for number in range(2)])
    assert receipt.batch is not None
    clinic.revoke_leaves(receipt.submitter, receipt.batch.root, [receipt.batch.index], RevocationReason.WRONG_SUBJECT)
    assert answered(gateway, path_of(receipt))["acts"] == []
    asked = {"receipt": json.loads(receipt.dump())}
    found = gateway.call("POST", "/documents/history", json=asked)
    assert found.status_code == 200, found.text
    assert [(act["act"], act["batch"], act["reason"]) for act in found.json()["acts"]] == [
        ("anchored", True, None),
        ("revoked", True, "WRONG_SUBJECT"),
    ]
    foreign = {"receipt": {**asked["receipt"], "genesis_hash": "0x" + 64 * "a"}}
    assert gateway.call("POST", "/documents/history", json=foreign).status_code == 422


def test_what_the_client_has_is_not_sent_again_until_it_changes(gateway: Served, names: dict[str, str]) -> None:
    clinic, other = (acting(gateway, key).documents for key in (CLINIC, OTHER))
    receipt = clinic.anchor(clinic.fingerprint(b"A letter that is kept."))
    answered(gateway, path_of(receipt))
    first = gateway.call("GET", path_of(receipt))
    tag = {"If-None-Match": first.headers["etag"]}
    same = gateway.call("GET", path_of(receipt), headers=tag)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    other.countersign(receipt.location)
    answered(gateway, path_of(receipt))
    changed = gateway.call("GET", path_of(receipt), headers=tag)
    assert (changed.status_code, len(changed.json()["acts"])) == (200, 2)


def test_a_block_that_the_chain_does_not_have_is_412(gateway: Served) -> None:
    path = f"/documents/{CLINIC.address}/0x{64 * 'b'}/history"
    answer = gateway.call("GET", path, headers={"Careledger-Min-Block": "1000000"})
    assert (answer.status_code, answer.headers["content-type"]) == (412, "application/problem+json")


def test_after_a_reorganization_the_acts_are_those_of_the_chain(gateway: Served, names: dict[str, str]) -> None:
    clinic = acting(gateway, CLINIC).documents
    receipt = clinic.anchor(clinic.fingerprint(b"A letter whose block goes away."))
    assert len(answered(gateway, path_of(receipt))["acts"]) == 1
    HttpRpc(gateway.settings.rpc).call("anvil_reorg", 1, [])
    end = time.monotonic() + 2 * SECONDS
    while gateway.call("GET", path_of(receipt)).json().get("acts") != []:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_ready_and_metrics_say_how_far_the_index_is(gateway: Served, names: dict[str, str]) -> None:
    answered(gateway, f"/documents/{CLINIC.address}/0x{64 * 'c'}/history")
    ready = requests.get(f"{gateway.url}/ready", timeout=SECONDS).json()
    assert ready["checks"]["index"]["ok"], ready
    metrics = requests.get(f"{gateway.url}/metrics", timeout=SECONDS).text
    assert "careledger_gateway_index_blocks_behind" in metrics


def test_an_index_that_lags_answers_nothing(tmp_path: Path) -> None:
    clients = {"ehr": (LOCAL_ORGANIZATION, SCOPES)}
    with local_settings(tmp_path) as settings, serve(tmp_path, clients, **settings) as served:
        path = f"/documents/{CLINIC.address}/0x{64 * 'd'}/history"
        answered(served, path)
        indexing = served.app.state.indexing
        indexing.__exit__()
        HttpRpc(settings["rpc"]).call("anvil_mine", "0x10", "0x3c")
        end = time.monotonic() + SECONDS
        while (answer := served.call("GET", path)).status_code != 503:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert answer.json()["title"] == "Index being built"
        ready = requests.get(f"{served.url}/ready", timeout=SECONDS)
        assert (ready.status_code, ready.json()["checks"]["index"]["ok"]) == (503, False)
