"""Rest-hook subscriptions: delivered until taken, without content; and where a notification never goes."""

from __future__ import annotations

import datetime as dt
import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from careledger.authorization.fhir.resources import parse_resource
from careledger.contract_enums import Action
from careledger.errors import InvalidInput
from careledger.gateway.fhir_subscriptions import TOPIC
from careledger.gateway.fhir_targets import Target, Undelivered, address_of, post, target_of
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fhir_world import FHIR_JSON, NUTRITION, FhirWorld, bundle, equipment, issue_of, opened, submission

SCOPE = "system/Subscription.cruds"
SECRET = "a-secret-of-the-endpoint"
PATIENCE_SECONDS = 60


class Endpoint(http.server.ThreadingHTTPServer):
    """Refuses the first request, redirects the second, and takes the rest."""

    daemon_threads = True

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Answering)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Answering(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Endpoint)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        seen = self.server.requests
        seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response({1: 500, 2: 302}.get(len(seen), 200))
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def running(server: http.server.HTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    with running(server):
        yield server


@pytest.fixture(scope="module")
def fhir(tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint) -> Iterator[FhirWorld]:
    with opened(tmp_path_factory.mktemp("fhir"), subscription_hosts=endpoint.host) as found:
        yield found


def asked(server: Endpoint, /, **channel: Any) -> dict[str, Any]:
    stated = {"type": "rest-hook", "endpoint": f"http://{server.host}/hook", "payload": FHIR_JSON, **channel}
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "decisions on what waited",
        "criteria": TOPIC,
        "channel": {name: value for name, value in stated.items() if value is not None},
    }


def test_a_decision_is_told_until_it_is_taken_and_says_nothing_of_it(fhir: FhirWorld, endpoint: Endpoint) -> None:
    created = fhir.post("/fhir/Subscription", asked(endpoint, header=[f"X-Secret: {SECRET}"]), SCOPE)
    assert created.status_code == 201, created.text
    address = created.headers["location"].removeprefix(fhir.gateway.url)
    for answer in (created, fhir.gateway.call("GET", address, SCOPE)):
        parse_resource(answer.content, "Subscription")
        assert (answer.json()["status"], SECRET in answer.text) == ("active", False)
    done = fhir.submit(submission(bundle(equipment(1), NUTRITION, name="told"), fhir.covered()))
    assert done.status_code == 201, done.text
    request = fhir.result(done)["request_id"]
    fhir.world.review(request, 1, Action.DENIED, reason=7)
    until = time.monotonic() + PATIENCE_SECONDS
    while len(endpoint.requests) < 3:
        assert time.monotonic() < until, endpoint.requests
        time.sleep(0.05)
    assert {path for path, _, _ in endpoint.requests} == {"/hook"}
    assert {headers["x-secret"] for _, headers, _ in endpoint.requests} == {SECRET}
    assert len({body for _, _, body in endpoint.requests}) == 1
    body = endpoint.requests[0][2]
    parse_resource(body, "Bundle")
    assert address.encode() in body
    assert request.encode() not in body
    database = Path(fhir.gateway.settings.database.removeprefix("sqlite:///"))
    kept = b"".join(one.read_bytes() for one in database.parent.iterdir() if one.name.startswith(database.name))
    assert SECRET.encode() not in kept
    assert fhir.post(f"{address}", b"{}", SCOPE).status_code == 405
    assert fhir.gateway.call("DELETE", address, SCOPE).status_code == 204
    gone = fhir.gateway.call("GET", address, SCOPE)
    assert (gone.status_code, issue_of(gone)["code"]) == (404, "not-found")
    assert len(endpoint.requests) == 3


def test_what_cannot_be_subscribed_is_one_operation_outcome(fhir: FhirWorld, endpoint: Endpoint) -> None:
    backport = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
    full = {"extension": [{"url": f"{backport}backport-payload-content", "valueCode": "full-resource"}]}
    for wrong in (
        asked(endpoint, type="email"),
        asked(endpoint, endpoint=None),
        asked(endpoint, endpoint="http://127.0.0.1:1/hook"),
        asked(endpoint, endpoint="https://elsewhere.example/hook"),
        asked(endpoint, payload="application/fhir+xml"),
        asked(endpoint, _payload=full),
        asked(endpoint, header=["Host: elsewhere.example"]),
        asked(endpoint, header=["X: a\r\nHost: elsewhere.example"]),
        {**asked(endpoint), "criteria": "Claim?status=active"},
        {**asked(endpoint), "end": "2030"},
    ):
        refused = fhir.post("/fhir/Subscription", wrong, SCOPE)
        assert refused.status_code == 422, refused.text
        issue_of(refused)
    for scope, system, status in ((None, "ehr", 401), (SCOPE, "payer", 403), ("documents.read", "narrow", 403)):
        refused = fhir.post("/fhir/Subscription", asked(endpoint), scope, system)
        assert refused.status_code == status
        issue_of(refused)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.1", "2130706433", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
        *("169.254.169.254", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[ff02::1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "localhost"),
    ],
)
def test_outside_a_local_chain_only_public_addresses_are_called(address: str) -> None:
    target = target_of(f"https://{address}/hook", [address.strip("[]")], is_local=False)
    with pytest.raises(Undelivered, match=r"not a public one|leads nowhere"):
        address_of(target, is_local=False)


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example/", "ftp://hooks.example/", "https://hooks.example:8443/", "https://other.example/"),
        *("https://hooks.example.other.example/", "https://user@hooks.example/", "https://hooks.example/#part"),
        *("https://hooks.example:port/", "https://[hooks.example/", "//hooks.example/", "", "https://hooks.example/ x"),
    ],
)
def test_outside_a_local_chain_only_allowed_hosts_are_called_over_tls(url: str) -> None:
    with pytest.raises(InvalidInput):
        target_of(url, ["hooks.example"], is_local=False)


def test_the_address_that_was_looked_at_is_called_under_the_host_s_name(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path, "hooks.example")
    server = Endpoint()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=str(certificate))
    port = int(server.server_address[1])
    target = target_of(f"https://Hooks.Example:{port}/hook?x=1", [f"hooks.example:{port}"], is_local=False)
    with running(server):
        for problem in ("answered 500", "answered 302"):
            with pytest.raises(Undelivered, match=problem):
                post(target, "127.0.0.1", {}, b"", trusting)
        post(target, "127.0.0.1", {}, b"", trusting)
        assert [(path, headers["host"]) for path, headers, _ in server.requests] == [
            ("/hook?x=1", f"hooks.example:{port}")
        ] * 3
        with pytest.raises(Undelivered, match="SSLCertVerificationError"):
            post(Target("https", "other.example", port, "/"), "127.0.0.1", {}, b"", trusting)
        with pytest.raises(Undelivered, match="SSLCertVerificationError"):
            post(target, "127.0.0.1", {}, b"")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Undelivered, match="no answer"):
            post(Target("http", "127.0.0.1", closed.getsockname()[1], "/"), "127.0.0.1", {}, b"")


def _certificate(folder: Path, host: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(1))
        .not_valid_after(now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private
