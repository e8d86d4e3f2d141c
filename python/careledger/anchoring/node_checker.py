"""Verification by a node: every read at one block, whose hash is looked at again in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from careledger.anchoring.answers import (
    Answer,
    AsOf,
    CountersignatureOf,
    Difference,
    DisputeOf,
    Part,
    Revocation,
    Verification,
    Who,
    could_not_check,
)
from careledger.anchoring.node_reads import NodeReads, Stopped
from careledger.anchoring.receipt import Receipt
from careledger.anchoring.records import answer_by_records
from careledger.anchoring.revoking_acts import find_leaf_revocation, find_revoking_key
from careledger.chain.artifacts import artifact
from careledger.chain.connection import Block, Connection
from careledger.chain.contract import Contract
from careledger.chain.deployment.suite import ANCHOR, REGISTRY
from careledger.errors import ChainError, ContractError, NodeBusy, NodeUnreachable, NotAContract
from careledger.identity import Organizations

__all__ = ["Directory", "NodeChecker"]


class Directory(Protocol):
    """Where names are listed, as in an index. What it lists is read from the contract: it can leave out, not invent.

    An error that it raises goes through `NodeChecker.check` to the caller.
    """

    def organization_name(self, organization: str) -> str | None:
        """An organization's registered name, by its id; None if it is not known."""
        ...

    def disputants(self, submitter: str, leaf: str) -> Sequence[str]:
        """The addresses that disputed a document."""
        ...

    def countersigners(self, submitter: str, leaf: str) -> Sequence[str]:
        """The ids of the organizations that countersigned a document."""
        ...


class NodeChecker:
    """Asks one node. The node is believed, as far as it does not contradict itself or the receipt; what a state proof
    shows needs no belief (`OfflineChecker`). Several nodes, and which to ask first, are for the caller."""

    def __init__(
        self,
        connection: Connection,
        anchors: Contract,
        organizations: Organizations,
        block: int | str = "latest",
        directory: Directory | None = None,
    ) -> None:
        """`anchors` and `organizations` are the suite that is trusted: a receipt of another contract is not checked.
        `block` is the number or tag of the block of which the answers are."""
        self._connection = connection
        self._anchors = anchors
        self._registry = Contract(connection, REGISTRY, organizations.address)
        self._block = block
        self._directory = directory
        self._known_suites: set[str] = set()

    def check(self, receipt: Receipt) -> Verification:
        """What the chain says of the receipt's document. Raises nothing: what stands in the way is the answer; see
        `Directory` for the exception."""
        try:
            return self._check(receipt)
        except Stopped as stop:
            return could_not_check(receipt, stop.part, stop.problem)
        except NodeBusy as problem:
            return could_not_check(receipt, Part.NODE_BUSY, str(problem))
        except NodeUnreachable as problem:
            return could_not_check(receipt, Part.NODE_UNREACHABLE, str(problem))
        except NotAContract as problem:
            return could_not_check(receipt, Part.NO_CONTRACT, str(problem))
        except (ChainError, ContractError) as problem:
            return could_not_check(receipt, Part.NODE_REFUSED, str(problem))

    def _check(self, receipt: Receipt) -> Verification:
        if receipt.contract != self._anchors.address:
            trusted = f"not of {self._anchors.address}, which is trusted"
            raise Stopped(Part.OTHER_CONTRACT, f"the receipt is of the contract {receipt.contract}, {trusted}")
        self._require_chain(receipt)
        as_of = self._as_of(self._block)
        if receipt.block_number > as_of.block_number:
            problem = f"it is at block {as_of.block_number}, the receipt's is {receipt.block_number}"
            raise Stopped(Part.NODE_BEHIND, problem)
        self._require_suite(receipt.genesis_hash, as_of.block_number)
        here = NodeReads(self._connection, self._anchors, self._registry, as_of)
        origin = here.block(receipt.block_number)
        on_chain = origin.hash == receipt.block_hash
        records = here.records(receipt)
        answer = answer_by_records(receipt, records, as_of)
        here.require_agreement(receipt, records)
        if answer.answer is not Answer.UNKNOWN:
            answer = self._completed(receipt, here, answer, origin, on_chain)
        if self._as_of(as_of.block_number).block_hash != as_of.block_hash:
            raise Stopped(Part.CHAIN_MOVED, f"block {as_of.block_number} was replaced meanwhile: ask again")
        if answer.answer is Answer.UNKNOWN and not on_chain:
            problem = f"block {receipt.block_number} is {origin.hash}, the receipt's was {receipt.block_hash}"
            raise Stopped(Part.BLOCK_GONE, f"{problem}: reorganized, or another branch; ask again later")
        return answer

    def _require_chain(self, receipt: Receipt) -> None:
        chain_id = self._connection.served_chain_id()
        if chain_id != receipt.chain_id:
            raise Stopped(Part.WRONG_CHAIN, f"the node serves chain {chain_id}, the receipt's is {receipt.chain_id}")
        genesis = self._connection.genesis_hash()
        if genesis != receipt.genesis_hash:
            problem = f"the node's chain began with {genesis}, the receipt's with {receipt.genesis_hash}"
            raise Stopped(Part.OTHER_GENESIS, f"{problem}: it was started anew, or is another one of the same id")

    def _require_suite(self, genesis: str, block: int) -> None:
        """That the contract is the suite's and asks the register that is trusted; looked at once on a chain."""
        if genesis in self._known_suites:
            return
        address = self._anchors.address
        code = self._connection.code(address, block)
        if not code:
            raise NotAContract(ANCHOR, address)
        if not artifact(ANCHOR).matches(code):
            raise Stopped(Part.OTHER_CONTRACT, f"the code at {address} is not this version's {ANCHOR}")
        register = self._anchors.read("registry", block=block)
        if register != self._registry.address:
            problem = f"the contract asks the register {register}, not {self._registry.address}, which is trusted"
            raise Stopped(Part.OTHER_CONTRACT, problem)
        self._known_suites.add(genesis)

    def _as_of(self, block: int | str) -> AsOf:
        found = self._connection.block(block)
        return AsOf(found.number, found.hash, found.time)

    def _completed(
        self, receipt: Receipt, here: NodeReads, answer: Verification, origin: Block, on_chain: bool
    ) -> Verification:
        """The answer with who, and with what the contract has beside the records."""
        revocation = answer.revocation
        if revocation is not None:
            revocation = self._revocation(receipt, here, revocation, on_chain)
        if on_chain:
            more = tuple(here.origin_differences(receipt, answer.when.anchored_at, origin))
        else:
            more = (Difference("block_hash", receipt.block_hash, origin.hash),)
        disputes, countersignatures = self._listed(receipt, here)
        return replace(
            answer,
            who=self._named(here.who(answer.who, answer.when.anchored_at)),
            revocation=revocation,
            succession=here.succession(receipt),
            differences=(*answer.differences, *more),
            listed_disputes=disputes,
            countersignatures=countersignatures,
        )

    def _revocation(self, receipt: Receipt, here: NodeReads, known: Revocation, on_chain: bool) -> Revocation:
        """A revocation with who is behind it; of a leaf of a batch also why and when it was."""
        place, key = receipt.location, None
        if known.revoked_at is not None:
            anchor_id = place.anchor_id if known.whole_batch else place.leaf
            first = receipt.block_number if on_chain else 0
            key = find_revoking_key(self._anchors, place.submitter, anchor_id, known.revoked_at, first, here.number)
        elif receipt.batch is not None and on_chain:
            known, key = find_leaf_revocation(
                self._anchors, place.submitter, receipt.batch, receipt.block_number, here.number
            )
        if key is None or known.revoked_at is None:
            return known
        return replace(known, by=here.actor(key, known.revoked_at))

    def _named(self, who: Who) -> Who:
        if self._directory is None or who.organization is None:
            return who
        return replace(who, organization_name=self._directory.organization_name(who.organization))

    def _listed(
        self, receipt: Receipt, here: NodeReads
    ) -> tuple[tuple[DisputeOf, ...], tuple[CountersignatureOf, ...]]:
        if self._directory is None:
            return (), ()
        place = receipt.submitter, receipt.leaf
        disputes = [(who, here.dispute(*place, who)) for who in self._directory.disputants(*place)]
        signed = [(who, here.countersignature(*place, who)) for who in self._directory.countersigners(*place)]
        return (
            tuple(DisputeOf(who, found) for who, found in disputes if found.raised_at),
            tuple(CountersignatureOf(who, found) for who, found in signed if found.signed_at),
        )
