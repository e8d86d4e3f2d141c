"""Requests that are too much, or not what they seem: each refused with a problem, and nothing else harmed."""

from __future__ import annotations

import gzip
import http.client
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from careledger.gateway import limits
from careledger.gateway.access import SCOPES
from careledger.gateway.limits import Edge
from careledger.gateway.local import LOCAL_ORGANIZATION, local_settings
from gateway_stage import Served, serve

LIMIT_BYTES = 3 * 1024 * 1024
ORIGIN = "https://portal.example.org"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("limits")
    clients = {"ehr": (LOCAL_ORGANIZATION, SCOPES), "portal": (LOCAL_ORGANIZATION, SCOPES)}
    changes = {"body_limit_bytes": LIMIT_BYTES, "json_depth": 16, "cors_origins": ORIGIN}
    with local_settings(folder) as settings, serve(folder, clients, **settings, **changes) as served:
        yield served


def post(gateway: Served, content: bytes, path: str = "/documents/verify", **headers: str) -> requests.Response:
    return gateway.call("POST", path, data=content, headers={"Content-Type": "application/json", **headers})


def test_a_body_beyond_the_limit_is_refused_announced_or_not(gateway: Served) -> None:
    announced = post(gateway, b"x" * (LIMIT_BYTES + 1))
    chunked = gateway.call("POST", "/documents/verify", data=(b"x" * 65_536 for _ in range(64)), headers={})
    for answer in (announced, chunked):
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 5_000,
        b'{"receipt":' * 20 + b"1" + b"}" * 20,
        b'{"receipt":{"a":1,"a":2}}',
        b'{"receipt":{"a":"x\\u0000y"}}',
        b'{"receipt":{"a":"\\ud800"}}',
        b'{"receipt":{"a":"\xff"}}',
        b'{"receipt":{"a":NaN}}',
        b'{"receipt":{"a":' + b"9" * 5_000 + b"}}",
        b'{"receipt":{"a":18446744073709551616}}',
        b'{"receipt":',
        b'"' + b"\\" * 999,
    ],
    ids=["depth", "objects", "twice", "nul", "surrogate", "utf-8", "nan", "number", "65 bits", "cut", "quotes"],
)
def test_json_that_could_be_read_in_two_ways_is_read_in_none(gateway: Served, content: bytes) -> None:
    answer = post(gateway, content)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_brackets_in_texts_do_not_count_as_depth(gateway: Served) -> None:
    asked = {"receipt": {"note": "[[[[{{{{\\" * 50}}
    assert gateway.call("POST", "/documents/verify", json=asked).json()["title"] != "Bad JSON"


def test_packed_bodies_are_refused(gateway: Served) -> None:
    packed = post(gateway, gzip.compress(b"{}" * 1000), **{"Content-Encoding": "gzip"})
    assert packed.status_code == 415


def test_many_parts_and_odd_file_names_are_harmless(gateway: Served) -> None:
    many = {f"field{number}": "x" for number in range(1_500)}
    assert gateway.call("POST", "/documents/verify/files", files={"file": b"x"}, data=many).status_code in {400, 422}
    name = '"\r\nSet-Cookie: a=b; ../../etc/passwd'
    answer = gateway.call("POST", "/documents", "documents.write", files={"file": (name, b"y")})
    assert answer.status_code in {201, 202, 400, 422}
    assert "set-cookie" not in answer.headers


def test_a_large_file_is_never_on_the_disk(gateway: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there is no such folder"))
    content = b"z" * (2 * 1024 * 1024)
    assert gateway.call("POST", "/documents", "documents.write", files={"file": content}).status_code == 201


def test_made_up_tokens_count_for_the_address_from_which_they_come(tmp_path: Path) -> None:
    clients = {"ehr": (LOCAL_ORGANIZATION, SCOPES), "portal": (LOCAL_ORGANIZATION, SCOPES)}
    with (
        local_settings(tmp_path) as settings,
        serve(tmp_path, clients, **settings, rate_limit="40/hour") as gateway,
    ):
        tokens = {name: gateway.system(name).token("documents.read") for name in clients}
        statuses = []
        for number in range(60):
            headers = {"Authorization": f"Bearer made-up-{number}"}
            statuses.append(requests.get(f"{gateway.url}/jobs", headers=headers, timeout=60))
        assert statuses[-1].status_code == 429
        assert int(statuses[-1].headers["retry-after"]) > 0
        layer = gateway.app.middleware_stack
        while not isinstance(layer, Edge):
            layer = layer.app
        assert len(layer._limiter.storage.storage) < 10
        for token in tokens.values():  # whoever has a token of its own is not held up by it
            headers = {"Authorization": f"Bearer {token}"}
            assert requests.get(f"{gateway.url}/jobs", headers=headers, timeout=60).status_code == 200
        assert requests.get(f"{gateway.url}/health", timeout=60).status_code == 200


def test_a_request_id_is_kept_only_if_it_is_one(gateway: Served) -> None:
    kept = requests.get(f"{gateway.url}/health", headers={"X-Request-Id": "abc-1"}, timeout=60)
    assert kept.headers["x-request-id"] == "abc-1"
    for wrong in ("a b", "x" * 65, '{"a":1}', "é"):
        answer = requests.get(f"{gateway.url}/health", headers={"X-Request-Id": wrong.encode()}, timeout=60)
        assert answer.headers["x-request-id"] != wrong


def test_pages_of_named_origins_may_ask_and_never_with_cookies(gateway: Served) -> None:
    for origin, expected in ((ORIGIN, ORIGIN), ("https://evil.example.org", None), ("null", None)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        for answer in (
            requests.options(f"{gateway.url}/documents", headers=asked, timeout=60),
            requests.get(f"{gateway.url}/health", headers={"Origin": origin}, timeout=60),
        ):
            assert answer.headers.get("access-control-allow-origin") == expected
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "X" * 40])
def test_a_method_that_is_not_offered_is_405_and_no_label(gateway: Served, method: str) -> None:
    parts = urlsplit(gateway.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=60)
    connection.request(method, "/jobs", headers={"Host": "evil.example.org"})
    answer = connection.getresponse()
    assert answer.status in {400, 404, 405, 501}
    assert "evil" not in str(answer.headers)
    assert method not in gateway.call("GET", "/metrics").text


def test_the_host_header_goes_nowhere(gateway: Served) -> None:
    headers = {"Host": "evil.example.org"}
    for path in ("/jobs/", "//evil.example.org/", "/documents/", "/.well-known/smart-configuration"):
        answer = requests.get(gateway.url + path, headers=headers, timeout=60, allow_redirects=False)
        assert "evil" not in answer.headers.get("location", "") + answer.text, path


def test_errors_tell_nothing_of_paths_and_hosts(gateway: Served) -> None:
    services = gateway.app.state.services
    wrong = ("/documents/0x" + 64 * "0" + "/receipt", "/jobs/" + 32 * "0", "/nothing", "/ready")
    told = "".join(gateway.call("GET", path, "documents.read").text for path in wrong)
    for inner in (str(services.vault.path), str(gateway.settings.vault.parent), "Traceback", "site-packages"):
        assert inner not in told


def test_who_sends_half_a_request_holds_up_nobody(gateway: Served) -> None:
    parts = urlsplit(gateway.url)
    slow = [socket.create_connection((str(parts.hostname), parts.port or 80)) for _ in range(50)]
    for number, one in enumerate(slow):
        one.sendall(b"POST /documents/verify HTTP/1.1\r\nHost: x\r\n" + b"Content-Length: 100\r\n\r\n{" * (number % 2))
    assert requests.get(f"{gateway.url}/health", timeout=60).status_code == 200
    for one in slow:
        one.close()


def test_a_body_that_does_not_come_is_not_waited_for_for_ever(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.3)
    parts = urlsplit(gateway.url)
    with socket.create_connection((str(parts.hostname), parts.port or 80), timeout=60) as slow:
        head = (
            "POST /documents/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        )
        slow.sendall(head.encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")
