"""The client of the service history: records are signed and appended, and those kept at home held against the chain."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from careledger.anchoring.types import ZERO_HASH
from careledger.chain.connection import TransactionReceipt
from careledger.contract_enums import LotKind, ServiceKind
from careledger.contract_errors import (
    ServiceHistoryInvalidService,
    ServiceHistoryInvalidSignature,
    ServiceHistoryNotADevice,
    ServiceHistoryNotInHand,
    ServiceHistoryNotTheNext,
)
from careledger.contract_events import DeviceServiced
from careledger.errors import ConfigurationError, InvalidInput, NodeRefused
from careledger.identity import MemberRole
from careledger.serialization.custody import Custody
from careledger.serialization.service_history import (
    DevicePart,
    Head,
    KeptService,
    RecordFault,
    RecordProblem,
    ServiceContent,
    ServiceRecords,
    SignedService,
    head_after,
    head_of,
)
from eth_utils.crypto import keccak
from identity.suite import DAY, refusal
from serialization.goods import Goods, goods
from serialization.supply_stage import SupplyStage, Trader

MISSING, CHANGED, UNKNOWN, CONTENT = RecordProblem


@dataclass(frozen=True)
class Clinic:
    """A clinic with a crate of devices and a box of parts, and who services them."""

    stage: SupplyStage
    maker: Trader
    holder: Trader
    engineer: Trader
    crate: Goods
    box: Goods

    def records(self, by: Trader | None = None) -> ServiceRecords:
        return ServiceRecords(self.stage.as_(by.key if by else None))

    def signed(
        self,
        index: int,
        kind: ServiceKind = ServiceKind.CALIBRATION,
        part: DevicePart | None = None,
        **record: Any,
    ) -> tuple[SignedService, KeptService]:
        """The next record of a device, and what is kept of it."""
        records, content = self.records(), ServiceContent.of({"result": "within tolerance", **record})
        serviced_at = self.stage.suite.now - DAY
        signed = records.sign(records.next(self.crate.lot, index, kind, serviced_at, content, part), self.engineer.key)
        return signed, KeptService(signed.service, signed.key, content)

    def append(self, signed: SignedService, by: Trader | None = None) -> TransactionReceipt:
        return self.records(by or self.holder).append(signed, self.crate.container, self.box.container)

    def serviced(self, index: int, count: int) -> list[KeptService]:
        """A device with so many records."""
        kept = []
        for number in range(count):
            signed, one = self.signed(index, certificate=f"C-{number}")
            self.append(signed)
            kept.append(one)
        return kept


def clinic_of(stage: SupplyStage) -> Clinic:
    maker, holder = stage.trader(MemberRole.MANUFACTURER), stage.trader(MemberRole.PROVIDER, MemberRole.DISPENSER)
    found = []
    for _ in range(2):
        one = goods(stage, maker, LotKind.DEVICE)
        Custody(stage.as_(maker.key)).ship(one.container, holder.id, stage.suite.soon + DAY)
        Custody(stage.as_(holder.key)).receive(one.container)
        found.append(one)
    return Clinic(stage, maker, holder, stage.trader(MemberRole.AUDITOR), *found)


@pytest.fixture(scope="module")
def clinic(supply_on_anvil: SupplyStage) -> Clinic:
    return clinic_of(supply_on_anvil)


# ---------------------------------------------------------------------- from end to end


@pytest.mark.daily("anvil")
def test_a_device_is_serviced_on_every_chain(supply: SupplyStage) -> None:
    """Signed by who did it, appended by the holder and the maker, and held against what is kept at home."""
    clinic = clinic_of(supply)
    records, lot = clinic.records(), clinic.crate.lot
    assert records.head(lot, 3) == Head(0, ZERO_HASH)
    assert records.check(lot, 3, []).whole
    first, kept_first = clinic.signed(3)
    told = clinic.append(first).event(DeviceServiced)
    assert (told.by, told.key, told.content) == (clinic.engineer.id, clinic.engineer.key.address, first.service.content)
    replaced, kept_part = clinic.signed(3, ServiceKind.PART_REPLACEMENT, DevicePart(clinic.box.lot, 5))
    clinic.append(replaced)
    update, kept_update = clinic.signed(3, ServiceKind.SOFTWARE_UPDATE, release="4.1")
    clinic.records(clinic.maker).append(update)
    kept = [kept_first, kept_part, kept_update]
    checked = records.check(lot, 3, kept)
    assert checked.whole
    assert checked.head == Head(3, head_of(kept)) == records.head(lot, 3)
    assert checked.kept_hash == checked.head.hash
    missing = records.check(lot, 3, [kept_first, kept_update])
    assert missing.faults == (RecordFault(2, MISSING),)


# ---------------------------------------------------------------------- append


def test_the_same_record_again_changes_nothing(clinic: Clinic) -> None:
    signed, _ = clinic.signed(0)
    clinic.append(signed)
    assert clinic.append(signed).events == ()


def test_record_stands_behind_its_sender_and_its_signer(clinic: Clinic) -> None:
    signed, _ = clinic.signed(1)
    lot, service = clinic.crate.lot, signed.service
    expected: Any = ServiceHistoryNotInHand(lot, 1, clinic.engineer.id)
    refusal(lambda: clinic.append(signed, clinic.engineer), expected)
    other = replace(signed, key=clinic.holder.key.address)
    refusal(lambda: clinic.append(other), ServiceHistoryInvalidSignature(clinic.holder.key.address))
    changed = replace(signed, service=replace(service, content="0x" + 64 * "5"))
    refusal(lambda: clinic.append(changed), ServiceHistoryInvalidSignature(signed.key))
    with pytest.raises(ConfigurationError):
        clinic.records().append(signed)


def test_record_is_the_next(clinic: Clinic) -> None:
    signed, _ = clinic.signed(1)
    skipped = clinic.records().sign(replace(signed.service, sequence=2), clinic.engineer.key)
    refusal(lambda: clinic.append(skipped), ServiceHistoryNotTheNext(clinic.crate.lot, 1, 2, 0))


def test_record_is_of_a_device_and_of_the_past(clinic: Clinic) -> None:
    records = clinic.records(clinic.maker)
    medicine = goods(clinic.stage, clinic.maker)
    signed, _ = clinic.signed(1)
    of_medicine = records.sign(replace(signed.service, lot=medicine.lot), clinic.engineer.key)
    refusal(lambda: records.append(of_medicine), ServiceHistoryNotADevice(medicine.lot, 1))
    late = replace(signed.service, serviced_at=clinic.stage.suite.now + DAY)
    expected = ServiceHistoryInvalidService(late.kind, late.serviced_at, late.content, "0x" + 24 * "0")
    refusal(lambda: records.append(records.sign(late, clinic.engineer.key)), expected)


@pytest.mark.parametrize(
    ("kind", "part", "name"),
    [
        (ServiceKind.UNSPECIFIED, None, "kind"),
        (ServiceKind.PART_REPLACEMENT, None, "part"),
        (ServiceKind.REPAIR, DevicePart("0x" + 24 * "1", 0), "part"),
    ],
)
def test_next_record_says_what_was_done(clinic: Clinic, kind: ServiceKind, part: DevicePart | None, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        clinic.signed(1, kind, part)
    assert refused.value.name == name


# ---------------------------------------------------------------------- what is kept at home


@pytest.fixture(scope="module")
def kept(clinic: Clinic) -> list[KeptService]:
    """Four records of the device 7; another one was serviced after it."""
    kept = clinic.serviced(7, 4)
    clinic.serviced(6, 1)
    return kept


def test_records_kept_in_any_order_are_whole(clinic: Clinic, kept: list[KeptService]) -> None:
    checked = clinic.records().check(clinic.crate.lot.upper().replace("0X", "0x"), 7, kept[::-1])
    assert (checked.whole, checked.head.sequence) == (True, 4)
    assert checked.kept_hash == checked.head.hash
    spelled = [replace(each, key=each.key.lower(), content=None) for each in kept]
    assert clinic.records().check(clinic.crate.lot, 7, spelled).whole
    assert clinic.records().check(clinic.crate.lot, 7, spelled[1:]).faults == (RecordFault(1, MISSING),)


def test_record_that_is_missing_is_told(clinic: Clinic, kept: list[KeptService]) -> None:
    def faults(*records: KeptService) -> list[tuple[int, RecordProblem]]:
        return [(each.sequence, each.problem) for each in clinic.records().check(clinic.crate.lot, 7, records).faults]

    assert faults(*kept[:3]) == [(4, MISSING)]
    assert faults(*kept[1:]) == [(1, MISSING)]
    assert faults() == [(number, MISSING) for number in (1, 2, 3, 4)]
    made_up = replace(kept[3], service=replace(kept[3].service, sequence=5))
    assert faults(*kept, made_up) == [(5, UNKNOWN)]
    assert faults(*kept[:3], made_up) == [(4, MISSING), (5, UNKNOWN)]


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        ({"kind": ServiceKind.REPAIR}, ("kind",)),
        ({"serviced_at": 5}, ("serviced_at",)),
        ({"part": DevicePart("0x" + 24 * "1", 0)}, ("part",)),
        ({"kind": ServiceKind.REPAIR, "serviced_at": 5}, ("kind", "serviced_at")),
    ],
)
def test_record_that_was_changed_is_told(
    clinic: Clinic, kept: list[KeptService], changes: dict[str, Any], changed: tuple[str, ...]
) -> None:
    tampered = replace(kept[1], service=replace(kept[1].service, **changes))
    checked = clinic.records().check(clinic.crate.lot, 7, [kept[0], tampered, *kept[2:]])
    assert checked.faults == (RecordFault(2, CHANGED, changed),)
    assert checked.kept_hash != checked.head.hash


def test_record_with_another_content_is_told(clinic: Clinic, kept: list[KeptService]) -> None:
    other = ServiceContent.of({"result": "out of tolerance"})
    forged = replace(kept[2], content=other)
    check = clinic.records().check
    assert check(clinic.crate.lot, 7, [*kept[:2], forged, kept[3]]).faults == (RecordFault(3, CONTENT),)
    committed = replace(forged, service=replace(forged.service, content=other.commitment), key=kept[2].key)
    checked = check(clinic.crate.lot, 7, [*kept[:2], committed, kept[3]])
    assert checked.faults == (RecordFault(3, CHANGED, ("content",)),)
    signed_by_another = replace(kept[0], key=clinic.holder.key.address)
    checked = check(clinic.crate.lot, 7, [signed_by_another, *kept[1:]])
    assert checked.faults == (RecordFault(1, CHANGED, ("key",)),)


def test_records_are_of_one_device_and_each_is_kept_once(clinic: Clinic, kept: list[KeptService]) -> None:
    for lot, index, records in (
        (clinic.crate.lot, 8, kept),
        (clinic.box.lot, 7, kept),
        (clinic.crate.lot, 7, [*kept, kept[0]]),
    ):
        with pytest.raises(InvalidInput) as refused:
            clinic.records().check(lot, index, records)
        assert refused.value.name == "record"


def test_node_without_all_events_is_told(clinic: Clinic, kept: list[KeptService]) -> None:
    """Where a node has no old events, it is not said that records do not stand on chain."""
    records = clinic.records()
    latest = records.supply.connection.block_number()
    pruned = ServiceRecords(replace(records.supply, first_block=latest + 1))
    assert pruned.check(clinic.crate.lot, 7, kept).whole
    with pytest.raises(NodeRefused, match="do not lead to the hash"):
        pruned.check(clinic.crate.lot, 7, kept[:3])


def test_record_goes_through_its_file(clinic: Clinic, kept: list[KeptService]) -> None:
    part = replace(kept[0], service=replace(kept[0].service, part=DevicePart("0x" + 24 * "a", 3)), content=None)
    rich = ServiceContent.of({"by": "J\u00fcrgen", "values": [1, 2.5, -0.0, 1e21, None, True], "n": {"b": 1, "a": 2}})
    for one in (*kept, part, replace(kept[0], content=rich)):
        assert KeptService.from_json(one.to_json().encode()) == one


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({"format": "another"}, "format"),
        ({"version": "2"}, "version"),
        ({"lot": "0x77"}, "lot"),
        ({"index": -1}, "index"),
        ({"sequence": 0}, "sequence"),
        ({"kind": "unspecified"}, "kind"),
        ({"commitment": None}, "commitment"),
        ({"salt": None}, "salt"),
        ({"part": {"lot": "0x77", "index": 0}}, "part.lot"),
        ({"remark": "more"}, "remark"),
        ({"key": "0x77"}, "0x77"),
    ],
)
def test_file_that_is_no_record_is_refused(kept: list[KeptService], changes: dict[str, Any], value: str) -> None:
    record = {**json.loads(kept[0].to_json()), **changes}
    with pytest.raises(InvalidInput) as refused:
        KeptService.from_json(json.dumps(record).encode())
    assert refused.value.value == value


def test_content_is_committed_to_under_a_salt() -> None:
    content = ServiceContent(b'{"a":1,"b":"x"}', bytes(range(32)))
    tag = keccak(text="careledger.serialization.service.v1")
    expected = keccak(tag + hashlib.sha256(content.value).digest() + content.salt)
    assert content.commitment == "0x" + expected.hex()
    one, other = ServiceContent.of({"b": "x", "a": 1.0}), ServiceContent.of({"a": 1, "b": "x"})
    assert one.value == other.value == content.value
    assert one.commitment != other.commitment
    assert "x" not in repr(one)
    for wrong in ({"a": float("nan")}, {"a": b"bytes"}):
        with pytest.raises(InvalidInput):
            ServiceContent.of(wrong)


def test_head_is_of_all_records_in_their_order(kept: list[KeptService]) -> None:
    assert head_of([]) == ZERO_HASH
    head = ZERO_HASH
    for each in kept:
        head = head_after(head, each.key, each.service)
    assert head_of(kept) == head != head_of(kept[::-1])
