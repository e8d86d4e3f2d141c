"""Rows of the index against the chain: each names the transaction and the log that it comes from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from careledger.chain.indexer.decoder import DECODERS, to_event
from careledger.chain.indexer.model import Key, Row
from careledger.chain.rpc import Rpc, RpcError, quantity
from careledger.contract_events import BY_TOPIC, ContractEvent
from careledger.errors import NodeRefused

__all__ = ["Claim", "Mismatch", "check"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a row says. `address`, in lower case, and `event` of an event's row; `entity` and `key`, in the form of the
    tables, of a version of an entity."""

    block_number: int
    log_index: int
    transaction_hash: str
    address: str | None = None
    event: ContractEvent | None = None
    entity: str | None = None
    key: Key = ()


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A row that the chain does not bear out; `problem` says how."""

    claim: Claim
    problem: str


Touched = Callable[[type[ContractEvent], Row], Collection[tuple[str, Key]]]
"""The entities, by name and key, that an event concerns."""


def check(
    rpc: Rpc,
    claims: Sequence[Claim],
    contracts: Collection[str] | None = None,
    touched: Touched = lambda _kind, _row: (),
) -> list[Mismatch]:
    """Those claims that the chain does not bear out: the transaction's receipt is of that block, the block is on the
    chain under that hash, and the log at that index is the event, or one of `contracts` that concerns the entity.
    Raises ChainError."""
    hashes = list(dict.fromkeys(claim.transaction_hash for claim in claims))
    numbers = list(dict.fromkeys(claim.block_number for claim in claims))
    calls = [("eth_getTransactionReceipt", [value]) for value in hashes]
    receipts = dict(zip(hashes, _answers(rpc, calls), strict=True))
    headers = _answers(rpc, [("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
    blocks = dict(zip(numbers, headers, strict=True))
    mismatches = []
    for claim in claims:
        try:
            problem = _problem(claim, receipts[claim.transaction_hash], blocks[claim.block_number], contracts, touched)
        except (ValueError, TypeError, LookupError, AttributeError):
            problem = "the node's answer is no receipt or block"
        if problem is not None:
            mismatches.append(Mismatch(claim, problem))
    return mismatches


def _answers(rpc: Rpc, calls: Sequence[tuple[str, list[Any]]]) -> list[Any]:
    answers = rpc.batch(calls)
    for (method, _), answer in zip(calls, answers, strict=True):
        if isinstance(answer, RpcError):
            raise NodeRefused(method, answer.code, answer.message)
    return answers


def _problem(claim: Claim, receipt: Any, block: Any, contracts: Collection[str] | None, touched: Touched) -> str | None:
    if receipt is None:
        return "its transaction is not on the chain"
    if quantity(receipt["blockNumber"]) != claim.block_number:
        return f"its transaction is in block {quantity(receipt['blockNumber'])}"
    if block is None or block["hash"] != receipt["blockHash"]:
        return "its block is not on the chain"
    log = next((entry for entry in receipt["logs"] if quantity(entry["logIndex"]) == claim.log_index), None)
    if log is None:
        return "its transaction has no such log"
    address, topics = log["address"].lower(), log["topics"]
    if claim.address not in (None, address) or (contracts is not None and address not in contracts):
        return f"the log is from {address}"
    kind = BY_TOPIC.get(topics[0]) if topics else None
    if kind is None:
        return "the log is no event of the suite"
    row = DECODERS[kind.TOPIC](log, claim.block_number, claim.log_index, quantity(block["timestamp"]), address)
    event = to_event(kind, row)
    if claim.event not in (None, event):
        return f"the log is {event}"
    if claim.entity is not None and (claim.entity, claim.key) not in touched(kind, row):
        return f"the log is {event}, which does not concern {claim.entity} {', '.join(map(str, claim.key))}"
    return None
