"""Whether an ID token is what OpenID Connect Core 1.0, section 3.1.3.7, has a client take."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

__all__ = ["ALGORITHMS", "IdTokenRefused", "subject_of"]

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384"]
"""Signatures by a private key of the server's: never `none`, and never a secret that both sides have."""

HASHES = {"256": hashlib.sha256, "384": hashlib.sha384}
SKEW_SECONDS = 60
OLDEST_SECONDS = 600
LONGEST_SUBJECT = 255


class IdTokenRefused(Exception):
    """An ID token that is not to be believed; of which claim, and no value of it."""


def subject_of(id_token: str, keys: KeySet, issuer: str, client_id: str, nonce: str, access_token: str) -> str:
    """Who signed in, by the server's `sub`. Raises IdTokenRefused."""
    try:
        token = jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        claims = token.claims
        jwt.JWTClaimsRegistry(
            leeway=SKEW_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise IdTokenRefused(type(error).__name__) from None
    _check_audience(claims, client_id)
    _check_age(claims)
    _check_access_token(claims, str(token.header["alg"]), access_token)
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise IdTokenRefused("sub")
    return subject


def _check_audience(claims: dict[str, Any], client_id: str) -> None:
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    authorized = claims.get("azp", client_id if len(audience) == 1 else None)
    if client_id not in audience or authorized != client_id:
        raise IdTokenRefused("azp")


def _check_age(claims: dict[str, Any]) -> None:
    if claims["iat"] < time.time() - OLDEST_SECONDS:
        raise IdTokenRefused("iat")


def _check_access_token(claims: dict[str, Any], algorithm: str, access_token: str) -> None:
    """By `at_hash`, which a server may leave out in this flow."""
    if "at_hash" not in claims:
        return
    digest = HASHES[algorithm[-3:]](access_token.encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    if not hmac.compare_digest(str(claims["at_hash"]).encode(), half):
        raise IdTokenRefused("at_hash")
