"""Custody for Python: packing, and the handover from a sender to a receiver who accepts.

custody = Custody(ledger.acting_as(maker).supply("medicines-agency"))
custody.pack_range(reference, lot, first=0, count=2_000, cases=40)
custody.ship(container, receiver="midway-wholesale", deadline=...)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from careledger.anchoring.types import ZERO_HASH
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers.signer import required
from careledger.contract_enums import ContainerState, UnitStatus
from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id
from careledger.serialization.lots import ENDS
from careledger.serialization.supply import SupplyChain
from careledger.serialization.types import NO_ORGANIZATION, Container, Place, Shipment, Unit

__all__ = ["WHOLE_SHARE_BASIS_POINTS", "Custody"]

WHOLE_SHARE_BASIS_POINTS = 10_000


class Custody:
    """Calls that change something need a key of the holder, or whoever the method names, as the signer. `reference`s
    are salted hashes of an SSCC, 32 bytes, see `sscc_reference`; `reason` and `terms` salted hashes of what stays off
    chain. Every method raises ContractError with the contract's reason if it refuses, InvalidInput for a value that is
    none, and ChainError if the chain could not be asked."""

    def __init__(self, supply: SupplyChain) -> None:
        self.supply = supply
        self._custody = supply.custody

    # ------------------------------------------------------------------ packing

    def pack_range(self, reference: bytes, lot: str, first: int, count: int, cases: int = 0) -> TransactionReceipt:
        """Packs numbers of a lot as its maker, from the lot's `packed` on; `cases` are equal parts that can be taken
        out later."""
        return self._send("packRange", _hex(reference), lot, first, count, cases)

    def pack(self, reference: bytes, containers: Sequence[str] = (), units: Sequence[Unit] = ()) -> TransactionReceipt:
        """Packs containers and units, wherever the signer has them, into a new mixed container."""
        return self._send("pack", _hex(reference), list(containers), [unit.to_abi() for unit in units])

    def add(self, container: str, containers: Sequence[str] = (), units: Sequence[Unit] = ()) -> TransactionReceipt:
        """Adds to a mixed container."""
        return self._send("add", container, list(containers), [unit.to_abi() for unit in units])

    def unpack(self, parent: str, containers: Sequence[str]) -> TransactionReceipt:
        """Takes containers out of another."""
        return self._send("unpack", parent, list(containers))

    def unpack_cases(
        self, parent: str, references: Sequence[bytes], numbers: Sequence[int], cases: int = 0
    ) -> TransactionReceipt:
        """Takes cases, by their numbers from 0, out of a homogeneous container; each has so many cases of its own."""
        return self._send("unpackCases", parent, [_hex(each) for each in references], list(numbers), cases)

    def unpack_units(self, units: Sequence[Unit]) -> TransactionReceipt:
        """Takes units out of their containers."""
        return self._send("unpackUnits", [unit.to_abi() for unit in units])

    def open(self, container: str) -> TransactionReceipt:
        """Opens a container: all in it is at hand, and as a whole it is only returned."""
        return self._send("open", container)

    # ------------------------------------------------------------------ handover

    def ship(
        self,
        container: str,
        receiver: str,
        deadline: int,
        carrier: str | None = None,
        is_return: bool = False,
        terms: str = ZERO_HASH,
    ) -> TransactionReceipt:
        """Ships to a receiver, by name or id, who has to accept by the deadline. A return is not for redistribution
        until it is verified."""
        arguments = (container, organization_id(receiver), _organization(carrier), deadline, is_return, terms)
        return self._send("ship", *arguments)

    def ship_order(
        self,
        container: str,
        receiver: str,
        deadline: int,
        order: str,
        carrier: str | None = None,
        terms: str = ZERO_HASH,
    ) -> TransactionReceipt:
        """The same for an order that the receiver paid in: accepting pays."""
        arguments = (container, organization_id(receiver), _organization(carrier), deadline, terms, order)
        return self._send("shipOrder", *arguments)

    def hand_over(self, container: str, to: str) -> TransactionReceipt:
        """Hands a shipment to another carrier, as the one who has it."""
        return self._send("handOver", container, organization_id(to))

    def receive(self, container: str) -> TransactionReceipt:
        """Accepts a shipment, as its receiver."""
        return self._send("receiveShipment", container)

    def receive_in_part(
        self,
        container: str,
        reference: bytes,
        containers: Sequence[str] = (),
        units: Sequence[Unit] = (),
        accepted_share_basis_points: int = WHOLE_SHARE_BASIS_POINTS,
        reason: str = ZERO_HASH,
    ) -> TransactionReceipt:
        """Accepts a shipment but for what is named of it, which goes into a new container and is rejected. Of an order,
        the share of the price is paid at once."""
        if not 0 <= accepted_share_basis_points <= WHOLE_SHARE_BASIS_POINTS:
            raise InvalidInput("accepted share", str(accepted_share_basis_points), "must be 0 to 10000 basis points")
        named = (list(containers), [unit.to_abi() for unit in units])
        return self._send("receiveInPart", container, _hex(reference), *named, accepted_share_basis_points, reason)

    def reject(self, container: str, reason: str = ZERO_HASH) -> TransactionReceipt:
        """Rejects a shipment, as its receiver."""
        return self._send("reject", container, reason)

    def confirm_return(self, container: str) -> TransactionReceipt:
        """Confirms as the sender that a shipment is back: rejected, not accepted in time, or found."""
        return self._send("confirmReturn", container)

    def report_missing(self, container: str) -> TransactionReceipt:
        """Says as the sender that a shipment is missing: rejected, or not accepted in time."""
        return self._send("reportMissing", container)

    def verify_return(self, container: str) -> TransactionReceipt:
        """Says that what was returned was verified, as a manufacturer, repackager or wholesaler who holds it."""
        return self._send("verifyReturn", container)

    def end(self, container: str, status: UnitStatus, reason: str = ZERO_HASH) -> TransactionReceipt:
        """Ends a container with all in it: destroyed, decommissioned, stolen or exported."""
        if status not in ENDS:
            raise InvalidInput("status", status.name.lower(), "is no end of a container")
        return self._send("end", container, int(status), reason)

    # ------------------------------------------------------------------ anyone

    def container(self, container: str, block: int | str = "latest") -> Container | None:
        """A container, None if it is unknown."""
        told = Container.from_abi(self._custody.read("containerOf", container, block=block))
        return None if told.state is ContainerState.UNKNOWN else told

    def shipment(self, container: str, block: int | str = "latest") -> Shipment | None:
        """A container's last shipment, None if it was never shipped."""
        told = Shipment(**self._custody.read("shipmentOf", container, block=block))
        return told if int(told.sender, 16) else None

    def find(self, unit: Unit, block: int | str = "latest") -> Place:
        """Where a unit is that somebody says is in a container, or unpacked."""
        holder, container = self._custody.read("find", *unit.to_abi(), block=block)
        return Place(holder, Container.from_abi(container))

    def in_hand(self, container: str) -> tuple[str, str]:
        """Who has a container in hand, `NO_ORGANIZATION` if nobody is known to, and the lot of a homogeneous one, else
        `NO_CONTAINER`."""
        organization, lot = self._custody.read("inHand", container)
        return organization, lot

    def _send(self, function: str, *arguments: Any) -> TransactionReceipt:
        return self._custody.send(required(self.supply.signer), function, *arguments)


def _organization(name: str | None) -> str:
    return NO_ORGANIZATION if name is None else organization_id(name)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
