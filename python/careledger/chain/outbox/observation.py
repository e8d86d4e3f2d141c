"""One look at the chain: what a node says about some senders' transactions, all of it as of one block.

The look names its block first and checks at its end that the block is still there: else nothing of it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from careledger.chain.outbox.flight import Entry, Lane, Sent
from careledger.chain.outbox.node_errors import lacks_method, reverted_with, words
from careledger.chain.rpc import Call, Rpc, RpcError, quantity

__all__ = ["Abilities", "LaneSight", "Mined", "NoCount", "Question", "Sight", "look"]

CHECKED_BLOCKS = 500
"""How many blocks' hashes one look compares for confirmations."""

SEARCHED_NONCES = 20
"""For how many nonces of a sender one look searches the transaction that used them."""


class NoCount(Exception):
    """The chain moved during the look, or the node did not answer a part of it: look again."""


@dataclass
class Abilities:
    """What is known of the node."""

    block_receipts: bool = True
    suggests_tips: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """What to look at for one lane. `wanted` is what it has in flight, lowest nonce first; `blocks` those whose hashes
    are to be compared: all of them after a reorganization, else those that are deep enough. `asks_pool`: also for
    the sender's next nonce behind the node's pool. `asked_at` by `time.monotonic`."""

    lane: Lane
    seen: tuple[int, str] | None
    wanted: tuple[Entry, ...]
    blocks: frozenset[int]
    is_search: bool
    asks_pool: bool
    asked_at: float


@dataclass(frozen=True, slots=True)
class Mined:
    """One of an entry's transactions in a block."""

    entry: Entry
    sent: Sent
    block_number: int
    block_hash: str
    gas_used: int
    gas_price_wei: int
    succeeded: bool
    revert_data: bytes | None
    problem: str | None


@dataclass
class LaneSight:
    """`behind`: the node's head is below the one seen before. `same`: the block seen before is still there. `count`:
    the sender's next nonce as of the block looked at; `pending_count`: behind the node's pool, if asked. `missing`:
    nonce used, no transaction of theirs found; `users`: by nonce, the hash of the transaction that used it, as deep as
    confirmations are, searched for what was missing before.
    """

    question: Question
    behind: bool = False
    same: bool = True
    count: int = 0
    pending_count: int | None = None
    balance_wei: int = 0
    mined: list[Mined] = field(default_factory=list)
    missing: list[Entry] = field(default_factory=list)
    users: dict[int, str] = field(default_factory=dict)


@dataclass
class Sight:
    number: int
    block_hash: str
    base_fee_wei: int | None
    tip_wei: int
    gas_price_wei: int
    chain_id: int | None
    genesis_hash: str | None
    blocks: dict[int, str | None] = field(default_factory=dict)
    lanes: list[LaneSight] = field(default_factory=list)


def look(
    rpc: Rpc, questions: Sequence[Question], abilities: Abilities, confirmations: int, legacy: bool, recheck: bool
) -> Sight:
    """Raises NoCount, NodeUnreachable, NodeBusy."""
    try:
        return _look(rpc, questions, abilities, confirmations, legacy, recheck)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoCount(f"{type(error).__name__} in the node's answer") from error


def _look(
    rpc: Rpc, questions: Sequence[Question], abilities: Abilities, confirmations: int, legacy: bool, recheck: bool
) -> Sight:
    sight = _head(rpc, abilities, legacy, recheck)
    _lanes(rpc, sight, questions, confirmations)
    wanted = [entry for lane in sight.lanes for entry in lane.question.wanted if entry.nonce < lane.count]
    if wanted:
        _receipts(rpc, sight, wanted, abilities)
    for lane in sight.lanes:
        for entry in [entry for entry in lane.missing if entry.missing_since is not None][:SEARCHED_NONCES]:
            user = _user(rpc, lane.question.lane.address, entry.nonce, sight.number - confirmations + 1)
            if user is not None:
                lane.users[entry.nonce] = user
    _check_blocks(rpc, sight, confirmations)
    return sight


def _check_blocks(rpc: Rpc, sight: Sight, confirmations: int) -> None:
    """That the block looked at is still there, and those of the receipts that are final at once: a receipt may come
    from another node, which was on another fork."""
    mined = [mined for lane in sight.lanes for mined in lane.mined]
    final = {one.block_number for one in mined if one.block_number <= sight.number - confirmations + 1}
    numbers = sorted(final - sight.blocks.keys())
    head, *others = rpc.batch([("eth_getBlockByNumber", [hex(n), False]) for n in (sight.number, *numbers)])
    if _hash(head) != sight.block_hash:
        raise NoCount("the newest block changed during the look")
    sight.blocks |= {number: _hash(block) for number, block in zip(numbers, others, strict=True)}
    if any(sight.blocks.get(one.block_number, one.block_hash) != one.block_hash for one in mined):
        raise NoCount("a receipt is of a block that is not on the chain")


def _head(rpc: Rpc, abilities: Abilities, legacy: bool, recheck: bool) -> Sight:
    calls: list[Call] = [("eth_getBlockByNumber", ["latest", False])]
    tips = abilities.suggests_tips and not legacy
    calls.append(("eth_maxPriorityFeePerGas", []) if tips else ("eth_gasPrice", []))
    if recheck:
        calls += [("eth_chainId", []), ("eth_getBlockByNumber", ["0x0", False])]
    answers = rpc.batch(calls)
    head, fee = answers[:2]
    if not isinstance(head, dict) or _hash(head) is None:
        raise NoCount("the node did not say its newest block")
    base_fee = None if legacy or head.get("baseFeePerGas") is None else quantity(head["baseFeePerGas"])
    tip_wei = gas_price_wei = 0
    if tips and isinstance(fee, RpcError):
        abilities.suggests_tips = not lacks_method(fee)
        tips, fee = False, None
    if tips and base_fee is not None:
        tip_wei = quantity(fee)
    else:
        gas_price_wei = _number(fee if not tips and fee is not None else rpc.batch([("eth_gasPrice", [])])[0])
        tip_wei = max(0, gas_price_wei - (base_fee or 0))
    sight = Sight(quantity(head["number"]), head["hash"], base_fee, tip_wei, gas_price_wei, None, None)
    if recheck:
        sight.chain_id, sight.genesis_hash = _number(answers[2]), _hash(answers[3])
        if sight.genesis_hash is None:
            raise NoCount("the node did not say its first block")
    return sight


def _lanes(rpc: Rpc, sight: Sight, questions: Sequence[Question], confirmations: int) -> None:
    at = hex(sight.number)
    deep_enough = sight.number - confirmations + 1
    calls: list[Call] = []
    blocks: set[int] = set()
    for question in questions:
        address, seen = question.lane.address, question.seen
        lane = LaneSight(question)
        sight.lanes.append(lane)
        calls += [("eth_getTransactionCount", [address, at]), ("eth_getBalance", [address, at])]
        if question.asks_pool:
            calls.append(("eth_getTransactionCount", [address, "pending"]))
        if seen is not None:
            lane.behind = seen[0] > sight.number
            if seen[0] < sight.number:
                blocks.add(seen[0])
        known = sorted(number for number in question.blocks if number <= sight.number)
        if not question.is_search:
            known = [number for number in known if number <= deep_enough][:CHECKED_BLOCKS]
        blocks.update(known)
    numbers = sorted(blocks - {sight.number})
    calls += [("eth_getBlockByNumber", [hex(number), False]) for number in numbers]
    answers = iter(rpc.batch(calls))
    for lane in sight.lanes:
        lane.count = _number(next(answers))
        lane.balance_wei = _number(next(answers))
        if lane.question.asks_pool:
            lane.pending_count = _number(next(answers))
    for number, answer in zip(numbers, answers, strict=True):
        if isinstance(answer, RpcError):
            raise NoCount(f"the node did not say a block: {words(answer)}")
        sight.blocks[number] = _hash(answer)
    sight.blocks[sight.number] = sight.block_hash
    for lane in sight.lanes:
        seen = lane.question.seen
        lane.same = seen is None or lane.behind or sight.blocks[seen[0]] == seen[1]


def _receipts(rpc: Rpc, sight: Sight, wanted: list[Entry], abilities: Abilities) -> None:
    """The receipts of all attempts of entries whose nonces are used."""
    sent_by_hash = {sent.transaction_hash: (entry, sent) for entry in wanted for sent in entry.attempts}
    found: dict[int, dict[str, Any]] = {}
    seen = [
        lane.question.seen for lane in sight.lanes if any(entry.nonce < lane.count for entry in lane.question.wanted)
    ]
    if abilities.block_receipts and all(seen):
        first = min(block[0] for block in seen if block is not None) + 1
        if 0 < sight.number - first + 1 <= len(wanted):
            calls: list[Call] = [("eth_getBlockReceipts", [hex(n)]) for n in range(first, sight.number + 1)]
            for answer in rpc.batch(calls):
                if isinstance(answer, RpcError):
                    abilities.block_receipts = not lacks_method(answer)
                    break
                for receipt in answer or ():
                    known = sent_by_hash.get(receipt["transactionHash"])
                    if known is not None:
                        found[known[0].sequence] = receipt
    left = [(h, entry) for h, (entry, _) in sent_by_hash.items() if entry.sequence not in found]
    if left:
        answers = rpc.batch([("eth_getTransactionReceipt", [transaction_hash]) for transaction_hash, _ in left])
        for (_, entry), answer in zip(left, answers, strict=True):
            if isinstance(answer, RpcError):
                raise NoCount(f"the node gave no receipt: {words(answer)}")
            if answer is not None and quantity(answer["blockNumber"]) <= sight.number:
                found[entry.sequence] = answer
    failed = [
        entry
        for entry in wanted
        if entry.sequence in found
        and found[entry.sequence]["status"] == "0x0"
        and sent_by_hash[found[entry.sequence]["transactionHash"]][1].kind == "call"
    ]
    reasons = _reasons(rpc, failed, found)
    unknown = [entry for entry in wanted if entry.sequence not in found]
    pooled = _known_to_node(rpc, sight, unknown)
    for lane in sight.lanes:
        for entry in lane.question.wanted:
            receipt = found.get(entry.sequence)
            if receipt is not None:
                sent = sent_by_hash[receipt["transactionHash"]][1]
                lane.mined.append(_mined(entry, sent, receipt, reasons.get(entry.sequence, (None, None))))
            elif entry.nonce < lane.count and entry.sequence not in pooled:
                lane.missing.append(entry)


def _mined(entry: Entry, sent: Sent, receipt: dict[str, Any], reason: tuple[bytes | None, str | None]) -> Mined:
    price = receipt.get("effectiveGasPrice")
    return Mined(
        entry=entry,
        sent=sent,
        block_number=quantity(receipt["blockNumber"]),
        block_hash=receipt["blockHash"],
        gas_used=quantity(receipt["gasUsed"]),
        gas_price_wei=sent.max_fee_wei if price is None else quantity(price),
        succeeded=receipt["status"] == "0x1",
        revert_data=reason[0],
        problem=reason[1],
    )


def _reasons(
    rpc: Rpc, failed: list[Entry], found: dict[int, dict[str, Any]]
) -> dict[int, tuple[bytes | None, str | None]]:
    """Why calls failed in their blocks: the same calls again, on the state before."""
    calls: list[Call] = []
    for entry in failed:
        receipt = found[entry.sequence]
        request: dict[str, Any] = {"from": receipt["from"], "data": "0x" + entry.data.hex()}
        gas = max(sent.gas for sent in entry.attempts if sent.kind == "call")
        request |= {"value": hex(entry.value_wei), "gas": hex(gas)}
        if entry.to is not None:
            request["to"] = entry.to
        calls.append(("eth_call", [request, hex(quantity(receipt["blockNumber"]) - 1)]))
    reasons: dict[int, tuple[bytes | None, str | None]] = {}
    for entry, answer in zip(failed, rpc.batch(calls) if calls else (), strict=True):
        data = reverted_with(answer) if isinstance(answer, RpcError) else None
        if data is not None:
            reasons[entry.sequence] = (data, None)
        elif isinstance(answer, RpcError):
            reasons[entry.sequence] = (None, f"failed in its block: {words(answer)}")
        else:
            reasons[entry.sequence] = (None, "failed in its block, and would not have in the block before")
    return reasons


def _known_to_node(rpc: Rpc, sight: Sight, entries: list[Entry]) -> set[int]:
    """The sequences of the entries of which the node has a transaction: its receipt is only late. The node that says so
    must have the block looked at: one that lags has not seen the transactions yet."""
    hashes = [(entry, sent.transaction_hash) for entry in entries for sent in entry.attempts]
    if not hashes:
        return set()
    calls: list[Call] = [("eth_getTransactionByHash", [transaction_hash]) for _, transaction_hash in hashes]
    *answers, head = rpc.batch([*calls, ("eth_getBlockByNumber", [hex(sight.number), False])])
    if _hash(head) != sight.block_hash:
        raise NoCount("the node that was asked for transactions has not the block looked at")
    return {
        entry.sequence
        for (entry, _), answer in zip(hashes, answers, strict=True)
        if isinstance(answer, RpcError) or (answer is not None and answer.get("blockNumber") is not None)
    }


def _user(rpc: Rpc, address: str, nonce: int, block: int) -> str | None:
    """The hash of the transaction that used a nonce, up to a block; None if none did, or the node does not say."""

    def is_used(number: int) -> bool | None:
        (answer,) = rpc.batch([("eth_getTransactionCount", [address, hex(number)])])
        return None if isinstance(answer, RpcError) else quantity(answer) > nonce

    low = high = block
    step = 1
    while low >= 0 and (used := is_used(low)):
        low, high, step = low - step, low, step * 2
    if low == high or (low >= 0 and used is None):
        return None
    low = max(low, -1)
    while high - low > 1:
        middle = (low + high) // 2
        used = is_used(middle)
        if used is None:
            return None
        low, high = (low, middle) if used else (middle, high)
    (found,) = rpc.batch([("eth_getBlockByNumber", [hex(high), True])])
    transactions = found["transactions"] if isinstance(found, dict) else []
    return next(
        (
            str(one["hash"])
            for one in transactions
            if one["from"].lower() == address.lower() and quantity(one["nonce"]) == nonce
        ),
        None,
    )


def _hash(block: Any) -> str | None:
    found = block.get("hash") if isinstance(block, dict) else None
    return found if isinstance(found, str) else None


def _number(answer: Any) -> int:
    if isinstance(answer, RpcError):
        raise NoCount(f"the node did not say a number: {words(answer)}")
    return quantity(answer)
