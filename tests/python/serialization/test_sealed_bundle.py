"""Sealed bundles and cards on a real chain: who may open one, what is refused, and what is kept then: nothing."""

from __future__ import annotations

import base64
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from careledger.chain.signers import Signer
from careledger.chain.signers.digests import CURVE_ORDER
from careledger.contract_enums import UnitStatus
from careledger.errors import (
    BookConflict,
    ContractError,
    InvalidInput,
    NotInBook,
    SealedBundleMalformed,
    SealedBundleMismatch,
    SealedBundleUnproven,
    SealedBundleUnsupported,
    SealedForAnother,
    SealedForAnotherChain,
)
from careledger.identity import MemberRole
from careledger.serialization import Contents, HandedOn, KeptLot, LotBook, PartialTree, SupplyId, UnitRange
from careledger.serialization.bundle_keys import BundleKeyCard, BundleKeys, card_message, seal_to
from careledger.serialization.custody import Custody
from careledger.serialization.lots import Lots
from careledger.serialization.sealed_bundle import (
    LEAST_LENGTH,
    BundleContent,
    SealedBundle,
    disclose,
    open_bundle,
    seal,
)
from careledger.serialization.sealed_bundle import _info as info_of
from careledger.serialization.supply import SupplyChain
from careledger.vault import ScryptCost, Vault
from Crypto.Protocol import DH, HPKE
from eth_abi.abi import encode
from eth_keys.main import lazy_key_api as keys
from eth_utils.crypto import keccak
from identity.suite import DAY, new_key, travel
from serialization.supply_stage import SupplyStage, Trader

PRODUCT = "gtin:00300010000018"
DEPTH, EXPIRY_DAY = 8, 40_000
SERIALS = [(index, f"SN{index:06}") for index in range(200) if index % 9]
SSCCS = ("106141412345678908", "006141411234567890")
CASES = ("106141410000000019", "106141410000000026")
SCHEMAS = resources.files("careledger.serialization")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Party:
    """An organization with its vault: the book, and the keys that bundles for it are sealed to."""

    trader: Trader
    supply: SupplyChain
    book: LotBook
    keys: BundleKeys

    @property
    def key(self) -> Signer:
        return self.trader.key

    def card(self) -> BundleKeyCard:
        return self.keys.card(self.supply, self.key)

    def open(self, bundle: SealedBundle | bytes) -> Any:
        file = bundle if isinstance(bundle, bytes) else bundle.dump()
        return open_bundle(file, self.supply, self.book, self.keys)

    def has_nothing(self) -> bool:
        again = LotBook(self.book._vault, self.book.supply_id, self.book.organization)
        return (again.lots(), again.bundles()) == ((), ())


def party(stage: SupplyStage, folder: Path, *roles: MemberRole) -> Party:
    trader = stage.trader(*roles)
    vault = Vault.create(folder / f"{trader.name}.db", "passphrase", cost=ScryptCost(2**10, 8, 1))
    supply = stage.as_(trader.key)
    return Party(trader, supply, LotBook(vault, SupplyId.of(supply), trader.id), BundleKeys(vault, trader.id))


@pytest.fixture(scope="module")
def stage(supply_on_anvil: SupplyStage) -> SupplyStage:
    return supply_on_anvil


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vaults")


@pytest.fixture(scope="module")
def maker(stage: SupplyStage, folder: Path) -> Party:
    return party(stage, folder, MemberRole.MANUFACTURER)


@pytest.fixture(scope="module")
def regulator(stage: SupplyStage, folder: Path) -> Party:
    return party(stage, folder, MemberRole.REGULATOR)


@pytest.fixture
def pharmacy(stage: SupplyStage, folder: Path) -> Party:
    """A new one for each test: it knows nothing."""
    return party(stage, folder, MemberRole.DISPENSER)


@pytest.fixture(scope="module")
def lot(maker: Party) -> KeptLot:
    """A commissioned lot, with a tote and a case in it."""
    made = commissioned(maker)
    tote, case = (maker.book.keep_container(sscc) for sscc in SSCCS)
    maker.book.move(case.id, [UnitRange(made.id, 9, 5)])
    maker.book.move(tote.id, [UnitRange(made.id, 30, 2)], [case.id])
    maker.book.keep_cases(case.id, CASES)
    return made


@pytest.fixture
def shipment(maker: Party, lot: KeptLot) -> HandedOn:
    return maker.book.with_shipment([maker.book.containers_with(SSCCS[0])[0].id])


def commissioned(maker: Party) -> KeptLot:
    made = maker.book.make_lot(PRODUCT, f"L-{next(_numbers):04}", EXPIRY_DAY, DEPTH)
    root = maker.book.keep_tranche(made.id, 0, SERIALS)
    maker.supply.lots.send(maker.key, "commission", made.reference, DEPTH << 16 | EXPIRY_DAY, root)
    return made


def sealed(maker: Party, receiver: Party, found: HandedOn) -> SealedBundle:
    return seal(maker.supply, maker.key, receiver.card(), found)


def resigned(bundle: SealedBundle, key: Signer, **changes: Any) -> SealedBundle:
    """Another bundle, with a right signature of a key."""
    changed = bundle.model_copy(update={"key": key.address, **changes})
    return changed.model_copy(update={"signature": "0x" + key.sign_typed_data(changed.message()).hex()})


def resealed(maker: Party, receiver: Party, content: dict[str, Any]) -> SealedBundle:
    """A bundle of any content, sealed and signed as it should be."""
    bundle = sealed(maker, receiver, HandedOn(()))
    header = (bundle.chain_id, bundle.lot_registry, bundle.sender, bundle.receiver, bundle.bundle_key, bundle.key)
    box = seal_to(bundle.bundle_key, json.dumps(content).encode(), info_of(*header, bundle.signed_at))
    return resigned(bundle, maker.key, sealed=base64.b64encode(box).decode())


def content_of(bundle: SealedBundle, receiver: Party) -> dict[str, Any]:
    """What is in it, by the receiver's key."""
    header = (bundle.chain_id, bundle.lot_registry, bundle.sender, bundle.receiver, bundle.bundle_key, bundle.key)
    opened = receiver.keys.open(bundle.bundle_key, base64.b64decode(bundle.sealed), info_of(*header, bundle.signed_at))
    found: dict[str, Any] = json.loads(opened)
    return found


# ---------------------------------------------------------------------- a shipment


def test_a_receiver_proves_its_units_by_what_came(
    maker: Party, pharmacy: Party, lot: KeptLot, shipment: HandedOn
) -> None:
    bundle = sealed(maker, pharmacy, shipment)
    received = pharmacy.open(bundle)
    assert (received.sender, received.reason, received.lots) == (maker.trader.id, "", (lot.id,))
    assert received.signed_at == bundle.signed_at <= maker.supply.connection.block_time()
    book = LotBook(pharmacy.book._vault, pharmacy.book.supply_id, pharmacy.trader.id)
    assert book.lots() == (lot,)
    assert book.part(lot.id, [10, 30]) == maker.book.part(lot.id, [10, 30])
    tote, case = (maker.book.containers_with(sscc)[0] for sscc in SSCCS)
    assert (book.containers_with(SSCCS[0]), book.containers_with(SSCCS[1])) == ((tote,), (case,))
    assert (book.place_of(lot.id, 10), book.parent_of(case.id), book.cases(case.id)) == (case.id, tote.id, CASES)
    assert book.contents(tote.id) == Contents((UnitRange(lot.id, 30, 2),), (case.id,))
    assert book.bundles() == (received,) == (book.bundle(bundle.digest),)
    assert book.bundle_file(received) == bundle.dump()
    for call in (lambda: book.part(lot.id, [50]), lambda: book.bundle("0x01")):
        with pytest.raises(NotInBook):
            call()


def test_the_same_bundle_again_changes_nothing(maker: Party, pharmacy: Party, shipment: HandedOn) -> None:
    bundle = sealed(maker, pharmacy, shipment)
    assert pharmacy.open(bundle) == pharmacy.open(bundle)
    values = json.loads(bundle.dump())
    spaced = json.dumps({**values, "key": values["key"].lower(), "lot_registry": values["lot_registry"].lower()})
    assert pharmacy.open(spaced.encode()).digest == bundle.digest
    assert len(pharmacy.book.bundles()) == 1


def test_a_part_goes_on_to_the_next(
    maker: Party, pharmacy: Party, stage: SupplyStage, folder: Path, lot: KeptLot, shipment: HandedOn
) -> None:
    pharmacy.open(sealed(maker, pharmacy, shipment))
    case = maker.book.containers_with(SSCCS[1])[0].id
    hospital = party(stage, folder, MemberRole.DISPENSER)
    hospital.open(sealed(pharmacy, hospital, pharmacy.book.with_shipment([case])))
    assert hospital.book.numbers(lot.id, 0, 1 << DEPTH) == [10, 11, 12, 13]
    assert hospital.book.bundles()[0].sender == pharmacy.trader.id


def test_a_shipment_of_two_lots_and_tranches(maker: Party, pharmacy: Party, lot: KeptLot) -> None:
    other = commissioned(maker)
    second = [((1 << DEPTH) + index, serial) for index, serial in SERIALS]
    root = maker.book.keep_tranche(other.id, 1, second)
    maker.supply.lots.send(maker.key, "addTranche", other.id, 1, root)
    found = HandedOn((lot, other), (*maker.book.part(lot.id, [50]), *maker.book.part(other.id, [1, 2, 257, 260])))
    pharmacy.open(sealed(maker, pharmacy, found))
    assert pharmacy.book.part(other.id, [2, 260]) == maker.book.part(other.id, [2, 260])
    assert pharmacy.book.proof(lot.id, 50) == maker.book.proof(lot.id, 50)


def test_the_length_tells_the_number_of_units_to_a_power_of_two(maker: Party, pharmacy: Party, lot: KeptLot) -> None:
    def length(count: int) -> int:
        found = HandedOn((lot,), maker.book.part(lot.id, [index for index, _ in SERIALS[:count]]))
        return len(base64.b64decode(sealed(maker, pharmacy, found).sealed)) - 32 - 16

    assert [length(count) for count in (1, 10, 20, 100, 120)] == [LEAST_LENGTH] * 3 + [2 * LEAST_LENGTH] * 2


def test_it_is_sealed_as_rfc_9180_says(maker: Party, pharmacy: Party, shipment: HandedOn) -> None:
    """Opened by another implementation of HPKE."""
    bundle = sealed(maker, pharmacy, shipment)
    private = pharmacy.book._vault.get("bundle-key", f"{pharmacy.trader.id}/0")
    box = base64.b64decode(bundle.sealed)
    header = {
        name: getattr(bundle, name)
        for name in ("chain_id", "lot_registry", "sender", "receiver", "bundle_key", "key", "signed_at")
    }
    lowered = {name: value.lower() if isinstance(value, str) else value for name, value in header.items()}
    info = json.dumps(lowered, sort_keys=True, separators=(",", ":")).encode()
    cipher = HPKE.new(
        receiver_key=DH.import_x25519_private_key(private),
        aead_id=HPKE.AEAD.CHACHA20_POLY1305,
        enc=box[:32],
        info=b"careledger.serialization.sealed-bundle.v1\0" + info,
    )
    content = cipher.unseal(box[32:])
    assert len(content) == LEAST_LENGTH
    assert BundleContent.model_validate_json(content).lots[0].lot_number == shipment.lots[0].lot_number


def test_what_is_signed_is_the_message_made_by_hand(maker: Party, pharmacy: Party, shipment: HandedOn) -> None:
    bundle, card = sealed(maker, pharmacy, shipment), pharmacy.card()

    def digest(name: str, address: str, kind: str, types: list[str], values: list[object]) -> bytes:
        domain = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        words = [keccak(text=domain), keccak(text=f"careledger {name}"), keccak(text="1"), bundle.chain_id, address]
        separator = keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], words))
        struct = keccak(encode(["bytes32", *types], [keccak(text=kind), *values]))
        return keccak(b"\x19\x01" + separator + struct)

    def signer(hashed: bytes, signature: str) -> str:
        whole = bytes.fromhex(signature[2:])
        key = keys.Signature(whole[:64] + bytes([whole[64] - 27])).recover_public_key_from_msg_hash(hashed)
        return str(key.to_checksum_address())

    sender, receiver = (bytes.fromhex(text[2:]) for text in (bundle.sender, bundle.receiver))
    key, hashed = bytes.fromhex(bundle.bundle_key[2:]), keccak(base64.b64decode(bundle.sealed))
    kind = "SealedBundle(bytes12 sender,bytes12 receiver,bytes32 bundleKey,uint40 signedAt,bytes32 sealed)"
    types = ["bytes12", "bytes12", "bytes32", "uint40", "bytes32"]
    signed = digest("LotRegistry", bundle.lot_registry, kind, types, [sender, receiver, key, bundle.signed_at, hashed])
    assert signer(signed, bundle.signature) == maker.key.address
    kind = "BundleKeyCard(bytes12 organization,bytes32 bundleKey,uint40 signedAt)"
    registry = card.organization_registry
    told = digest(
        "OrganizationRegistry", registry, kind, ["bytes12", "bytes32", "uint40"], [receiver, key, card.signed_at]
    )
    assert signer(told, card.signature) == pharmacy.key.address


def test_a_unit_is_dispensed_with_only_what_came(maker: Party, pharmacy: Party) -> None:
    made = commissioned(maker)
    case = maker.book.keep_container("106141410000000033")
    custody, by_pharmacy = Custody(maker.supply), Custody(pharmacy.supply)
    custody.pack_range(case.reference, made.id, 0, 100)
    maker.book.move(case.id, [UnitRange(made.id, 0, 100)])
    custody.ship(case.id, pharmacy.trader.name, maker.supply.connection.block_time() + DAY)
    pharmacy.open(sealed(maker, pharmacy, maker.book.with_shipment([case.id])))
    by_pharmacy.receive(case.id)
    book, lots = pharmacy.book, Lots(pharmacy.supply)
    one, many = book.number_of(made.id, "SN000050"), [book.number_of(made.id, f"SN{each:06}") for each in (3, 4, 97)]
    assert book.place_of(made.id, one) == case.id
    lots.dispense(made.id, one, book.unit(made.id, one).inner, book.proof(made.id, one), case.id)
    inners = [book.unit(made.id, index).inner for index in many]
    lots.dispense_many(made.id, many, inners, book.multiproof(made.id, many), case.id)
    for index in (one, *many):
        assert lots.unit(made.id, index).status is UnitStatus.DISPENSED


def test_the_file_shows_no_secret(maker: Party, pharmacy: Party, lot: KeptLot, shipment: HandedOn) -> None:
    bundle = sealed(maker, pharmacy, shipment)
    file = bundle.dump().decode()
    for secret in (lot.id, lot.product, lot.lot_number, lot.salt.hex(), "SN000010", *SSCCS):
        assert secret not in file
        assert secret in json.dumps(content_of(bundle, pharmacy)) or secret == lot.id


# ---------------------------------------------------------------------- who may open it


def test_another_receiver_does_not_open_it(
    maker: Party, pharmacy: Party, stage: SupplyStage, folder: Path, shipment: HandedOn
) -> None:
    other = party(stage, folder, MemberRole.DISPENSER)
    bundle = sealed(maker, pharmacy, shipment)
    other.keys.current()
    with pytest.raises(SealedForAnother) as caught:
        other.open(bundle)
    assert caught.value.receiver == pharmacy.trader.id
    readdressed = resigned(bundle, maker.key, receiver=other.trader.id)
    with pytest.raises(SealedForAnother):
        other.open(readdressed)
    with pytest.raises(SealedBundleMalformed, match="does not open"):
        other.open(resigned(readdressed, maker.key, bundle_key=other.keys.current()))
    assert other.has_nothing()


def test_older_keys_open_what_was_sealed_to_them(maker: Party, pharmacy: Party, shipment: HandedOn) -> None:
    first = pharmacy.card()
    bundle = sealed(maker, pharmacy, shipment)
    second = pharmacy.keys.rotate()
    assert (pharmacy.keys.current(), pharmacy.card().bundle_key) == (second, second)
    assert pharmacy.keys.public_keys() == (first.bundle_key, second)
    assert bundle.bundle_key == first.bundle_key != second
    pharmacy.open(bundle)


def test_an_erased_key_opens_nothing_and_its_number_is_not_used_again(
    maker: Party, pharmacy: Party, shipment: HandedOn
) -> None:
    bundle = sealed(maker, pharmacy, shipment)
    pharmacy.book._vault.forget("bundle-key", f"{pharmacy.trader.id}/0")
    with pytest.raises(SealedForAnother):
        pharmacy.open(bundle)
    second = pharmacy.keys.current()
    assert second != bundle.bundle_key
    assert pharmacy.keys.rotate() != second
    assert len(pharmacy.keys.public_keys()) == 2
    pharmacy.open(sealed(maker, pharmacy, shipment))


# ---------------------------------------------------------------------- tampering


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sender", "0x" + "11" * 12),
        ("bundle_key", "0x" + "09" + "00" * 31),
        ("signed_at", 1_700_000_000),
        ("sealed", base64.b64encode(bytes(5000)).decode()),
        ("key", "0x" + "22" * 20),
    ],
)
def test_a_changed_header_is_not_signed(
    maker: Party, pharmacy: Party, shipment: HandedOn, field: str, value: object
) -> None:
    changed = sealed(maker, pharmacy, shipment).model_copy(update={field: value})
    with pytest.raises(SealedBundleUnproven):
        pharmacy.open(changed)
    assert pharmacy.has_nothing()


def test_a_changed_content_does_not_open_even_if_signed(maker: Party, pharmacy: Party, shipment: HandedOn) -> None:
    bundle = sealed(maker, pharmacy, shipment)
    box = bytearray(base64.b64decode(bundle.sealed))
    for place in (0, 40, len(box) - 1):
        changed = bytearray(box)
        changed[place] ^= 1
        with pytest.raises(SealedBundleMalformed, match="does not open"):
            pharmacy.open(resigned(bundle, maker.key, sealed=base64.b64encode(changed).decode()))
    for short in (box[:20], b""):
        with pytest.raises(SealedBundleMalformed, match="does not open"):
            pharmacy.open(resigned(bundle, maker.key, sealed=base64.b64encode(short).decode()))
    assert pharmacy.has_nothing()


def test_nobody_passes_another_s_bundle_off_as_its_own(
    maker: Party, pharmacy: Party, stage: SupplyStage, folder: Path, shipment: HandedOn
) -> None:
    """Signed anew, it does not open: the header is part of what is sealed."""
    thief = party(stage, folder, MemberRole.WHOLESALER)
    bundle = sealed(maker, pharmacy, shipment)
    with pytest.raises(SealedBundleMalformed, match="does not open"):
        pharmacy.open(resigned(bundle, thief.key, sender=thief.trader.id))
    with pytest.raises(SealedBundleUnproven, match="not the organization's"):
        pharmacy.open(resigned(bundle, thief.key))
    assert pharmacy.has_nothing()


def test_the_other_signature_of_the_same_is_refused(maker: Party, pharmacy: Party, shipment: HandedOn) -> None:
    """s in the upper half, as on chain: else one bundle had two digests."""
    bundle = sealed(maker, pharmacy, shipment)
    signature = bytes.fromhex(bundle.signature[2:])
    other_s = (CURVE_ORDER - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    other = signature[:32] + other_s + bytes([55 - signature[64]])
    for wrong in (other, signature[:64], signature[:64] + b"\0", signature + b"\0", b"\1"):
        with pytest.raises(SealedBundleUnproven, match="is not the key's"):
            pharmacy.open(bundle.model_copy(update={"signature": "0x" + wrong.hex()}))
    assert pharmacy.has_nothing()


@pytest.mark.parametrize("field", ["chain_id", "lot_registry"])
def test_another_chain_or_register_is_refused(maker: Party, pharmacy: Party, shipment: HandedOn, field: str) -> None:
    bundle = sealed(maker, pharmacy, shipment)
    value = {"chain_id": bundle.chain_id + 1, "lot_registry": "0x" + "33" * 20}[field]
    with pytest.raises(SealedForAnotherChain) as caught:
        pharmacy.open(resigned(bundle, maker.key, **{field: value}))
    assert str(value) in caught.value.actual
    content = {**content_of(bundle, pharmacy), field: value}
    with pytest.raises(SealedForAnotherChain):
        pharmacy.open(resealed(maker, pharmacy, content))
    assert pharmacy.has_nothing()


# ---------------------------------------------------------------------- keys over time


def test_a_key_that_was_not_the_sender_s_then_is_refused(
    maker: Party, pharmacy: Party, stage: SupplyStage, shipment: HandedOn
) -> None:
    bundle = sealed(maker, pharmacy, shipment)
    added = stage.suite.add_key(maker.trader.name)
    with pytest.raises(SealedBundleUnproven, match="was not the organization's then"):
        pharmacy.open(resigned(bundle, added, signed_at=bundle.signed_at - DAY))
    with pytest.raises(SealedBundleUnproven, match="ahead of the chain's time"):
        pharmacy.open(resigned(bundle, maker.key, signed_at=bundle.signed_at + DAY))
    with pytest.raises(ContractError):
        seal(stage.as_(new_key()), new_key(), pharmacy.card(), shipment)
    assert pharmacy.has_nothing()


def test_a_retired_key_s_bundles_of_its_time_are_taken_and_no_later_ones(
    maker: Party, pharmacy: Party, stage: SupplyStage, shipment: HandedOn
) -> None:
    key = stage.suite.add_key(maker.trader.name)
    travel(stage.connection, 10)
    card = pharmacy.card()
    before = seal(maker.supply, key, card, shipment)
    travel(stage.connection, 10)
    stage.suite.organizations(stage.suite.controller).retire_key(key.address)
    travel(stage.connection, 10)
    after = resigned(before, key, signed_at=stage.connection.block_time())
    with pytest.raises(SealedBundleUnproven, match="RETIRED then"):
        pharmacy.open(after)
    assert pharmacy.has_nothing()
    pharmacy.open(before)


def test_what_a_compromised_key_signed_is_refused(
    maker: Party, pharmacy: Party, stage: SupplyStage, shipment: HandedOn
) -> None:
    key = stage.suite.add_key(maker.trader.name)
    travel(stage.connection, 10)
    bundle = seal(maker.supply, key, pharmacy.card(), shipment)
    travel(stage.connection, 10)
    organizations = stage.suite.organizations(stage.suite.controller)
    organizations.report_compromise(key.address, bundle.signed_at)
    with pytest.raises(SealedBundleUnproven, match="COMPROMISED then"):
        pharmacy.open(bundle)
    assert pharmacy.has_nothing()


def test_a_contract_account_s_signature_is_asked_of_it(
    maker: Party, pharmacy: Party, stage: SupplyStage, shipment: HandedOn
) -> None:
    """The account is a contract that takes what begins with 2a (ERC-1271), reverts for 2b, and says no to all else."""
    # calldata: selector, digest, offset, length, then the signature at 0x64
    code = bytes.fromhex("60643560f81c80602b14601f57602a14631626ba7e60e01b025f5260205ff35b5f5ffd")
    init = bytes.fromhex(f"60{len(code):02x}600a5f3960{len(code):02x}5ff3") + code
    wallet = str(stage.connection.send(stage.deployer_signer, None, init).contract_address)

    class Account:
        address = wallet
        development_only = True

        def sign_typed_data(self, _typed_data: dict[str, Any]) -> bytes:
            return b"\x2a"

        def sign_transaction(self, transaction: dict[str, Any]) -> bytes:
            raise NotImplementedError

        def describe(self) -> str:
            return wallet

    account: Signer = Account()  # type: ignore[assignment]
    stage.suite.add_key(maker.trader.name, account)
    bundle = seal(maker.supply, account, pharmacy.card(), shipment)
    for other in ("0x2b", "0x2c"):
        with pytest.raises(SealedBundleUnproven, match="is not the key's"):
            pharmacy.open(bundle.model_copy(update={"signature": other}))
    assert pharmacy.has_nothing()
    pharmacy.open(bundle)


# ---------------------------------------------------------------------- against the chain


def test_a_lot_that_is_not_on_chain_is_refused(maker: Party, pharmacy: Party) -> None:
    made = maker.book.make_lot(PRODUCT, "L-never", EXPIRY_DAY, DEPTH)
    maker.book.keep_tranche(made.id, 0, SERIALS)
    for found in (HandedOn((made,), maker.book.part(made.id, [1])), maker.book.disclosure_of(made.id)):
        with pytest.raises(SealedBundleMismatch) as caught:
            pharmacy.open(sealed(maker, pharmacy, found))
        assert caught.value.lot == made.id
    assert pharmacy.has_nothing()


@pytest.mark.parametrize("change", [{"expiry_day": EXPIRY_DAY + 1}, {"depth": DEPTH + 1}])
def test_a_lot_with_other_terms_is_refused(maker: Party, pharmacy: Party, lot: KeptLot, change: dict[str, int]) -> None:
    with pytest.raises(SealedBundleMismatch, match="expiry, depth"):
        pharmacy.open(sealed(maker, pharmacy, HandedOn((replace(lot, **change),))))  # type: ignore[arg-type]
    assert pharmacy.has_nothing()


def test_units_that_do_not_lead_to_the_root_are_refused(maker: Party, pharmacy: Party, lot: KeptLot) -> None:
    part = maker.book.part(lot.id, [10, 11])[0]
    exchanged = {10: replace(part.units[10], serial="SN999999"), 11: part.units[11]}
    wrong = PartialTree(part.tranche, exchanged, part.siblings)
    elsewhere = PartialTree(replace(part.tranche, number=1), {(1 << DEPTH) + 10: part.units[10]}, [bytes(32)] * DEPTH)
    for changed in (wrong, elsewhere):
        with pytest.raises(SealedBundleMismatch, match="not those of tranche"):
            pharmacy.open(sealed(maker, pharmacy, HandedOn((lot,), (changed,))))
    whole = maker.book.disclosure_of(lot.id)
    less = replace(whole, tranches=(replace(whole.tranches[0], serials=whole.tranches[0].serials[:-1]),))
    with pytest.raises(SealedBundleMismatch, match="not those of tranche"):
        pharmacy.open(sealed(maker, pharmacy, less))
    assert pharmacy.has_nothing()


def test_what_is_kept_otherwise_is_a_conflict(maker: Party, pharmacy: Party, lot: KeptLot, shipment: HandedOn) -> None:
    """A book that holds another root for the tranche, as one that took a shipment over unchecked would."""
    part = maker.book.part(lot.id, [50])[0]
    wrong = HandedOn((lot,), (PartialTree(part.tranche, part.units, [bytes(32), *part.siblings[1:]]),))
    received = pharmacy.open(sealed(maker, pharmacy, HandedOn(())))
    pharmacy.book.take_over(wrong, replace(received, digest="0x01"), b"")
    with pytest.raises(BookConflict):
        pharmacy.open(sealed(maker, pharmacy, shipment))
    assert len(pharmacy.book.bundles()) == 2


# ---------------------------------------------------------------------- what is no bundle


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parts": [{"lot": "0x" + "11" * 12}]}, "Field required"),
        ({"more": 1}, "Extra inputs"),
        ({"lots": []}, "is not told"),
        ({"containers": [["case"]]}, "containers.0"),
    ],
)
def test_content_of_another_form_is_refused(
    maker: Party, pharmacy: Party, shipment: HandedOn, changes: dict[str, Any], message: str
) -> None:
    content = content_of(sealed(maker, pharmacy, shipment), pharmacy)
    with pytest.raises(SealedBundleMalformed, match=message):
        pharmacy.open(resealed(maker, pharmacy, {**content, **changes}))
    assert pharmacy.has_nothing()


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("numbers", [[10, 1]], "as many of each"),
        ("numbers", [[10, 2], [10, 2]], "must ascend"),
        ("siblings", "", "too few"),
        ("salts", "AAAA", "32 bytes each"),
        ("serials", "A" * 21 + "\nB" * 5, "at most 20"),
    ],
)
def test_parts_that_are_none_are_refused(
    maker: Party, pharmacy: Party, shipment: HandedOn, part: str, value: Any, message: str
) -> None:
    content = content_of(sealed(maker, pharmacy, shipment), pharmacy)
    content["parts"][0][part] = value
    with pytest.raises(SealedBundleMalformed, match=message):
        pharmacy.open(resealed(maker, pharmacy, content))
    assert pharmacy.has_nothing()


@pytest.mark.parametrize(
    ("whole", "value", "message"),
    [
        ("serials", "A\nB", "as many of each"),
        ("numbers", [[10, 178]], "must ascend|as many|must be from"),
        ("serials", "\n".join(["A" * 21] * 177), "at most 20"),
        ("serials", "\n" * 176, "1 to 32"),
    ],
)
def test_whole_tranches_that_are_none_are_refused(
    maker: Party, regulator: Party, lot: KeptLot, whole: str, value: Any, message: str
) -> None:
    bundle = disclose(maker.supply, maker.key, maker.book, lot.id, regulator.card(), "inspection")
    content = content_of(bundle, regulator)
    assert len(content["tranches"][0]["serials"].split("\n")) == len(SERIALS) == 177
    content["tranches"][0][whole] = value
    known = len(regulator.book.bundles())
    with pytest.raises(SealedBundleMalformed, match=message):
        regulator.open(resealed(maker, regulator, content))
    assert len(regulator.book.bundles()) == known


@pytest.mark.parametrize(
    ("container", "value", "message"),
    [
        ("sscc", "106141412345678909", "check digit"),
        ("containers", ["0x" + "11" * 12], "is not told"),
        ("ranges", [["0x" + "11" * 12, 0, 1]], "is not told"),
        ("ranges", [["0x" + "11" * 12, 0, 0]], "greater than or equal to 1"),
    ],
)
def test_containers_that_are_none_are_refused(
    maker: Party, pharmacy: Party, shipment: HandedOn, container: str, value: Any, message: str
) -> None:
    content = content_of(sealed(maker, pharmacy, shipment), pharmacy)
    content["containers"][0][container] = value
    with pytest.raises(SealedBundleMalformed, match=message):
        pharmacy.open(resealed(maker, pharmacy, content))
    assert pharmacy.has_nothing()


@pytest.fixture
def deep_recursion() -> Iterator[None]:
    """As py-evm has it: a parser without a limit of its own ends the process."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("deep_recursion")
def test_files_that_are_none_are_refused(maker: Party, pharmacy: Party, shipment: HandedOn) -> None:
    good = json.loads(sealed(maker, pharmacy, shipment).dump())
    for content in (b"", b"[]", b"{}", b"\xff", b"[" * 100_000, pharmacy.card().dump()):
        with pytest.raises(SealedBundleMalformed):
            pharmacy.open(content)
    for version in (2, None, True):
        with pytest.raises(SealedBundleUnsupported):
            pharmacy.open(json.dumps({**good, "version": version}).encode())
    for name in good.keys() - {"format", "version"}:
        with pytest.raises(SealedBundleMalformed) as caught:
            pharmacy.open(json.dumps({key: value for key, value in good.items() if key != name}).encode())
        assert caught.value.field == name
    for name in ("key", "lot_registry"):
        with pytest.raises(SealedBundleMalformed, match="checksum") as caught:
            pharmacy.open(json.dumps({**good, name: good[name].swapcase().replace("X", "x")}).encode())
        assert caught.value.field == name
    with pytest.raises(SealedBundleMalformed, match="base64"):
        pharmacy.open(json.dumps({**good, "sealed": "A"}).encode())
    assert pharmacy.has_nothing()


def test_a_bundle_comes_from_a_file(maker: Party, pharmacy: Party, shipment: HandedOn, tmp_path: Path) -> None:
    bundle = sealed(maker, pharmacy, shipment)
    path = tmp_path / "shipment.json"
    path.write_bytes(bundle.dump())
    assert SealedBundle.load(path) == bundle
    assert open_bundle(path, pharmacy.supply, pharmacy.book, pharmacy.keys).digest == bundle.digest
    with pytest.raises(OSError, match="No such file"):
        SealedBundle.load(tmp_path / "missing.json")


# ---------------------------------------------------------------------- cards


def test_a_card_is_the_organization_s_or_refused(maker: Party, pharmacy: Party, stage: SupplyStage) -> None:
    card = pharmacy.card()
    assert BundleKeyCard.load(card.dump()) == card
    card.check(maker.supply)

    def of(key: Signer, organization: str = pharmacy.trader.id) -> BundleKeyCard:
        message = card_message(card.chain_id, card.organization_registry, organization, card.bundle_key, card.signed_at)
        signature = "0x" + key.sign_typed_data(message).hex()
        return card.model_copy(update={"organization": organization, "key": key.address, "signature": signature})

    of(pharmacy.key).check(maker.supply)
    wrong = [
        of(maker.key),
        of(pharmacy.key, maker.trader.id),
        of(new_key()),
        card.model_copy(update={"bundle_key": "0x" + "09" + "00" * 31}),
        card.model_copy(update={"signed_at": card.signed_at + DAY}),
        card.model_copy(update={"signed_at": card.signed_at - DAY}),
    ]
    for one in wrong:
        with pytest.raises(SealedBundleUnproven):
            one.check(maker.supply)
        with pytest.raises(SealedBundleUnproven):
            seal(maker.supply, maker.key, one, HandedOn(()))
    for changes in ({"chain_id": 1}, {"organization_registry": maker.supply.lots.address}):
        with pytest.raises(SealedForAnotherChain):
            card.model_copy(update=changes).check(maker.supply)
    with pytest.raises(SealedBundleUnproven):
        pharmacy.keys.card(pharmacy.supply, maker.key)


def test_a_key_of_small_order_is_not_sealed_to() -> None:
    with pytest.raises(SealedBundleMalformed, match="sealed to"):
        seal_to("0x" + "00" * 32, b"content", b"")


def test_keys_are_made_once_and_not_shown(tmp_path: Path) -> None:
    with Vault.create(tmp_path / "vault.db", "passphrase", cost=ScryptCost(2**10, 8, 1)) as vault:
        one, other = BundleKeys(vault, "corner-pharmacy"), BundleKeys(vault, "corner-pharmacy")
        assert one.public_keys() == ()
        assert one.current() == other.current() == one.current()
        assert BundleKeys(vault, "other-pharmacy").current() != one.current()
        latest = other.rotate()
        assert one.current() == latest
        private = vault.get("bundle-key", f"{one.organization}/0").hex()
        assert private not in f"{one!r} {one.public_keys()}"


# ---------------------------------------------------------------------- disclosures


def test_a_whole_lot_is_disclosed_to_a_regulator_and_logged(maker: Party, regulator: Party, lot: KeptLot) -> None:
    card = regulator.card()
    bundle = disclose(maker.supply, maker.key, maker.book, lot.id, card, "inspection 2031-7")
    received = regulator.open(bundle)
    assert (received.reason, received.sender) == ("inspection 2031-7", maker.trader.id)
    assert list(regulator.book.serials(lot.id, 0)) == SERIALS
    assert regulator.book.part(lot.id, [1, 50]) == maker.book.part(lot.id, [1, 50])
    logged = LotBook(maker.book._vault, maker.book.supply_id, maker.trader.id).disclosures(lot.id)[-1]
    assert (logged.receiver, logged.numbers, logged.reason) == (regulator.trader.id, None, "inspection 2031-7")
    assert (logged.at, logged.digest) == (bundle.signed_at, bundle.digest)


def test_a_part_is_disclosed(
    maker: Party, stage: SupplyStage, folder: Path, pharmacy: Party, lot: KeptLot, shipment: HandedOn
) -> None:
    agency = party(stage, folder, MemberRole.REGULATOR)
    pharmacy.open(sealed(maker, pharmacy, shipment))
    bundle = disclose(
        pharmacy.supply, pharmacy.key, pharmacy.book, lot.id, agency.card(), "complaint", [12, 10, 11, 30]
    )
    agency.open(bundle)
    assert agency.book.numbers(lot.id, 0, 1 << DEPTH) == [10, 11, 12, 30]
    assert pharmacy.book.disclosures()[0].numbers == ((10, 3), (30, 1))
    with pytest.raises(NotInBook):
        agency.book.secret(lot.id)
    again = disclose(pharmacy.supply, pharmacy.key, pharmacy.book, lot.id, agency.card(), "complaint, all that we know")
    agency.open(again)
    assert agency.book.numbers(lot.id, 0, 1 << DEPTH) == [10, 11, 12, 13, 30, 31]
    assert [one.reason for one in pharmacy.book.disclosures()] == ["complaint", "complaint, all that we know"]


def test_only_a_regulator_and_only_for_a_reason(maker: Party, pharmacy: Party, regulator: Party, lot: KeptLot) -> None:
    logged = maker.book.disclosures()
    with pytest.raises(InvalidInput, match="no active regulator"):
        disclose(maker.supply, maker.key, maker.book, lot.id, pharmacy.card(), "inspection")
    with pytest.raises(InvalidInput, match="why the lot"):
        disclose(maker.supply, maker.key, maker.book, lot.id, regulator.card(), " ")
    with pytest.raises(NotInBook):
        disclose(maker.supply, maker.key, maker.book, lot.id, regulator.card(), "inspection", [0])
    with pytest.raises(NotInBook):
        disclose(maker.supply, maker.key, maker.book, "0x" + "11" * 12, regulator.card(), "inspection")
    assert maker.book.disclosures() == logged


# ---------------------------------------------------------------------- schemas


@pytest.fixture
def documents(maker: Party, pharmacy: Party, shipment: HandedOn) -> Iterator[dict[str, Any]]:
    bundle = sealed(maker, pharmacy, shipment)
    return iter(
        [
            {"name": "sealed-bundle", "model": SealedBundle, "value": json.loads(bundle.dump())},
            {"name": "sealed-bundle-content", "model": BundleContent, "value": content_of(bundle, pharmacy)},
            {"name": "bundle-key-card", "model": BundleKeyCard, "value": json.loads(pharmacy.card().dump())},
        ]
    )


def test_the_published_schemas_are_the_models(documents: Iterator[dict[str, Any]]) -> None:
    for document in documents:
        model = document["model"]
        name = f"{document['name']}-v1.schema.json"
        made = json.dumps(model.model_json_schema(), indent=2) + "\n"
        dump = f"json.dumps({model.__name__}.model_json_schema(), indent=2)"
        how = f"write {dump} to python/careledger/serialization/{name}"
        assert SCHEMAS.joinpath(name).read_text() == made, how
        schema = json.loads(made)
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(document["value"], schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document["value"], "more": 1}, schema)
