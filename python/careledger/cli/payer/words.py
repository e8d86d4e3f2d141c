"""What the insurer's commands share: options, reasons, and what a person says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from careledger.anchoring.types import ZERO_HASH
from careledger.authorization.reviews import Reasons, parse_reasons
from careledger.cli.documents.files import commitment, readable
from careledger.cli.session import progress_line
from careledger.client import CareLedger
from careledger.errors import ConfigurationError

if TYPE_CHECKING:
    from careledger.chain.outbox import Outbox

__all__ = [
    "IndexOption",
    "InsurerVault",
    "Rationale",
    "ReasonText",
    "ReasonsFile",
    "RuleFile",
    "load_reasons",
    "opened_outbox",
    "said",
]

RuleFile = Annotated[Path, typer.Argument(metavar="FILE", help="The rule file; see docs/authorization-rules.md.")]
ReasonText = Annotated[
    str, typer.Option("--reason", help="By the list of reasons: name or number.", show_default=False)
]
ReasonsFile = Annotated[
    Path | None,
    typer.Option(
        "--reasons",
        envvar="CARELEDGER_REASONS",
        help="The insurer's list of reasons, in YAML; see docs/authorization.md.",
        show_default=False,
    ),
]
Rationale = Annotated[
    Path | None,
    typer.Option(
        help="File with what is said: a salted hash of it is published. Salt and hash go to FILE.statement.json.",
        show_default=False,
    ),
]

InsurerVault = Annotated[
    Path | None,
    typer.Option(
        "--vault",
        envvar="CARELEDGER_VAULT",
        help="The insurer's vault, with the plans' secrets.",
        show_default="CARELEDGER_HOME/vault.db",
    ),
]
IndexOption = Annotated[
    str,
    typer.Option(
        "--index",
        envvar="CARELEDGER_INDEX",
        help="Ask this index: sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME. Default: the chain's events.",
        show_default=False,
    ),
]


def load_reasons(path: Path | None) -> Reasons:
    """Raises ConfigurationError if no list is named, and InvalidInput."""
    if path is None:
        raise ConfigurationError("--reasons or CARELEDGER_REASONS", "not set; name the insurer's list of reasons")
    with readable(path, "reasons"):
        return parse_reasons(path.read_bytes())


def said(file: Path | None) -> str:
    """The salted hash of what a file says, with the salt kept beside it; nothing without a file."""
    if file is None:
        return ZERO_HASH
    found, path = commitment(file)
    progress_line(f"salt and hash are in {path}: keep it with the file")
    return found


@contextmanager
def opened_outbox(ledger: CareLedger, url: str, rules: Path) -> Iterator[Outbox]:
    """The outbox of a load: by default a file beside the rule file."""
    from careledger.chain.outbox import Outbox  # with it comes SQLAlchemy

    chosen = url or f"sqlite:///{rules.resolve().with_suffix('.outbox.db')}"
    with Outbox.open(chosen, ledger.connection) as opened:
        yield opened
