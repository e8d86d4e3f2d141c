"""Bad nodes, bad addresses and bad keys: each a typed error that names the value, and nothing sent."""

from __future__ import annotations

import http.server
import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from careledger.chain import development
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment import Deployer, Parameters, suite_plan
from careledger.chain.development import Node, development_signer
from careledger.chain.signers.local import LocalSigner
from careledger.client import CareLedger
from careledger.errors import (
    BytecodeMismatch,
    ChainError,
    ConfigurationError,
    DeploymentChanged,
    DeploymentMissing,
    InsufficientFunds,
    InvalidInput,
    NodeRefused,
    NodeUnreachable,
    NotAContract,
    TransactionUnconfirmed,
    WrongChain,
)
from eth_account import Account
from identity.suite import travel

SEPOLIA = 11155111
DEPLOYER = development_signer(0)
OPERATOR = development_signer(8)


def rpc(connection: Connection, method: str, *parameters: Any) -> Any:
    answer = connection.web3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
    assert "error" not in answer, answer
    return answer["result"]


@contextmanager
def server(status: int, body: bytes, kind: str = "text/html") -> Iterator[str]:
    """An HTTP server that gives everyone the same answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(scope="module")
def deployed(anvil_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a deployment on the session's Anvil."""
    folder = tmp_path_factory.mktemp("deployments")
    # With an admin of its own, so that its manager is not that of other tests: its address follows from the admin.
    parameters = Parameters(*(OPERATOR.address,) * 4, *(1, 0, 17))
    Deployer(anvil_node.connect(), OPERATOR, suite_plan(parameters), folder).run()
    return folder


def test_a_url_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(NodeUnreachable) as raised:
            Connection.open(url)
    assert raised.value.url == url
    assert url in str(raised.value)


def test_a_host_that_does_not_exist_is_unreachable() -> None:
    with pytest.raises(NodeUnreachable) as raised:
        Connection.open("http://node.invalid:8545")
    assert raised.value.url == "http://node.invalid:8545"


def test_a_node_that_never_answers_is_unreachable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(NodeUnreachable) as raised:
            Connection.open(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=1)
    assert raised.value.problem == "ReadTimeout"


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_a_server_that_is_no_node_is_unreachable(status: int) -> None:
    with server(status, b"<html>not here</html>") as url, pytest.raises(NodeUnreachable) as raised:
        Connection.open(url)
    assert raised.value.fields() == {"url": url, "problem": f"HTTP status {status}"}


@pytest.mark.parametrize(
    "body", [b"<html>welcome</html>", b"", b"[]", b"{}", b'"0x1"', b"\xff\xfe", b'{"result": null}']
)
def test_a_server_that_answers_something_else_is_a_typed_error(body: bytes) -> None:
    with server(200, body, "application/json") as url, pytest.raises(ChainError) as raised:
        Connection.open(url)
    assert isinstance(raised.value, NodeUnreachable | NodeRefused)
    assert url in str(raised.value) or "eth_chainId" in str(raised.value)


def test_a_node_s_own_error_is_told_with_its_code() -> None:
    answer = {"jsonrpc": "2.0", "id": 0, "error": {"code": -32005, "message": "daily request count exceeded"}}
    with server(200, json.dumps(answer).encode(), "application/json") as url, pytest.raises(NodeRefused) as raised:
        Connection.open(url)
    assert raised.value.fields() == {
        "method": "eth_chainId",
        "code": -32005,
        "problem": "daily request count exceeded",
    }


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8545",
        "ws://localhost:8545",
        "ftp://localhost",
        "http://",
        "http://localhost:99999",
        "http://[::1",
        "http://a..b",
        f"http://{64 * 'a'}.example",
    ],
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Connection.open(url)
    assert raised.value.setting == "the RPC URL"


def test_an_ipv6_url_is_shown_with_brackets() -> None:
    with pytest.raises(NodeUnreachable) as raised:
        Connection.open("http://[::1]:1")
    assert raised.value.url == "http://[::1]:1"


@pytest.mark.parametrize("port", [-1, 0, 70_000])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Node(port=port)
    assert (raised.value.setting, str(port) in raised.value.problem) == ("port", True)


def test_a_url_s_secrets_are_in_no_error() -> None:
    with server(403, b"no") as url, pytest.raises(NodeUnreachable) as raised:
        Connection.open(url.replace("http://", "http://user:hidden@") + "/v3/hidden?key=hidden")
    assert raised.value.url == url
    assert "hidden" not in str(raised.value)


def test_another_chain_than_expected_is_refused(anvil_node: Node, deployed: Path) -> None:
    for act in (
        lambda: Connection.open(anvil_node.url, expected_chain_id=SEPOLIA),
        lambda: CareLedger.connect(anvil_node.url, DEPLOYER, deployed, SEPOLIA),
    ):
        with pytest.raises(WrongChain) as raised:
            act()
        assert raised.value.fields() == {"expected": SEPOLIA, "actual": 31337}


def test_a_chain_without_a_manifest_is_refused(anvil_node: Node, tmp_path: Path) -> None:
    with pytest.raises(DeploymentMissing) as raised:
        CareLedger.connect(anvil_node.url, None, tmp_path)
    assert raised.value.fields() == {
        "chain_id": 31337,
        "manifest": str(tmp_path / "31337.json"),
        "command": "careledger deploy",
    }


@pytest.mark.parametrize("text", ["", "{", "[]", '{"careledger": "1"}', '{"parameters": 1, "contracts": {}}'])
def test_a_damaged_manifest_is_refused(anvil_node: Node, tmp_path: Path, text: str) -> None:
    path = tmp_path / "31337.json"
    path.write_text(text)
    with pytest.raises(DeploymentChanged) as raised:
        CareLedger.connect(anvil_node.url, None, tmp_path)
    assert raised.value.subject == str(path)
    assert path.read_text() == text


def test_a_manifest_of_another_genesis_is_refused(deployed: Path) -> None:
    with Node(options=("--timestamp", "1700000000")) as other:
        actual = other.connect().genesis_hash()
        with pytest.raises(DeploymentChanged) as raised:
            CareLedger.connect(other.url, None, deployed)
    known = json.loads((deployed / "31337.json").read_text())["genesis_hash"]
    assert raised.value.fields() == {"subject": "genesis block", "expected": known, "actual": actual}


def edited(deployed: Path, folder: Path, address: str) -> Path:
    """A copy of the manifest with another address of the registry."""
    body = json.loads((deployed / "31337.json").read_text())
    body["contracts"]["OrganizationRegistry"]["address"] = address
    (folder / "31337.json").write_text(json.dumps(body))
    return folder


def test_an_address_without_code_is_refused(anvil_node: Node, deployed: Path, tmp_path: Path) -> None:
    nobody = Account.create().address
    with pytest.raises(NotAContract) as raised:
        CareLedger.connect(anvil_node.url, None, edited(deployed, tmp_path, nobody))
    assert raised.value.fields() == {"contract": "OrganizationRegistry", "address": nobody}
    with pytest.raises(NotAContract):
        Contract(anvil_node.connect(), "OrganizationRegistry", nobody).read("recoveryDelay")


def test_other_code_at_an_address_is_refused(anvil_node: Node, deployed: Path, tmp_path: Path) -> None:
    body = json.loads((deployed / "31337.json").read_text())
    manager = body["contracts"]["AccessManager"]["address"]
    with pytest.raises(BytecodeMismatch) as raised:
        CareLedger.connect(anvil_node.url, None, edited(deployed, tmp_path, manager))
    assert raised.value.fields() == {"contract": "OrganizationRegistry", "address": manager}


def test_a_key_without_funds_is_refused_before_anything_is_sent(anvil_node: Node) -> None:
    connection = anvil_node.connect()
    signer = LocalSigner(Account.create())
    with pytest.raises(InsufficientFunds) as raised:
        connection.send(signer, DEPLOYER.address, value_wei=5)
    assert raised.value.address == signer.address
    assert raised.value.balance_wei == 0
    assert raised.value.needed_wei > 5
    assert signer.address in str(raised.value)
    assert connection.nonce(signer.address) == 0


def test_a_key_with_too_little_is_refused_before_anything_is_sent(anvil_node: Node) -> None:
    connection = anvil_node.connect()
    signer = LocalSigner(Account.create())
    connection.send(development_signer(9), signer.address, value_wei=1000)
    for gas in (None, 21_000):
        with pytest.raises(InsufficientFunds) as raised:
            connection.send(signer, DEPLOYER.address, value_wei=5, gas=gas)
        assert raised.value.address == signer.address
        assert raised.value.balance_wei == 1000
        assert raised.value.needed_wei >= 5 + 21_000
    assert connection.nonce(signer.address) == 0


def test_a_development_key_is_refused_outside_a_local_chain() -> None:
    with Node(chain_id=SEPOLIA) as node:
        connection = node.connect()
        assert not connection.is_local
        with pytest.raises(ConfigurationError) as raised:
            connection.send(DEPLOYER, development_signer(1).address, value_wei=1)
        assert DEPLOYER.address in raised.value.setting
        assert str(SEPOLIA) in raised.value.problem
        assert connection.nonce(DEPLOYER.address) == 0


@pytest.mark.parametrize("index", [-1, 10])
def test_there_are_ten_development_keys(index: int) -> None:
    with pytest.raises(InvalidInput) as raised:
        development_signer(index)
    assert raised.value.value == str(index)


def test_a_transaction_in_no_block_is_told_with_its_hash_and_may_be_sent_again() -> None:
    with Node(options=("--no-mining",)) as node:
        connection = node.connect()
        transaction = connection.prepare(DEPLOYER, development_signer(1).address, value_wei=1)
        raw = DEPLOYER.sign_transaction(transaction)
        sent = connection.broadcast(raw)
        assert connection.receipt(sent) is None
        with pytest.raises(TransactionUnconfirmed) as raised:
            connection.wait(sent, timeout_seconds=0)
        assert raised.value.fields() == {"transaction_hash": sent, "waited_seconds": 0}
        assert connection.broadcast(raw) == sent  # known already: no error, no second transaction
        assert connection.nonce(DEPLOYER.address) == 1
        rpc(connection, "evm_mine")
        assert connection.wait(sent).transaction_hash == sent


def test_a_nonce_that_is_used_up_is_refused(anvil_node: Node) -> None:
    connection = anvil_node.connect()
    signer = OPERATOR
    connection.send(signer, signer.address)
    transaction = connection.prepare(signer, signer.address, value_wei=3)
    raw = signer.sign_transaction({**transaction, "nonce": transaction["nonce"] - 1})
    with pytest.raises(NodeRefused) as raised:
        connection.broadcast(raw)
    assert raised.value.method == "eth_sendRawTransaction"
    assert "nonce" in raised.value.problem


def test_a_node_ends_with_stop_and_says_why_it_did_not_start() -> None:
    with Node() as node:
        url = node.url
        with pytest.raises(ConfigurationError) as taken:
            Node(port=node.port)
        assert taken.value.setting == "port"
        assert str(node.port) in taken.value.problem
        with pytest.raises(NodeUnreachable, match="anvil ended at once"):
            Node(options=("--no-such-option",))
    with pytest.raises(NodeUnreachable):
        Connection.open(url)
    node.stop()


def test_a_node_never_stands_for_another_that_took_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes may find the same port free, and only one gets it."""
    with Node() as other:
        ports = iter([other.port, development._free_port()])
        monkeypatch.setattr(development, "_free_port", lambda: next(ports))
        monkeypatch.setattr(development, "_is_taken", lambda _port: False)
        with Node() as node:
            assert node.port != other.port
            node.connect().send(development_signer(0), development_signer(1).address)
            assert (node.connect().block_number(), other.connect().block_number()) == (1, 0)
        with pytest.raises(ConfigurationError, match="is taken by another program"):
            Node(port=other.port)


def test_an_anvil_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARELEDGER_ANVIL", str(tmp_path / "anvil"))
    with pytest.raises(ConfigurationError) as raised:
        Node()
    assert raised.value.setting == "CARELEDGER_ANVIL"
    assert str(tmp_path / "anvil") in raised.value.problem


def test_waiting_goes_by_the_clock_of_a_chain_that_is_ahead(travelling_chain: Connection) -> None:
    travel(travelling_chain, 30 * 24 * 3600)
    wanted, started = travelling_chain.block_time() + 2, time.monotonic()
    assert travelling_chain.now() >= wanted - 2
    travelling_chain.wait_until(wanted)
    assert time.monotonic() - started < 10
    assert travelling_chain.block_time("pending") >= wanted


def test_a_node_removes_the_states_that_it_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Node() as node:
        connection = node.connect()
        for _ in range(600):
            connection.web3.provider.make_request("anvil_mine", [1])  # type: ignore[arg-type]
        assert len([path for path in tmp_path.rglob("*") if path.is_file()]) > 50
        assert connection.block_time(1) > 0
    assert list(tmp_path.iterdir()) == []
