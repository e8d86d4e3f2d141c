"""A JSON-RPC proxy in front of a real node: refuses what no public node offers, counts, and fails on demand.

with RpcProxy(node.url) as proxy:
    Connection.open(proxy.url)
    proxy.count("eth_sendRawTransaction")
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import requests

NODE_ONLY = ("anvil_", "evm_", "hardhat_", "debug_")
"""Prefixes of methods that exist on development nodes only."""

METHOD_NOT_FOUND = -32601
UPSTREAM_TIMEOUT_SECONDS = 60


class RpcProxy:
    """Listens on a free port of this machine from construction to `stop`. Attributes: `url`, and `refused`, the calls
    of node-only methods that came in, by method."""

    def __init__(self, upstream: str, blocked: tuple[str, ...] = NODE_ONLY) -> None:
        self.refused: Counter[str] = Counter()
        self._upstream = upstream
        self._blocked = blocked
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._counts: Counter[str] = Counter()
        self._lost_requests: set[tuple[str, int]] = set()
        self._lost_answers: set[tuple[str, int]] = set()
        self._delays: dict[str, float] = {}
        self._session = threading.local()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else a client waits 40 ms for the body behind the headers

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = proxy._answer(body)
                if answer is None:  # as a node that went away: no status line, the connection is cut
                    self.close_connection = True
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

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

    def wait_for(self, method: str, count: int, timeout_seconds: float) -> bool:
        """Waits until a method was called `count` times in all; False if it was not in time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self._counts[method] >= count, timeout_seconds)

    # ------------------------------------------------------------------ what goes wrong

    def lose_requests(self, method: str, times: int = 1, after: int = 0) -> None:
        """Some calls, once `after` more have passed, never reach the node; the client sees the connection cut."""
        self._lose(self._lost_requests, method, times, after)

    def lose_answers(self, method: str, times: int = 1, after: int = 0) -> None:
        """Some calls, once `after` more have passed, reach the node, and their answers never reach the client."""
        self._lose(self._lost_answers, method, times, after)

    def delay(self, method: str, seconds: float) -> None:
        """Every call of a method waits that long before it is passed on; 0 for no longer."""
        with self._lock:
            self._delays[method] = seconds

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

    def _lose(self, lost: set[tuple[str, int]], method: str, times: int, after: int) -> None:
        with self._lock:
            first = self._counts[method] + after + 1
            lost.update((method, number) for number in range(first, first + times))

    def _answer(self, body: bytes) -> bytes | None:
        """The answer to one call or a batch; None if it is lost."""
        content = json.loads(body)
        calls = content if isinstance(content, list) else [content]
        methods = [str(call["method"]) for call in calls]
        with self._arrived:
            seconds, lost_request, lost_answer = 0.0, False, False
            for method in methods:
                self._counts[method] += 1
                number = (method, self._counts[method])
                seconds = max(seconds, self._delays.get(method, 0.0))
                lost_request = lost_request or number in self._lost_requests
                lost_answer = lost_answer or number in self._lost_answers
            self._arrived.notify_all()
            barred = [method for method in methods if method.startswith(self._blocked)]
            self.refused.update(barred)
        if seconds:
            time.sleep(seconds)
        if lost_request:
            return None
        if barred:
            answers = [
                {"jsonrpc": "2.0", "id": call.get("id"), "error": {"code": METHOD_NOT_FOUND, "message": "not offered"}}
                for call in calls
            ]
            return json.dumps(answers if isinstance(content, list) else answers[0]).encode()
        try:
            forwarded = self._forward(body)
        except requests.RequestException:
            return None
        return None if lost_answer else forwarded

    def _forward(self, body: bytes) -> bytes:
        session = getattr(self._session, "value", None)
        if session is None:
            session = self._session.value = requests.Session()
        headers = {"Content-Type": "application/json"}
        answer = session.post(self._upstream, data=body, headers=headers, timeout=UPSTREAM_TIMEOUT_SECONDS)
        return bytes(answer.content)
