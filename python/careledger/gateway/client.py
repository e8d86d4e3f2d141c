"""Calls a gateway as a system does: with tokens of SMART Backend Services, for a key that never leaves the system.

client = GatewayClient("https://gateway.example.org", "ehr", new_key())
client.registration("general-hospital", ["documents.write"])    # into the gateway's file of clients
client.call("POST", "/documents/digests", "documents.write", json={"digest": "0x..."})
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from careledger.gateway.access.tokens import ASSERTION_TYPE

__all__ = ["GatewayClient", "new_key"]

ASSERTION_SECONDS = 200
ANSWER_SECONDS = 120
SPARE_SECONDS = 15
"""So long before a token runs out it is renewed."""


def new_key() -> ECKey:
    """A private key for a client, P-384, with its thumbprint as its id."""
    key = ECKey.generate_key("P-384", private=True)
    key.ensure_kid()
    return key


@dataclass(frozen=True)
class GatewayClient:
    """A system at a gateway. Methods raise requests.RequestException when there is no answer."""

    url: str
    client_id: str
    key: ECKey = field(repr=False)
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict, init=False, repr=False)

    def registration(self, organization: str, scopes: Iterable[str]) -> dict[str, Any]:
        """Its entry in the gateway's file of clients: what it may ask for, and its public key."""
        public = {"keys": [self.key.as_dict(private=False)]}
        return {
            "client_id": self.client_id,
            "organization": organization,
            "scopes": sorted(scopes),
            "jwks": public,
        }

    def assertion(self, **changes: Any) -> str:
        """What it signs for a token. A claim that is changed to None is left out."""
        claims: dict[str, Any] = {"iss": self.client_id, "sub": self.client_id, "aud": f"{self.url}/token"}
        claims |= {"jti": uuid.uuid4().hex, "exp": int(time.time()) + ASSERTION_SECONDS, **changes}
        stated = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "ES384", "kid": self.key.kid}, stated, self.key, algorithms=["ES384"])

    def token(self, scope: str) -> str:
        """An access token for some scopes, separated by spaces; the last one until it runs out. Raises
        requests.HTTPError if the gateway gives none."""
        token, until = self._tokens.get(scope, ("", 0.0))
        if time.monotonic() < until:
            return token
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(),
            "scope": scope,
        }
        answer = requests.post(f"{self.url}/token", data=form, timeout=ANSWER_SECONDS)
        answer.raise_for_status()
        found = answer.json()
        token = str(found["access_token"])
        self._tokens[scope] = token, time.monotonic() + found["expires_in"] - SPARE_SECONDS
        return token

    def call(self, method: str, path: str, scope: str | None = None, **options: Any) -> requests.Response:
        """A request, with what `requests.request` takes. Without a scope it carries no token."""
        headers = dict(options.pop("headers", {}))
        if scope is not None:
            headers["Authorization"] = f"Bearer {self.token(scope)}"
        seconds = options.pop("timeout", ANSWER_SECONDS)
        return requests.request(method, self.url + path, headers=headers, timeout=seconds, **options)
