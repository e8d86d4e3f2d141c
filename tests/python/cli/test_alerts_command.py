"""`careledger alerts`: scans held against an Anvil as it was when they were made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from careledger.errors import InvalidInput
from careledger.serialization.scans import Scan, parse_scans
from cli.supply_world import MAKER, PHARMACY, WHOLESALER, SupplyWorld
from identity.suite import DAY, travel
from serialization.told_events import GLNS, master_data

CODE = "(01)00300010000015(21)S1(10)L1"


def file_of(trade: SupplyWorld, *rows: tuple[str, int, str, str]) -> Path:
    path = trade.folder / "scans.csv"
    path.write_text("code,time,party,read_point\n" + "".join(f"{','.join(map(str, row))}\n" for row in rows))
    return path


def master_of(trade: SupplyWorld) -> Path:
    """The maker in Chicago, the wholesaler in Los Angeles, the pharmacy nowhere that is known."""
    told = json.loads(master_data({who: trade.names[who] for who in GLNS}))
    places = {"maker": (41_880_000, -87_630_000), "wholesaler": (34_050_000, -118_250_000)}
    for party in told["parties"]:
        if party["name"] in places:
            latitude, longitude = places[party["name"]]
            party |= {"latitude_microdegrees": latitude, "longitude_microdegrees": longitude}
    path = trade.folder / "master.json"
    path.write_text(json.dumps(told))
    return path


def kinds(body: dict[str, Any], of: str = "alerts") -> list[str]:
    return sorted(one["kind"] for one in body[of])


def test_scans_are_held_against_the_chain_as_it_was(trade: SupplyWorld) -> None:
    made = trade.lot(10)
    carton = trade.carton(made)
    with_maker = trade.stage.suite.now
    travel(trade.stage.connection, DAY)
    trade.deliver(carton, MAKER, PHARMACY)
    with_pharmacy = trade.stage.suite.now
    names = trade.names
    fine = file_of(
        trade,
        (made.code(1), with_maker, names[MAKER], GLNS["maker"]),
        (made.code(1), with_pharmacy, names[PHARMACY], GLNS["pharmacy"]),
    )
    quiet = trade.ok(PHARMACY, "alerts", fine)
    assert (quiet["alerts"], quiet["scans"]) == ([], 2)
    assert kinds(quiet, "not_assessed") == ["impossible travel"]
    odd = file_of(
        trade,
        (made.code(2), with_pharmacy, names[PHARMACY], GLNS["pharmacy"]),
        (made.code(2), with_pharmacy + 5, names[WHOLESALER], GLNS["wholesaler"]),
    )
    found = trade(PHARMACY, "alerts", odd)
    assert found.exit_code == 9
    assert kinds(found.body) == ["duplicate", "out of place"]
    shown = trade.shown(PHARMACY, "alerts", odd, exit_code=9)
    assert f"held by {names[PHARMACY]}" in shown


def test_journeys_that_nobody_makes_need_coordinates(trade: SupplyWorld) -> None:
    made = trade.lot(10)
    trade.carton(made)
    now = trade.stage.suite.now
    file = file_of(
        trade,
        (made.code(1), now, trade.names[MAKER], GLNS["maker"]),
        (made.code(1), now + 600, trade.names[MAKER], GLNS["wholesaler"]),
    )
    assert kinds(trade(MAKER, "alerts", file).body, "not_assessed") == ["impossible travel"]
    found = trade(MAKER, "alerts", file, "--master", master_of(trade))
    assert (found.exit_code, kinds(found.body)) == (9, ["impossible travel"])
    assert trade.ok(MAKER, "alerts", file, "--master", master_of(trade), "--speed-kmh", 100_000)["alerts"] == []


def test_what_cannot_be_read_is_left_out_and_told(trade: SupplyWorld) -> None:
    made = trade.lot(10)
    now = trade.stage.suite.now
    file = file_of(
        trade,
        ("nonsense", now, trade.names[MAKER], "dock"),
        ("(00)106141412345678908", now, trade.names[MAKER], "dock"),
        (made.code(1), now, trade.names[MAKER], "dock"),
    )
    body = trade.ok(MAKER, "alerts", file)
    assert [one["line"] for one in body["left_out"]] == [2, 3]
    assert "line 2 left out" in trade.shown(MAKER, "alerts", file)


def test_scans_are_read_from_csv() -> None:
    text = f"code,time,party,read_point\n{CODE},2026-03-01T00:00:00,corner-pharmacy,dock\n\n{CODE},7,0x{24 * 'a'},\n"
    first, second = parse_scans(text.encode())
    assert (first.time, first.line, first.read_point) == (1_772_323_200, 2, "dock")
    assert second == Scan(4, CODE, 7, f"0x{24 * 'a'}", "")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "header"),
        ("code,when\n", "header"),
        ("code,time,party,read_point\na,b\n", "line 2"),
        ("code,time,party,read_point\na,yesterday,corner-pharmacy,x\n", "line 2, time"),
        ("code,time,party,read_point\na,1,No Name,x\n", "No Name"),
        ("code,time,party,read_point\n\xff", "header"),
    ],
)
def test_wrong_files_are_told_where(text: str, named: str) -> None:
    content = text.encode("latin-1")
    with pytest.raises(InvalidInput, match=named if "\xff" not in text else "CSV in UTF-8"):
        parse_scans(content)
