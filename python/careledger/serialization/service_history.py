"""The service history of medical devices for Python: records are signed, appended, and held against those kept at home.

    records = ServiceRecords(ledger.acting_as(clinic).supply("medicines-agency"))
    content = ServiceContent.of({"result": "within tolerance", "certificate": "C-2207"})
    service = records.next(lot, 7, ServiceKind.CALIBRATION, serviced_at, content)
    signed = records.sign(service, engineer)
    records.append(signed, container)
    kept = KeptService(signed.service, signed.key, content)  # kept.to_json() stays at home
    records.check([kept]).whole

What was done stays at home, under a salted commitment: see `careledger.authorization.commitments`. Times are Unix
seconds, devices and parts are units, by their number in the lot.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from pydantic import Field, StringConstraints

from careledger.anchoring.canonical import Canonicalization, canonical_bytes
from careledger.anchoring.canonical_json import parse, write
from careledger.anchoring.leaf import new_salt
from careledger.anchoring.types import ZERO_HASH
from careledger.authorization.commitments import Subject, commitment
from careledger.authorization.text_files import Part, read_file
from careledger.chain.connection import TransactionReceipt
from careledger.chain.signers import Signer
from careledger.chain.signers.signer import required
from careledger.chain.typed_data import shortest_signature
from careledger.chain.values import account_address
from careledger.contract_enums import ServiceKind
from careledger.contract_events import DeviceServiced
from careledger.errors import InvalidInput, NodeRefused
from careledger.serialization.messages import service_message
from careledger.serialization.supply import SupplyChain
from careledger.serialization.types import NO_CONTAINER

__all__ = [
    "DevicePart",
    "Head",
    "HistoryCheck",
    "KeptService",
    "RecordFault",
    "RecordProblem",
    "Service",
    "ServiceContent",
    "ServiceRecords",
    "SignedService",
    "head_after",
    "head_of",
]

NO_LOT = "0x" + 24 * "0"
RECORD_TYPES = ("address", "(bytes12,uint256,uint32,uint8,uint40,bytes12,uint256,bytes32)")


@dataclass(frozen=True)
class DevicePart:
    """A unit that was put into a device."""

    lot: str
    index: int


@dataclass(frozen=True)
class Service:
    """What the one who serviced a device signs. `sequence` is from 1; `content` a salted commitment to what was done;
    `part` is of a `PART_REPLACEMENT` only."""

    lot: str
    index: int
    sequence: int
    kind: ServiceKind
    serviced_at: int
    content: str
    part: DevicePart | None = None

    def to_abi(self) -> tuple[Any, ...]:
        part = self.part or DevicePart(NO_LOT, 0)
        return (
            self.lot,
            self.index,
            self.sequence,
            int(self.kind),
            self.serviced_at,
            part.lot,
            part.index,
            self.content,
        )


@dataclass(frozen=True)
class SignedService:
    """A record with a key's signature, for the device's maker or holder to append."""

    service: Service
    key: str
    signature: bytes


@dataclass(frozen=True)
class ServiceContent:
    """What was done, as canonical JSON (RFC 8785), and the salt of its commitment, 32 bytes. Both stay at home."""

    value: bytes = field(repr=False)
    salt: bytes = field(repr=False)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> ServiceContent:
        """Of a JSON object, with a new salt. Raises InvalidInput for what is no JSON, as `canonical_bytes` does."""
        try:
            text = json.dumps(record, allow_nan=False)
        except (TypeError, ValueError):
            raise InvalidInput("record", "", "must be of text, numbers, booleans, lists and objects only") from None
        return cls(canonical_bytes(Canonicalization.JCS, text.encode()), new_salt())

    @property
    def commitment(self) -> str:
        """What stands on chain. Raises InvalidInput for a salt that is not 32 bytes."""
        return commitment(Subject.SERVICE, self.value, self.salt)


@dataclass(frozen=True)
class KeptService:
    """A record as it is kept at home: what was signed, by which key, and the content that it commits to; None if that
    is kept by another."""

    service: Service
    key: str
    content: ServiceContent | None = None

    def to_json(self) -> str:
        """For a file at home, which `from_json` reads."""
        service, content = self.service, self.content
        record: dict[str, Any] = {
            "format": "careledger-service-record",
            "version": "1",
            "lot": service.lot,
            "index": service.index,
            "sequence": service.sequence,
            "kind": service.kind.name.lower(),
            "servicedAt": service.serviced_at,
            "commitment": service.content,
            "key": self.key,
        }
        if service.part is not None:
            record["part"] = {"lot": service.part.lot, "index": service.part.index}
        if content is not None:
            record["content"] = json.loads(content.value)
            record["salt"] = "0x" + content.salt.hex()
        return json.dumps(record, indent=2)

    @classmethod
    def from_json(cls, text: bytes) -> KeptService:
        """A record that `to_json` wrote. Raises InvalidInput naming what is wrong; `ServiceRecords.check` tells whether
        it is the one that stands on chain."""
        record = read_file(_Record, parse(text), "service record")
        if (record.content is None) != (record.salt is None):
            raise InvalidInput("service record", "salt", "is there with a content, and only then")
        content = None
        if record.content is not None and record.salt is not None:
            value = canonical_bytes(Canonicalization.JCS, write(record.content).encode())
            content = ServiceContent(value, bytes.fromhex(record.salt[2:]))
        service = Service(
            lot=record.lot,
            index=record.index,
            sequence=record.sequence,
            kind=ServiceKind[record.kind.upper()],
            serviced_at=record.servicedAt,
            content=record.commitment,
            part=None if record.part is None else DevicePart(record.part.lot, record.part.index),
        )
        return cls(service, account_address("key", record.key), content)


Id = Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{24}$")]
Hash = Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{64}$")]
Natural = Annotated[int, Field(ge=0)]


class _Part(Part):
    lot: Id
    index: Natural


class _Record(Part):
    format: Literal["careledger-service-record"]
    version: Literal["1"]
    lot: Id
    index: Natural
    sequence: Annotated[int, Field(ge=1)]
    kind: Literal[
        "inspection",
        "calibration",
        "maintenance",
        "repair",
        "part_replacement",
        "software_update",
        "decontamination",
    ]
    servicedAt: Natural  # noqa: N815
    commitment: Hash
    key: str
    part: _Part | None = None
    content: dict[str, Any] | None = None
    salt: Hash | None = None


# ------------------------------------------------------------------ the hash of all records


def head_after(head: str, key: str, service: Service) -> str:
    """The hash of all records of a device with one more, 0x and 64 hex digits: `headOf` of the contract."""
    *values, content = service.to_abi()
    lot, index, sequence, kind, serviced_at, part_lot, part_index = values
    words = (_bytes(lot), index, sequence, kind, serviced_at, _bytes(part_lot), part_index, _bytes(content))
    record = keccak(encode(RECORD_TYPES, (key, words)))
    return "0x" + keccak(_bytes(head) + record).hex()


def head_of(kept: Iterable[KeptService]) -> str:
    """The hash of records in their order; `ZERO_HASH` of none."""
    head = ZERO_HASH
    for each in kept:
        head = head_after(head, each.key, each.service)
    return head


def _bytes(value: str) -> bytes:
    return bytes.fromhex(value[2:])


# ------------------------------------------------------------------ what is at home against what stands on chain


class RecordProblem(Enum):
    """What is wrong with a record."""

    MISSING = "stands on chain and is not kept"
    CHANGED = "is not what stands on chain"
    UNKNOWN = "does not stand on chain"
    CONTENT = "has a content that is not what it commits to"


@dataclass(frozen=True)
class RecordFault:
    """A record by its sequence, and what is wrong with it. `changed` are the names of the fields that differ from what
    stands on chain."""

    sequence: int
    problem: RecordProblem
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Head:
    """How many records a device has, and the hash of all of them."""

    sequence: int
    hash: str


@dataclass(frozen=True)
class HistoryCheck:
    """What came of holding kept records against the chain. `kept_hash` is of the kept ones, in their order."""

    head: Head
    kept_hash: str
    faults: tuple[RecordFault, ...]

    @property
    def whole(self) -> bool:
        """Whether all records are kept, as they stand on chain, with the contents that they commit to."""
        return not self.faults


# ------------------------------------------------------------------ the contract


class ServiceRecords:
    """Every method raises ContractError with the contract's reason if it refuses, InvalidInput for a value that is
    none, and ChainError if the chain could not be asked."""

    def __init__(self, supply: SupplyChain) -> None:
        self.supply = supply
        self._contract = supply.services

    # ------------------------------------------------------------------ who services a device

    def next(
        self,
        lot: str,
        index: int,
        kind: ServiceKind,
        serviced_at: int,
        content: ServiceContent,
        part: DevicePart | None = None,
    ) -> Service:
        """The record that follows a device's last one. `part` is what was put in, of a `PART_REPLACEMENT`. Sends
        nothing. Raises InvalidInput for a kind that is none, or a part without or with another kind."""
        if kind is ServiceKind.UNSPECIFIED:
            raise InvalidInput("kind", kind.name, "must say what was done")
        if (kind is ServiceKind.PART_REPLACEMENT) != (part is not None):
            raise InvalidInput("part", str(part), "is named with PART_REPLACEMENT, and with no other kind")
        sequence = self.head(lot, index).sequence + 1
        return Service(lot, index, sequence, kind, serviced_at, content.commitment, part)

    def sign(self, service: Service, signer: Signer) -> SignedService:
        """A record with the signature of who did it, an active member's key. Sends nothing."""
        message = service_message(self._contract.connection.chain_id, self._contract.address, service)
        return SignedService(service, signer.address, shortest_signature(signer, message))

    # ------------------------------------------------------------------ the maker or holder

    def append(
        self, signed: SignedService, container: str = NO_CONTAINER, part_container: str = NO_CONTAINER
    ) -> TransactionReceipt:
        """Appends a record, as the device's maker or holder; again, it changes nothing. `container` is what the device
        is in, for its holder, `part_container` what the part was in; `NO_CONTAINER` for what was unpacked, and for the
        maker."""
        arguments = signed.service.to_abi(), container, part_container, signed.key, signed.signature
        return self._contract.send(required(self.supply.signer), "append", *arguments)

    # ------------------------------------------------------------------ reads

    def head(self, lot: str, index: int) -> Head:
        """How many records a device has, and the hash of all; zero and `ZERO_HASH` before the first."""
        return Head(*self._contract.read("headOf", lot, index))

    def check(self, lot: str, index: int, kept: Iterable[KeptService]) -> HistoryCheck:
        """Holds the records of a device that are kept at home against the chain. If they lead to the hash that stands
        there, none is missing and none was changed; if not, the chain's events tell which one.

        Raises InvalidInput for a record of another device and for two of one sequence, NodeRefused if the node does not
        have all events.
        """
        records = _by_sequence(lot, index, kept)
        block = self._contract.connection.block_number()
        head = Head(*self._contract.read("headOf", lot, index, block=block))
        kept_hash = head_of(records.values())
        faults = [
            RecordFault(sequence, RecordProblem.CONTENT)
            for sequence, each in records.items()
            if each.content is not None and each.content.commitment != each.service.content.lower()
        ]
        if kept_hash != head.hash:
            faults += _compared(records, self._events(lot, index, head, block))
        return HistoryCheck(head, kept_hash, tuple(sorted(faults, key=lambda fault: fault.sequence)))

    def _events(self, lot: str, index: int, head: Head, block: int) -> dict[int, KeptService]:
        """The records of a device as the chain's events tell them, by sequence."""
        connection = self._contract.connection
        found = {}
        for entry in connection.logs(self._contract.address, [DeviceServiced], self.supply.first_block, block):
            event = entry.event
            assert isinstance(event, DeviceServiced)
            if (event.lot, event.index) == (lot.lower(), index):
                found[event.sequence] = _told(event)
        if (len(found), head_of(found.values())) != (head.sequence, head.hash):
            problem = f"its events of device {index} of lot {lot} do not lead to the hash that stands on chain"
            raise NodeRefused("eth_getLogs", None, problem)
        return found


def _told(event: DeviceServiced) -> KeptService:
    part = DevicePart(event.part_lot, event.part_index) if event.kind is ServiceKind.PART_REPLACEMENT else None
    values = event.lot, event.index, event.sequence, event.kind, event.serviced_at, event.content, part
    return KeptService(Service(*values), event.key)


def _by_sequence(lot: str, index: int, kept: Iterable[KeptService]) -> dict[int, KeptService]:
    """Records of one device in their order."""
    found: dict[int, KeptService] = {}
    for each in kept:
        service = each.service
        if (service.lot.lower(), service.index) != (lot.lower(), index):
            raise InvalidInput("record", f"{service.lot} {service.index}", f"is of another device than {lot} {index}")
        if service.sequence in found:
            raise InvalidInput("record", str(service.sequence), "is kept twice")
        found[service.sequence] = each
    return dict(sorted(found.items()))


def _compared(kept: dict[int, KeptService], told: dict[int, KeptService]) -> list[RecordFault]:
    faults = [RecordFault(sequence, RecordProblem.MISSING) for sequence in told.keys() - kept.keys()]
    faults += [RecordFault(sequence, RecordProblem.UNKNOWN) for sequence in kept.keys() - told.keys()]
    for sequence in kept.keys() & told.keys():
        here, there = _fields(kept[sequence]), _fields(told[sequence])
        changed = tuple(name for name in here if here[name] != there[name])
        if changed:
            faults.append(RecordFault(sequence, RecordProblem.CHANGED, changed))
    return faults


def _fields(kept: KeptService) -> dict[str, Any]:
    """What the chain tells of a record, by the names of `Service`, and who signed."""
    service, part = kept.service, kept.service.part
    return {
        "key": kept.key.lower(),
        "kind": service.kind,
        "serviced_at": service.serviced_at,
        "content": service.content.lower(),
        "part": part and (part.lot.lower(), part.index),
    }
