"""An OpenID Connect server, asked with short time limits: its metadata, its keys, and tokens for codes."""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import requests
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from careledger.gateway.problems import Refused
from careledger.logs import logger

__all__ = ["OpenIdServer"]

TIMEOUT_SECONDS = (3.05, 10)
LONGEST_ANSWER = 1024 * 1024
KEPT_SECONDS = 3_600
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OpenIdServer:
    """By its issuer. What was fetched is kept for an hour; keys are fetched anew when a token names one that is not
    among them."""

    def __init__(self, issuer: str, client_id: str, client_secret: str | None) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self._secret = client_secret
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] = {}
        self._fetched_at = float("-inf")
        self._keys = KeySet([]), float("-inf")

    def metadata(self) -> dict[str, Any]:
        """As OpenID Connect Discovery has it. Raises Refused, status 503."""
        with self._lock:
            if time.monotonic() < self._fetched_at + KEPT_SECONDS:
                return self._metadata
            found = self._fetch("GET", self.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != self.issuer:
                raise self._unusable("its metadata name another issuer")
            for name in ENDPOINTS:
                if urlsplit(str(found.get(name))).scheme not in {"https", urlsplit(self.issuer).scheme}:
                    raise self._unusable(f"its metadata have no {name} by https")
            self._metadata, self._fetched_at = found, time.monotonic()
            return found

    def keys_for(self, kid: str | None) -> KeySet:
        """The keys that sign, among them `kid` if the server has it. Raises Refused, status 503."""
        known, fetched_at = self._keys
        if time.monotonic() >= fetched_at + KEPT_SECONDS or kid is None or kid not in {key.kid for key in known.keys}:
            known = self._fetch_keys()
            self._keys = known, time.monotonic()
        return known

    def tokens_for(self, code: str, redirect_uri: str, verifier: str) -> dict[str, Any] | None:
        """What the token endpoint gives for a code; None if it refuses the code. Raises Refused, status 503."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        credentials = None
        if self._secret is None:
            form["client_id"] = self.client_id
        else:  # RFC 6749, section 2.3.1, has both encoded before they are joined
            credentials = (quote(self.client_id, safe=""), quote(self._secret, safe=""))
        found = self._fetch("POST", self.metadata()["token_endpoint"], data=form, auth=credentials)
        return None if found.get("error") == "invalid_grant" else found

    def _fetch_keys(self) -> KeySet:
        listed = self._fetch("GET", self.metadata()["jwks_uri"]).get("keys")
        if not isinstance(listed, list):
            raise self._unusable("it has no list of keys")
        usable = [
            key
            for key in listed
            if isinstance(key, dict) and key.get("kty") in {"RSA", "EC"} and key.get("use", "sig") == "sig"
        ]
        try:
            return KeySet.import_key_set({"keys": usable})
        except (JoseError, ValueError, TypeError, KeyError):
            raise self._unusable("its keys cannot be read") from None

    def _fetch(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        """A JSON object, of an answer that is one of success or refuses a grant."""
        try:
            with requests.request(
                method,
                url,
                headers={"Accept": "application/json"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
                **options,
            ) as answer:
                content = answer.raw.read(LONGEST_ANSWER + 1, decode_content=True)
                status = answer.status_code
        except (requests.RequestException, OSError) as error:
            raise self._unusable(f"it does not answer ({type(error).__name__})") from None
        except Exception as error:  # urllib3's own, while the body comes
            raise self._unusable(f"its answer broke off ({type(error).__name__})") from None
        try:
            found = orjson.loads(content) if len(content) <= LONGEST_ANSWER else None
        except orjson.JSONDecodeError:
            found = None
        if isinstance(found, dict) and (status == 200 or (status == 400 and "error" in found)):
            if status == 200 or found["error"] == "invalid_grant":
                return found
            raise self._unusable("it refuses this gateway")
        raise self._unusable(f"it answered with status {status}")

    @staticmethod
    def _unusable(problem: str) -> Refused:
        logger("gateway").error("sign_in.server_failed", problem=problem)
        return Refused(503, "No sign-in now", f"the OpenID Connect server cannot be used: {problem}")
