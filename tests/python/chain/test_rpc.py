"""JSON-RPC in batches, against a server that answers as it is told."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from careledger.chain.rpc import BATCHES_BEFORE_GROWTH, HttpRpc, RpcError, quantity
from careledger.errors import NodeBusy, NodeRefused, NodeUnreachable

Reply = tuple[int, dict[str, str], bytes]
Respond = Callable[[Any], Reply]


class Server:
    """Attributes: `url`; `respond`, from a request's body to its answer; `sizes`, of the requests that came in."""

    def __init__(self) -> None:
        self.respond: Respond = echo
        self.sizes: list[int] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else a client waits 40 ms for the body behind the headers

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.sizes.append(len(body) if isinstance(body, list) else 1)
                status, headers, answer = server.respond(body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://user:hunter2@127.0.0.1:{self._server.server_port}/v2/secret"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def echo(body: Any) -> Reply:
    """Every call's first parameter, the answers of a batch in the wrong order."""
    if isinstance(body, dict):
        return 200, {}, json.dumps({"id": body["id"], "result": body["params"][0]}).encode()
    return 200, {}, json.dumps([{"id": one["id"], "result": one["params"][0]} for one in reversed(body)]).encode()


def refuse(code: int, message: str, status: int = 200) -> Reply:
    return status, {}, json.dumps({"id": None, "error": {"code": code, "message": message}}).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def calls(count: int) -> list[tuple[str, list[Any]]]:
    return [("echo", [hex(number)]) for number in range(count)]


def test_answers_come_in_the_order_of_the_calls(server: Server) -> None:
    rpc = HttpRpc(server.url, batch_limit=3)
    assert [quantity(answer) for answer in rpc.batch(calls(8))] == list(range(8))
    assert server.sizes == [3, 3, 2]
    assert rpc.batch([]) == []
    assert rpc.call("echo", "0x7") == "0x7"


def test_an_error_of_one_call_is_its_answer(server: Server) -> None:
    def respond(body: Any) -> Reply:
        answers = [{"id": 0, "result": None}, {"id": 1, "error": {"code": 3, "message": "no", "data": "0x01"}}]
        return 200, {}, json.dumps(answers[: len(body)]).encode()

    server.respond = respond
    first, second, third = HttpRpc(server.url).batch(calls(3))
    assert first is None
    assert second == RpcError(3, "no", "0x01")
    assert isinstance(third, RpcError)  # left out by the node
    server.respond = lambda _body: refuse(-32601, "no such method")
    with pytest.raises(NodeRefused) as raised:
        HttpRpc(server.url).call("nothing")
    assert (raised.value.method, raised.value.code) == ("nothing", -32601)


@pytest.mark.parametrize(
    "refusal", [refuse(-32600, "batch too large"), refuse(-32600, "too many", 400), (413, {}, b"<html>")], ids=str
)
def test_a_batch_that_is_too_large_is_halved_and_grows_again(server: Server, refusal: Reply) -> None:
    most = 10
    server.respond = lambda body: refusal if isinstance(body, list) and len(body) > most else echo(body)
    rpc = HttpRpc(server.url, batch_limit=32)
    assert [quantity(answer) for answer in rpc.batch(calls(40))] == list(range(40))
    assert server.sizes[:3] == [32, 16, 8]
    most = 1_000
    for _ in range(BATCHES_BEFORE_GROWTH):
        rpc.batch(calls(8))
    server.sizes.clear()
    rpc.batch(calls(16))
    assert server.sizes == [16]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ((429, {"Retry-After": "7"}, b""), NodeBusy),
        (refuse(-32005, "daily request count exceeded"), NodeBusy),
        (refuse(-32000, "overloaded", 503), NodeUnreachable),
        ((502, {}, b"<html>"), NodeUnreachable),
        ((200, {}, b"<html>"), NodeUnreachable),
        ((200, {}, b"7"), NodeUnreachable),
    ],
    ids=str,
)
def test_no_answers_are_an_error_that_shows_no_secret(
    server: Server, reply: Reply, kind: type[NodeUnreachable]
) -> None:
    server.respond = lambda _body: reply
    with pytest.raises(NodeUnreachable) as raised:
        HttpRpc(server.url).batch(calls(4))
    assert type(raised.value) is kind
    assert server.sizes == [4]  # never twice by itself
    assert "secret" not in str(raised.value)
    assert "hunter2" not in str(raised.value)
    if isinstance(raised.value, NodeBusy) and reply[0] == 429:
        assert raised.value.retry_after_seconds == 7


def test_nobody_there(server: Server) -> None:
    server.stop()
    with pytest.raises(NodeUnreachable):
        HttpRpc(server.url, timeout_seconds=1).batch(calls(1))


def test_an_answer_that_is_too_large_is_not_read(server: Server) -> None:
    server.respond = lambda _body: (200, {}, b" " * 4_000_000)
    (answer,) = HttpRpc(server.url, most_bytes=1_000_000).batch(calls(1))
    assert isinstance(answer, RpcError)
    assert "1000000 bytes" in answer.message


@pytest.mark.parametrize("value", [None, 7, "7", "", "0xg", RpcError(1, "x")], ids=str)
def test_what_is_no_quantity_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"quantity|invalid literal"):
        quantity(value)
