"""HTML pages that need nothing else: no script, no font, no picture. What is put into them is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["bars", "html_page", "section", "table"]

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; margin-bottom: .25rem; }} h2 {{ font-size: 1.15rem; margin: 2rem 0 .5rem; }}
nav ul {{ columns: 2; padding-left: 1.2rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-size: .95rem; }}
caption {{ text-align: left; font-weight: 600; padding-bottom: .3rem; }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid #dde3ea; }}
th {{ color: #4a4a4a; font-weight: 600; }}
td {{ overflow-wrap: anywhere; }} td.time, td.number {{ white-space: nowrap; }} .number {{ text-align: right; }}
.at {{ display: block; color: #555; font-size: .8rem; overflow-wrap: anywhere; }}
.bars {{ display: grid; grid-template-columns: minmax(8rem, max-content) 1fr max-content; gap: .3rem .9rem;
  align-items: center; margin: .5rem 0 1rem; }}
.bars > div {{ display: contents; }} .bars dd {{ margin: 0; }} .bars dd.number {{ order: 0; }}
.bars svg {{ display: block; width: 100%; height: 1rem; }} .bars rect {{ fill: #1d6b74; }}
footer {{ margin-top: 2rem; border-top: 1px solid #ccc; padding-top: .5rem; color: #555; font-size: .85rem; }}
@media print {{ body {{ margin: 0; max-width: none; font-size: 10pt; }} tr, li {{ break-inside: avoid; }}
  rect, li::before {{ print-color-adjust: exact; }} }}
{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
<footer>{footer}</footer>
</body>
</html>
"""


def html_page(title: str, body: str, footer: str, style: str = "") -> bytes:
    """A page. `body` is HTML already, `style` is CSS; the other two are text."""
    return PAGE.format(title=escape(title), body=body, footer=escape(footer), style=style).encode()


def section(name: str, title: str, body: str) -> str:
    """A section that a link to `#name` leads to. `body` is HTML already."""
    return f'<section><h2 id="{escape(name)}">{escape(title)}</h2>\n{body}</section>'


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: frozenset[int] = frozenset()) -> str:
    """A table of texts; the columns at `numbers` stand to the right. Empty without rows."""

    def line(tag: str, row: Sequence[str]) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        cells = (
            f"<{tag}{scope}{' class=number' if place in numbers else ''}>{escape(value)}</{tag}>"
            for place, value in enumerate(row)
        )
        return f"<tr>{''.join(cells)}</tr>"

    body = "".join(line("td", row) for row in rows)
    if not body:
        return ""
    return f'<div class="wide"><table><thead>{line("th", columns)}</thead><tbody>{body}</tbody></table></div>'


def bars(values: Sequence[tuple[str, int]]) -> str:
    """Bars with their names and whole numbers. None may be negative. Empty without values."""
    longest = max((value for _, value in values), default=0) or 1
    lines = (
        f"<div><dt>{escape(name)}</dt>"
        f'<dd><svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{value * 1000 // longest}" height="10"/></svg></dd>'
        f'<dd class="number">{value:,}</dd></div>'
        for name, value in values
    )
    return f'<dl class="bars">{"".join(lines)}</dl>' if values else ""
