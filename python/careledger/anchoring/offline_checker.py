"""Verification without a node: by a receipt's state proof and a block's hash that the verifier trusts."""

from __future__ import annotations

from tiny_keccak import keccak256

from careledger.anchoring.answers import AsOf, Part, Verification, could_not_check
from careledger.anchoring.receipt import Receipt
from careledger.anchoring.records import answer_by_records, records_of
from careledger.chain.values import account_address
from careledger.errors import StateProofInvalid

__all__ = ["OfflineChecker"]


class OfflineChecker:
    """Answers as of the block of the receipt's state proof, for a block's hash and a contract that the verifier trusts.

    What it does not tell: whose key the submitter was. `who` holds what the receipt says, and the answer is never
    `trusted`. Nor does it tell by what a document was superseded, by which key it was amended or revoked, and of one
    leaf of a batch, why and when it was revoked: these stand elsewhere on the chain.
    """

    def __init__(self, contract: str, trusted_block_hash: str) -> None:
        """Raises InvalidInput for what is no address."""
        self._contract = account_address("contract", contract)
        self._trusted_hash = trusted_block_hash.lower()

    @classmethod
    def from_header(cls, contract: str, header: bytes) -> OfflineChecker:
        """With a trusted header, RLP as in a block, instead of its hash."""
        return cls(contract, "0x" + keccak256(header).hex())

    def check(self, receipt: Receipt) -> Verification:
        """What the state proof shows of the receipt's document. Raises nothing: what fails is the answer."""
        proof = receipt.state_proof
        if receipt.contract != self._contract:
            problem = f"the receipt is of the contract {receipt.contract}, not of {self._contract}, which is trusted"
            return could_not_check(receipt, Part.OTHER_CONTRACT, problem)
        if proof is None:
            return could_not_check(receipt, Part.NO_STATE_PROOF, "the receipt carries no state proof: ask a node")
        if proof.block_hash != self._trusted_hash:
            problem = f"the state proof is of block {proof.block_hash}, not of {self._trusted_hash}, which is trusted"
            return could_not_check(receipt, Part.OTHER_BLOCK, problem)
        try:
            records = records_of(receipt.location, proof.check(self._contract, self._trusted_hash))
            as_of = AsOf(proof.block_number, proof.block_hash, proof.block_time)
        except (StateProofInvalid, ValueError) as problem:
            return could_not_check(receipt, Part.STATE_PROOF, str(problem))
        except KeyError as slot:
            return could_not_check(receipt, Part.STATE_PROOF, f"the state proof does not show the slot {slot}")
        return answer_by_records(receipt, records, as_of)
