"""Nodes that answer nonsense, fail for a while, or lack a method: typed errors, and no lost transaction."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from careledger.chain.connection import Connection
from careledger.chain.development import Node, development_signer
from careledger.contract_events import KeyAdded
from careledger.errors import FeeTooHigh, NodeRefused, TransactionUnconfirmed, UnknownRefusal
from rpc_proxy import RpcProxy

SOMEBODY = "0x" + 40 * "1"
HASH = "0x" + 64 * "2"
PAYER = development_signer(7)


def error(message: Any, code: Any = -32000, **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


def result(value: Any) -> dict[str, Any]:
    return {"result": value}


@contextmanager
def lying(method: str, answer: dict[str, Any] | bytes, upstream: str | None = None) -> Iterator[str]:
    """A node with an answer of its own to one method. The others go to a real one, or it only knows its chain."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = json.loads(body)
            if asked["method"] == method:
                sent = answer if isinstance(answer, bytes) else self._wrapped(asked, answer)
            elif upstream is not None:
                sent = requests.post(upstream, data=body, headers={"Content-Type": "application/json"}).content
            else:
                sent = self._wrapped(asked, result("0x7a69"))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def _wrapped(self, asked: dict[str, Any], content: dict[str, Any]) -> bytes:
            return json.dumps({"jsonrpc": "2.0", "id": asked["id"], **content}).encode()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize("answer", ["hello", None, {}, [], "0x" + 80 * "f", "-0x1", True, 1.5])
def test_a_chain_id_that_is_no_number_is_refused(answer: Any) -> None:
    with lying("eth_chainId", result(answer)) as url, pytest.raises(NodeRefused) as raised:
        Connection.open(url)
    assert (raised.value.method, raised.value.code) == ("eth_chainId", None)


DEEP = """
import sys
from careledger.chain.connection import Connection
from careledger.errors import NodeRefused
try:
    Connection.open(sys.argv[1])
except NodeRefused as error:
    assert error.problem == "RecursionError in its answer", error
else:
    raise AssertionError
"""


def test_an_answer_nested_too_deeply_is_refused() -> None:
    # In a process of its own: the test run raises the interpreter's limit, beyond which its stack ends.
    with lying("eth_chainId", b"[" * 100_000) as url:
        subprocess.run([sys.executable, "-c", DEEP, url], check=True)


JUNK_LOG = {
    "address": SOMEBODY,
    "topics": [KeyAdded.TOPIC],
    "data": "0x",
    "blockNumber": "0x1",
    "transactionHash": HASH,
    "logIndex": "0x0",
}


@pytest.mark.parametrize(
    ("method", "answer", "ask"),
    [
        ("eth_getBlockByNumber", {}, lambda node: node.genesis_hash()),
        ("eth_getBlockByNumber", {}, lambda node: node.block_time()),
        ("eth_getBlockByNumber", None, lambda node: node.block_time()),
        ("eth_getBlockByNumber", {"timestamp": "soon"}, lambda node: node.block_time()),
        ("eth_getBlockByNumber", {"baseFeePerGas": "zz"}, lambda node: node.fee_per_gas_wei()),
        ("eth_blockNumber", "zz", lambda node: node.block_number()),
        ("eth_getCode", "zz", lambda node: node.code(SOMEBODY)),
        ("eth_getCode", None, lambda node: node.code(SOMEBODY)),
        ("eth_getBalance", "zz", lambda node: node.balance_wei(SOMEBODY)),
        ("eth_getTransactionCount", {}, lambda node: node.nonce(SOMEBODY)),
        ("eth_call", "zz", lambda node: node.call(SOMEBODY, b"")),
        ("eth_getLogs", [{}], lambda node: list(node.logs(SOMEBODY, [KeyAdded], 0, 1))),
        ("eth_getLogs", None, lambda node: list(node.logs(SOMEBODY, [KeyAdded], 0, 1))),
        ("eth_getLogs", [JUNK_LOG], lambda node: list(node.logs(SOMEBODY, [KeyAdded], 0, 1))),
        ("eth_getTransactionReceipt", {}, lambda node: node.receipt(HASH)),
        ("eth_getTransactionReceipt", {"status": "0x1", "logs": 5}, lambda node: node.receipt(HASH)),
    ],
)
def test_an_answer_that_cannot_be_decoded_is_refused(
    method: str, answer: Any, ask: Callable[[Connection], object]
) -> None:
    with lying(method, result(answer)) as url:
        connection = Connection.open(url)
        with pytest.raises(NodeRefused) as raised:
            ask(connection)
    assert (raised.value.method, raised.value.code) == (method, None)


def test_a_tip_that_cannot_be_decoded_is_refused(anvil_node: Node) -> None:
    with lying("eth_maxPriorityFeePerGas", result("zz"), anvil_node.url) as url:
        with pytest.raises(NodeRefused) as raised:
            Connection.open(url).fee_per_gas_wei()
        assert raised.value.fields() == {
            "method": "eth_maxPriorityFeePerGas",
            "code": None,
            "problem": "ValueError in its answer",
        }


SHORT = """
import sys
from careledger.chain.connection import Connection
from careledger.chain.contract import Contract
from careledger.errors import NodeRefused
try:
    registry = Contract(Connection.open(sys.argv[1]), "OrganizationRegistry", "0x" + 40 * "1")
    registry.read("membershipOf", "0x" + 24 * "0")
except NodeRefused as error:
    assert error.problem == "InsufficientDataBytes in its answer", error
else:
    raise AssertionError
"""


def test_a_call_s_result_that_is_too_short_is_refused() -> None:
    # In a process of its own: the Ape plugin, which pytest loads, makes eth_abi lenient for the whole process.
    with lying("eth_call", result("0x1234")) as url:
        subprocess.run([sys.executable, "-c", SHORT, url], check=True)


@pytest.mark.parametrize(
    "answer",
    [
        error("state has been reverted b'"),
        error("cannot revert to a snapshot", data=None),
        error("rate limited, retry or revert to another plan", -32005, data={"see": "the manual"}),
        error({"a": 1}, "x", data=[1]),
        {"error": "reverted"},
    ],
)
def test_a_node_s_error_that_mentions_a_revert_is_the_node_s(answer: dict[str, Any]) -> None:
    with lying("eth_call", answer) as url:
        connection = Connection.open(url)
        with pytest.raises(NodeRefused) as raised:
            connection.call(SOMEBODY, b"")
    assert raised.value.method == "eth_call"


@pytest.mark.parametrize(
    "answer",
    [
        error("execution reverted", 3),
        error("out of order", 3),
        error("execution reverted"),
        error("Execution reverted", data=None),
        error("execution reverted", data="0x"),
        error("VM Exception while processing transaction: revert", data={"hash": HASH}),
        error("execution reverted", 3, data="execution reverted: b'\\x"),
    ],
)
def test_an_execution_s_revert_without_data_is_a_contract_s_refusal(answer: dict[str, Any]) -> None:
    with lying("eth_call", answer) as url:
        connection = Connection.open(url)
        with pytest.raises(UnknownRefusal) as raised:
            connection.call(SOMEBODY, b"")
    assert raised.value.data == "0x"


def test_a_node_without_a_tip_is_asked_for_its_gas_price(anvil_node: Node) -> None:
    direct = anvil_node.connect()
    base_fee = int(direct.web3.eth.get_block("latest")["baseFeePerGas"])
    answer = error("no such method", -32601)
    with lying("eth_maxPriorityFeePerGas", answer, anvil_node.url) as url, warnings.catch_warnings():
        warnings.simplefilter("error")
        connection = Connection.open(url)
        assert connection.fee_per_gas_wei() == base_fee + direct.web3.eth.gas_price
        assert connection.send(PAYER, PAYER.address, value_wei=1).gas_used == 21_000


def test_a_transaction_above_the_fee_cap_is_not_sent(anvil_node: Node) -> None:
    connection = anvil_node.connect()
    nonce = connection.nonce(PAYER.address)
    fee = connection.fee_per_gas_wei()
    connection.fee_cap_wei = fee - 1
    with pytest.raises(FeeTooHigh) as raised:
        connection.send(PAYER, PAYER.address, value_wei=1)
    assert raised.value.fields() == {"fee_wei": fee, "cap_wei": fee - 1}
    assert raised.value.exit_code == 4
    assert connection.nonce(PAYER.address) == nonce
    connection.fee_cap_wei = fee
    assert connection.send(PAYER, PAYER.address, value_wei=1).gas_used == 21_000


def test_waiting_goes_on_when_polls_are_lost() -> None:
    with Node(block_time_seconds=1) as node, RpcProxy(node.url) as proxy:
        proxy.lose_requests("eth_getTransactionReceipt", times=2)
        receipt = Connection.open(proxy.url).send(PAYER, PAYER.address, value_wei=1)
        assert receipt.gas_used == 21_000
        assert proxy.count("eth_getTransactionReceipt") > 2


def test_waiting_for_a_node_that_is_gone_ends_with_the_transaction_s_hash(anvil_node: Node) -> None:
    with RpcProxy(anvil_node.url) as proxy:
        connection = Connection.open(proxy.url)
        proxy.lose_requests("eth_getTransactionReceipt", times=1000)
        with pytest.raises(TransactionUnconfirmed) as raised:
            connection.wait(HASH, timeout_seconds=1)
        assert proxy.count("eth_getTransactionReceipt") > 2
    assert raised.value.fields() == {"transaction_hash": HASH, "waited_seconds": 1}
