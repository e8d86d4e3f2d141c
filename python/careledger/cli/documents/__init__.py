"""The commands on documents: anchored, verified, amended, countersigned, disputed, revoked, disclosed, forgotten."""

from __future__ import annotations

from collections.abc import Callable

import typer

from careledger.cli.documents import acts, anchor, keep, look, stream, verify

__all__ = ["register"]

PANEL = "Documents"
COMMANDS: dict[str, Callable[..., None]] = {
    "anchor": anchor.anchor,
    "verify": verify.verify_document,
    "prove": verify.prove,
    "amend": acts.amend,
    "countersign": acts.countersign,
    "withdraw-countersignature": acts.withdraw_countersignature,
    "name-party": acts.name_party,
    "dispute": acts.dispute,
    "answer": acts.answer,
    "withdraw-dispute": acts.withdraw_dispute,
    "revoke": acts.revoke,
    "history": look.history,
    "latest": look.latest,
    "disclose": keep.disclose,
    "forget": keep.forget,
}


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    for name, command in COMMANDS.items():
        app.command(name, rich_help_panel=PANEL)(command)
    app.add_typer(stream.app, name="stream", rich_help_panel=PANEL)
