"""The register of lots for Python: makers commission and recall, dispensers dispense, anyone verifies.

    lots = Lots(ledger.acting_as(maker).supply("medicines-agency"))
    lots.commission(reference, LotTerms(expiry_day=22_000, depth=17), tree.root)
    lots.verify(pack).finding

Serials, salts and trees are the caller's to keep; `careledger.serialization.stock` does that too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from careledger.anchoring.types import ZERO_HASH
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.contract_enums import RecallClass, RecallReason, UnitStatus
from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id, to_padded
from careledger.serialization.identifiers import lot_id
from careledger.serialization.supply import SupplyChain
from careledger.serialization.types import (
    NO_CONTAINER,
    Answer,
    Investigation,
    Lot,
    LotTerms,
    Pack,
    UnitState,
)

__all__ = ["ENDS", "Lots"]

ENDS = frozenset({UnitStatus.DESTROYED, UnitStatus.DECOMMISSIONED, UnitStatus.STOLEN, UnitStatus.EXPORTED})
"""To which a holder, maker or regulator may bring a unit, or a holder a container."""


class Lots:
    """Calls that change something need a key of who the method names as the signer. Every method raises ContractError
    with the contract's reason if it refuses, InvalidInput for a value that is none, and ChainError if the chain could
    not be asked."""

    def __init__(self, supply: SupplyChain) -> None:
        self.supply = supply
        self._lots = supply.lots

    # ------------------------------------------------------------------ the registrar

    def assign_product(
        self, product: str, maker: str, assigned: bool = True, report: Callable[[str], None] = lambda _: None
    ) -> TransactionReceipt:
        """Says who makes a product, for example `gtin:00300010000015`; `assigned` is false if it verifies no more."""
        arguments = (to_padded(product), organization_id(maker), assigned)
        return self.supply.governance.perform(self._lots, "assignProduct", *arguments, report=report)

    # ------------------------------------------------------------------ makers

    def commission(self, reference: bytes, terms: LotTerms, root: bytes) -> TransactionReceipt:
        """Commissions a lot of the signer's with its first tranche. The same again changes nothing."""
        return self._send("commission", _hex(reference), terms.word, _hex(root))

    def add_tranche(self, lot: str, number: int, root: bytes) -> TransactionReceipt:
        """Commissions further units, as the lot's maker. `number` is the tranche's, the next one from 1 on."""
        return self._send("addTranche", lot, number, _hex(root))

    def repackage(self, reference: bytes, terms: LotTerms, root: bytes, inputs: Sequence[str]) -> TransactionReceipt:
        """Commissions a lot of what the signer, a repackager, holds in containers, each whole, and uses these up."""
        return self._send("repackage", _hex(reference), terms.word, _hex(root), list(inputs))

    def open(self, lot: str, product: str, lot_number: str, salt: bytes) -> TransactionReceipt:
        """Tells everybody which product and lot number a lot is, as its maker."""
        return self._send("open", lot, to_padded(product), to_padded(lot_number), _hex(salt))

    def recall(self, lot: str, recall_class: RecallClass, reason: RecallReason) -> TransactionReceipt:
        """Recalls a lot for good, as its maker or a regulator; again only as graver (21 CFR 7.3(m))."""
        return self._send("recall", lot, int(recall_class), int(reason))

    # ------------------------------------------------------------------ dispensers

    def dispense(
        self, lot: str, index: int, inner: bytes, proof: Sequence[bytes], container: str = NO_CONTAINER
    ) -> TransactionReceipt:
        """Dispenses a unit that the signer holds."""
        return self._send("dispense", lot, index, container, _hex(inner), [_hex(node) for node in proof])

    def dispense_many(
        self,
        lot: str,
        indices: Sequence[int],
        inners: Sequence[bytes],
        proof: Sequence[bytes],
        container: str = NO_CONTAINER,
    ) -> TransactionReceipt:
        """Dispenses units of one tranche that the signer holds in one container, all or none. Numbers ascend."""
        hashes = ([_hex(inner) for inner in inners], [_hex(node) for node in proof])
        return self._send("dispenseMany", lot, container, list(indices), *hashes)

    def undo_dispense(self, lot: str, index: int, container: str = NO_CONTAINER) -> TransactionReceipt:
        """Puts a unit back that the signer dispensed within the last 10 days."""
        return self._send("undoDispense", lot, index, container)

    # ------------------------------------------------------------------ holders, makers, regulators

    def end_units(
        self,
        lot: str,
        indices: Sequence[int],
        status: UnitStatus,
        container: str = NO_CONTAINER,
        reason: str = ZERO_HASH,
    ) -> TransactionReceipt:
        """Ends units for good: destroyed, decommissioned, stolen or exported. A holder names the container that they
        are in; `reason` is a salted hash of what stays off chain."""
        if status not in ENDS:
            raise InvalidInput("status", status.name.lower(), f"is none of {_names(ENDS)}")
        return self._send("endUnits", lot, container, list(indices), int(status), reason)

    def suspect(
        self, lot: str, index: int, container: str = NO_CONTAINER, reason: str = ZERO_HASH
    ) -> TransactionReceipt:
        """Finds a unit suspect: it is neither dispensed nor moved on until it is cleared."""
        return self._send("suspect", lot, index, container, reason)

    def clear(self, lot: str, index: int, reason: str = ZERO_HASH) -> TransactionReceipt:
        """Clears a suspect unit, as who raised it or a regulator."""
        return self._send("clear", lot, index, reason)

    def determine_illegitimate(self, lot: str, index: int, reason: str = ZERO_HASH) -> TransactionReceipt:
        """Finds a suspect unit illegitimate for good. Trading partners and regulator are to be told within 24 hours
        (21 USC 360eee-1(b)(4)(B)(ii)); the event has the time."""
        return self._send("determineIllegitimate", lot, index, reason)

    def record_notice(self, lot: str, index: int, notice: str) -> TransactionReceipt:
        """Records that trading partners and regulator were told, by a salted hash of the notice."""
        return self._send("recordNotice", lot, index, notice)

    # ------------------------------------------------------------------ anyone

    def verify(self, pack: Pack, block: int | str = "latest") -> Answer:
        """What is known of a pack, as of a block. It raises for nothing that a pack says."""
        return Answer.from_abi(self._lots.read("verify", pack.to_abi(), block=block))

    def lot(self, lot: str, block: int | str = "latest") -> Lot | None:
        """A lot, None if it is unknown."""
        told = Lot.from_abi(self._lots.read("lotOf", lot, block=block))
        return told if int(told.maker, 16) else None

    def lot_of(self, maker: str, reference: bytes) -> Lot | None:
        """A maker's lot by its reference."""
        return self.lot(lot_id(maker, reference))

    def root(self, lot: str, tranche: int = 0) -> bytes:
        """A tranche's root, 32 zero bytes if it is unknown."""
        return bytes.fromhex(self._lots.read("rootOf", lot, tranche)[2:])

    def unit(self, lot: str, index: int, block: int | str = "latest") -> UnitState:
        """What became of a unit."""
        status, suspect, day = self._lots.read("unitOf", lot, index, block=block)
        return UnitState(UnitStatus(status), suspect, day)

    def investigation(self, lot: str, index: int) -> Investigation | None:
        """The last investigation of a unit, None if there was none."""
        told = Investigation(**self._lots.read("investigationOf", lot, index))
        return told if int(told.by, 16) else None

    def is_maker(self, product: str, maker: str) -> bool:
        """Whether an organization makes a product."""
        return bool(self._lots.read("isMakerOf", to_padded(product), organization_id(maker)))

    def _send(self, function: str, *arguments: Any) -> TransactionReceipt:
        return self._lots.send(required(self.supply.signer), function, *arguments)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _names(statuses: frozenset[UnitStatus]) -> str:
    return ", ".join(sorted(status.name.lower() for status in statuses))
