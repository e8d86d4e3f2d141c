"""The demo's report as a page of its own."""

from __future__ import annotations

from collections import Counter
from html import escape

from careledger.cli.html_page import bars, html_page, section, table
from careledger.demo.ether import format_ether
from careledger.demo.performance import Performance

__all__ = ["page"]

DEAREST = 15
"""How many steps the chart of the dearest shows."""


def page(performance: Performance) -> bytes:
    """What happened, what it cost, what the chain answers, and the figures that were made of it."""
    chain = performance.chain
    sent = [step for step in performance.steps if step.transaction_hash is not None]
    by_chapter, by_title = Counter[str](), Counter[str]()
    for step in sent:
        by_chapter[step.chapter] += step.gas_used
        if not step.title.startswith("deploy "):
            by_title[step.title] += step.gas_used
    parts = [
        section("gas", "Gas by chapter", bars(list(by_chapter.items()))),
        section("dearest", "The dearest steps besides deployments, in gas", bars(by_title.most_common(DEAREST))),
        section(
            "answers",
            "What the chain answers",
            table(
                ("question", "answer", "why"),
                [(one.question, one.answer, one.reason or "") for one in performance.answers],
            ),
        ),
        *(section(one.name, one.title, table(one.columns, one.rows)) for one in performance.tables),
        section(
            "steps",
            "Every step",
            table(
                ("chapter", "step", "by", "gas", "transaction"),
                [
                    (
                        step.chapter,
                        step.title,
                        step.actor,
                        "done before" if step.done_before else f"{step.gas_used:,}",
                        step.transaction_hash or "",
                    )
                    for step in performance.steps
                ],
                numbers=frozenset({3}),
            ),
        ),
        section(
            "contracts",
            "Contracts of the suite",
            table(
                ("contract", "address", "block"),
                [(entry.name, entry.address, f"{entry.block}") for entry in performance.contracts],
                numbers=frozenset({2}),
            ),
        ),
    ]
    lead = f"Chain {chain.chain_id}: {chain.where}."
    notice = "" if performance.notice is None else f"<p>{escape(performance.notice)}</p>"
    figures = (
        f"{performance.transactions_sent:,} transactions, {performance.gas_used:,} gas, "
        f"{format_ether(performance.cost_wei, 3)} ETH at the fees of this chain."
    )
    return html_page(
        "careledger demo",
        f"<p>{escape(lead)}</p>\n{notice}\n<p>{escape(figures)}</p>\n" + "\n".join(parts),
        "Its organizations and documents are made up. Each step can be looked up on the chain by its transaction.",
    )
