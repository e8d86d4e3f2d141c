"""Under which key an insurer's contracts know a member."""

from __future__ import annotations

import hashlib
import hmac

from careledger.errors import InvalidInput

__all__ = ["member_key"]

LEAST_SECRET_LENGTH = 32
KEY_LENGTH = 16
LENGTH_BYTES = 4
TAG = b"careledger.authorization.member-key.v1"


def member_key(plan_secret: bytes, member: str, period: int) -> str:
    """A member's key for a benefit period, 16 bytes as 0x-prefixed text: the first half of HMAC-SHA256 under the plan's
    secret, of a tag, the member's number in UTF-8 with its length in four bytes before it, and the period in four.

    Only who has the secret can tell whose it is, or that the keys of two periods are one member's. It is the
    insurer's to issue: a provider that could choose it would get fresh limits at will, or burn another's.

    Raises InvalidInput for a secret of fewer than 32 bytes, no member, or a period that is not below 2^16.
    """
    if len(plan_secret) < LEAST_SECRET_LENGTH:
        raise InvalidInput("plan secret", f"{len(plan_secret)} bytes", f"must be {LEAST_SECRET_LENGTH} bytes or more")
    if not member:
        raise InvalidInput("member", "", "must be named")
    if not 0 <= period < 2**16:
        raise InvalidInput("period", str(period), "must be from 0 to 65535")
    named = member.encode()
    message = TAG + len(named).to_bytes(LENGTH_BYTES, "big") + named + period.to_bytes(LENGTH_BYTES, "big")
    return "0x" + hmac.new(plan_secret, message, hashlib.sha256).digest()[:KEY_LENGTH].hex()
