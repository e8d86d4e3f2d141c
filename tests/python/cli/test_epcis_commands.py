"""`careledger epcis`: documents captured on an Anvil, asked for again, and told as a person reads it."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest
from careledger.chain.development import development_signer
from careledger.contract_enums import Curve
from careledger.serialization.cold_chain import ColdChain, DeviceKey
from careledger.serialization.epcis.times import utc_text
from cli.supply_world import EXPIRY, MAKER, PHARMACY, ROLES, SupplyWorld
from identity.suite import travel
from serialization.told_events import (
    commissioning,
    container_uri,
    document,
    event,
    master_data,
    objects,
    pack_uri,
    packing,
    receiving,
    shipping,
)
from serialization.trade_stage import sscc


@pytest.fixture
def master(trade: SupplyWorld) -> Path:
    path = trade.folder / "master.json"
    path.write_bytes(master_data({"maker": trade.names["maker"], "pharmacy": trade.names["pharmacy"]}))
    return path


def written(trade: SupplyWorld, *events: dict[str, Any]) -> Path:
    path = trade.folder / f"{os.urandom(4).hex()}.jsonld"
    path.write_bytes(document(*events))
    return path


def begun(case: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Serials of a new lot, and its commissioning and packing."""
    serials = [f"C{os.urandom(5).hex()}" for _ in range(3)]
    expiry = dt.date.fromisoformat(EXPIRY)
    made = commissioning(expiry, serials, f"L-{os.urandom(3).hex()}")
    return serials, [made, packing(case, [pack_uri(serial) for serial in serials])]


def test_events_are_captured_asked_for_and_their_objects_found(trade: SupplyWorld, master: Path) -> None:
    case = sscc()
    serials, told = begun(case)
    told += [shipping(case, "maker", "pharmacy"), objects("maker", "inspecting", [container_uri(case)])]
    file = written(trade, *told)
    planned = trade.ok(MAKER, "epcis", "capture", file, "--master", master, "--dry-run")
    assert [one["outcome"] for one in planned["results"]] == ["PLANNED"] * 4
    done = trade.ok(MAKER, "epcis", "capture", file, "--master", master)
    assert [one["outcome"] for one in done["results"]] == ["APPLIED"] * 3 + ["ANCHORED"]
    assert all(one["leaf"] for one in done["results"])
    sent = trade.sent_by(MAKER)
    again = trade.ok(MAKER, "epcis", "capture", file, "--master", master)
    assert [one["outcome"] for one in again["results"]] == ["STANDING"] * 4
    assert trade.sent_by(MAKER) == sent
    out = trade.folder / "answer.jsonld"
    answer = trade.ok(MAKER, "epcis", "query", f"MATCH_anyEPC={container_uri(case)}", "--ascending", "--out", out)
    assert [one["bizStep"] for one in answer["epcisBody"]["queryResults"]["resultsBody"]["eventList"]] == [
        *("packing", "shipping", "inspecting")
    ]
    assert json.loads(out.read_text()) == answer
    moving = trade.ok(MAKER, "epcis", "state", pack_uri(serials[0]))
    assert (moving["state"], moving["container"]) == ("in transit", case)
    shown = trade.shown(MAKER, "epcis", "state", container_uri(case))
    assert "in transit" in shown
    assert trade.names["pharmacy"] in shown
    listed = trade.shown(MAKER, "epcis", "query", "EQ_bizStep=inspecting")
    assert "changes nothing on chain" in listed


def test_what_came_is_received_and_dispensed_by_events(trade: SupplyWorld, master: Path) -> None:
    case = sscc()
    serials, told = begun(case)
    trade.ok(MAKER, "epcis", "capture", written(trade, *told), "--master", master)
    bundle = trade.ship(case, MAKER, PHARMACY)
    trade.ok(PHARMACY, "bundle", "open", bundle)
    events = (receiving(case, "pharmacy"), objects("pharmacy", "dispensing", [pack_uri(serials[1])]))
    shown = trade.shown(PHARMACY, "epcis", "capture", written(trade, *events), "--master", master)
    assert "2 of 2 taken, 2 anchored" in shown
    assert trade.ok(PHARMACY, "epcis", "state", pack_uri(serials[1]))["state"] == "ended"


def test_what_is_refused_ends_with_its_exit_code(trade: SupplyWorld, master: Path) -> None:
    _, told = begun(sscc())
    unknown = packing(sscc(), [pack_uri("never-commissioned")])
    file = written(trade, told[0], unknown)
    none = trade(MAKER, "epcis", "capture", file, "--master", master, "--rollback")
    assert none.exit_code == 9
    assert [one["outcome"] for one in none.body["results"]] == ["NOT_CAPTURED", "REFUSED"]
    one = trade(MAKER, "epcis", "capture", file, "--master", master)
    assert (one.exit_code, one.body["refused"]) == (9, 1)
    assert [each["outcome"] for each in one.body["results"]] == ["APPLIED", "REFUSED"]


def test_sensor_data_are_recorded_by_devices_that_are_named(
    trade: SupplyWorld, master: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, uri = sscc(), f"urn:epc:id:giai:4000001.{os.urandom(3).hex()}"
    _, told = begun(case)
    key, cold_chain = DeviceKey.generate(Curve.P256), ColdChain(trade.stage.as_(development_signer(ROLES[MAKER][0])))
    (trade.folder / "logger.pem").write_bytes(key.to_pem("a passphrase"))
    monkeypatch.setenv("CARELEDGER_PASSPHRASE", "a passphrase")
    cold_chain.register(key.public)
    device = key.public.device_id(trade.id_of(MAKER))
    devices = trade.folder / "devices.json"
    devices.write_text(json.dumps({uri: {"id": device, "key": "logger.pem", "limits": [200, 800, 800]}}))
    options = ("--master", master, "--devices", devices)
    tied = event("AssociationEvent", "maker", action="ADD", parentID=container_uri(case), childEPCs=[uri])
    trade.ok(MAKER, "epcis", "capture", written(trade, *told, tied), *options)
    binding = cold_chain.binding(device)
    assert binding is not None
    travel(trade.stage.connection, 3600)
    reading = {"type": "Temperature", "value": 9.5, "uom": "CEL", "time": utc_text((binding.end + 60) * 1000)}
    sensors = [{"sensorMetadata": {"deviceID": uri}, "sensorReport": [reading]}]
    seen = objects("maker", "inspecting", [container_uri(case)], sensorElementList=sensors)
    (result,) = trade.ok(MAKER, "epcis", "capture", written(trade, seen), *options)["results"]
    assert (result["outcome"], len(result["transactions"])) == ("APPLIED", 1)
    (window,) = [recorded.window for recorded in cold_chain.windows(device, binding.container)]
    assert window.highest == 950
    other = {**seen, "disposition": "active"}
    (without,) = trade.ok(MAKER, "epcis", "capture", written(trade, other), "--master", master)["results"]
    assert (without["outcome"], "anchored with it only" in without["note"]) == ("ANCHORED", True)
    devices.write_text("[]")
    wrong = trade(MAKER, "epcis", "capture", written(trade, seen), *options)
    assert (wrong.exit_code, wrong.error["fields"]["name"]) == (2, "devices")


def test_hashes_are_shown_without_a_node(trade: SupplyWorld) -> None:
    file = written(trade, objects("maker", "inspecting", [pack_uri("A1")]))
    (found,) = trade.careledger("epcis", "hash", file, "--json").body["events"]
    assert found["event_hash"].startswith("ni:///sha-256;")
    assert found["event_hash"].endswith("?ver=CBV2.0")
    assert len(found["strict_hash"]) == 66


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("query", "EQ_nothing=1"), "EQ_nothing"),
        (("query", "no-equals-sign"), "no-equals-sign"),
        (("state", "urn:epc:id:sgln:0614141.07346.1234"), "urn:epc:id:sgln:0614141.07346.1234"),
        (("hash", "no-such-file.xml"), "no-such-file.xml"),
    ],
)
def test_wrong_input_is_named(trade: SupplyWorld, arguments: tuple[str, ...], named: str) -> None:
    result = trade(MAKER, "epcis", *arguments)
    assert (result.exit_code, result.error["fields"]["value"]) == (2, named)
