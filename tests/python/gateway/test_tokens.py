"""Assertions and tokens that are not what they should be, and organizations that are out."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from careledger.chain.connection import Connection
from careledger.chain.development import development_signer
from careledger.client import CareLedger
from careledger.gateway.access import SCOPES, Clients
from careledger.gateway.access.reread import Reread
from careledger.gateway.access.tokens import ASSERTION_TYPE, derived_key
from careledger.gateway.client import GatewayClient, new_key
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from careledger.gateway.settings import DEFAULT_TOKEN_SECRET
from careledger.identity import Reason
from gateway_stage import Served, serve
from joserfc import jwt
from joserfc.jwk import OctKey

NARROW = {"documents.read"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tokens")
    clients = {"ehr": (LOCAL_ORGANIZATION, SCOPES), "portal": (LOCAL_ORGANIZATION, NARROW)}
    with local_settings(folder) as settings, serve(folder, clients, **settings) as served:
        yield served


def ask(gateway: Served, given: str, scope: str = "documents.read") -> requests.Response:
    body = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    return requests.post(f"{gateway.url}/token", data={**body, "client_assertion": given, "scope": scope}, timeout=60)


def unsigned(claims: dict[str, Any], header: dict[str, Any], signature: str = "") -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return ".".join((*parts, signature))


def wrong_assertions(gateway: Served) -> dict[str, str]:
    ehr, portal = gateway.system("ehr"), gateway.system("portal")
    now, url = int(time.time()), gateway.url
    stated = ehr.assertion
    claims = {"iss": "ehr", "sub": "ehr", "aud": f"{url}/token", "jti": "x", "exp": now + 100}
    stranger = new_key()
    public = OctKey.import_key(json.dumps(ehr.key.as_dict(private=False)))
    deep = base64.urlsafe_b64encode(b"[" * 5_000).rstrip(b"=").decode()
    return {
        "another audience": stated(aud="https://elsewhere.example.org/token"),
        "no audience": stated(aud=None),
        "another issuer": stated(iss="portal"),
        "no issuer": stated(iss=None),
        "another's subject": stated(sub="portal"),
        "an unknown subject": stated(sub="nobody", iss="nobody"),
        "a subject that is no text": stated(sub=["ehr"], iss=["ehr"]),
        "expired": stated(exp=now - 100),
        "valid too long": stated(exp=now + 3_600),
        "without end": stated(exp=None),
        "an end that is no number": stated(exp="soon"),
        "an end beyond all numbers": stated(exp=10**400),
        "no identity": stated(jti=None),
        "an identity that is no text": stated(jti=7),
        "not valid yet": stated(nbf=now + 3_600),
        "no algorithm": unsigned(claims, {"alg": "none"}),
        "signed with the public key": jwt.encode({"alg": "HS256"}, claims, public),
        "another client's key": GatewayClient(url, "ehr", portal.key).assertion(),
        "an unknown key": GatewayClient(url, "ehr", stranger).assertion(),
        "an unknown key under a known name": jwt.encode(
            {"alg": "ES384", "kid": ehr.key.kid}, claims, stranger, algorithms=["ES384"]
        ),
        "a signature cut off": stated()[:-20],
        "too long": stated(note="x" * 10_000),
        "not a token": "x.y.z",
        "empty parts": "..",
        "nested without end": f"{deep}.{deep}.x",
        "a header of an array": unsigned(claims, [], "x"),  # type: ignore[arg-type]
    }


def test_an_assertion_that_is_wrong_in_any_way_gets_no_token(gateway: Served) -> None:
    answers = {name: ask(gateway, given) for name, given in wrong_assertions(gateway).items()}
    found = {name: answer.status_code for name, answer in answers.items()}
    assert set(found.values()) <= {400, 401, 422}, found
    assert not [name for name, answer in answers.items() if "access_token" in answer.text]


def test_an_assertion_is_taken_once(gateway: Served) -> None:
    given = gateway.system().assertion()
    assert ask(gateway, given).status_code == 200
    again = ask(gateway, given)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


def test_a_client_gets_no_scope_beyond_its_own(gateway: Served) -> None:
    portal = gateway.system("portal")
    answer = ask(gateway, portal.assertion(), "documents.read documents.write")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    refused = portal.call("POST", "/documents/digests", "documents.read", json={"digest": "0x" + 64 * "a"})
    assert refused.status_code == 403
    assert "insufficient_scope" in refused.headers["www-authenticate"]


def made(secret: str, gateway: Served, typ: str = "at+jwt", **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": gateway.url, "sub": "ehr", "scope": "documents.read", "iat": now, "exp": now + 60, "jti": "x"}
    claims = {**claims, "org": LOCAL_ORGANIZATION, **changes}
    key = OctKey.import_key(derived_key(secret, "access-token"))
    return jwt.encode({"alg": "HS256", "typ": typ}, claims, key)


def test_a_token_that_is_not_this_gateways_opens_nothing(gateway: Served) -> None:
    good = gateway.system().token("documents.read")
    head, body, signature = good.split(".")
    tokens = {
        "tampered": f"{head}.{body[:-4]}AAAA.{signature}",
        "unsigned": unsigned(json.loads(base64.urlsafe_b64decode(body + "==")), {"alg": "none", "typ": "at+jwt"}),
        "another secret": made("another secret of thirty-two letters", gateway),
        "another gateway": made(DEFAULT_TOKEN_SECRET, gateway, iss="https://other.example.org"),
        "expired": made(DEFAULT_TOKEN_SECRET, gateway, exp=int(time.time()) - 60),
        "a client that was removed": made(DEFAULT_TOKEN_SECRET, gateway, sub="gone"),
        "a client that changed its organization": made(DEFAULT_TOKEN_SECRET, gateway, org="another"),
        "of another type": made(DEFAULT_TOKEN_SECRET, gateway, typ="JWT"),
        "not a token": "x",
        "empty": "",
    }
    found = {}
    for name, token in tokens.items():
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.get(f"{gateway.url}/jobs", headers=headers, timeout=60)
        found[name] = answer.status_code
        assert answer.headers["www-authenticate"].startswith("Bearer"), name
    assert set(found.values()) == {401}, found
    headers = {"Authorization": f"Bearer {made(DEFAULT_TOKEN_SECRET, gateway)}"}
    assert requests.get(f"{gateway.url}/jobs", headers=headers, timeout=60).status_code == 200


def test_a_client_sees_its_own_jobs_only(gateway: Served) -> None:
    asked = {"digest": "0x" + 64 * "d"}
    job = gateway.call("POST", "/documents/digests", "documents.write", json=asked).json()
    portal = gateway.system("portal")
    assert portal.call("GET", job["href"], "documents.read").status_code == 404
    assert portal.call("GET", f"{job['href']}/events", "documents.read").status_code == 404
    assert portal.call("GET", "/jobs", "documents.read").json() == []
    first = gateway.call("GET", "/jobs?limit=1", "documents.read")
    assert first.links["next"]["url"].startswith("/jobs?")
    assert portal.call("GET", first.links["next"]["url"], "documents.read").status_code == 404


def test_an_organization_that_is_suspended_or_lapsed_is_out_at_once(gateway: Served) -> None:
    services = gateway.app.state.services
    registrar = CareLedger(
        Connection.open(gateway.settings.rpc), services.ledger.deployment, development_signer(0)
    ).organizations

    def status() -> int:
        return gateway.call("GET", "/jobs", "documents.read").status_code

    assert status() == 200
    registrar.suspend(LOCAL_ORGANIZATION, Reason.SECURITY_INCIDENT)
    assert status() == 403
    registrar.reinstate(LOCAL_ORGANIZATION)
    assert status() == 200
    expiry = services.ledger.organizations.membership(LOCAL_ORGANIZATION).licence_expiry
    node = services.connection.rpc()
    snapshot = node.call("evm_snapshot")
    try:
        node.call("evm_setNextBlockTimestamp", expiry + 1)
        node.call("evm_mine")
        assert status() == 403
    finally:
        node.call("evm_revert", snapshot)


def test_an_organization_whose_recovery_is_contested_is_out_until_it_is_settled(gateway: Served) -> None:
    services = gateway.app.state.services

    def acting(account: int) -> CareLedger:
        connection = Connection.open(gateway.settings.rpc)
        return CareLedger(connection, services.ledger.deployment, development_signer(account))

    registrar, successor = acting(0).organizations, development_signer(7).address
    registrar.start_recovery(LOCAL_ORGANIZATION, successor)
    assert gateway.call("GET", "/jobs", "documents.read").status_code == 200
    acting(1).organizations.contest_recovery(LOCAL_ORGANIZATION, successor)
    refused = gateway.call("GET", "/jobs", "documents.read")
    assert (refused.status_code, "frozen" in refused.json()["detail"]) == (403, True)
    registrar.settle_recovery(LOCAL_ORGANIZATION, successor, None, Reason.CLEARED)
    assert gateway.call("GET", "/jobs", "documents.read").status_code == 200


def test_the_file_of_clients_is_read_again_once_it_changes(gateway: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "careledger.gateway")
    file, added = gateway.settings.clients, new_key()
    assert file is not None
    before = file.read_text()
    found = yaml.safe_load(before)
    keys = {"keys": [added.as_dict(private=False)]}
    entry = {"client_id": "added", "organization": LOCAL_ORGANIZATION, "scopes": ["documents.read"], "jwks": keys}
    later = GatewayClient(gateway.url, "added", added)
    try:
        assert ask(gateway, later.assertion()).status_code == 401
        file.write_text(json.dumps({"clients": [*found["clients"], entry]}))
        token = ask(gateway, later.assertion()).json()["access_token"]
        asking = {"headers": {"Authorization": f"Bearer {token}"}, "timeout": 60}
        assert requests.get(f"{gateway.url}/jobs", **asking).status_code == 200
        file.write_text("clients: [")
        assert ask(gateway, later.assertion()).status_code == 200, "what was there before stays in force"
        file.write_text(json.dumps({"clients": found["clients"]}))
        assert requests.get(f"{gateway.url}/jobs", **asking).status_code == 401, "out at once"
    finally:
        file.write_text(before)
    told = [
        json.loads(record.getMessage())["event"] for record in caplog.records if "access.file" in record.getMessage()
    ]
    assert told[:3] == ["access.file_read", "access.file_refused", "access.file_read"]


def test_a_key_that_a_client_has_changed_is_read_from_its_file(tmp_path: Path) -> None:
    old, new = new_key(), new_key()
    keys, file = tmp_path / "ehr.jwks.json", tmp_path / "clients.yaml"
    keys.write_text(json.dumps({"keys": [old.as_dict(private=False)]}))
    entry = {"client_id": "ehr", "organization": LOCAL_ORGANIZATION, "scopes": [], "jwks_file": keys.name}
    file.write_text(json.dumps({"clients": [entry]}))
    clients = Reread(lambda: Clients.load(file))
    keys.write_text(json.dumps({"keys": [new.as_dict(private=False)]}))
    known = clients.content.get("ehr")
    assert known is not None
    assert [key.thumbprint() for key in known.keys.keys] == [new.thumbprint()]
