"""A JSON-RPC proxy in front of a real node: refuses what no public node offers, counts, and fails on demand.

with RpcProxy(node.url) as proxy:
    proxy.respond(429, times=3, headers={"Retry-After": "1"})
    proxy.fail("eth_sendRawTransaction", "replacement transaction underpriced")
    Connection.open(proxy.url)
    proxy.count("eth_sendRawTransaction")
"""

from __future__ import annotations

import http.client
import random
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import orjson

NODE_ONLY = ("anvil_", "evm_", "hardhat_", "debug_")
"""Prefixes of methods that exist on development nodes only."""

METHOD_NOT_FOUND = -32601
SERVER_ERROR = -32000
"""What geth answers to every refusal of a transaction."""
UPSTREAM_TIMEOUT_SECONDS = 60
TAGS = frozenset({"latest", "pending", "safe", "finalized"})
BLOCK_PARAMETER = {
    "eth_getBlockByNumber": 0,
    "eth_getBlockReceipts": 0,
    "eth_getTransactionCount": 1,
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_call": 1,
    "eth_estimateGas": 1,
    "eth_getStorageAt": 2,
}
"""Where the methods that a lagging node answers from its own head take their block."""

EVERY = "*"
"""Stands for every method."""

Change = Callable[[list[Any], Any], Any]
"""A call's parameters and the node's result to the result that the client sees."""


@dataclass
class _Rule:
    """Something that goes wrong with the calls of a method, or of every one."""

    method: str
    kind: str
    times: float
    after: int = 0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    code: int = SERVER_ERROR
    data: Any = None
    reaches: bool = False
    change: Change | None = None

    def applies(self, method: str) -> bool:
        """Whether to this call, which is counted."""
        if self.method not in (EVERY, method) or self.times <= 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


class RpcProxy:
    """Listens on a free port of this machine from construction to `stop`. Attributes: `url`; `upstream`, the node's
    URL, which may be changed; and `refused`, the calls of node-only methods that came in, by method."""

    def __init__(self, upstream: str, blocked: tuple[str, ...] = NODE_ONLY) -> None:
        self.upstream = upstream
        self.refused: Counter[str] = Counter()
        self._blocked = blocked
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._counts: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._rules: list[_Rule] = []
        self._delays: dict[str, float] = {}
        self._behind, self._behind_share = 0, 1.0
        self._random = random.Random(0)
        self._nodes = threading.local()
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True  # else a client waits 40 ms for the body behind the headers

            def handle(self) -> None:
                while True:
                    length = None
                    line = self.rfile.readline()
                    while line not in (b"\r\n", b"\n", b""):
                        name, _, value = line.partition(b":")
                        if name.lower() == b"content-length":
                            length = int(value)
                        line = self.rfile.readline()
                    if length is None:
                        return
                    answer = proxy._answer(self.rfile.read(length))
                    if answer is None:  # as a node that went away: no status line, the connection is cut
                        return
                    status, headers, body = answer
                    lines = [f"HTTP/1.1 {status} {http.client.responses[status]}", "Content-Type: application/json"]
                    lines += [f"{name}: {value}" for name, value in headers.items()]
                    lines += [f"Content-Length: {len(body)}", "", ""]
                    self.wfile.write("\r\n".join(lines).encode() + body)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that was killed

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ what came in

    def count(self, method: str) -> int:
        """How often a method was called, refused and lost calls included."""
        with self._lock:
            return self._counts[method]

    def counts(self) -> dict[str, int]:
        """The calls of all methods."""
        with self._lock:
            return dict(self._counts)

    def faults(self) -> dict[str, int]:
        """How often each kind of fault was injected: `lost request`, `lost answer`, `HTTP 429`, `error`, `changed`."""
        with self._lock:
            return dict(self._faults)

    def wait_for(self, method: str, count: int, timeout_seconds: float) -> bool:
        """Waits until a method was called `count` times in all; False if it was not in time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self._counts[method] >= count, timeout_seconds)

    # ------------------------------------------------------------------ what goes wrong

    def lose_requests(self, method: str = EVERY, times: float = 1, after: int = 0) -> None:
        """Some calls, once `after` more have passed, never reach the node; the client sees the connection cut. What
        happens to one call of a batch happens to the whole."""
        self._add(_Rule(method, "lost request", times, after))

    def lose_answers(self, method: str = EVERY, times: float = 1, after: int = 0) -> None:
        """Some calls, once `after` more have passed, reach the node, and their answers never reach the client."""
        self._add(_Rule(method, "lost answer", times, after, reaches=True))

    def respond(
        self,
        status: int,
        method: str = EVERY,
        times: float = 1,
        after: int = 0,
        headers: Mapping[str, str] | None = None,
        reaches: bool = False,
    ) -> None:
        """Requests with such a call get an HTTP status and no JSON: 429, 503... With `reaches` the node gets them all
        the same, as behind a gateway that gave up waiting."""
        self._add(_Rule(method, f"HTTP {status}", times, after, status, headers or {}, reaches=reaches))

    def fail(
        self,
        method: str,
        message: str,
        code: int = SERVER_ERROR,
        times: float = 1,
        after: int = 0,
        data: Any = None,
        reaches: bool = False,
    ) -> None:
        """Single calls, in a batch or not, get a JSON-RPC error; the others of the batch go through. With `reaches`
        the node gets the call and its answer is thrown away."""
        self._add(_Rule(method, "error", times, after, message=message, code=code, data=data, reaches=reaches))

    def change(self, method: str, change: Change, times: float = float("inf"), after: int = 0) -> None:
        """Lets a function rewrite results: `lambda params, logs: []` for a node that has lost its logs."""
        self._add(_Rule(method, "changed", times, after, reaches=True, change=change))

    def delay(self, method: str, seconds: float) -> None:
        """Every call of a method waits that long before it is passed on; 0 for no longer."""
        with self._lock:
            self._delays[method] = seconds

    def lag(self, blocks: int, share: float = 1) -> None:
        """Answers like a node that is so many blocks behind: its head, receipts, logs, nonces and pool; 0 for no
        longer. What is sent arrives. With a `share` below 1 that part of the requests, as if several nodes stood behind
        one URL."""
        with self._lock:
            self._behind, self._behind_share = blocks, share

    def heal(self) -> None:
        """Ends every fault that was ordered."""
        with self._lock:
            self._rules.clear()
            self._delays.clear()
            self._behind, self._behind_share = 0, 1.0

    # ------------------------------------------------------------------ life

    def stop(self) -> None:
        """Stops listening. The node runs on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> RpcProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------ inner

    def _add(self, rule: _Rule) -> None:
        with self._lock:
            self._rules.append(rule)

    def _answer(self, body: bytes) -> tuple[int, Mapping[str, str], bytes] | None:
        """HTTP status, headers and body for one call or a batch; None if it is lost."""
        content = orjson.loads(body)
        calls = content if isinstance(content, list) else [content]
        with self._arrived:
            seconds, whole, single = self._sort(calls)
            self._arrived.notify_all()
            behind = self._behind if self._random.random() < self._behind_share else 0
        if seconds:
            time.sleep(seconds)
        if whole is None or whole.reaches:
            try:
                answer = self._through(body, content, calls, single, behind)
            except (OSError, http.client.HTTPException):
                return None
            if whole is None:
                return 200, {}, answer
        return (whole.status, whole.headers, b"") if whole.status else None

    def _sort(self, calls: list[dict[str, Any]]) -> tuple[float, _Rule | None, dict[int, _Rule]]:
        """Seconds to wait, what happens to the whole request, and what to single calls of it."""
        seconds, whole, single = 0.0, None, {}
        for index, call in enumerate(calls):
            method = str(call["method"])
            self._counts[method] += 1
            seconds = max(seconds, self._delays.get(method, 0.0), self._delays.get(EVERY, 0.0))
            if method.startswith(self._blocked):
                self.refused[method] += 1
                single[index] = _Rule(method, "refused", 1, message="not offered", code=METHOD_NOT_FOUND)
                continue
            for rule in self._rules:
                if not rule.applies(method):
                    continue
                self._faults[rule.kind] += 1
                if rule.kind in ("error", "changed"):
                    single[index] = rule
                else:
                    whole = rule
                break
        self._rules = [rule for rule in self._rules if rule.times > 0]
        return seconds, whole, single

    def _through(
        self, body: bytes, content: Any, calls: list[dict[str, Any]], single: dict[int, _Rule], behind: int
    ) -> bytes:
        if not single and not behind:
            return self._forward(body)
        passed = [call for index, call in enumerate(calls) if index not in single or single[index].reaches]
        head = int(self._call("eth_blockNumber"), 16) - behind if behind else 0
        asked = [_seen_from(call, head) for call in passed] if behind else passed
        found = orjson.loads(self._forward(orjson.dumps(asked))) if asked else []
        by_id = {str(answer.get("id")): answer for answer in found}
        answers = []
        for index, call in enumerate(calls):
            rule = single.get(index)
            answer = by_id.get(str(call.get("id")), {"jsonrpc": "2.0", "id": call.get("id"), "result": None})
            if rule is not None and rule.change is None:
                error = {"code": rule.code, "message": rule.message}
                answer = {"jsonrpc": "2.0", "id": call.get("id"), "error": error | _given(data=rule.data)}
            elif behind and "result" in answer:
                answer["result"] = _as_of(call, answer["result"], head)
            if rule is not None and rule.change is not None and "result" in answer:
                answer["result"] = rule.change(call.get("params", []), answer["result"])
            answers.append(answer)
        return orjson.dumps(answers if isinstance(content, list) else answers[0])

    def _call(self, method: str, *parameters: Any) -> Any:
        body = orjson.dumps({"jsonrpc": "2.0", "id": 0, "method": method, "params": parameters})
        return orjson.loads(self._forward(body))["result"]

    def _forward(self, body: bytes) -> bytes:
        upstream = self.upstream
        held: tuple[str, http.client.HTTPConnection] | None = getattr(self._nodes, "held", None)
        if held is None or held[0] != upstream:
            parts = urlsplit(upstream)
            assert parts.hostname is not None
            node = http.client.HTTPConnection(parts.hostname, parts.port, timeout=UPSTREAM_TIMEOUT_SECONDS)
            held = self._nodes.held = (upstream, node)
        try:
            held[1].request("POST", "/", body, {"Content-Type": "application/json"})
            return held[1].getresponse().read()
        except (OSError, http.client.HTTPException):
            self._nodes.held = None
            raise


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _seen_from(call: dict[str, Any], head: int) -> dict[str, Any]:
    """A call whose block tags mean an earlier head."""
    place = BLOCK_PARAMETER.get(str(call["method"]))
    parameters = list(call.get("params", []))
    if place is not None and len(parameters) > place and parameters[place] in TAGS:
        parameters[place] = hex(head)
    return {**call, "params": parameters}


def _as_of(call: dict[str, Any], result: Any, head: int) -> Any:
    """What a node with that head answers."""
    method = str(call["method"])
    if method == "eth_blockNumber":
        return hex(head)
    if isinstance(result, dict):
        number = result.get("number", result.get("blockNumber"))
        return None if isinstance(number, str) and int(number, 16) > head else result
    if isinstance(result, list):
        inside = [entry for entry in result if int(entry.get("blockNumber", "0x0"), 16) <= head]
        return None if result and not inside and method == "eth_getBlockReceipts" else inside
    return result
