"""A pack's custody timeline, for a terminal and as a page of its own."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from careledger.cli.html_page import html_page
from careledger.cli.supply.words import Names, celsius_text, spoken
from careledger.cli.words import time_text
from careledger.contract_enums import PackFinding
from careledger.contract_events import (
    ContainerEnded,
    ContainerNested,
    DeviceServiced,
    HandedOver,
    LotRecalled,
    RangePacked,
    Shipped,
    UnitIllegitimate,
    UnitsEnded,
    WindowRecorded,
)

if TYPE_CHECKING:
    from careledger.serialization.index_entries import TraceEntry, UnitLocation

__all__ = ["Step", "Timeline", "page", "render", "step"]

GRAVE = frozenset(
    {
        *("lot recalled", "unit suspected", "unit illegitimate", "reported missing", "excursion flagged", "rejected"),
        "window recorded",
    }
)
"""Acts that a reader should not overlook. Of windows, only excursions are traced."""

STYLE = """.finding { font-weight: 700; }
.yes { color: #17632b; } .no { color: #a11212; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 1rem 0 2rem; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
ol { list-style: none; margin: 0; padding: 0 0 0 1.5rem; border-left: 3px solid #b9c4d0; }
ol li { position: relative; margin: 0 0 1.1rem; }
ol li::before { content: ""; position: absolute; left: -1.97rem; top: .45rem; width: .7rem; height: .7rem;
  border-radius: 50%; background: #3b6ea5; border: 2px solid #fff; }
li.grave::before { background: #a11212; }
.act { font-weight: 600; } .grave .act { color: #a11212; }
time { color: #555; font-size: .85rem; }
"""


@dataclass(frozen=True)
class Step:
    """One act as it is told: `container` is its SSCC, if the book knows it, or id; None if the act is the lot's or the
    unit's own."""

    entry: TraceEntry
    who: str
    container: str | None
    detail: str

    @property
    def grave(self) -> bool:
        return self.entry.act in GRAVE


@dataclass(frozen=True)
class Timeline:
    """What happened to one unit. `facts` are what is known of it, by name."""

    title: str
    location: UnitLocation
    facts: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
    as_of: str

    @property
    def verified(self) -> bool:
        return self.location.finding is PackFinding.VERIFIED

    @property
    def finding(self) -> str:
        return "in supply, nothing against it" if self.verified else spoken(self.location.finding).upper()


def step(entry: TraceEntry, names: Names, sscc: str | None) -> Step:
    """An act, told. `sscc` is that of its container, if it is known."""
    who = "" if entry.organization is None else names.of(entry.organization)
    container = entry.container and (f"SSCC {sscc}" if sscc else f"container {entry.container}")
    return Step(entry, who, container, _detail(entry.event, names))


def render(console: Console, found: Timeline) -> None:
    """The timeline, from above to below as time went."""
    console.print(Text(found.title, style="bold"), soft_wrap=True)
    console.print(Text(found.finding, style="bold green" if found.verified else "bold red"))
    for name, value in found.facts:
        console.print(f"  {name}: {value}", markup=False, soft_wrap=True)
    last = len(found.steps) - 1
    for number, one in enumerate(found.steps):
        line = Text("  ┬ " if number == 0 < last else "  └ " if number == last else "  ├ ")
        line.append(time_text(one.entry.at.time), style="dim")
        line.append(f"  {one.entry.act}", style="bold red" if one.grave else "bold")
        line.append("".join(f", {part}" for part in (one.who, one.container, one.detail) if part))
        console.print(line, soft_wrap=True)
        under = "  │   " if number < last else "      "
        place = f"{under}block {one.entry.at.block_number}, {one.entry.at.transaction_hash}"
        console.print(Text(place, style="dim"), soft_wrap=True)
    console.print(f"as of {found.as_of}")


def page(found: Timeline) -> bytes:
    """An HTML page that needs nothing else: no script, no font, no picture; everything in it is escaped."""
    facts = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in found.facts)
    steps = "\n".join(_item(one) for one in found.steps)
    style = "yes" if found.verified else "no"
    return html_page(
        found.title,
        f'<p class="finding {style}">{escape(found.finding)}</p>\n<dl class="facts">\n{facts}\n</dl>\n'
        f"<ol>\n{steps}\n</ol>",
        f"As of {found.as_of}. Each act can be looked up on the chain by its transaction.",
        STYLE,
    )


def _item(one: Step) -> str:
    rest = "".join(f", {escape(part)}" for part in (one.who, one.container, one.detail) if part)
    at = f"block {one.entry.at.block_number}, transaction {escape(one.entry.at.transaction_hash)}"
    style = ' class="grave"' if one.grave else ""
    when = escape(time_text(one.entry.at.time))
    return (
        f'<li{style}><time>{when}</time><br><span class="act">{escape(one.entry.act)}</span>{rest}'
        f'<span class="at">{at}</span></li>'
    )


def _detail(event: Any, names: Names) -> str:
    """What the act's own values tell a person."""
    match event:
        case Shipped():
            back = "as a return " if event.is_return else ""
            by = f", carried by {names.of(event.carrier)}" if int(event.carrier, 16) else ""
            return f"{back}to {names.of(event.receiver)}{by}, due {time_text(event.deadline)}"
        case HandedOver():
            return f"to {names.of(event.to)}"
        case RangePacked():
            return f"{event.count} numbers from {event.first} on"
        case ContainerNested():
            return f"into container {event.parent}"
        case LotRecalled():
            return f"{spoken(event.recall_class)}, {spoken(event.reason)}"
        case UnitsEnded() | ContainerEnded():
            return spoken(event.status)
        case UnitIllegitimate():
            return f"notice due {time_text(event.notice_due_at)}"
        case WindowRecorded():
            return f"{celsius_text(event.lowest)} to {celsius_text(event.highest)}"
        case DeviceServiced():
            return spoken(event.kind)
    return ""
