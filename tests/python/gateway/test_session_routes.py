"""Sessions: a cookie of which only the hash is kept, its end, and what other origins cannot do with it."""

from __future__ import annotations

import hashlib
import time

import pytest
import requests
from careledger.gateway.access.sessions import Cookie
from careledger.gateway.tables import SESSION
from gateway_stage import SECONDS, Served
from sqlalchemy import select, update
from starlette.responses import Response
from wallet_stage import Visitor, account, visitor

OWN = 2
LETTER = {"file": b"Discharge letter: all is well."}


def signed_in(gateway: Served) -> Visitor:
    someone = visitor(gateway)
    assert someone.sign_in(account(OWN)).status_code == 201
    return someone


def aged(gateway: Served, someone: Visitor, **times: int) -> None:
    """Has a session have begun, or been seen, some seconds ago."""
    hashed = hashlib.sha256(someone.browser.cookies["careledger"].encode()).hexdigest()
    values = {name: int(time.time()) - seconds for name, seconds in times.items()}
    with gateway.app.state.services.database.write() as connection:
        found = connection.execute(update(SESSION).where(SESSION.c.session_hash == hashed).values(values))
        assert found.rowcount == 1


def test_the_session_says_who_is_signed_in_and_may_call(gateway: Served) -> None:
    someone = signed_in(gateway)
    who = someone.call("GET", "/session").json()
    assert who["organization"] == gateway.app.state.services.organization
    assert who["csrf_token"] == someone.csrf
    assert 0 < who["expires_at"] - time.time() <= gateway.settings.session_seconds
    assert {"documents.write", "reviews.write", "recalls.write"} <= set(who["scopes"])
    answer = someone.call("POST", "/documents", files=LETTER)
    assert answer.status_code == 201, answer.text
    assert someone.call("GET", answer.json()["href"]).json()["job"] == answer.json()["job"]
    assert gateway.call("GET", answer.json()["href"], "documents.read").status_code == 404


def test_the_cookie_is_opaque_and_only_its_hash_is_kept(gateway: Served) -> None:
    someone = visitor(gateway)
    cookie = someone.sign_in(account(OWN)).headers["set-cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    session_id = someone.browser.cookies["careledger"]
    with gateway.app.state.services.database.read() as connection:
        rows = connection.execute(select(SESSION)).all()
    assert hashlib.sha256(session_id.encode()).hexdigest() in {row.session_hash for row in rows}
    assert session_id not in str(rows)
    assert someone.csrf not in str(rows)


def test_over_https_browsers_keep_the_cookie_to_the_host() -> None:
    response = Response()
    Cookie.named("careledger", "https://gateway.example.org", "strict").give(response, "x", 60)
    name, *rest = response.headers["set-cookie"].split("; ")
    assert name == "__Host-careledger=x"
    assert set(rest) == {"HttpOnly", "Max-Age=60", "Path=/", "SameSite=strict", "Secure"}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-CSRF-Token": None}, id="no token"),
        pytest.param({"X-CSRF-Token": 64 * "0"}, id="another token"),
        pytest.param({"X-CSRF-Token": "é".encode()}, id="no ASCII"),
        pytest.param({"Origin": "https://evil.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="opaque origin"),
        pytest.param({"Origin": None}, id="no origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="another site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="another host of the site"),
    ],
)
def test_what_another_origin_sends_is_refused(gateway: Served, headers: dict[str, str | None]) -> None:
    someone = signed_in(gateway)
    answer = someone.call("POST", "/documents/digests", json={"digest": "0x" + 64 * "1"}, headers=headers)
    assert answer.status_code == 403, answer.text
    assert answer.json()["title"] in {"No CSRF token", "Another origin"}
    assert someone.call("DELETE", "/session", headers=headers).status_code == 403
    assert someone.call("GET", "/session", headers=headers).status_code == 200


def test_the_csrf_token_of_one_session_is_worth_nothing_in_another(gateway: Served) -> None:
    one, other = signed_in(gateway), signed_in(gateway)
    assert one.csrf != other.csrf
    assert one.call("DELETE", "/session", headers={"X-CSRF-Token": other.csrf}).status_code == 403


def test_a_token_needs_no_csrf_token_and_comes_before_the_session(gateway: Served) -> None:
    cookies = {"careledger": signed_in(gateway).browser.cookies["careledger"]}
    asked = {"digest": "0x" + 64 * "2"}
    answer = gateway.call("POST", "/documents/digests", "documents.write", json=asked, cookies=cookies)
    assert answer.status_code == 201, answer.text
    assert gateway.call("GET", answer.json()["href"], "documents.write").status_code == 200
    refused = gateway.call("POST", "/documents/digests", "documents.read", json=asked, cookies=cookies)
    assert (refused.status_code, refused.json()["title"]) == (403, "insufficient_scope")


def test_sign_out_ends_the_session_for_whoever_has_the_cookie(gateway: Served) -> None:
    someone = signed_in(gateway)
    session_id = someone.browser.cookies["careledger"]
    answer = someone.call("DELETE", "/session")
    assert answer.status_code == 204, answer.text
    assert "Max-Age=0" in answer.headers["set-cookie"]
    kept = requests.get(f"{gateway.url}/session", cookies={"careledger": session_id}, timeout=SECONDS)
    assert (kept.status_code, kept.json()["ways"]) == (401, ["wallet"])


@pytest.mark.parametrize("end", ["absolute", "idle"])
def test_a_session_ends_by_itself(gateway: Served, end: str) -> None:
    someone = signed_in(gateway)
    limit = gateway.settings.session_seconds if end == "absolute" else gateway.settings.session_idle_seconds
    column = "created_at" if end == "absolute" else "seen_at"
    aged(gateway, someone, **{column: limit - 60})
    assert someone.call("GET", "/session").status_code == 200
    aged(gateway, someone, **{column: limit})
    assert someone.call("GET", "/session").status_code == 401
    assert someone.call("POST", "/documents", files=LETTER).status_code == 401


def test_use_keeps_a_session_and_signing_in_again_replaces_it(gateway: Served) -> None:
    someone = signed_in(gateway)
    before = someone.browser.cookies["careledger"]
    limit = gateway.settings.session_idle_seconds
    aged(gateway, someone, seen_at=limit - 60)
    assert someone.call("GET", "/session").status_code == 200
    hashed = hashlib.sha256(before.encode()).hexdigest()
    with gateway.app.state.services.database.read() as connection:
        found = connection.execute(select(SESSION).where(SESSION.c.session_hash == hashed)).one()
    assert time.time() - found.seen_at < limit - 60
    assert someone.sign_in(account(OWN)).status_code == 201
    old = requests.get(f"{gateway.url}/session", cookies={"careledger": before}, timeout=SECONDS)
    assert old.status_code == 401
