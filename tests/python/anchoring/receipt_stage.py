"""A hospital that anchors by plain calls of the contract, and the receipts of what it anchored."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from careledger.anchoring.canonical import Canonicalization, digest
from careledger.anchoring.leaf import content_hash, leaf_hash
from careledger.anchoring.merkle import MerkleTree
from careledger.anchoring.receipt import NO_ORGANIZATION, Batch, Receipt
from careledger.anchoring.state_proof import StateProof
from careledger.anchoring.types import DocumentKind, Terms
from careledger.anchoring.verification import NodeChecker, Verification, verify
from careledger.chain.connection import TransactionReceipt
from careledger.chain.contract import Contract
from careledger.chain.signers import Signer
from careledger.identity import organization_id
from eth_utils.crypto import keccak
from identity.suite import Suite, new_key

KIND = DocumentKind.CLINICAL_DOCUMENT


@dataclass(frozen=True)
class Stage:
    """A suite with a hospital and its key, which has ether. Salts are made of numbers, so that runs repeat."""

    suite: Suite
    hospital: str
    key: Signer
    _numbers: Any = field(default_factory=itertools.count)

    @cached_property
    def genesis_hash(self) -> str:
        return self.suite.connection.genesis_hash()

    @property
    def anchors(self) -> Contract:
        return self.suite.ledger.governance.contract("DocumentAnchor")

    def checker(self, **options: Any) -> NodeChecker:
        return NodeChecker(self.suite.connection, self.anchors, self.suite.organizations(), **options)

    def verify(self, content: bytes, receipt: Receipt, **options: Any) -> Verification:
        return verify(content, receipt, self.checker(**options))

    def send(self, function: str, *arguments: Any, signer: Signer | None = None) -> TransactionReceipt:
        return self.anchors.send(signer or self.key, function, *arguments)

    def draft(self, content: bytes, **changes: Any) -> dict[str, Any]:
        """A receipt's values up to the leaf, for a document that is not anchored yet."""
        canonicalization = changes.pop("canonicalization", Canonicalization.RAW)
        values: dict[str, Any] = {
            "chain_id": self.suite.connection.chain_id,
            "genesis_hash": self.genesis_hash,
            "contract": self.anchors.address,
            "submitter": self.key.address,
            "organization": organization_id(self.hospital) if self.hospital else NO_ORGANIZATION,
            "kind": int(KIND),
            "expiry": 0,
            "canonicalization": canonicalization,
            "digest": changes.pop("digest", None) or "0x" + digest(canonicalization, content).hex(),
            "salt": "0x" + keccak(text=f"salt {next(self._numbers)}").hex(),
            "subject": None,
            "batch": None,
            "stream": None,
            "signed_at": 0,
            **changes,
        }
        made = content_hash(
            values["organization"],
            values["kind"],
            canonicalization,
            bytes.fromhex(values["digest"][2:]),
            bytes.fromhex(values["salt"][2:]),
        )
        return {**values, "leaf": "0x" + leaf_hash(made, values["subject"]).hex()}

    def finish(self, draft: dict[str, Any], sent: TransactionReceipt) -> Receipt:
        """The receipt of a draft that a transaction anchored."""
        return Receipt(**draft, **self.origin(sent))

    def origin(self, sent: TransactionReceipt) -> dict[str, Any]:
        """A receipt's values after the leaf."""
        return {
            "anchored_at": self.suite.connection.block_time(sent.block_number),
            "transaction_hash": sent.transaction_hash,
            "block_number": sent.block_number,
            "block_hash": self.suite.connection.block_hash(sent.block_number),
        }

    def anchor(self, content: bytes, signer: Signer | None = None, **changes: Any) -> Receipt:
        submitter = (signer or self.key).address
        draft = self.draft(content, **{"submitter": submitter, **changes})
        terms = Terms(draft["kind"], draft["expiry"]).pack()
        if draft["stream"] is None:
            return self.finish(draft, self.send("anchor", draft["leaf"], terms, signer=signer))
        self.send("declareStream", draft["stream"], signer=signer)
        return self.finish(draft, self.send("anchorInStream", draft["stream"], draft["leaf"], terms, signer=signer))

    def batch(self, contents: Sequence[bytes], **changes: Any) -> list[Receipt]:
        drafts = [self.draft(content, **changes) for content in contents]
        tree = MerkleTree.of(bytes.fromhex(draft["leaf"][2:]) for draft in drafts)
        root = "0x" + tree.root.hex()
        sent = self.send("anchorBatch", root, tree.count, Terms(drafts[0]["kind"], drafts[0]["expiry"]).pack())
        origin = self.origin(sent)
        receipts = []
        for index, draft in enumerate(drafts):
            proof = tuple("0x" + node.hex() for node in tree.proof(index))
            batch = Batch(root=root, count=tree.count, index=index, proof=proof)
            receipts.append(Receipt(**{**draft, "batch": batch}, **origin))
        return receipts

    def proved(self, receipt: Receipt, block: int | str = "latest") -> Receipt:
        """The receipt with a state proof of a block."""
        rpc = self.suite.connection.rpc()
        return receipt.with_state_proof(StateProof.fetch(rpc, receipt.contract, receipt.slots, block))


def set_stage(suite: Suite) -> Stage:
    """Admits a hospital with a key."""
    hospital = suite.admit()
    return Stage(suite, hospital, suite.fund(suite.add_key(hospital, new_key())))
