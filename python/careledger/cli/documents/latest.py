"""`careledger latest`: the newest of a document's successors, from the chain."""

from __future__ import annotations

from rich.console import Console

from careledger.anchoring import Location
from careledger.anchoring.types import Link
from careledger.cli.documents.files import receipt_here
from careledger.cli.documents.words import ReceiptPath, kebab
from careledger.cli.output import table
from careledger.cli.session import Answer, reads
from careledger.cli.words import time_text
from careledger.client import CareLedger

__all__ = ["latest"]


@reads
def latest(ledger: CareLedger, receipt: ReceiptPath) -> Answer:
    """Walk from a document over its successors to the newest, on the chain."""
    found = receipt_here(ledger, receipt)
    block = ledger.connection.block_number()
    steps: list[Link] = []
    place = found.submitter, found.leaf
    while (link := ledger.documents.successor(*place, block=block)) is not None:
        steps.append(link)
        place = link.submitter, link.leaf
    newest = Location(*place) if steps else found.location
    status = ledger.documents.status(newest, block)
    body = {
        "submitter": place[0],
        "leaf": place[1],
        "is_newest": not steps,
        "status": status,
        "successors": steps,
        "as_of_block": block,
    }

    def render(console: Console) -> None:
        if steps:
            rows = [(time_text(step.amended_at), kebab(step.reason), step.submitter, step.leaf) for step in steps]
            console.print(table("Successors", ("since", "reason", "submitter", "leaf"), rows))
        else:
            console.print(f"{receipt} has no successor")
        known = "unknown here: it is in a batch, its receipt tells" if status == 0 else kebab(status)
        console.print(f"the newest is {known}; as of block {block}")

    return Answer(body, render)
