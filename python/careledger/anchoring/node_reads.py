"""What a node is asked about a document: every read at one block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from web3.exceptions import TransactionNotFound

from careledger.anchoring.answers import Actor, AsOf, Difference, Part, Succession, Who
from careledger.anchoring.receipt import NO_ORGANIZATION, Receipt
from careledger.anchoring.records import Records
from careledger.anchoring.types import (
    LEAVES_OF_A_WORD,
    AmendmentReason,
    Anchor,
    Countersignature,
    Dispute,
    DisputeReason,
    DocumentStatus,
    KeyStatus,
    RevocationReason,
)
from careledger.chain.connection import Block, Connection
from careledger.chain.contract import Contract
from careledger.contract_events import StreamExtended
from careledger.identity.types import KeyAtTime, Standing

__all__ = ["NodeReads", "Stopped"]

WORD = 32


class Stopped(Exception):
    """What stands in the way of an answer."""

    def __init__(self, part: Part, problem: str) -> None:
        super().__init__(problem)
        self.part = part
        self.problem = problem


class NodeReads:
    """Reads of both contracts at one block."""

    def __init__(self, connection: Connection, anchors: Contract, registry: Contract, as_of: AsOf) -> None:
        self._connection = connection
        self._anchors = anchors
        self._registry = registry
        self._as_of = as_of
        self.number = as_of.block_number

    def block(self, number: int) -> Block:
        return self._connection.block(number)

    def records(self, receipt: Receipt) -> Records:
        location = receipt.location
        own = self._anchor(location.submitter, location.leaf)
        if location.root is None:
            return Records(location, own, own, False)
        number, bit = divmod(location.index, LEAVES_OF_A_WORD)
        word = self._read("revokedLeavesOf", location.submitter, location.root, number)
        return Records(location, own, self._anchor(location.submitter, location.root), bool(word >> bit & 1))

    def require_agreement(self, receipt: Receipt, records: Records) -> None:
        """That the contract's own answer is the one that follows from its records."""
        found = self._read("verify", receipt.location.to_abi())
        with self._connection.failures("eth_call"):
            status = DocumentStatus(found["status"])
        expected = records.status(self._as_of.block_time)
        if status is not expected:
            problem = f"by its records the document is {expected.name}, by its contract {status.name}"
            raise Stopped(Part.NODE_CONTRADICTS, f"{problem}; ask again, or another node")

    def who(self, claimed: Who, anchored_at: int) -> Who:
        key = self._key_at(claimed.key, anchored_at)
        nobodys = key.organization == NO_ORGANIZATION
        return replace(
            claimed,
            organization=None if nobodys else key.organization,
            key_status=key.status,
            compromised=key.compromised,
            reported_at=key.reported_at,
            good_standing=False if nobodys else self._good_standing(key.organization, anchored_at),
        )

    def actor(self, key: str, time: int) -> Actor:
        """What is to be thought of a key that acted at a time."""
        found = self._key_at(key, time)
        return Actor(
            key=key,
            organization=None if found.organization == NO_ORGANIZATION else found.organization,
            key_status=found.status,
            compromised=found.compromised,
            reported_at=found.reported_at,
        )

    def succession(self, receipt: Receipt) -> Succession | None:
        place = receipt.submitter, receipt.leaf
        link = self._read("successorOf", *place)
        if not link["amended_at"]:
            return None
        latest_submitter, latest_leaf = self._read("latest", *place)
        with self._connection.failures("eth_call"):
            reason = AmendmentReason(link["reason"])
        return Succession(
            submitter=link["submitter"],
            leaf=link["leaf"],
            amended_at=link["amended_at"],
            reason=reason,
            latest_submitter=latest_submitter,
            latest_leaf=latest_leaf,
            by=self.actor(link["submitter"], link["amended_at"]),  # who amends anchors the successor
        )

    def dispute(self, submitter: str, leaf: str, disputant: str) -> Dispute:
        found = self._read("disputeOf", submitter, leaf, disputant)
        with self._connection.failures("eth_call"):
            return Dispute(**{**found, "reason": DisputeReason(found["reason"])})

    def countersignature(self, submitter: str, leaf: str, organization: str) -> Countersignature:
        return Countersignature(**self._read("countersignatureOf", submitter, leaf, organization))

    def origin_differences(self, receipt: Receipt, anchored_at: int, origin: Block) -> Iterator[Difference]:
        """What the receipt's block, which is on the chain, tells of the receipt's transaction."""
        if origin.time != anchored_at:
            time = f"a block of time {anchored_at}"
            yield Difference("block_number", f"{receipt.block_number}, of time {origin.time}", time)
        if receipt.transaction_hash not in origin.transactions:
            yield Difference("transaction_hash", receipt.transaction_hash, f"not in block {receipt.block_number}")
            return
        logs = self._logs(receipt.transaction_hash)
        if logs is None:
            return
        anchor_id = bytes.fromhex(receipt.location.anchor_id[2:])
        of_it = [words for words in logs if anchor_id in words]
        if not of_it:
            yield Difference("transaction_hash", receipt.transaction_hash, "did not anchor it")
        elif receipt.stream is not None:
            extended = [bytes.fromhex(word[2:]) for word in (StreamExtended.TOPIC, receipt.stream)]
            if not any(words[:3:2] == extended for words in of_it):
                yield Difference("stream", receipt.stream, "another stream")

    def _logs(self, transaction_hash: str) -> list[list[bytes]] | None:
        """The contract's logs in a transaction, each as its topics and words of data; None if the node has no receipts
        as old."""
        with self._connection.failures("eth_getTransactionReceipt"):
            try:
                found = self._connection.web3.eth.get_transaction_receipt(cast(Any, transaction_hash))
            except TransactionNotFound:
                return None
            logs = [log for log in found["logs"] if log["address"] == self._anchors.address]
            return [[*map(bytes, log["topics"]), *_words(bytes(log["data"]))] for log in logs]

    def _key_at(self, key: str, time: int) -> KeyAtTime:
        found = self._registry_read("organizationAt", key, time)
        with self._connection.failures("eth_call"):
            return KeyAtTime(**{**found, "status": KeyStatus(found["status"])})

    def _good_standing(self, organization: str, time: int) -> bool:
        found = self._registry_read("membershipAt", organization, time)
        active: bool = found["standing"] == Standing.ACTIVE and not found["frozen"]
        return active and time < found["licence_expiry"]

    def _anchor(self, submitter: str, anchor_id: str) -> Anchor:
        found = self._read("anchorOf", submitter, anchor_id)
        with self._connection.failures("eth_call"):
            return Anchor(**{**found, "revocation_reason": RevocationReason(found["revocation_reason"])})

    def _read(self, function: str, *arguments: Any) -> Any:
        return self._anchors.read(function, *arguments, block=self.number)

    def _registry_read(self, function: str, *arguments: Any) -> Any:
        return self._registry.read(function, *arguments, block=self.number)


def _words(data: bytes) -> list[bytes]:
    return [data[start : start + WORD] for start in range(0, len(data), WORD)]
