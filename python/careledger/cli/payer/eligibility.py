"""`careledger payer eligibility`: the insurer's word to a provider that a member is covered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from careledger.authorization.authorizations import Authorizations
from careledger.authorization.eligibility_file import dump_eligibility
from careledger.chain.signers.signer import required
from careledger.cli.authorization.words import PayerName, Provider, named_payer
from careledger.cli.documents.files import write_private
from careledger.cli.session import Answer, parse_time, signs, working
from careledger.cli.words import time_text
from careledger.client import CareLedger
from careledger.errors import InvalidInput

__all__ = ["eligibility"]

KEY_DIGITS = 32


@signs
def eligibility(
    ledger: CareLedger,
    provider: Provider,
    member_key: Annotated[
        str, typer.Argument(help="The member's key for the period, by the plan's secret: 0x and 32 digits.")
    ],
    plan: Annotated[int, typer.Option(help="The plan's number.", min=0, max=2**32 - 1, show_default=False)],
    period: Annotated[int, typer.Option(help="The benefit period's number.", min=0, max=65_535, show_default=False)],
    valid_until: Annotated[str, typer.Option(help="Unix seconds, or ISO 8601.", show_default=False)],
    file: Annotated[Path, typer.Option(help="Where to write it.")] = Path("eligibility.json"),
    payer: PayerName = "",
) -> Answer:
    """Sign that a member is covered, by a key of the insurer's, into a file for the provider. Sends nothing."""
    digits = member_key.removeprefix("0x").lower()
    if not member_key.startswith("0x") or len(digits) != KEY_DIGITS or set(digits) - set("0123456789abcdef"):
        raise InvalidInput("member key", member_key, f"must be 0x and {KEY_DIGITS} hexadecimal digits")
    until = parse_time(valid_until, ledger.connection)
    with working("Asking the chain"):
        asked = named_payer(ledger, payer)
        key = required(asked.signer).address
        if asked.organizations.of_key(key)[0] != asked.insurer:
            raise InvalidInput("signer", key, f"is no key of {asked.name}")
        organization = asked.organizations.known(provider)
        desk = Authorizations(asked.authorizations, asked.organizations, asked.first_block, asked.signer)
        signed = desk.sign_eligibility("0x" + digits, organization, plan, period, until)
    write_private(file, dump_eligibility(signed))
    text = f"{file}: for {provider}, until {time_text(until)}"
    body = {"file": file, "provider": organization, "plan": plan, "period": period, "valid_until": until}
    return Answer(body, lambda console: console.print(text, markup=False, soft_wrap=True))
