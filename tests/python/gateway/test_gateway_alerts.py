"""Each alert rule on the real thing: raised by what it is for, and clear again when that is mended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from authorization.payer_requests import NUTRITION, asked
from authorization.provider_world import FUNDS, HOSPITAL, ProviderWorld
from careledger.chain.development import Node, development_signer
from careledger.chain.rpc import HttpRpc
from careledger.contract_enums import Curve, UnitStatus
from careledger.gateway.access import SCOPES
from careledger.gateway.alerts import Rule
from careledger.gateway.indexing import Indexing
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from careledger.serialization.barcodes import Pack
from careledger.serialization.cold_chain import ColdChain, DeviceKey, Limits
from careledger.serialization.custody import Custody
from careledger.serialization.lots import Lots
from careledger.serialization.readings import Reading, WindowReadings
from cli.supply_world import MAKER, ROLES
from desk_stage import REVIEWER, insurer_gateway
from gateway_stage import SECONDS, Served, serve
from identity.suite import travel
from serialization.trade_stage import GTIN
from supply_gateway import SupplyGateway, supply_gateway

WAIT_SECONDS = 60
OUTBOX_SECONDS, INDEX_BLOCKS = 2, 20
HOURS = 3 * 3600
DAY = 86_400


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("clinic")
    with local_settings(folder) as settings:
        chosen: dict[str, Any] = {"alert_outbox_seconds": OUTBOX_SECONDS, "alert_index_blocks": INDEX_BLOCKS}
        clients = {"ehr": (LOCAL_ORGANIZATION, SCOPES)}
        with serve(folder, clients, **settings, **chosen) as served:
            yield served


@dataclass(frozen=True)
class Insurer:
    node: Node
    world: ProviderWorld
    served: Served


@pytest.fixture(scope="module")
def insurer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Insurer]:
    folder = tmp_path_factory.mktemp("insurer")
    with Node() as node:
        world = ProviderWorld(node.connect(), folder / "deployments")
        with insurer_gateway(world, folder / "deployments", folder / "gateway", reviewer=REVIEWER) as served:
            yield Insurer(node, world, served)


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupplyGateway]:
    with supply_gateway(tmp_path_factory.mktemp("maker")) as found:
        yield found


def told(gateway: Served) -> dict[str, dict[str, Any]]:
    """What stands, by rule."""
    answer = gateway.call("GET", "/alerts", "reports.read")
    assert answer.status_code == 200, answer.text
    return {one["rule"]: one for one in answer.json()["alerts"]}


def awaited(gateway: Served, rule: str, standing: str) -> dict[str, Any]:
    """A rule once it stands so, with its gauge."""
    until = time.monotonic() + WAIT_SECONDS
    while (found := told(gateway)[rule])["standing"] != standing:
        assert time.monotonic() < until, found
        time.sleep(0.2)
    assert gauges(gateway)[f'careledger_alert{{rule="{rule}"}}'] == (standing == "raised")
    assert (found["todo"] is not None) is (standing == "raised")
    return found


def gauges(gateway: Served) -> dict[str, float]:
    text = requests.get(f"{gateway.url}/metrics", timeout=SECONDS).text
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith("careledger_alert")]
    return {name: float(value) for name, _, value in lines}


def test_what_a_gateway_has_nothing_of_is_not_watched_and_the_rest_is_clear(clinic: Served) -> None:
    awaited(clinic, "index_behind", "clear")
    found = {rule: one["standing"] for rule, one in told(clinic).items()}
    assert set(found) == set(Rule)
    watched = {"outbox_stuck", "low_funds", "index_behind"}
    assert {rule for rule, standing in found.items() if standing == "clear"} == watched
    assert {rule for rule, standing in found.items() if standing == "not watched"} == set(Rule) - watched
    assert set(gauges(clinic).values()) == {0}
    assert len(gauges(clinic)) == 2 * len(watched)


def test_a_transaction_that_gets_into_no_block_is_told_until_it_does(clinic: Served) -> None:
    node = HttpRpc(clinic.settings.rpc)
    node.call("evm_setAutomine", False)
    try:
        body = {"digest": "0x" + 32 * "5a"}
        answer = clinic.call(
            "POST", "/documents/digests", "documents.write", json=body, headers={"Prefer": "respond-async"}
        )
        assert answer.status_code == 202, answer.text
        found = awaited(clinic, "outbox_stuck", "raised")
        assert (found["severity"], found["figures"]["waiting"]) == ("critical", "1")
        assert int(found["figures"]["oldest_seconds"]) > OUTBOX_SECONDS
        assert abs(found["since"] - time.time()) < WAIT_SECONDS
    finally:
        node.call("evm_setAutomine", True)
        node.call("evm_mine")
    awaited(clinic, "outbox_stuck", "clear")


def test_low_funds_are_told_until_there_are_enough(clinic: Served) -> None:
    node, address = HttpRpc(clinic.settings.rpc), development_signer(2).address
    node.call("anvil_setBalance", address, hex(10**17 - 1))
    found = awaited(clinic, "low_funds", "raised")
    assert found["figures"] == {"balance_wei": str(10**17 - 1), "least_wei": str(10**17)}
    assert address.lower() not in json.dumps(found).lower()
    node.call("anvil_setBalance", address, hex(10**19))
    awaited(clinic, "low_funds", "clear")


def test_an_index_that_falls_behind_is_told_until_it_follows(clinic: Served) -> None:
    clinic.app.state.indexing.__exit__(None, None, None)
    HttpRpc(clinic.settings.rpc).call("anvil_mine", hex(INDEX_BLOCKS + 1))
    found = awaited(clinic, "index_behind", "raised")
    assert int(found["figures"]["blocks_behind"]) > INDEX_BLOCKS
    with Indexing(clinic.settings, clinic.app.state.services.ledger):
        awaited(clinic, "index_behind", "clear")


def test_a_line_past_due_is_told_until_it_is_decided(insurer: Insurer) -> None:
    request = asked(insurer.world, NUTRITION)
    assert awaited(insurer.served, "overdue", "clear")["figures"] == {"lines": "0"}
    travel(insurer.world.connection, 60 * DAY)
    found = awaited(insurer.served, "overdue", "raised")
    assert (found["severity"], found["figures"]) == ("critical", {"lines": "1"})
    assert found["since"] < insurer.world.connection.block_time()
    assert found["block_number"] > 0
    body = {"provider": HOSPITAL, "sequence": 1, "action": "APPROVED_IN_FULL"}
    answer = insurer.served.call("POST", f"/reviews/{request}/0", "reviews.write", json=body, timeout=2 * SECONDS)
    assert answer.status_code == 201, answer.text
    awaited(insurer.served, "overdue", "clear")


def test_a_vault_near_its_floor_is_told_until_money_comes_in(insurer: Insurer) -> None:
    world, vault = insurer.world, insurer.world.payer.vault
    awaited(insurer.served, "vault_near_floor", "clear")
    vault.send(world.admin, "setLimits", FUNDS * 9 // 10, FUNDS)
    found = awaited(insurer.served, "vault_near_floor", "raised")
    figures = {name: int(value) for name, value in found["figures"].items()}
    assert figures["floor"] < figures["free"] <= figures["least"]
    world.pay(world.admin, FUNDS, vault.address)
    vault.send(world.admin, "deposit", FUNDS)
    awaited(insurer.served, "vault_near_floor", "clear")


def test_a_broken_cold_chain_is_told_until_the_container_ends(maker: SupplyGateway) -> None:
    goods = maker.made()
    place = maker.verify(goods.code())
    awaited(maker.served, "excursion", "clear")
    supply = maker.stage.as_(development_signer(ROLES[MAKER][0]))
    cold_chain, key = ColdChain(supply), DeviceKey.generate(Curve.P256)
    cold_chain.register(key.public)
    device = key.public.device_id(maker.names[MAKER])
    cold_chain.set_limits(place["lot"], Limits(200, 800, 600))
    cold_chain.bind(device, place["container"])
    binding = cold_chain.binding(device)
    assert binding is not None
    travel(maker.stage.connection, HOURS + 60)
    taken = tuple(Reading(binding.end + hour * 3600, degrees) for hour, degrees in enumerate((480, 1240, 900), 1))
    window = cold_chain.next_window(device, WindowReadings(taken, bytes(32)))
    cold_chain.record(window, cold_chain.sign(window, key))
    found = awaited(maker.served, "excursion", "raised")
    assert (found["figures"], found["lots"]) == ({"containers": "1", "windows": "1"}, [place["lot"]])
    told_of = json.dumps(found)
    assert not any(secret in told_of for secret in (*goods.serials, goods.number, goods.case))
    Custody(supply).end(place["container"], UnitStatus.DESTROYED)
    awaited(maker.served, "excursion", "clear")


def test_a_suspect_pack_is_told_until_it_is_cleared_or_everybody_knows(maker: SupplyGateway) -> None:
    goods = maker.made()
    lot = maker.verify(goods.code())["lot"]
    awaited(maker.served, "falsified_pack", "clear")
    with maker.served.app.state.services.goods.stock() as stock:
        unit = stock.find(Pack(GTIN, goods.serials[0], goods.number)).unit
    lots = Lots(maker.stage.as_(development_signer(ROLES[MAKER][0])))
    lots.suspect(lot, unit.index, unit.container)
    found = awaited(maker.served, "falsified_pack", "raised")
    assert (found["figures"], found["lots"]) == ({"suspect": "1", "illegitimate": "0"}, [lot])
    told_of = json.dumps(found)
    assert not any(secret in told_of for secret in (*goods.serials, goods.number))
    lots.clear(lot, unit.index)
    awaited(maker.served, "falsified_pack", "clear")


def test_without_a_node_no_rule_that_needs_it_is_said_to_be_clear(insurer: Insurer) -> None:
    for rule in ("overdue", "low_funds"):
        awaited(insurer.served, rule, "clear")
    insurer.node.stop()
    time.sleep(3)
    assert insurer.served.call("GET", "/alerts", "reports.read").status_code == 503
    found = gauges(insurer.served)
    for rule in ("overdue", "low_funds", "vault_near_floor", "index_behind"):
        assert found[f'careledger_alert_not_checked{{rule="{rule}"}}'] == 1
        assert f'careledger_alert{{rule="{rule}"}}' not in found
    assert found['careledger_alert{rule="outbox_stuck"}'] == 0
