"""What the tests of serialization share: organizations with a key each, lots with their units' trees, and what is done
with containers and units in a few words."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import ape
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from ..support import DAY, ZERO_HASH, ZERO_ID, chain_time, padded, refusal, send

DEPTH = 6
"""Of a lot unless another is named: 64 units in each tranche, 16 in a word."""

UNITS = 1 << DEPTH
EXPIRY_DAY = 21_000
"""Days since 1970-01-01 UTC, some months after the tests begin."""

PALLET_UNITS, PALLET_CASES = 40, 4
"""Of `pallet`: the first 40 units of `lot`, in four cases of ten. The other 24 are in no container."""

WHOLE = 10_000
PRODUCT = padded("gtin:00300010000018")
OTHER_PRODUCT = padded("gtin:00300010000025")
REASON = keccak(text="reason, salted")
TERMS = keccak(text="terms, salted")
NO_CONTAINER = ZERO_ID

LOT_TAG = keccak(text="careledger.serialization.lot.v1")
LOT_REFERENCE_TAG = keccak(text="careledger.serialization.lot-reference.v1")
CONTAINER_TAG = keccak(text="careledger.serialization.container.v1")
UNIT_TAG = keccak(text="careledger.serialization.unit.v1")


class LotKind(enum.IntEnum):
    MEDICINE, DEVICE = range(2)


class UnitStatus(enum.IntEnum):
    IN_SUPPLY, DISPENSED, DESTROYED, DECOMMISSIONED, STOLEN, EXPORTED, ILLEGITIMATE, REPACKAGED = range(8)


class RecallClass(enum.IntEnum):
    NOT_RECALLED, CLASS_III, CLASS_II, CLASS_I = range(4)


class RecallReason(enum.IntEnum):
    (
        UNSPECIFIED,
        CONTAMINATION,
        LACK_OF_STERILITY,
        MISLABELLING,
        POTENCY,
        IMPURITY,
        PACKAGING_DEFECT,
        TEMPERATURE_EXCURSION,
        COUNTERFEIT,
        ADVERSE_EVENTS,
        DEVICE_DEFECT,
        REGULATOR_ORDER,
    ) = range(12)


class PackFinding(enum.IntEnum):
    (
        VERIFIED,
        NO_MATCH_PRODUCT,
        NO_MATCH_LOT,
        NO_MATCH_SERIAL,
        NO_MATCH_EXPIRY,
        RECALLED,
        EXPIRED,
        SUSPECT,
        DISPENSED,
        DESTROYED,
        DECOMMISSIONED,
        STOLEN,
        EXPORTED,
        ILLEGITIMATE,
        REPACKAGED,
        MISSING,
        NOT_IN_CONTAINER,
        NOT_FOR_REDISTRIBUTION,
    ) = range(18)


class ContainerState(enum.IntEnum):
    UNKNOWN, HELD, IN_TRANSIT, REJECTED, MISSING, ENDED = range(6)


# ---------------------------------------------------------------------- ids and terms


def lot_id(maker: bytes, reference: bytes) -> bytes:
    return keccak(encode(["bytes32", "bytes12", "bytes32"], [LOT_TAG, maker, reference]))[:12]


def container_id(packer: bytes, reference: bytes) -> bytes:
    return keccak(encode(["bytes32", "bytes12", "bytes32"], [CONTAINER_TAG, packer, reference]))[:12]


def lot_reference(product: bytes, number: bytes, salt: bytes) -> bytes:
    return keccak(encode(["bytes32"] * 4, [LOT_REFERENCE_TAG, product, number, salt]))


def lot_terms(expiry_day: int = EXPIRY_DAY, depth: int = DEPTH, kind: int = LotKind.MEDICINE) -> int:
    return kind << 24 | depth << 16 | expiry_day


def today() -> int:
    """Days since 1970-01-01 UTC, by the latest block."""
    return chain_time() // DAY


# ---------------------------------------------------------------------- units


def inner_hash(serial: str, salt: bytes) -> bytes:
    """What a unit proves itself by."""
    return keccak(encode(["string", "bytes32"], [serial, salt]))


def unit_leaf(chain: int, contract: str, lot: bytes, index: int, inner: bytes) -> bytes:
    kinds = ["bytes32", "uint256", "address", "bytes12", "uint256", "bytes32"]
    return keccak(encode(kinds, [UNIT_TAG, chain, contract, lot, index, inner]))


class Tree:
    """A tranche's units: a full binary tree, each leaf at its unit's place. `levels` run from the leaves to the root.

    `first` is the number of its first unit, so the tranche's number times its size.
    """

    def __init__(
        self, lot: bytes, contract: str, chain: int, depth: int = DEPTH, tranche: int = 0, salt: bytes = ZERO_HASH
    ) -> None:
        self.depth, self.first, self.salt = depth, tranche << depth, salt
        numbers = range(self.first, self.first + (1 << depth))
        self.levels = [[unit_leaf(chain, contract, lot, number, self.inner(number)) for number in numbers]]
        while len(self.levels[-1]) > 1:
            below = self.levels[-1]
            self.levels.append([keccak(below[at] + below[at + 1]) for at in range(0, len(below), 2)])
        self.root = self.levels[-1][0]

    def inner(self, index: int) -> bytes:
        return inner_hash(f"{index:020d}", self.salt)

    def proof(self, index: int) -> list[bytes]:
        """A unit's siblings, from the leaf's up."""
        place = index - self.first
        return [level[place >> height ^ 1] for height, level in enumerate(self.levels[:-1])]

    def multiproof(self, indices: Sequence[int]) -> list[bytes]:
        """The siblings that do not follow from the units, level by level and from left to right."""
        places, proof = {index - self.first for index in indices}, []
        for level in self.levels[:-1]:
            proof += [level[place ^ 1] for place in sorted(places) if place ^ 1 not in places]
            places = {place >> 1 for place in places}
        return proof


@dataclass(frozen=True)
class Organization:
    """An admitted organization and its key."""

    id: bytes
    key: Any
    controller: Any
    licence_expiry: int


@dataclass(frozen=True)
class Lot:
    """A lot with all of its units. Tranche `n` of `trees` is the registry's tranche `n`."""

    id: bytes
    maker: Organization
    product: bytes
    number: bytes
    salt: bytes
    reference: bytes
    terms: int
    depth: int
    trees: tuple[Tree, ...]

    @property
    def tree(self) -> Tree:
        """Of the first tranche."""
        return self.trees[0]

    @property
    def expiry_day(self) -> int:
        return self.terms % 2**16

    def inner(self, index: int) -> bytes:
        return self.trees[index >> self.depth].inner(index)

    def proof(self, index: int) -> list[bytes]:
        return self.trees[index >> self.depth].proof(index)

    def pack(self, index: int, container: bytes = NO_CONTAINER, /, **changes: Any) -> tuple[Any, ...]:
        """What somebody has in hand, in the order of the interface's `Pack`."""
        stated = {
            "product": self.product,
            "maker": self.maker.id,
            "reference": self.reference,
            "expiry_day": self.expiry_day,
            "index": index,
            "inner": self.inner(index),
            "proof": self.proof(index),
            "container": container,
        }
        assert changes.keys() <= stated.keys()
        return tuple({**stated, **changes}.values())


# ---------------------------------------------------------------------- acts


@dataclass(frozen=True)
class Supply:
    """The two contracts, and what organizations do with them. An act that is refused fails the test: `refuses_...`
    returns with what error. References are made up unless they are named."""

    lots: Any
    custody: Any
    numbers: Any = field(default_factory=count)

    def reference(self) -> bytes:
        """Of nothing that is there."""
        return keccak(text=f"reference {next(self.numbers)}")

    # ---------------------------------------------------------------- lots

    def made(
        self,
        maker: Organization,
        product: bytes = PRODUCT,
        tranches: int = 1,
        number: bytes | None = None,
        salt: bytes | None = None,
        **terms: Any,
    ) -> Lot:
        """A lot that is not commissioned yet. `terms` as of `lot_terms`."""
        number, salt = number or padded(f"L{next(self.numbers)}"), salt or self.reference()
        reference = lot_reference(product, number, salt)
        lot, depth = lot_id(maker.id, reference), terms.get("depth", DEPTH)
        place = (lot, self.lots.address, ape.networks.provider.chain_id, depth)
        trees = tuple(Tree(*place, tranche=tranche, salt=salt) for tranche in range(tranches))
        return Lot(lot, maker, product, number, salt, reference, lot_terms(**terms), depth, trees)

    def commission(self, lot: Lot) -> Any:
        return send(self.lots.commission, lot.reference, lot.terms, lot.tree.root, sender=lot.maker.key)

    def commissioned(self, maker: Organization, **changes: Any) -> Lot:
        """A lot with all of its tranches, see `made`."""
        lot = self.made(maker, **changes)
        self.commission(lot)
        for number, tree in enumerate(lot.trees[1:], 1):
            send(self.lots.addTranche, lot.id, number, tree.root, sender=maker.key)
        return lot

    def recall(
        self,
        lot: Lot,
        by: Organization | None = None,
        recall_class: int = RecallClass.CLASS_I,
        reason: int = RecallReason.CONTAMINATION,
    ) -> Any:
        return send(self.lots.recall, lot.id, recall_class, reason, sender=(by or lot.maker).key)

    # ---------------------------------------------------------------- containers

    def packed_range(self, lot: Lot, first: int, units: int, cases: int = 0) -> bytes:
        """A container of a lot's numbers, packed by its maker."""
        reference = self.reference()
        send(self.custody.packRange, reference, lot.id, first, units, cases, sender=lot.maker.key)
        return container_id(lot.maker.id, reference)

    def packed(
        self, packer: Organization, containers: Sequence[bytes] = (), units: Sequence[tuple[Any, ...]] = ()
    ) -> bytes:
        """A mixed container. Units are `(lot id, index, container)`."""
        reference = self.reference()
        send(self.custody.pack, reference, list(containers), list(units), sender=packer.key)
        return container_id(packer.id, reference)

    def unpacked_cases(
        self, holder: Organization, parent: bytes, numbers: Sequence[int], cases: int = 0
    ) -> list[bytes]:
        """Cases taken out of a container of a range."""
        references = [self.reference() for _ in numbers]
        send(self.custody.unpackCases, parent, references, list(numbers), cases, sender=holder.key)
        return [container_id(holder.id, reference) for reference in references]

    def unpack_units(self, holder: Organization, lot: Lot, indices: Sequence[int], container: bytes) -> Any:
        units = [(lot.id, index, container) for index in indices]
        return send(self.custody.unpackUnits, units, sender=holder.key)

    def ship(
        self,
        container: bytes,
        sender: Organization,
        receiver: Organization,
        carrier: Organization | None = None,
        days: int = 5,
        is_return: bool = False,
    ) -> Any:
        """Ships, to be accepted within so many days."""
        by, deadline = carrier.id if carrier else ZERO_ID, chain_time() + days * DAY
        return send(self.custody.ship, container, receiver.id, by, deadline, is_return, TERMS, sender=sender.key)

    def receive(self, container: bytes, receiver: Organization) -> Any:
        return send(self.custody.receiveShipment, container, sender=receiver.key)

    def deliver(self, container: bytes, sender: Organization, receiver: Organization, is_return: bool = False) -> Any:
        """Ships and receives."""
        self.ship(container, sender, receiver, is_return=is_return)
        return self.receive(container, receiver)

    # ---------------------------------------------------------------- units

    def dispensing(self, lot: Lot, index: int, container: bytes, /, **changes: Any) -> list[Any]:
        """The arguments of `dispense`."""
        stated = {
            "lot": lot.id,
            "index": index,
            "container": container,
            "inner": lot.inner(index),
            "proof": lot.proof(index),
        }
        assert changes.keys() <= stated.keys()
        return list({**stated, **changes}.values())

    def dispense(self, by: Organization, lot: Lot, index: int, container: bytes) -> Any:
        return send(self.lots.dispense, *self.dispensing(lot, index, container), sender=by.key)

    def refuses_dispensing(
        self, by: Organization, lot: Lot, index: int, container: bytes, /, **changes: Any
    ) -> tuple[Any, ...]:
        return refusal(self.lots.dispense, *self.dispensing(lot, index, container, **changes), sender=by.key)

    def dispensing_many(self, lot: Lot, indices: Sequence[int], container: bytes, /, **changes: Any) -> list[Any]:
        """The arguments of `dispenseMany`, of units in the tranche of the first."""
        tree = lot.trees[indices[0] >> lot.depth]
        stated = {
            "lot": lot.id,
            "container": container,
            "indices": list(indices),
            "inners": [lot.inner(index) for index in indices],
            "proof": None,
        }
        assert changes.keys() <= stated.keys()
        stated = {**stated, **changes}
        if stated["proof"] is None:
            stated["proof"] = tree.multiproof(indices)
        return list(stated.values())

    def dispense_many(self, by: Organization, lot: Lot, indices: Sequence[int], container: bytes) -> Any:
        return send(self.lots.dispenseMany, *self.dispensing_many(lot, indices, container), sender=by.key)

    def refuses_dispensing_many(
        self, by: Organization, lot: Lot, indices: Sequence[int], container: bytes, /, **changes: Any
    ) -> tuple[Any, ...]:
        arguments = self.dispensing_many(lot, indices, container, **changes)
        return refusal(self.lots.dispenseMany, *arguments, sender=by.key)

    def end_units(
        self, by: Organization, lot: Lot, indices: Sequence[int], status: int, container: bytes = NO_CONTAINER
    ) -> Any:
        return send(self.lots.endUnits, lot.id, container, list(indices), status, REASON, sender=by.key)

    def suspect(self, by: Organization, lot: Lot, index: int, container: bytes = NO_CONTAINER) -> Any:
        return send(self.lots.suspect, lot.id, index, container, REASON, sender=by.key)

    def clear(self, by: Organization, lot: Lot, index: int) -> Any:
        return send(self.lots.clear, lot.id, index, REASON, sender=by.key)

    def find_illegitimate(self, by: Organization, lot: Lot, index: int) -> Any:
        return send(self.lots.determineIllegitimate, lot.id, index, REASON, sender=by.key)

    # ---------------------------------------------------------------- reads

    def unit(self, lot: Lot, index: int) -> tuple[int, bool, int]:
        """A unit's status, whether it is suspect, and the day of its status."""
        status, suspect, day = self.lots.unitOf(lot.id, index)
        return int(status), bool(suspect), int(day)

    def statuses(self, lot: Lot, indices: Sequence[int]) -> list[int]:
        return [self.unit(lot, index)[0] for index in indices]

    def verify(self, lot: Lot, index: int, container: bytes = NO_CONTAINER, /, **changes: Any) -> Any:
        """The answer about a pack, see `Lot.pack`."""
        return self.lots.verify(lot.pack(index, container, **changes))

    def finding(self, lot: Lot, index: int, container: bytes = NO_CONTAINER, /, **changes: Any) -> PackFinding:
        return PackFinding(self.verify(lot, index, container, **changes).finding)
