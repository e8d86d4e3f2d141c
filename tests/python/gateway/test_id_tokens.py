"""ID tokens that are not to be believed, each wrong in one thing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from careledger.gateway.access.id_tokens import IdTokenRefused, subject_of
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

ISSUER, CLIENT, NONCE, ACCESS = "https://id.example", "gateway", "a-nonce", "an-access-token"
RSA = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
EC = ECKey.generate_key("P-384", {"kid": "ec"}, private=True)
OTHER = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
KEYS = KeySet.import_key_set({"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]})


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    half = hashlib.sha256(ACCESS.encode()).digest()[:16]
    at_hash = base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    stated = {"iss": ISSUER, "aud": CLIENT, "sub": "someone", "nonce": NONCE, "iat": now, "exp": now + 300}
    return {name: value for name, value in {**stated, "at_hash": at_hash, **changes}.items() if value is not None}


def signed(stated: dict[str, Any], key: Any = RSA, algorithm: str = "RS256") -> str:
    return jwt.encode({"alg": algorithm, "kid": key.kid}, stated, key, algorithms=[algorithm])


def read(token: str) -> str:
    return subject_of(token, KEYS, ISSUER, CLIENT, NONCE, ACCESS)


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_for_this_sign_in_names_who_signed_in() -> None:
    assert read(signed(claims())) == "someone"
    assert read(signed(claims(at_hash=None), EC, "ES384")) == "someone"
    assert read(signed(claims(aud=[CLIENT]))) == "someone"
    assert read(signed(claims(aud=["another", CLIENT], azp=CLIENT))) == "someone"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": []},
        {"aud": None},
        {"aud": ["another", CLIENT]},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": 1},
        {"iat": None},
        {"iat": 2**40},
        {"nbf": 2**40},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": 256 * "x"},
        {"at_hash": "another"},
        {"at_hash": 7},
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(IdTokenRefused):
        read(signed(claims(**changes)))


def test_what_no_private_key_of_the_server_signed_is_refused() -> None:
    stated = f"{encoded({'alg': 'HS256', 'kid': 'rsa'})}.{encoded(claims())}"
    by_public_key = hmac.digest(RSA.as_pem(private=False), stated.encode(), "sha256")
    unsigned = f"{encoded({'alg': 'none', 'kid': 'rsa'})}.{encoded(claims())}."
    header, _, signature = signed(claims()).split(".")
    forged = {
        "another key": signed(claims(), OTHER),
        "the public key as a secret": f"{stated}.{base64.urlsafe_b64encode(by_public_key).rstrip(b'=').decode()}",
        "none": unsigned,
        "changed": f"{header}.{encoded(claims(sub='another'))}.{signature}",
        "a key that is not known": signed(claims(), RSAKey.generate_key(2048, {"kid": "new"}, private=True)),
        "nothing": "",
        "no token": "a.b.c",
    }
    for token in forged.values():
        with pytest.raises(IdTokenRefused):
            read(token)
