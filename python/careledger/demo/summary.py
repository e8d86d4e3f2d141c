"""The demo's tables, for a person at a terminal."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from careledger.cli.output import table
from careledger.demo.ether import format_ether
from careledger.demo.funding import FUNDER, FUNDING, REFUND, Funding
from careledger.demo.performance import Performance
from careledger.demo.stage import StepRecord

__all__ = ["funding_table", "show_performance", "step_line"]


def funding_table(funding: Funding) -> Table:
    """What each account still needs at the present fee, against the budget and the balance."""
    rows: list[tuple[object, ...]] = [
        (row.account, row.address, f"{row.gas:,}", format_ether(row.needed_wei), format_ether(row.balance_wei))
        for row in funding.rows
    ]
    rows.append(
        ("total, at the most", "", f"{sum(row.gas for row in funding.rows):,}", format_ether(funding.total_wei), "")
    )
    if funding.budget_wei is not None:
        rows.append(("budget", "", "", format_ether(funding.budget_wei), ""))
    title = f"Funding, at up to {format_ether(funding.fee_cap_wei * 10**9)} gwei for a unit of gas"
    return _right(table(title, ("account", "address", "gas", "needs ETH", "has ETH"), rows), 2, 3, 4)


def step_line(record: StepRecord) -> str:
    """One step, while the demo runs."""
    cost = "done before" if record.done_before else f"{record.gas_used:,} gas"
    return f"{record.chapter}: {record.title} ({cost})"


def show_performance(console: Console, performance: Performance) -> None:
    """What was deployed, what happened and what it cost, the answers, the figures, and what is left."""
    chain = performance.chain
    console.print(f"\ncareledger demo on chain {chain.chain_id}: {chain.where}", style="bold", markup=False)
    if performance.notice is not None:
        console.print(performance.notice, style="yellow", markup=False)
    contracts = [(entry.name, entry.address, entry.block) for entry in performance.contracts]
    console.print(table("\nDeployed", ("contract", "address", "block"), contracts))

    rows: list[tuple[object, ...]] = [_row(record) for record in _gathered(performance.steps)]
    sent = f"{performance.transactions_sent} transactions sent"
    rows.append((sent, "", f"{performance.gas_used:,}", format_ether(performance.cost_wei, 3)))
    console.print(_right(table("\nWhat happened", ("step", "by", "gas", "ETH"), rows), 2, 3))

    answers = [(answer.question, answer.answer, answer.reason or "") for answer in performance.answers]
    console.print(table("\nThe answers", ("question", "answer", "why"), answers))

    for found in performance.tables:
        console.print(table(f"\n{found.title} (asked in {found.milliseconds:,} ms)", found.columns, found.rows))

    if not chain.local:
        left = [(entry.account, entry.address, format_ether(entry.balance_wei)) for entry in performance.leftovers]
        console.print(_right(table("\nWhat is left", ("account", "address", "ETH"), left), 2))
        if any(entry.balance_wei for entry in performance.leftovers[1:]):
            console.print("The same command with --refund sends the actors' leftovers back to the funder.")


def _row(record: StepRecord) -> tuple[object, ...]:
    if record.done_before:
        return record.title, record.actor, "done before", ""
    return record.title, record.actor, f"{record.gas_used:,}", format_ether(record.cost_wei, 3)


def _gathered(records: Sequence[StepRecord]) -> Iterator[StepRecord]:
    """The steps, with the transfers to the actors, and those back, as one each."""
    for chapter, group in itertools.groupby(records, lambda record: record.chapter):
        steps = list(group)
        if chapter not in {FUNDING, REFUND}:
            yield from steps
            continue
        title = f"fund {len(steps)} actors" if chapter == FUNDING else f"refund of {len(steps)} actors"
        gas_used, cost_wei = sum(step.gas_used for step in steps), sum(step.cost_wei for step in steps)
        actor = FUNDER if chapter == FUNDING else "each"
        yield StepRecord(chapter, title, actor, False, None, gas_used, cost_wei)


def _right(made: Table, *columns: int) -> Table:
    for column in columns:
        made.columns[column].justify = "right"
    return made
