"""The audit report as a page of its own."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from careledger.cli.audit.words import Words, counted, decided, spoken_event
from careledger.cli.html_page import html_page, section, table
from careledger.cli.words import time_text

if TYPE_CHECKING:
    from careledger.audit import AuditReport
    from careledger.serialization.lot_book_entries import Disclosure

__all__ = ["page"]


def page(found: AuditReport, disclosures: tuple[Disclosure, ...] | None, words: Words) -> bytes:
    """An HTML page that needs nothing else: no script, no font, no picture; everything in it is escaped."""
    parts: list[tuple[str, str]] = []
    for name, entries in found.sections.items():
        rows = "".join(
            f'<tr><td class="time">{escape(time_text(entry.time))}</td><td>{escape(spoken_event(entry.event))}</td>'
            f'<td>{escape(words.values(entry))}<span class="at">block {entry.block_number}, transaction '
            f"{escape(entry.transaction_hash)}, contract {escape(entry.contract)}</span></td></tr>"
            for entry in entries
        )
        parts.append((f"{name}: {len(entries)}", _entries(rows)))
    lines = sum(one.count for one in found.decisions)
    told = [tuple(map(str, row)) for row in decided(found)]
    parts.append((f"lines decided: {lines:,}", table(("action", "basis", "by", "lines"), told)))
    parts.append((f"claims decided: {found.claims:,}", ""))
    disclosed = [(time_text(one.at), words.of(one.receiver), one.lot, one.reason) for one in disclosures or ()]
    parts.append((f"disclosures: {counted(disclosures)}", table(("time", "to", "lot", "why"), disclosed)))
    contents = "\n".join(
        f'<li><a href="#s{number}">{escape(title)}</a></li>' for number, (title, _) in enumerate(parts)
    )
    sections = "\n".join(section(f"s{number}", title, body) for number, (title, body) in enumerate(parts))
    span = escape(f"From {time_text(found.from_time)} to {time_text(found.to_time)}")
    return html_page(
        "Audit report",
        f'<p>{span}</p>\n<nav aria-label="Sections"><ul>\n{contents}\n</ul></nav>\n{sections}',
        f"As of block {found.as_of_block}, {time_text(found.as_of_time)}. "
        "Each entry can be looked up on the chain by its transaction.",
    )


def _entries(rows: str) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{column}</th>' for column in ("time", "what", "with"))
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
