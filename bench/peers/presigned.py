"""The ceiling of sending: transactions signed beforehand, in batches over one raw socket, no receipt asked for."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from bench.harness import Effort, effort

__all__ = ["send"]

BATCH = 100
IN_FLIGHT = 500
POLL_SECONDS = 0.005
STALL_SECONDS = 1


def send(url: str, sender: str, raw_transactions: Sequence[bytes]) -> Effort:
    """All of a sender's transactions, of nonce 0 and up, until the last is in a block."""
    bodies = [
        _body([("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raw_transactions[start : start + BATCH]])
        for start in range(0, len(raw_transactions), BATCH)
    ]
    node = Socket(url)

    def send_all() -> int:
        for number, body in enumerate(bodies, start=1):
            if number * BATCH > IN_FLIGHT:
                _wait(node, sender, number * BATCH - IN_FLIGHT)
            node.post(body)
        _wait(node, sender, len(raw_transactions))
        return len(raw_transactions)

    return effort(send_all)


class Socket:
    """HTTP requests over one connection, kept open."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((str(parts.hostname), parts.port or 80))
        self._head = f"POST / HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\nContent-Length: "

    def post(self, body: bytes) -> Any:
        """The JSON of the answer."""
        self._socket.sendall(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(65536)
        head, _, content = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        parts, missing = [content], length - len(content)
        while missing:
            parts.append(self._socket.recv(min(missing, 2**20)))
            missing -= len(parts[-1])
        return orjson.loads(b"".join(parts))


def _wait(node: Socket, sender: str, count: int) -> None:
    """Until so many of the sender's transactions are in blocks. Anvil may stop mining by itself: then it is told to."""
    seen, seen_at = -1, time.monotonic()
    while True:
        mined = int(node.post(_body([("eth_getTransactionCount", [sender, "latest"])]))[0]["result"], 16)
        if mined >= count:
            return
        if mined != seen:
            seen, seen_at = mined, time.monotonic()
        elif time.monotonic() - seen_at > STALL_SECONDS:
            node.post(_body([("evm_mine", [])]))
            seen_at = time.monotonic()
        time.sleep(POLL_SECONDS)


def _body(calls: Sequence[tuple[str, list[str]]]) -> bytes:
    return orjson.dumps(
        [{"jsonrpc": "2.0", "id": i, "method": method, "params": params} for i, (method, params) in enumerate(calls)]
    )
