"""The same request sent twice is one request.

A request is known by (provider, identifier's system, identifier's value). Its id on chain is an HMAC of the identifier
under a secret of the provider, so that nobody who reads the chain can test guesses at identifiers. The provider's own
secret stands for the provider: two providers that use one numbering do not meet.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum

from careledger.authorization.request import AuthorizationRequest, BusinessIdentifier
from careledger.errors import InvalidInput, RequestConflict

__all__ = ["Arrival", "arrival", "claim_id", "request_id"]

LEAST_SECRET_LENGTH = 32
LENGTH_BYTES = 4
TAG = b"careledger.authorization.request-id.v1"
CLAIM_TAG = b"careledger.authorization.claim-id.v1"


class Arrival(Enum):
    """What a request is to the one that receives it."""

    NEW = "new"
    REPEATED = "repeated"
    """Nothing is done; the result that stands is returned."""
    UPDATE = "update"
    """It replaces a request that stands."""
    APPEAL = "appeal"
    """It asks for another look at a decision that stands."""


def request_id(secret: bytes, identifier: BusinessIdentifier) -> bytes:
    """The id of a request, 32 bytes: HMAC-SHA256 under the provider's secret, of a tag, the system and the value, each
    in UTF-8 with its length in four bytes before it, so that no two pairs run together to the same bytes.

    Raises InvalidInput for a secret of fewer than 32 bytes.
    """
    return _id(TAG, secret, identifier)


def claim_id(secret: bytes, identifier: BusinessIdentifier) -> bytes:
    """The id of a claim: as that of a request, with a tag of its own."""
    return _id(CLAIM_TAG, secret, identifier)


def _id(tag: bytes, secret: bytes, identifier: BusinessIdentifier) -> bytes:
    if len(secret) < LEAST_SECRET_LENGTH:
        raise InvalidInput("provider secret", f"{len(secret)} bytes", f"must be {LEAST_SECRET_LENGTH} bytes or more")
    parts = (tag, identifier.system.encode(), identifier.value.encode())
    message = b"".join(len(part).to_bytes(LENGTH_BYTES, "big") + part for part in parts)
    return hmac.new(secret, message, hashlib.sha256).digest()


def arrival(id_of_request: bytes, request: AuthorizationRequest, known_content: bytes | None) -> Arrival:
    """What to do with a request: `known_content` is the canonical bytes of the one that stands under the same id, or
    None if there is none.

    Raises RequestConflict for other content under a known id, unless it is an update or an appeal.
    """
    if known_content is not None and hmac.compare_digest(known_content, request.content_bytes()):
        return Arrival.REPEATED
    if request.is_appeal:
        return Arrival.APPEAL
    if request.is_update:
        return Arrival.UPDATE
    if known_content is None:
        return Arrival.NEW
    raise RequestConflict("0x" + id_of_request.hex())
