"""`careledger payer`: an insurer's own contracts, and what the insurer does with them."""

from __future__ import annotations

import typer

from careledger.cli.payer.deploy import deploy, publish
from careledger.cli.payer.eligibility import eligibility
from careledger.cli.payer.find import show_payer
from careledger.cli.payer.fund import app as fund
from careledger.cli.payer.member_keys import app as member_keys
from careledger.cli.payer.metrics import metrics
from careledger.cli.payer.policy import app as policy
from careledger.cli.payer.review import app as review
from careledger.cli.payer.review import overdue
from careledger.cli.payer.reviewer import app as reviewers
from careledger.cli.payer.rules import app as rules
from careledger.cli.payer.rules import replay_history

__all__ = ["app"]

app = typer.Typer(
    help="An insurer's own contracts: deploy, publish, find; policy, reviews, money.", no_args_is_help=True
)
app.command("deploy")(deploy)
app.command("publish")(publish)
app.command("show")(show_payer)
app.add_typer(policy, name="policy")
app.add_typer(rules, name="rules")
app.add_typer(member_keys, name="member-keys")
app.command("eligibility")(eligibility)
app.add_typer(reviewers, name="reviewer")
app.add_typer(review, name="review")
app.command("overdue")(overdue)
app.command("replay")(replay_history)
app.command("metrics")(metrics)
app.add_typer(fund, name="fund")
