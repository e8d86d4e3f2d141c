"""JSON-RPC in batches, without web3's middleware: what the outbox and the indexer ask a node with.

A batch costs one request. An error of one call is that call's answer; only a batch that got no answers raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson
import requests

from careledger.chain.lines import Lines
from careledger.errors import NodeBusy, NodeRefused, NodeUnreachable

__all__ = ["Answer", "Call", "HttpRpc", "Rpc", "RpcError", "quantity"]

HTTP_CONTENT_TOO_LARGE = 413
HTTP_TOO_MANY_REQUESTS = 429
HTTP_SERVER_ERROR = 500
LIMIT_EXCEEDED = -32005
"""The JSON-RPC code for a limit (EIP-1474): too many requests, or with `eth_getLogs` too many results."""


MOST_ANSWER_BYTES = 1 << 26
"""What an answer takes as Python's objects is several times as much."""

READ_BYTES = 1 << 20

BATCHES_BEFORE_GROWTH = 100
"""So many full batches must pass before a larger one is tried again."""


@dataclass(frozen=True, slots=True)
class RpcError:
    """A node's error for one call, as it came."""

    code: int | None
    message: str
    data: Any = None


Call = tuple[str, list[Any]]
"""Method and parameters."""

Answer = Any
"""A call's result as JSON has it (quantities and bytes as 0x-prefixed text), or an RpcError."""


class Rpc(Protocol):
    """A node, or several behind one face."""

    @property
    def name(self) -> str:
        """The URL without credentials, path and query, for messages."""
        ...

    def batch(self, calls: Sequence[Call]) -> list[Answer]:
        """The answers in the order of the calls. Raises NodeUnreachable or NodeBusy if there are none."""
        ...

    def call(self, method: str, *parameters: Any) -> Any:
        """One call's result. Raises NodeRefused for an error, NodeUnreachable or NodeBusy for no answer."""
        ...


class HttpRpc:
    """A node at an HTTP URL. For use from several threads: each has its own connection, kept open.

    Never sends a request twice by itself: who calls knows whether that is safe.
    """

    def __init__(
        self, url: str, timeout_seconds: float = 30, batch_limit: int = 500, most_bytes: int = MOST_ANSWER_BYTES
    ) -> None:
        """`batch_limit` is the most calls in one request; it falls by itself where a node takes fewer, and rises again.
        Of an answer of more than `most_bytes` the rest is not read, and each of its calls gets an RpcError."""
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        self.name = f"{parts.scheme}://{parts.hostname}{port}"
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._batch_limit = self._most_calls = batch_limit
        self._batches_taken = 0
        self._most_bytes = most_bytes
        self._lines = Lines()

    def batch(self, calls: Sequence[Call]) -> list[Answer]:
        answers: list[Answer] = []
        while len(answers) < len(calls):
            part = calls[len(answers) : len(answers) + self._batch_limit]
            found = self._post(part)
            if found is None:  # the node takes no batch of this size
                self._batch_limit = max(1, len(part) // 2)
                self._batches_taken = 0
            else:
                answers += found
                self._taken(len(part))
        return answers

    def _taken(self, count: int) -> None:
        """Tries larger batches again, once many were taken: the node's trouble may have been of another kind."""
        if count == self._batch_limit < self._most_calls:
            self._batches_taken += 1
            if self._batches_taken >= BATCHES_BEFORE_GROWTH:
                self._batch_limit = min(self._batch_limit * 2, self._most_calls)
                self._batches_taken = 0

    def call(self, method: str, *parameters: Any) -> Any:
        (answer,) = self.batch([(method, list(parameters))])
        if isinstance(answer, RpcError):
            raise NodeRefused(method, answer.code, answer.message)
        return answer

    def _post(self, calls: Sequence[Call]) -> list[Answer] | None:
        bodies = [
            {"jsonrpc": "2.0", "id": i, "method": method, "params": params} for i, (method, params) in enumerate(calls)
        ]
        content = orjson.dumps(bodies if len(bodies) > 1 else bodies[0])
        try:
            response = self._lines.post(self._url, content, self._timeout_seconds, stream=True)
            body = self._read(response)
        except requests.RequestException as error:
            raise NodeUnreachable(self.name, type(error).__name__) from None
        if body is None:
            return [RpcError(None, f"the answer is larger than {self._most_bytes} bytes")] * len(calls)
        if response.status_code == HTTP_TOO_MANY_REQUESTS:
            raise NodeBusy(self.name, "HTTP status 429", _retry_after(response))
        if response.status_code == HTTP_CONTENT_TOO_LARGE and len(calls) > 1:
            return None
        try:
            parsed = orjson.loads(body)
        except orjson.JSONDecodeError:
            if response.ok:
                raise NodeUnreachable(self.name, "what answers there is not an Ethereum node (no JSON)") from None
            parsed = None
        if isinstance(parsed, list):
            return self._in_order(parsed, len(calls))
        if isinstance(parsed, dict) and len(calls) == 1 and ("result" in parsed or "error" in parsed):
            return [_answer(parsed)]
        if (
            isinstance(parsed, dict) and "error" in parsed and response.status_code < HTTP_SERVER_ERROR
        ):  # one error for the whole batch
            refusal = _answer(parsed)
            if refusal.code == LIMIT_EXCEEDED and "batch" not in refusal.message.lower():
                raise NodeBusy(self.name, refusal.message)
            return None
        raise NodeUnreachable(self.name, f"HTTP status {response.status_code}")

    def _read(self, response: requests.Response) -> bytes | None:
        """The answer; None if it is too large."""
        parts, length = [], 0
        for part in response.iter_content(READ_BYTES):
            parts.append(part)
            length += len(part)
            if length > self._most_bytes:
                response.close()
                return None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _in_order(self, parsed: list[Any], count: int) -> list[Answer]:
        answers: list[Answer] = [RpcError(None, "the node gave no answer to this call of a batch")] * count
        for entry in parsed:
            index = entry.get("id") if isinstance(entry, dict) else None
            if type(index) is int and 0 <= index < count:
                answers[index] = _answer(entry)
        return answers


def quantity(value: Any) -> int:
    """The number of a JSON-RPC quantity, `0x...`. Raises ValueError for anything else."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"{value!r} is not a quantity")
    return int(value, 16)


def _answer(entry: dict[str, Any]) -> Answer:
    error = entry.get("error")
    if error is None:
        return entry.get("result")
    if not isinstance(error, dict):
        return RpcError(None, str(error))
    code = error.get("code")
    return RpcError(code if isinstance(code, int) else None, str(error.get("message", "")), error.get("data"))


def _retry_after(response: requests.Response) -> int | None:
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() else None
