"""Transactions a second, from encoding the call to its receipt; each contestant on a fresh Anvil, in its own process.

Every transaction is a `grantRole` of OpenZeppelin's AccessControl: one word stored, one event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from careledger.chain.connection import Connection
from careledger.chain.development import Node, development_signer
from careledger.chain.outbox import Intent, Outbox, Policy, State, Worker
from careledger.chain.rpc import HttpRpc
from careledger.chain.signers.raw import RawTransaction
from careledger.chain.values import encode_call
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from bench.databases import postgres, sqlite
from bench.harness import Effort, Result, alone, compare, effort, efforts
from bench.peers import presigned, web3_py
from tools.gas import testing_contract

__all__ = ["sending"]

ROUNDS = 3
TRANSACTIONS = 3_000
TUTORIAL_TRANSACTIONS = 100
CHAIN_ID = 31337
GAS = 60_000
MAX_FEE_WEI, TIP_WEI = 3 * 10**9, 10**9
SUBMITTED_AT_ONCE = 500
DRAIN_SECONDS = 120

ROLE = keccak(text="PAYER")
Arguments = tuple[bytes, str]


@dataclass(frozen=True)
class Book:
    """A RoleBook on a fresh chain, whose admin is the first account of the chain and has sent nothing else."""

    url: str
    address: ChecksumAddress
    abi: list[dict[str, Any]]

    @property
    def grant_role(self) -> dict[str, Any]:
        return next(entry for entry in self.abi if entry.get("name") == "grantRole")


@contextmanager
def fresh_book() -> Iterator[Book]:
    book = testing_contract("RoleBook")
    constructor = next(entry for entry in book["abi"] if entry["type"] == "constructor")
    creation = bytes.fromhex(book["evm"]["bytecode"]["object"])
    creation += encode_call({"name": "", **constructor}, (development_signer(0).address,))[4:]
    with Node(options=("--prune-history", "50")) as node:
        address = node.connect().send(development_signer(1), None, creation).contract_address
        assert address is not None
        yield Book(node.url, to_checksum_address(address), book["abi"])


def arguments(count: int) -> list[Arguments]:
    return [(ROLE, to_checksum_address(keccak(text=str(number))[:20])) for number in range(count)]


def with_web3(_: int) -> Effort:
    with fresh_book() as book:
        return alone(web3_py.send, book.url, book.address, book.abi, arguments(TUTORIAL_TRANSACTIONS))


def with_presigned(_: int) -> Effort:
    signer = development_signer(0)
    with fresh_book() as book:
        to, function = bytes.fromhex(book.address[2:]), book.grant_role
        calls = [encode_call(function, each) for each in arguments(TRANSACTIONS)]
        raw = [
            signer.sign_raw(RawTransaction(CHAIN_ID, nonce, GAS, to, 0, data, MAX_FEE_WEI, TIP_WEI))[0]
            for nonce, data in enumerate(calls)
        ]
        return alone(presigned.send, book.url, signer.address, raw)


def with_outbox(database: Callable[[], Any], gas: int | None) -> Callable[[int], Effort]:
    def run(_: int) -> Effort:
        with fresh_book() as book, database() as url:
            return alone(send_with_outbox, url, book, gas)

    return run


def send_with_outbox(database: str, book: Book, gas: int | None) -> Effort:
    """From encoding the calls until all are confirmed in the outbox, in a process of its own."""
    signer, connection = development_signer(0), Connection.open(book.url)
    outbox = Outbox.open(database, connection)
    worker = Worker(outbox, HttpRpc(book.url), [signer], Policy(confirmations=1))
    function, calls = book.grant_role, arguments(TRANSACTIONS)

    def send_all() -> int:
        intents = [
            Intent(f"grant/{number}", signer.address, book.address, encode_call(function, each), gas=gas)
            for number, each in enumerate(calls)
        ]
        for start in range(0, len(intents), SUBMITTED_AT_ONCE):
            outbox.submit_many(intents[start : start + SUBMITTED_AT_ONCE])
        worker.drain(DRAIN_SECONDS)
        return TRANSACTIONS

    result = effort(send_all)
    assert outbox.counts() == {State.CONFIRMED: TRANSACTIONS}, outbox.counts()
    worker.close()
    outbox.close()
    return result


def sending() -> list[Result]:
    found = efforts(
        ROUNDS,
        {
            "web3": with_web3,
            "presigned": with_presigned,
            "sqlite": with_outbox(sqlite, GAS),
            "postgres": with_outbox(postgres, GAS),
            "estimated": with_outbox(sqlite, None),
        },
    )
    titles = {
        "sqlite": "send: outbox, SQLite",
        "postgres": "send: outbox, PostgreSQL",
        "estimated": "send: outbox, SQLite, gas estimated",
    }
    results = []
    for name, title in titles.items():
        ours = found[name]
        for peer, peer_title in (("web3", "web3.py one by one"), ("presigned", "presigned, raw socket, no receipts")):
            theirs = found[peer]
            results.append(compare(title, ours.per_second, "tx/s", peer_title, theirs.per_second))
            results.append(
                compare(f"{title}: client", ours.cpu_microseconds, "us/tx", peer_title, theirs.cpu_microseconds)
            )
    return results
