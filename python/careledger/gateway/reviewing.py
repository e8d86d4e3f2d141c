"""What decisions of requests and claims have in common: whose desk it is, what is written there, and signing once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from careledger.anchoring.types import ZERO_HASH
from careledger.authorization.commitments import Subject, commitment
from careledger.authorization.payer import Payer
from careledger.authorization.review_file import Signed, dump_review, parse_review
from careledger.errors import ConfigurationError
from careledger.gateway.access import Principal
from careledger.gateway.problems import Refused
from careledger.gateway.services import Services
from careledger.identity.identifiers import organization_id
from careledger.vault import EntryMissing

__all__ = ["STATEMENT", "TEXT_CHARACTERS", "forget_signed", "keep_statement", "own_payer", "signed_once", "signs"]

SIGNED, STATEMENT = "gateway-review", "review-statement"
"""What lies in the vault: decisions that were signed and are not final, and what reviewers wrote."""

TEXT_CHARACTERS = 20_000

T = TypeVar("T", bound=Signed)


def own_payer(services: Services, principal: Principal) -> Payer:
    """The insurer's contracts, for its own systems. Raises Refused, status 403 or 404."""
    payer = services.payer
    if payer.insurer != services.organization:
        raise Refused(
            404, "No desk here", "this gateway does not act for the insurer: its reviews are at the insurer's"
        )
    if organization_id(principal.organization) != services.organization:
        raise Refused(403, "Another's", "reviews are for the insurer's own systems")
    return payer


def signs(services: Services, principal: Principal) -> bool:
    """Whether a principal's decisions can be signed here."""
    try:
        services.reviewer_for(principal.subject)
    except (Refused, ConfigurationError):
        return False
    return True


def keep_statement(services: Services, asked: dict[str, Any]) -> str:
    """Keeps what the reviewer wrote, `statement`, under `salt`; returns the commitment to it, zero for nothing."""
    if asked["statement"] is None:
        return ZERO_HASH
    said = commitment(Subject.STATEMENT, asked["statement"].encode(), bytes.fromhex(asked["salt"]))
    services.vault.put(STATEMENT, said, orjson.dumps({"text": asked["statement"], "salt": "0x" + asked["salt"]}))
    return said


def signed_once(services: Services, payer: Payer, review: str, kind: type[T], sign: Callable[[], T]) -> T:
    """The signed decision of that name: made once and kept, so that whoever performs its job again sends the same."""
    try:
        kept = parse_review(services.vault.get(SIGNED, review), payer)
    except EntryMissing:
        signed = sign()
        services.vault.put(SIGNED, review, dump_review(payer, signed))
        return signed
    assert isinstance(kept, kind)
    return kept


def forget_signed(services: Services, review: str) -> None:
    """When its job is final."""
    services.vault.forget(SIGNED, review)
