"""The command line, one group of commands for each domain.

Exit codes: 0 done; 1 unexpected; 2 wrong use or wrong value; 3 configuration; 4 the chain could not be asked, or is
another one; 5 a contract refused; 6 no such organization; 7 a signer's key; 8 the vault; 9 the answer is no: not
active, not finished in time, a document not in force or not all read, or a deployment or an index is not what it should
be; 10 a database; 11 the outbox; 12 the index; 13 anchoring: no such anchor, or a receipt or proof that cannot be used.
"""

from __future__ import annotations

import typer

from careledger._version import __version__
from careledger.cli import demo, deploy, documents, governance, index, keys, node, org, outbox, output, vault
from careledger.errors import CareLedgerError

__all__ = ["app", "main"]

app = typer.Typer(
    name="careledger",
    help="Anchor medical documents, authorize and pay care, and follow medicines, on Ethereum.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


app.command("node")(node.node)
app.command("demo")(demo.demo)
documents.register(app)
app.add_typer(deploy.app, name="deploy")
app.add_typer(org.app, name="org")
app.add_typer(governance.app, name="governance")
app.add_typer(outbox.app, name="outbox")
app.add_typer(index.app, name="index")
app.add_typer(keys.app, name="keys")
app.add_typer(vault.app, name="vault")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """The `careledger` program."""
    try:
        app(prog_name="careledger")
    except CareLedgerError as error:
        raise SystemExit(output.fail(error)) from None
