"""What the commands of authorization share, the provider's and the insurer's: arguments, files, amounts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careledger.anchoring import Receipt
from careledger.authorization.amounts import Settlement
from careledger.authorization.eligibility_file import parse_eligibility
from careledger.authorization.plain import parse_plain_request
from careledger.authorization.request import AuthorizationRequest, BusinessIdentifier
from careledger.authorization.rule_file import load_rule_file
from careledger.authorization.rule_set import RuleSet
from careledger.authorization.tariff import Tariff
from careledger.authorization.types import NO_ELIGIBILITY, Eligibility
from careledger.chain.token import Token
from careledger.cli.documents.files import load_receipt, readable, write_private
from careledger.client import CareLedger
from careledger.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from careledger.authorization.fhir.request_bundle import RequestBundle
    from careledger.authorization.payer import Payer
    from careledger.vault import Vault

__all__ = [
    "Asked",
    "Documents",
    "EligibilityFile",
    "LineNumber",
    "PayerName",
    "Provider",
    "ProviderOptions",
    "RequestArgument",
    "RequestId",
    "RulesFile",
    "TariffFile",
    "VaultFile",
    "find_identifier",
    "id_on_chain",
    "load_documents",
    "load_eligibility",
    "load_request",
    "load_rules",
    "load_tariff",
    "money_of",
    "named_payer",
    "opened_vault",
    "positive",
    "require_payer_name",
    "write_json",
]

ID_ON_CHAIN = re.compile("0x[0-9a-fA-F]{64}")
NO_CURRENCY = "XXX"
"""ISO 4217 for no currency: amounts of a token whose currency nobody needs to know here."""

PayerName = Annotated[
    str,
    typer.Option(
        "--payer", envvar="CARELEDGER_PAYER", help="The insurer's registered name, or its id.", show_default=False
    ),
]
RulesFile = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        envvar="CARELEDGER_RULES",
        help="The rule file of the version in force, from the insurer.",
        show_default=False,
    ),
]
TariffFile = Annotated[
    Path | None,
    typer.Option(
        "--tariff",
        envvar="CARELEDGER_TARIFF",
        help="The agreed tariff, YAML, JSON or CSV: the amount of lines that have none.",
        show_default=False,
    ),
]
EligibilityFile = Annotated[
    Path | None,
    typer.Option("--eligibility", help="The insurer's signed word that the member is covered.", show_default=False),
]
Documents = Annotated[
    list[str] | None,
    typer.Option(
        "--document",
        help="Receipt of an anchored document that it rests on: a file, or vault:LEAF. May be repeated.",
        show_default=False,
    ),
]
VaultFile = Annotated[
    Path | None,
    typer.Option(
        "--vault",
        envvar="CARELEDGER_VAULT",
        help="The provider's vault, with its secret and salts.",
        show_default="CARELEDGER_HOME/vault.db",
    ),
]
RequestArgument = Annotated[
    str, typer.Argument(metavar="REQUEST", help="The file that was sent, or its identifier: SYSTEM|VALUE.")
]


Provider = Annotated[str, typer.Argument(help="The provider's registered name, or its id.")]


def _request_id(text: str) -> str:
    return id_on_chain("request", text)


def id_on_chain(what: str, text: str) -> str:
    """An id of 32 bytes, in small letters. Raises InvalidInput for what is none."""
    if not ID_ON_CHAIN.fullmatch(text):
        raise InvalidInput(what, text, "must be its id on the chain: 0x and 64 hexadecimal digits")
    return text.lower()


RequestId = Annotated[
    str,
    typer.Argument(
        metavar="REQUEST", help="Id on the chain, as `auth status` and the queue show it.", callback=_request_id
    ),
]
LineNumber = Annotated[int, typer.Argument(help="The line's number, from 0.", min=0, max=254)]


@dataclass(frozen=True, kw_only=True)
class ProviderOptions:
    """By which the provider's commands find the insurer, the rules that it gave out, and the provider's own vault."""

    payer: PayerName = ""
    rules: RulesFile = None
    vault: VaultFile = None


@dataclass(frozen=True)
class Asked:
    """A request, and the bundle that it came in, if it came in one."""

    request: AuthorizationRequest
    bundle: RequestBundle | None = None


def named_payer(ledger: CareLedger, name: str) -> Payer:
    """The insurer's contracts. Raises ConfigurationError if none is named."""
    return ledger.payer(require_payer_name(name))


def require_payer_name(name: str) -> str:
    """Raises ConfigurationError if no insurer is named."""
    if not name:
        raise ConfigurationError("--payer or CARELEDGER_PAYER", "not set; name the insurer")
    return name


def money_of(payer: Payer) -> Settlement:
    """By which amounts are read and shown: the decimals of the vault's token."""
    return Settlement(NO_CURRENCY, Token(payer.vault.connection, str(payer.vault.read("token"))).decimals())


def positive(money: Settlement, text: str) -> int:
    """An amount of minor units. Raises InvalidInput for what is none, and for nothing."""
    amount = money.parse(text)
    if amount == 0:
        raise InvalidInput("amount", text, "must be more than 0")
    return amount


@contextmanager
def opened_vault(path: Path | None) -> Iterator[Vault]:
    """One's own vault: the provider's, or the insurer's."""
    from careledger.cli.vault import open_vault  # with it comes cryptography

    with open_vault(path) as opened:
        yield opened


def load_rules(path: Path | None) -> RuleSet:
    """Raises ConfigurationError if none is named, RuleFileInvalid, and InvalidInput for a file that cannot be read."""
    if path is None:
        raise ConfigurationError("--rules or CARELEDGER_RULES", "not set; name the rule file that the insurer gave out")
    with readable(path, "rules"):
        return load_rule_file(path)


def load_tariff(path: Path | None, rule_set: RuleSet) -> Tariff | None:
    """Raises InvalidInput."""
    if path is None:
        return None
    with readable(path, "tariff"):
        content = path.read_bytes()
    parse = Tariff.parse_csv if path.suffix.lower() == ".csv" else Tariff.parse
    return parse(content, rule_set.settlement, rule_set.code_systems)


def load_eligibility(path: Path | None) -> Eligibility:
    """None is that nobody said so. Raises InvalidInput."""
    if path is None:
        return NO_ELIGIBILITY
    with readable(path, "eligibility"):
        return parse_eligibility(path.read_bytes())


def load_documents(receipts: list[str] | None) -> list[Receipt]:
    """Raises what `load_receipt` raises."""
    return [load_receipt(Path(one)) for one in receipts or []]


def load_request(path: Path, rule_set: RuleSet) -> Asked:
    """A PAS bundle, or a plain request. Raises BundleRefused or InvalidInput."""
    with readable(path, "request"):
        content = path.read_bytes()
    if _is_bundle(content):
        from careledger.authorization.fhir.request_bundle import parse_request_bundle

        found = parse_request_bundle(content, rule_set.settlement, rule_set.code_systems)
        return Asked(found.request, found)
    return Asked(parse_plain_request(content, rule_set.settlement, rule_set.code_systems))


def find_identifier(text: str, rules: Path | None) -> tuple[BusinessIdentifier, Asked | None]:
    """The identifier of a request that is named by its file or as SYSTEM|VALUE, and the request if it is a file."""
    if os.path.exists(text):  # noqa: PTH110  a name too long for a path is no error
        asked = load_request(Path(text), load_rules(rules))
        return asked.request.identifier, asked
    system, bar, value = text.partition("|")
    if not bar:
        raise InvalidInput(
            "request", text, "is no file; give the file that was sent, or its identifier as SYSTEM|VALUE"
        )
    return BusinessIdentifier(system, value), None


def write_json(path: Path, value: Any) -> None:
    """Writes a resource that only its owner can read, with numbers as they are."""
    from careledger.authorization.fhir.resources import dump

    write_private(path, dump(value))


def _is_bundle(content: bytes) -> bool:
    """Whether it is, or means to be, a FHIR resource; what is no JSON at all may be YAML."""
    if content.lstrip()[:1] != b"{":
        return False
    try:
        return "resourceType" in json.loads(content)
    except (ValueError, RecursionError):
        return b'"resourceType"' in content
