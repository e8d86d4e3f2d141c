"""The audit report as a page of its own."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from careledger.cli.audit.words import Words, counted, decided, spoken_event
from careledger.cli.words import time_text

if TYPE_CHECKING:
    from careledger.audit import AuditReport
    from careledger.serialization.lot_book_entries import Disclosure

__all__ = ["page"]

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.1rem; margin: 2rem 0 .5rem; }}
nav ul {{ columns: 2; padding-left: 1.2rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid #dde3ea; }}
th {{ color: #4a4a4a; font-weight: 600; }}
td {{ overflow-wrap: anywhere; }} td.time {{ white-space: nowrap; }}
.at {{ display: block; color: #555; font-size: .8rem; }}
footer {{ margin-top: 2rem; border-top: 1px solid #ccc; padding-top: .5rem; color: #555; font-size: .85rem; }}
@media print {{ body {{ margin: 0; max-width: none; font-size: 10pt; }} tr {{ break-inside: avoid; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{span}</p>
<nav aria-label="Sections"><ul>
{contents}
</ul></nav>
{sections}
<footer>{footer}</footer>
</body>
</html>
"""


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
        parts.append((f"{name}: {len(entries)}", _table(("time", "what", "with"), rows)))
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row) + "</tr>" for row in decided(found)
    )
    lines = sum(one.count for one in found.decisions)
    parts.append((f"lines decided: {lines:,}", _table(("action", "basis", "by", "lines"), rows)))
    parts.append((f"claims decided: {found.claims:,}", ""))
    rows = "".join(
        f'<tr><td class="time">{escape(time_text(one.at))}</td><td>{escape(words.of(one.receiver))}</td>'
        f"<td>{escape(one.lot)}</td><td>{escape(one.reason)}</td></tr>"
        for one in disclosures or ()
    )
    parts.append((f"disclosures: {counted(disclosures)}", _table(("time", "to", "lot", "why"), rows)))
    contents, sections = [], []
    for number, (title, body) in enumerate(parts):
        contents.append(f'<li><a href="#s{number}">{escape(title)}</a></li>')
        sections.append(f'<section><h2 id="s{number}">{escape(title)}</h2>\n{body}</section>')
    return PAGE.format(
        title="Audit report",
        span=escape(f"From {time_text(found.from_time)} to {time_text(found.to_time)}"),
        contents="\n".join(contents),
        sections="\n".join(sections),
        footer=escape(
            f"As of block {found.as_of_block}, {time_text(found.as_of_time)}. "
            "Each entry can be looked up on the chain by its transaction."
        ),
    ).encode()


def _table(columns: tuple[str, ...], rows: str) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
