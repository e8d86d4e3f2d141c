"""A JSON-RPC server of a chain that was never mined: blocks of 100 events, as many as asked for, made as they are read.

For what a real node would take too long to hold: five million events, and the acts of ten thousand organizations.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any, ClassVar, Literal

import orjson
from careledger.contract_events import (
    AnchorRevoked,
    BatchAnchored,
    ContractEvent,
    DocumentAmended,
    DocumentAnchored,
    DocumentCountersigned,
    DocumentDisputed,
    DocumentsAnchored,
    IdentifierAssigned,
    KeyAdded,
    KeyRetired,
    LeavesRevoked,
    LicenceRenewed,
    MemberRolesChanged,
    OrganizationAdmitted,
    OrganizationReinstated,
    OrganizationSuspended,
    StreamDeclared,
    StreamExtended,
    TaskCounted,
)
from eth_abi.abi import encode

__all__ = ["ADDRESS", "CHAIN_ID", "EVENTS_PER_BLOCK", "Content", "generated_chain"]

CHAIN_ID = 31_337
ADDRESS = "0x" + "c0" * 20
EVENTS_PER_BLOCK = 100
TEMPLATES = 200
"""So many different blocks are kept; then they come again with other numbers, hashes, tasks and organizations."""

MOST_LOGS = 10_000
"""What one `eth_getLogs` gives, as with the common services."""

START_TIME = 1_700_000_000
BLOCK_SECONDS = 12
FULL_BLOOM = "0x" + "f" * 512

NUMBER, TIME, HASH, TRANSACTION = "@number@", "@time@", "@hash@", "@transaction@"
LAP = "eeeeeeee"
"""Stands in topics and data for which time a template is used, in 8 digits; no other content has such a run."""

LIST_LEAVES = 10

Content = Literal["tasks", "organizations", "documents"]
Event = tuple[type[ContractEvent], Sequence[Any]]


@contextmanager
def generated_chain(events: int, content: Content) -> Iterator[str]:
    """The URL of a server in a process of its own: so many events of one kind that no read model knows (`tasks`), acts
    on organizations, ten on each (`organizations`), or acts on documents, half of them anchorings (`documents`)."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(events // EVENTS_PER_BLOCK, content, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


class Chain:
    """Blocks 1 to `last` with logs."""

    def __init__(self, last: int, content: Content) -> None:
        self.last = last
        self._templates = [self._template(CONTENTS[content](number)) for number in range(TEMPLATES)]

    def answer(self, method: str, params: list[Any]) -> bytes:
        """The result's JSON. Raises LookupError for what is not known here, ValueError for too many logs."""
        return self._METHODS[method](self, params)

    def _chain_id(self, _: list[Any]) -> bytes:
        return orjson.dumps(hex(CHAIN_ID))

    def _block_number(self, _: list[Any]) -> bytes:
        return orjson.dumps(hex(self.last))

    def _block(self, params: list[Any]) -> bytes:
        number = int(params[0], 16) if params[0].startswith("0x") else self.last
        if number > self.last:
            return b"null"
        return orjson.dumps(
            {
                "number": hex(number),
                "hash": _hash(number),
                "parentHash": _hash(number - 1) if number else "0x" + "0" * 64,
                "timestamp": hex(START_TIME + number * BLOCK_SECONDS),
                "logsBloom": FULL_BLOOM if number else "0x" + "0" * 512,
                "transactions": [],
            }
        )

    def _logs(self, params: list[Any]) -> bytes:
        query = params[0]
        if "blockHash" in query:
            first = last = int(query["blockHash"][-16:], 16)
        else:
            first, last = int(query["fromBlock"], 16), min(int(query["toBlock"], 16), self.last)
        first = max(first, 1)
        if (last - first + 1) * EVENTS_PER_BLOCK > MOST_LOGS:
            raise ValueError(f"query returned more than {MOST_LOGS} results")
        return b"[" + b",".join(map(self._block_logs, range(first, last + 1))) + b"]"

    def _block_logs(self, number: int) -> bytes:
        lap, template = divmod(number - 1, TEMPLATES)
        values = {
            NUMBER: hex(number),
            TIME: hex(START_TIME + number * BLOCK_SECONDS),
            HASH: _hash(number),
            TRANSACTION: f"0x77{number:062x}",
            LAP: f"{lap:08d}",
        }
        logs = self._templates[template]
        for name, value in values.items():
            logs = logs.replace(name.encode(), value.encode())
        return logs

    def _template(self, events: Sequence[Event]) -> bytes:
        return orjson.dumps([_log(index, event, values) for index, (event, values) in enumerate(events)])[1:-1]

    _METHODS: ClassVar[dict[str, Callable[[Chain, list[Any]], bytes]]] = {
        "eth_chainId": _chain_id,
        "eth_blockNumber": _block_number,
        "eth_getBlockByNumber": _block,
        "eth_getLogs": _logs,
    }


def _hash(number: int) -> str:
    return f"0xb1{number:062x}"


def _log(index: int, event: type[ContractEvent], values: Sequence[Any]) -> dict[str, Any]:
    fields = list(zip(event.TYPES, event.INDEXED, values, strict=True))
    data = encode([kind for kind, indexed, _ in fields if not indexed], [v for _, indexed, v in fields if not indexed])
    return {
        "address": ADDRESS,
        "topics": [event.TOPIC, *("0x" + encode([kind], [value]).hex() for kind, indexed, value in fields if indexed)],
        "data": "0x" + data.hex(),
        "blockHash": HASH,
        "blockNumber": NUMBER,
        "blockTimestamp": TIME,
        "transactionHash": TRANSACTION,
        "transactionIndex": "0x0",
        "logIndex": hex(index),
        "removed": False,
    }


def _of_lap(size: int, number: int) -> bytes:
    """Bytes that are others each time that their template is used."""
    return bytes.fromhex(LAP) + number.to_bytes(size - len(LAP) // 2, "big")


def _tasks(template: int) -> list[Event]:
    numbers = range(template * EVENTS_PER_BLOCK, (template + 1) * EVENTS_PER_BLOCK)
    return [(TaskCounted, (_of_lap(32, number), _of_lap(12, number % 1000), number)) for number in numbers]


def _organizations(template: int) -> list[Event]:
    events: list[Event] = []
    for number in range(template * EVENTS_PER_BLOCK // 10, (template + 1) * EVENTS_PER_BLOCK // 10):
        organization, controller, expiry = _of_lap(12, number), _of_lap(20, number), START_TIME + number
        first_key, second_key = _of_lap(20, 2 * number + 2**32), _of_lap(20, 2 * number + 1 + 2**32)
        events += [
            _event(
                OrganizationAdmitted,
                organization=organization,
                name=f"hospital-{number}.example",
                controller=controller,
                member_roles=2,
                licence_expiry=expiry,
                metadata_commitment=_of_lap(32, number),
                reason=0,
            ),
            _event(IdentifierAssigned, organization=organization, scheme=bytes(32), value=_of_lap(32, 2 * number)),
            _event(IdentifierAssigned, organization=organization, scheme=bytes(32), value=_of_lap(32, 2 * number + 1)),
            _event(KeyAdded, organization=organization, key=first_key),
            _event(KeyAdded, organization=organization, key=second_key),
            _event(MemberRolesChanged, organization=organization, member_roles=6, reason=0),
            _event(LicenceRenewed, organization=organization, licence_expiry=expiry + 10**6, reason=0),
            _event(KeyRetired, organization=organization, key=first_key),
            _event(OrganizationSuspended, organization=organization, reason=1),
            _event(OrganizationReinstated, organization=organization, reason=0),
        ]
    return events


def _documents(template: int) -> list[Event]:
    """Of one submitter, twenty events at a time: a stream of three documents, six documents, a list of ten, a batch."""
    submitter = _of_lap(20, template)
    account = int.from_bytes(submitter, "big")
    events: list[Event] = []
    for number in range(template * EVENTS_PER_BLOCK, (template + 1) * EVENTS_PER_BLOCK, 20):
        leaves = [_of_lap(32, 1000 * number + i) for i in range(9 + LIST_LEAVES)]
        stream, root = _of_lap(32, 1000 * number + 998), _of_lap(32, 1000 * number + 999)
        events.append(_event(StreamDeclared, submitter=submitter, stream=stream, head=stream))
        for leaf in leaves[:3]:
            events.append(_event(DocumentAnchored, leaf=leaf, stamp=3 << 200 | account))
            events.append(_event(StreamExtended, submitter=submitter, stream=stream, id=leaf, head=leaf))
        events += [_event(DocumentAnchored, leaf=leaf, stamp=START_TIME << 216 | account) for leaf in leaves[3:9]]
        document = {"submitter": submitter, "leaf": leaves[3]}
        successor = {"successor_submitter": submitter, "successor_leaf": leaves[4]}
        events += [
            _event(DocumentsAnchored, submitter=submitter, terms=0, leaves=leaves[9:]),
            _event(BatchAnchored, submitter=submitter, root=root, count=1_000_000, terms=0, signed_at=0),
            _event(LeavesRevoked, root=root, stamp=1 << 160 | account, leaves=0xFF00),
            _event(AnchorRevoked, id=leaves[5], stamp=1 << 160 | account),
            _event(DocumentAmended, **document, **successor, reason=1),
            _event(DocumentCountersigned, **document, organization=_of_lap(12, number), key=_of_lap(20, number)),
            _event(DocumentDisputed, **document, disputant=_of_lap(20, number), reason=1, statement=bytes(32)),
        ]
    return events


CONTENTS: dict[Content, Callable[[int], list[Event]]] = {
    "tasks": _tasks,
    "organizations": _organizations,
    "documents": _documents,
}


def _event(event: type[Any], **fields: Any) -> Event:
    """An event by its field names; addresses may be bytes."""
    names = [field.name for field in dataclasses.fields(event)]
    values = [
        "0x" + fields[name].hex() if kind == "address" else fields[name]
        for name, kind in zip(names, event.TYPES, strict=True)
    ]
    return event, values


def _serve(last: int, content: Content, ready: Connection[int, None]) -> None:
    chain = Chain(last, content)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = b"[" + b",".join(map(_answer, body)) + b"]" if isinstance(body, list) else _answer(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    def _answer(request: dict[str, Any]) -> bytes:
        head = b'{"jsonrpc":"2.0","id":' + orjson.dumps(request["id"])
        try:
            return head + b',"result":' + chain.answer(request["method"], request["params"]) + b"}"
        except KeyError:
            error = {"code": -32601, "message": f"the method {request['method']} is not known here"}
        except ValueError as problem:
            error = {"code": -32005, "message": str(problem)}
        return head + b',"error":' + orjson.dumps(error) + b"}"

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ready.send(server.server_port)
    server.serve_forever()
