"""`careledger trace`: the custody timeline in the terminal, in JSON, and as a page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from cli.supply_world import MAKER, PHARMACY, REGULATOR, WHOLESALER, SupplyWorld

ACTS = ["lot commissioned", "range packed", "shipped", "received", "shipped", "received", "unit dispensed"]
LEADS_ELSEWHERE = {"script", "link", "img", "iframe", "object", "embed", "form", "a", "base", "svg"}


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_pack_is_traced_from_its_lot_to_the_patient(trade: SupplyWorld) -> None:
    made = trade.lot(20)
    carton = trade.carton(made)
    trade.deliver(carton, MAKER, WHOLESALER)
    trade.deliver(carton, WHOLESALER, PHARMACY)
    trade.ok(PHARMACY, "dispense", made.code(3))
    path = trade.folder / "trace.html"
    body = trade.ok(PHARMACY, "trace", made.code(3), "--html", path)
    assert [one["act"] for one in body["steps"]] == ACTS
    times = [(one["time"], one["block_number"]) for one in body["steps"]]
    assert times == sorted(times)
    assert body["steps"][-1]["organization"] == trade.id_of(PHARMACY)
    assert (body["location"]["finding"], body["location"]["status"]) == ("DISPENSED", "DISPENSED")
    assert body["blocks_behind"] == 0
    shown = trade.shown(PHARMACY, "trace", made.code(3))
    for said in ("DISPENSED", made.number, f"SSCC {carton}", trade.names[WHOLESALER], "unit dispensed", "as of block"):
        assert said in shown
    page = Page(path.read_text())
    assert not LEADS_ELSEWHERE & set(page.tags)
    assert not [name for name, value in page.attributes if name in {"src", "href", "srcset"} or name.startswith("on")]
    assert page.tags.count("li") == len(ACTS)
    text = "".join(page.text)
    assert all(one["transaction_hash"] in text for one in body["steps"])
    assert f"SSCC {carton}" in text
    assert "url(" not in path.read_text()
    assert "@media print" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_in_a_page_is_escaped(trade: SupplyWorld) -> None:
    made = trade.lot(4)
    odd = '<b>&"'
    file = trade.folder / "odd.txt"
    file.write_text(f"{odd}\n")
    product = f"gtin:{made.code(0)[4:18]}"
    number = f"<i>{made.number}"
    lot = trade.ok(MAKER, "lot", "commission", product, number, "--serials", file, "--expiry", "2050-01-31")["lot"]
    path = trade.folder / "trace.html"
    trade.ok(MAKER, "trace", f"(01){made.code(0)[4:18]}(21){odd}(10){number}", "--html", path)
    page = path.read_text()
    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;&amp;&quot;" in page
    assert lot in page


def test_anyone_traces_by_lot_and_number(trade: SupplyWorld) -> None:
    made = trade.lot(4)
    trade.ok(MAKER, "recall", made.number, "--class", "II", "--reason", "potency")
    body = trade.ok(REGULATOR, "trace", f"{made.lot}/2", "--vault", trade.folder / "no-such-vault.db")
    assert [one["act"] for one in body["steps"]] == ["lot commissioned", "lot recalled", "lot opened"]
    assert "class II, potency" in trade.shown(REGULATOR, "trace", f"{made.lot}/2")
    report = trade.shown(REGULATOR, "recall", "report", made.lot)
    assert "nobody holds any in hand" in report
    assert "class II, potency" in report
    beyond = trade(REGULATOR, "trace", f"{made.lot}/99999999")
    assert (beyond.exit_code, beyond.body["location"]) == (9, None)
    assert trade(REGULATOR, "trace", f"{made.lot}/x").exit_code == 2


def test_a_trace_comes_from_an_index_that_is_named(trade: SupplyWorld) -> None:
    made = trade.delivered(10)
    url = f"sqlite:///{trade.folder / 'index.db'}"
    trade.ok(MAKER, "index", "sync", "--index", url, "--supply", trade.stage.operator)
    by_index = trade.ok(PHARMACY, "trace", made.code(1), "--index", url)
    assert by_index == trade.ok(PHARMACY, "trace", made.code(1))
    trade.ok(PHARMACY, "dispense", made.code(1))
    assert trade.ok(PHARMACY, "trace", made.code(1), "--index", url)["blocks_behind"] == 1
    other = f"sqlite:///{trade.folder / 'other.db'}"
    trade.ok(MAKER, "index", "sync", "--index", other)
    refused = trade(PHARMACY, "trace", made.code(1), "--index", other)
    assert (refused.exit_code, refused.error["type"]) == (12, "IndexOfAnotherChain")
