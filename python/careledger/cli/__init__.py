"""The command line, one group of commands for each domain.

Exit codes: 0 done; 1 unexpected; 2 wrong use or wrong value; 3 configuration; 4 the chain could not be asked, or is
another one; 5 a contract refused; 6 no such organization; 7 a signer's key; 8 the vault; 9 the answer is no: not
active, not finished in time, a document not in force or not all read, or a deployment or an index is not what it should
be; 10 a database; 11 the outbox; 12 the index; 13 anchoring: no such anchor, or a receipt or proof that cannot be used;
14 a request for authorization, or its answer, that cannot be taken; 15 what is kept at home or handed on of lots: not
known, or not what was said of it.
"""

from __future__ import annotations

import os
import sys

from careledger.cli import output
from careledger.cli.program import COMMANDS, program
from careledger.errors import CareLedgerError

__all__ = ["main"]


def main() -> None:
    """The `careledger` program."""
    completing = "_CARELEDGER_COMPLETE" in os.environ  # a shell asks, which may be about any command
    app = program([command.name for command in COMMANDS] if completing else sys.argv[1:2])
    try:
        app(prog_name="careledger")
    except CareLedgerError as error:
        raise SystemExit(output.fail(error)) from None
