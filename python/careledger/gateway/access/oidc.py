"""Sign-in at an OpenID Connect server: the authorization code flow with PKCE, state and nonce.

A sign-in under way is a signed cookie of the browser that began it. State, nonce and PKCE verifier are made of its
number and the gateway's secret: nothing is kept meanwhile, another browser cannot end what this one began, and what has
ended is noted, so that it ends once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from typing import NamedTuple
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from careledger.gateway.access.id_tokens import IdTokenRefused, subject_of
from careledger.gateway.access.once import Once
from careledger.gateway.access.openid_server import OpenIdServer
from careledger.gateway.access.sessions import Cookie
from careledger.gateway.access.tokens import derived_key
from careledger.gateway.problems import Refused
from careledger.logs import logger

__all__ = ["RETURN_PATH", "Callback", "OpenIdSignIn"]

SIGN_IN_SECONDS = 600
NUMBER_BYTES = 16
RETURN_PATH = "^/(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]*$"
"""A path of this gateway, without a query: `//host` and `/\\host`, which browsers take for another's, are none."""


class Callback(NamedTuple):
    """What the server has the browser bring back (RFC 6749, section 4.1.2; RFC 9207 for `iss`); no code if the server
    refused."""

    state: str
    code: str | None
    iss: str | None


class OpenIdSignIn:
    """Begins and finishes sign-ins. All processes of a gateway share the secret and the database."""

    def __init__(self, server: OpenIdServer, once: Once, secret: str, public_url: str) -> None:
        self.server = server
        self.cookie = Cookie.named("careledger-sign-in", public_url, "lax")
        self.seconds = SIGN_IN_SECONDS
        self._once = once
        self._cookie_key = OctKey.import_key(derived_key(secret, "oidc-cookie"))
        self._value_key = derived_key(secret, "oidc-value")
        self._redirect_uri = f"{public_url}/session/oidc/callback"

    def begin(self, return_path: str) -> tuple[str, str]:
        """Where the browser goes, and the cookie that it takes along. Raises Refused, status 503."""
        number = secrets.token_hex(NUMBER_BYTES)
        claims = {"jti": number, "to": return_path, "exp": int(time.time()) + SIGN_IN_SECONDS}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self._value("verifier", number).encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": self.server.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid",
            "state": self._value("state", number),
            "nonce": self._value("nonce", number),
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        endpoint = self.server.metadata()["authorization_endpoint"]
        url = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
        return url, jwt.encode({"alg": "HS256", "typ": "sign-in+jwt"}, claims, self._cookie_key)

    def finish(self, cookie: str | None, back: Callback) -> tuple[str, str]:
        """The server's `sub`, and the path to return to.

        Raises Refused: 400 for what this browser did not begin, has ended before, or comes of another server; 401 if
        the server signed nobody in; 503 if it cannot be asked.
        """
        number, return_path, until = self._begun(cookie)
        if not hmac.compare_digest(back.state.encode(), self._value("state", number).encode()):
            raise _refused("this browser began another sign-in")
        metadata = self.server.metadata()
        is_told = metadata.get("authorization_response_iss_parameter_supported") is True
        if back.iss != self.server.issuer and (is_told or back.iss is not None):
            raise _refused("the answer is of another server")
        if not self._once.is_first(f"oidc\0{number}", until):
            raise _refused("this sign-in has ended before")
        if back.code is None:
            raise _unproven("the server signed nobody in")
        tokens = self.server.tokens_for(back.code, self._redirect_uri, self._value("verifier", number))
        if tokens is None:
            raise _unproven("the server does not know the code")
        return self._subject(tokens, self._value("nonce", number)), return_path

    def _subject(self, tokens: dict[str, object], nonce: str) -> str:
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise _unproven("the server gave no ID token")
        keys = self.server.keys_for(_kid(id_token))
        try:
            return subject_of(id_token, keys, self.server.issuer, self.server.client_id, nonce, access_token)
        except IdTokenRefused as refused:
            logger("gateway").warning("sign_in.id_token_refused", problem=str(refused))
            raise _unproven("the server's ID token is not one for this sign-in") from None

    def _begun(self, cookie: str | None) -> tuple[str, str, int]:
        """The number of the sign-in that a browser began, where it returns to, and until when it may."""
        try:
            found = jwt.decode(cookie or "", self._cookie_key, algorithms=["HS256"])
            jwt.JWTClaimsRegistry(exp={"essential": True}).validate(found.claims)
            number, return_path, until = str(found.claims["jti"]), str(found.claims["to"]), int(found.claims["exp"])
            if found.header.get("typ") != "sign-in+jwt" or not re.fullmatch(RETURN_PATH, return_path):
                raise ValueError
        except (JoseError, ValueError, LookupError, TypeError):
            raise _refused("this browser began no sign-in, or too long ago") from None
        return number, return_path, until

    def _value(self, name: str, number: str) -> str:
        return hmac.digest(self._value_key, f"{name}\0{number}".encode(), "sha256").hex()


def _kid(id_token: str) -> str | None:
    """The key that a token names, before it is believed."""
    try:
        header = id_token.split(".")[0]
        found = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
        kid = found.get("kid")
    except (ValueError, AttributeError, RecursionError):
        return None
    return kid if isinstance(kid, str) else None


def _refused(detail: str) -> Refused:
    return Refused(400, "Not this sign-in", f"{detail}: begin again")


def _unproven(detail: str) -> Refused:
    return Refused(401, "Not signed in", detail)
