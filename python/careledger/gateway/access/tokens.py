"""Tokens of systems: a client proves itself by a signed assertion (RFC 7523, as SMART Backend Services has it), and
gets an access token for some minutes."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from careledger.chain.database import Database
from careledger.gateway.access.clients import Client, Clients
from careledger.gateway.access.once import SKEW_SECONDS, Once
from careledger.gateway.access.principal import Principal
from careledger.gateway.access.reread import Reread
from careledger.gateway.access.scopes import asked_scopes
from careledger.gateway.problems import Refused

__all__ = ["ASSERTION_ALGORITHMS", "ASSERTION_TYPE", "Tokens", "derived_key"]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS = ["RS384", "ES384"]
"""Those that SMART names."""

ASSERTION_SECONDS = 300
LONGEST_ASSERTION = 8_192


def derived_key(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from the gateway's secret."""
    return hmac.new(secret.encode(), f"careledger.gateway.{purpose}.v1".encode(), hashlib.sha256).digest()


class Tokens:
    """Gives tokens and reads them. All processes of a gateway share the secret and the database."""

    def __init__(self, clients: Reread[Clients], database: Database, secret: str, issuer: str, seconds: int) -> None:
        self._clients = clients
        self._once = Once(database)
        self._key = OctKey.import_key(derived_key(secret, "access-token"))
        self._issuer = issuer
        self._seconds = seconds

    @property
    def url(self) -> str:
        """The token endpoint: the audience of assertions."""
        return f"{self._issuer}/token"

    def give(self, assertion: str, scope: str) -> dict[str, Any]:
        """The answer of the token endpoint. Raises Refused, status 400 or 401, with RFC 6749's `error`."""
        client = self._proved(assertion)
        scopes = asked_scopes(scope, client.scopes)
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "sub": client.client_id,
            "org": client.organization,
            "scope": " ".join(sorted(scopes)),
            "iat": now,
            "exp": now + self._seconds,
            "jti": uuid.uuid4().hex,
        }
        token = jwt.encode({"alg": "HS256", "typ": "at+jwt"}, claims, self._key)
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": self._seconds,
            "scope": claims["scope"],
        }

    def read(self, token: str) -> Principal:
        """Who a token is for. Raises Refused, status 401."""
        try:
            found = jwt.decode(token, self._key, algorithms=["HS256"])
            registry = jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": self._issuer}, sub={"essential": True}, exp={"essential": True}
            )
            registry.validate(found.claims)
            if found.header.get("typ") != "at+jwt":
                raise ValueError
            claims = found.claims
            client = self._clients.content.get(claims["sub"])
            if client is None or client.organization != claims["org"]:
                raise ValueError
            scopes = frozenset(str(claims["scope"]).split()) & client.scopes
        except (JoseError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise _unauthorized("invalid_token", "the token is not one of this gateway's, or has expired") from None
        return Principal(client.client_id, client.organization, scopes)

    def _proved(self, assertion: str) -> Client:
        """The client that signed an assertion: for this endpoint, for at most five minutes, and used for once."""
        wrong = _unauthorized("invalid_client", "the assertion is not a valid one of a client known here")
        if len(assertion) > LONGEST_ASSERTION:
            raise wrong
        try:
            stated = jwt.decode(assertion, self._keys_of, algorithms=ASSERTION_ALGORITHMS)
            claims = stated.claims
            client = self._clients.content.get(str(claims["sub"]))
            registry = jwt.JWTClaimsRegistry(
                leeway=SKEW_SECONDS,
                iss={"essential": True, "value": claims["sub"]},
                aud={"essential": True, "values": [self.url]},
                exp={"essential": True},
                jti={"essential": True},
            )
            registry.validate(claims)
            until = int(claims["exp"])
            jti = claims["jti"]
            if client is None or not isinstance(jti, str) or until > time.time() + ASSERTION_SECONDS + SKEW_SECONDS:
                raise ValueError
        except (JoseError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            raise wrong from None
        if not self._once.is_first(f"{client.client_id}\0{jti}", until):
            raise _unauthorized("invalid_client", "the assertion was used before")
        return client

    def _keys_of(self, token: Any) -> Any:
        """The keys of the client that an assertion names, before it is believed."""
        client = self._clients.content.get(str(json.loads(token.payload)["sub"]))
        if client is None:
            raise ValueError
        return client.keys


def _unauthorized(error: str, detail: str) -> Refused:
    challenge = {"WWW-Authenticate": f'Bearer error="{error}"'} if error == "invalid_token" else {}
    return Refused(401, error, detail, challenge, error=error)
