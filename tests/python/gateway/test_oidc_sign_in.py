"""Sign-in of people at a real OpenID Connect server, and what is not taken for one."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from careledger.chain.development import development_signer
from careledger.cli.session import open_signer
from careledger.contract_enums import Reason
from careledger.errors import ConfigurationError
from careledger.gateway import Settings
from careledger.gateway.access import SCOPES
from careledger.gateway.access.people import People
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from careledger.gateway.problems import Refused
from gateway_stage import SECONDS, Served, free_port, serve
from oidc_server import CLIENT_SECRET, OidcServer, begin, changed, log_in, oidc_server
from register_acts import RULER, acting
from wallet_stage import Visitor, account, visitor

READER, STRANGER = "reader.of.documents@hospital.example", "stranger@hospital.example"
SCOPES_OF_READER = ["documents.read", "documents.write"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, OidcServer]]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    people = {"people": [{"subject": READER, "scopes": SCOPES_OF_READER, "signer": "development:2"}]}
    (folder / "people.yaml").write_text(json.dumps(people))
    with oidc_server() as server, local_settings(folder) as settings:
        values: dict[str, Any] = {
            **settings,
            "oidc_issuer": server.issuer,
            "oidc_client_id": "gateway",
            "oidc_client_secret": CLIENT_SECRET,
            "people": folder / "people.yaml",
        }
        with serve(folder, {"ehr": (LOCAL_ORGANIZATION, SCOPES)}, **values) as served:
            server.serve(served.url)
            yield served, server


@pytest.fixture(scope="module")
def hospital(stage: tuple[Served, OidcServer]) -> Served:
    return stage[0]


@pytest.fixture(scope="module")
def server(stage: tuple[Served, OidcServer]) -> OidcServer:
    return stage[1]


def came_back(gateway: Served, someone: Visitor, login: str = READER, **asked: str) -> str:
    """The callback to which the server sends a browser; `asked` is changed in what the gateway asks of the server."""
    url = begin(someone.browser, gateway.url).headers["location"]
    return log_in(someone.browser, changed(url, **asked), login, gateway.url)


def follow(someone: Visitor, url: str) -> requests.Response:
    return someone.browser.get(url, allow_redirects=False, timeout=SECONDS)


def signed_in(gateway: Served, login: str = READER) -> Visitor:
    someone = visitor(gateway)
    answer = follow(someone, came_back(gateway, someone, login))
    assert answer.status_code == 200, answer.text
    someone.csrf = someone.call("GET", "/session").json()["csrf_token"]
    return someone


def test_a_person_signs_in_calls_and_signs_out(hospital: Served) -> None:
    someone = visitor(hospital)
    first = begin(someone.browser, hospital.url, to="/en/verify")
    asked = {name: value[0] for name, value in parse_qs(urlsplit(first.headers["location"]).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == ("code", "S256", "openid")
    back = log_in(someone.browser, first.headers["location"], READER, hospital.url)
    answer = follow(someone, back)
    assert (answer.status_code, answer.headers["refresh"]) == (200, "0; url=/en/verify")
    assert "careledger-sign-in" not in someone.browser.cookies
    who = someone.call("GET", "/session").json()
    assert who["organization"] == hospital.app.state.services.organization
    assert who["scopes"] == SCOPES_OF_READER
    assert "reader" not in str(who)
    asked_for = {"json": {"digest": "0x" + 64 * "1"}}
    assert someone.call("POST", "/documents/digests", **asked_for).json()["title"] == "No CSRF token"
    someone.csrf = who["csrf_token"]
    assert someone.call("POST", "/documents/digests", **asked_for).status_code == 201
    assert someone.call("GET", "/reviews").status_code == 403
    assert someone.call("DELETE", "/session").status_code == 204
    assert someone.call("GET", "/session").status_code == 401


def test_a_person_who_is_not_in_the_file_is_refused_and_not_named(
    hospital: Served, caplog: pytest.LogCaptureFixture
) -> None:
    someone = visitor(hospital)
    back = came_back(hospital, someone, STRANGER)
    with caplog.at_level(logging.DEBUG):
        answer = follow(someone, back)
    assert (answer.status_code, answer.json()["title"]) == (403, "Not known here")
    assert "stranger" not in answer.text + caplog.text
    assert "careledger" not in someone.browser.cookies


def test_logs_name_a_pseudonym_that_is_always_the_same(hospital: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        subjects = [signed_in(hospital).call("GET", "/session").json()["subject"] for _ in range(2)]
    told = [record.getMessage() for record in caplog.records if record.name.startswith("careledger")]
    assert subjects[0] == subjects[1]
    assert re.fullmatch("person-[0-9a-f]{24}", subjects[0])
    assert sum(subjects[0] in line for line in told) >= 4
    assert not any("reader" in line or "hospital.example" in line or "code=" in line for line in told)


def test_a_state_of_another_browser_is_refused(hospital: Served) -> None:
    attacker, victim = visitor(hospital), visitor(hospital)
    back = came_back(hospital, attacker)
    begin(victim.browser, hospital.url)
    for browser in (victim, visitor(hospital)):
        answer = follow(browser, back)
        assert (answer.status_code, answer.json()["title"]) == (400, "Not this sign-in"), answer.text
        assert "careledger" not in browser.browser.cookies


@pytest.mark.parametrize("state", ["", "0" * 64, None, "é"])
def test_another_state_is_refused(hospital: Served, state: str | None) -> None:
    someone = visitor(hospital)
    answer = follow(someone, changed(came_back(hospital, someone), state=state))
    assert (answer.status_code, answer.json()["title"]) == (400, "Not this sign-in")


def test_an_id_token_for_another_nonce_is_refused(hospital: Served) -> None:
    someone = visitor(hospital)
    answer = follow(someone, came_back(hospital, someone, nonce=64 * "0"))
    assert (answer.status_code, answer.json()["title"]) == (401, "Not signed in"), answer.text
    assert "ID token" in answer.json()["detail"]


def test_a_code_that_was_got_by_another_challenge_is_refused(hospital: Served) -> None:
    someone = visitor(hospital)
    answer = follow(someone, came_back(hospital, someone, code_challenge=43 * "A"))
    assert (answer.status_code, "code" in answer.json()["detail"]) == (401, True), answer.text


def test_a_code_and_a_callback_are_taken_once(hospital: Served) -> None:
    someone = visitor(hospital)
    url = begin(someone.browser, hospital.url).headers["location"]
    attempt = someone.browser.cookies["careledger-sign-in"]
    back = log_in(someone.browser, url, READER, hospital.url)
    assert follow(someone, back).status_code == 200
    again = requests.get(back, cookies={"careledger-sign-in": attempt}, allow_redirects=False, timeout=SECONDS)
    assert (again.status_code, "ended before" in again.json()["detail"]) == (400, True)
    other = visitor(hospital)
    state = parse_qs(urlsplit(begin(other.browser, hospital.url).headers["location"]).query)["state"][0]
    replayed = follow(other, changed(back, state=state))
    assert (replayed.status_code, "code" in replayed.json()["detail"]) == (401, True)


@pytest.mark.parametrize("iss", [None, "https://evil.example"])
def test_an_answer_of_another_server_is_refused(hospital: Served, iss: str | None) -> None:
    someone = visitor(hospital)
    answer = follow(someone, changed(came_back(hospital, someone), iss=iss))
    assert (answer.status_code, "another server" in answer.json()["detail"]) == (400, True)


def test_what_the_server_refuses_signs_nobody_in(hospital: Served) -> None:
    someone = visitor(hospital)
    back = came_back(hospital, someone)
    answer = follow(someone, changed(back, error="access_denied", error_description="x", code=None))
    assert (answer.status_code, answer.json()["title"]) == (401, "Not signed in")


@pytest.mark.parametrize(
    "to",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/a//b", "/x?y", "verify", "/%0d%0aX: y", "/\t/"],
)
def test_nobody_is_sent_elsewhere(hospital: Served, to: str) -> None:
    answer = begin(requests.Session(), hospital.url, to=to)
    assert answer.status_code == 422, answer.headers.get("location")


def test_sign_in_goes_on_when_the_server_changes_its_keys(hospital: Served, server: OidcServer) -> None:
    signed_in(hospital)
    server.serve(hospital.url)
    signed_in(hospital)


def test_the_session_is_what_a_person_has_after_the_file_has_changed(hospital: Served) -> None:
    someone, file = signed_in(hospital), hospital.settings.people
    assert file is not None
    before = file.read_text()
    try:
        file.write_text(json.dumps({"people": []}))
        assert someone.call("GET", "/session").status_code == 401
        file.write_text(json.dumps({"people": [{"subject": READER, "scopes": ["documents.read"]}]}))
        assert someone.call("GET", "/session").json()["scopes"] == ["documents.read"]
        file.write_text(json.dumps({"people": [{"subject": READER, "scopes": ["documents.read"], "signer": "no"}]}))
        assert someone.call("GET", "/session").json()["scopes"] == ["documents.read"]
    finally:
        file.write_text(before)
    assert sorted(someone.call("GET", "/session").json()["scopes"]) == sorted(SCOPES_OF_READER)


def test_people_of_a_suspended_organization_are_out_at_once(hospital: Served) -> None:
    someone, late = signed_in(hospital), visitor(hospital)
    back = came_back(hospital, late)
    registrar = acting(hospital, development_signer(RULER)).organizations
    registrar.suspend(LOCAL_ORGANIZATION, Reason.SECURITY_INCIDENT)
    try:
        for answer in (someone.call("GET", "/session"), follow(late, back)):
            assert (answer.status_code, answer.json()["title"]) == (403, "Not active")
        assert "careledger" not in late.browser.cookies
    finally:
        registrar.reinstate(LOCAL_ORGANIZATION)
    assert someone.call("GET", "/session").status_code == 200


def test_a_person_decides_with_its_own_key_or_not_at_all(hospital: Served) -> None:
    services = hospital.app.state.services
    subject = signed_in(hospital).call("GET", "/session").json()["subject"]
    assert services.reviewer_for(subject).address == account(2).address
    with pytest.raises(Refused, match="nothing is signed"):
        services.reviewer_for(services.wallets.pseudonym(account(5).address))


@pytest.mark.parametrize(
    ("client_id", "status"), [("public", 200), ("symmetric", 401)], ids=["without a secret", "HS256"]
)
def test_other_clients_of_the_server(
    stage: tuple[Served, OidcServer], tmp_path: Path, client_id: str, status: int
) -> None:
    """A client without a secret is one by PKCE alone; ID tokens that a shared secret signs are refused."""
    first, server = stage
    secret = None if client_id == "public" else "a secret of thirty-two characters"
    services = first.app.state.services
    before = services.open_id.server
    services.open_id.server = type(before)(server.issuer, client_id, secret)
    try:
        someone = visitor(first)
        answer = follow(someone, came_back(first, someone))
        assert answer.status_code == status, answer.text
    finally:
        services.open_id.server = before


def test_a_server_that_is_gone_is_an_outage(stage: tuple[Served, OidcServer]) -> None:
    first, _ = stage
    services = first.app.state.services
    before = services.open_id.server
    services.open_id.server = type(before)(f"http://127.0.0.1:{free_port()}", "gateway", None)
    try:
        answer = begin(requests.Session(), first.url)
    finally:
        services.open_id.server = before
    assert (answer.status_code, answer.json()["title"]) == (503, "No sign-in now")


def test_a_gateway_without_a_server_says_so(gateway: Served) -> None:
    assert begin(requests.Session(), gateway.url).status_code == 404
    assert requests.get(f"{gateway.url}/session", timeout=SECONDS).json()["ways"] == ["wallet"]


@pytest.mark.parametrize(
    "entry",
    [
        {"subject": 7, "scopes": []},
        {"scopes": []},
        {"subject": "x", "scopes": ["everything"]},
        {"subject": "x", "scopes": [], "signer": 7},
        "x",
    ],
)
def test_a_wrong_file_of_people_is_refused_by_number(tmp_path: Path, entry: object) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(json.dumps({"people": [{"subject": READER, "scopes": []}, entry]}))
    with pytest.raises(ConfigurationError, match="entry 2") as refused:
        People.load(path, "https://id.example", "secret", open_signer)
    assert READER not in str(refused.value)


def test_the_settings_of_a_server_go_together(hospital: Served) -> None:
    values = hospital.settings.model_dump() | {"people": None}
    with pytest.raises(ConfigurationError, match="PEOPLE"):
        Settings.load(**values).check(True, hospital.app.state.services.signer)
    values = hospital.settings.model_dump() | {
        "token_secret": 32 * "x",
        "public_url": "https://x.example",
        "confirmations": 12,
    }
    with pytest.raises(ConfigurationError, match="OIDC_ISSUER"):
        Settings.load(**values).check(False, hospital.app.state.services.signer)
