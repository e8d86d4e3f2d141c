"""`careledger audit report` on an Anvil: a supply chain's changes, a recall and a disclosure, from an index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli.supply_world import MAKER, REGULATOR, WHOLESALER, SupplyWorld
from identity.suite import DAY


@pytest.fixture
def index(trade: SupplyWorld) -> str:
    """An index of what stands, with a lot that was recalled and disclosed."""
    made = trade.lot(20)
    arguments = ("--reason", "inspection 7", "--number", "0-4", "--out", trade.folder / "disclosed.json")
    trade.ok(MAKER, "lot", "disclose", made.number, "--card", trade.card(REGULATOR), *arguments)
    trade.ok(MAKER, "recall", made.number, "--class", "I", "--reason", "contamination")
    url = f"sqlite:///{trade.folder / 'index.db'}"
    trade.ok(MAKER, "index", "sync", "--index", url, "--supply", trade.stage.operator)
    return url


def report(trade: SupplyWorld, index: str, *more: object, who: str = MAKER) -> Any:
    return trade.ok(who, "audit", "report", "--from", "0", "--to", "now", "--index", index, *more)


def test_an_auditor_is_told_what_changed(trade: SupplyWorld, index: str) -> None:
    found = report(trade, index)
    told = {name: {entry["event"] for entry in entries} for name, entries in found["sections"].items()}
    assert {"OrganizationAdmitted", "KeyAdded", "ContractPublished"} <= told["members and keys"]
    assert {"RoleGranted", "TargetFunctionRoleUpdated"} <= told["roles"]
    assert "ProductAssigned" in told["rules"]
    assert "LotRecalled" in told["recalls and suspicions"]
    assert {one["receiver"] for one in found["disclosures"]} == {trade.id_of(REGULATOR)}
    blocks = [entry["block_number"] for entry in found["sections"]["members and keys"]]
    assert blocks == sorted(blocks)
    shown = trade.shown(MAKER, "audit", "report", "--from", "0", "--to", "now", "--index", index)
    assert "lot recalled" in shown
    assert "decisions of people" in shown.partition("none: ")[2]
    other = report(trade, index, "--organization", trade.names[WHOLESALER], who=WHOLESALER)
    assert (other["sections"], other["disclosures"]) == (found["sections"], [])


def test_the_page_holds_every_entry_and_names_organizations(trade: SupplyWorld, index: str, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    found = report(trade, index, "--html", page)
    text = page.read_text()
    for entries in found["sections"].values():
        assert all(entry["transaction_hash"] in text for entry in entries)
    assert trade.names[MAKER] in text
    assert "inspection 7" in text
    assert "<script" not in text


def test_a_time_that_the_index_does_not_have_is_refused(trade: SupplyWorld, index: str) -> None:
    later = str(trade.stage.suite.now + 10 * DAY)
    for begin, end in (("0", later), ("2", "1")):
        refused = trade(MAKER, "audit", "report", "--from", begin, "--to", end, "--index", index)
        assert (refused.exit_code, refused.error["fields"]["name"]) == (2, "to")
    assert trade(MAKER, "audit", "report", "--from", "0", "--to", "1").exit_code == 3
