"""What a shipment's receiver, or a regulator, gets of lots: a file sealed to the one and signed by the other.

    bundle = seal(supply, signer, card, book.with_shipment([pallet.id]))
    open_bundle(bundle.dump(), supply, book, keys)

The file is JSON, media type `application/vnd.careledger.sealed-bundle+json`; its JSON Schema is
`sealed-bundle-v1.schema.json` beside this module, that of what is sealed `sealed-bundle-content-v1.schema.json`. In the
clear stand chain, register, sender, receiver and time. The content is JSON followed by spaces, up to a power of two of
bytes and at least 4 KiB: a length says of the number of units what the depth of a lot's tree says. It is sealed to the
receiver's bundle key with the header as HPKE's `info`, so that it opens under no other; what is signed, as EIP-712
typed data in the domain of the LotRegistry, is the header with the hash of what is sealed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import rfc8785
from eth_utils.crypto import keccak
from pydantic import Field, StringConstraints, ValidationError

from careledger.anchoring.state_proof import Strict, Word
from careledger.chain.signers import Signer
from careledger.chain.typed_data import Message, typed_message
from careledger.contract_enums import LotKind, MemberRole
from careledger.errors import (
    InvalidInput,
    SealedBundleMalformed,
    SealedBundleMismatch,
    SealedForAnother,
)
from careledger.serialization.bundle_keys import (
    Address,
    BundleKeyCard,
    BundleKeys,
    OrganizationText,
    SignatureText,
    Time,
    load_file,
    require_same_place,
    require_signed,
    seal_to,
)
from careledger.serialization.lot_book import LotBook
from careledger.serialization.lot_book_entries import (
    Contents,
    Disclosure,
    HandedOn,
    KeptContainer,
    KeptLot,
    ReceivedBundle,
    SupplyId,
    UnitRange,
    WholeTranche,
)
from careledger.serialization.partial_tree import PartialTree, Tranche, numbers_in, ranges_of
from careledger.serialization.units import MAX_DEPTH, LotSecret

if TYPE_CHECKING:
    from careledger.serialization.supply import SupplyChain

__all__ = [
    "FORMAT",
    "MEDIA_TYPE",
    "BundleContent",
    "SealedBundle",
    "disclose",
    "open_bundle",
    "seal",
    "sealed_bundle_message",
]

FORMAT = "careledger-sealed-bundle"
MEDIA_TYPE = "application/vnd.careledger.sealed-bundle+json"
INFO_TAG = b"careledger.serialization.sealed-bundle.v1\0"
LEAST_LENGTH = 4096
"""Bytes of the shortest content."""
NO_ROOT = "0x" + 64 * "0"

IdText = OrganizationText
Text = Annotated[str, StringConstraints(min_length=1, max_length=32)]
Base64 = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z+/]*={0,2}$")]
Number = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1, le=2**MAX_DEPTH)]
Numbers = Annotated[tuple[tuple[Number, Count], ...], Field(description="First number and count, ascending.")]
Serials = Annotated[str, Field(description="Of the units by number, a line each.")]


class LotContent(Strict):
    """A lot, as its maker states it."""

    maker: OrganizationText
    product: Text = Field(description="A scheme and its value, `gtin:00300010000018` for example.")
    lot_number: Text
    salt: Word = Field(description="Opens the lot's reference.")
    expiry_day: int = Field(ge=0, lt=2**16, description="Days since 1970-01-01 UTC; 0 if there is none.")
    depth: int = Field(ge=0, le=MAX_DEPTH)
    kind: Literal[0, 1] = Field(description="0: medicine, 1: device.")


class PartContent(Strict):
    """Units of a tranche, and what leads from them to its root."""

    lot: IdText
    tranche: Number
    numbers: Numbers
    serials: Serials
    salts: Base64 = Field(description="32 bytes of each unit, one after the other.")
    siblings: Base64 = Field(description="32 bytes of each hash of one proof of all the units.")


class WholeContent(Strict):
    """All units of a tranche; salts follow from the secret."""

    lot: IdText
    tranche: Number
    secret: Word
    numbers: Numbers
    serials: Serials


class ContainerContent(Strict):
    """What opens a container's id, and what lies in it."""

    packer: OrganizationText
    sscc: Annotated[str, StringConstraints(pattern=r"^[0-9]{18}$")]
    salt: Word
    ranges: tuple[tuple[IdText, Number, Count], ...] = Field(description="Lot, first number, count.")
    containers: tuple[IdText, ...]
    cases: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9]{18}$")], ...]


class BundleContent(Strict):
    """What is sealed in a bundle."""

    chain_id: int = Field(ge=1, lt=2**53)
    lot_registry: Address
    reason: str = Field(description="Why a lot is disclosed; empty with a shipment.")
    lots: tuple[LotContent, ...]
    parts: tuple[PartContent, ...]
    tranches: tuple[WholeContent, ...]
    containers: tuple[ContainerContent, ...]


class SealedBundle(Strict):
    """A sealed bundle. `load` raises SealedBundleMalformed and SealedBundleUnsupported."""

    format: Literal["careledger-sealed-bundle"] = "careledger-sealed-bundle"
    version: Literal[1] = 1
    chain_id: int = Field(ge=1, lt=2**53)
    lot_registry: Address
    sender: OrganizationText
    receiver: OrganizationText
    bundle_key: Word = Field(description="The receiver's public key, X25519, that it is sealed to.")
    key: Address = Field(description="The sender's registered key, that signs.")
    signed_at: Time
    sealed: Base64 = Field(
        description="HPKE (RFC 9180) with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305: encapsulated "
        "key, then ciphertext."
    )
    signature: SignatureText

    @classmethod
    def load(cls, source: Path | bytes) -> SealedBundle:
        """A bundle from a file or its bytes. Raises OSError for a file that cannot be read, besides."""
        return load_file(cls, FORMAT, source)

    def dump(self) -> bytes:
        """The file, ASCII, always the same for the same bundle."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    @property
    def digest(self) -> str:
        """The file's SHA-256, 0x-prefixed."""
        return "0x" + hashlib.sha256(self.dump()).hexdigest()

    def message(self) -> Message:
        """What the sender signs."""
        return sealed_bundle_message(
            self.chain_id,
            self.lot_registry,
            self.sender,
            self.receiver,
            self.bundle_key,
            self.signed_at,
            _decoded(self.sealed),
        )


def sealed_bundle_message(
    chain_id: int, lot_registry: str, sender: str, receiver: str, bundle_key: str, signed_at: int, sealed: bytes
) -> Message:
    """What a sender's key signs: the header, and the keccak-256 of what is sealed."""
    return typed_message(
        "LotRegistry",
        chain_id,
        lot_registry,
        "SealedBundle",
        sender=("bytes12", sender),
        receiver=("bytes12", receiver),
        bundleKey=("bytes32", bundle_key),
        signedAt=("uint40", signed_at),
        sealed=("bytes32", "0x" + keccak(sealed).hex()),
    )


def seal(supply: SupplyChain, signer: Signer, card: BundleKeyCard, found: HandedOn, reason: str = "") -> SealedBundle:
    """Seals what is handed on to the organization of a card, as of the chain's time. The sender is the organization of
    the signer's key.

    Raises what `BundleKeyCard.check` raises, ContractError if the key is nobody's, and what `sign_typed_data` raises.
    """
    card.check(supply)
    sender = supply.organizations.require_key(signer.address)
    chain_id, registry, signed_at = supply.connection.chain_id, supply.lots.address, supply.connection.block_time()
    content = _content(SupplyId.of(supply), found, reason).model_dump_json().encode()
    length = max(LEAST_LENGTH, 1 << (len(content) - 1).bit_length())
    info = _info(chain_id, registry, sender, card.organization, card.bundle_key, signer.address, signed_at)
    sealed = seal_to(card.bundle_key, content.ljust(length), info)
    message = sealed_bundle_message(chain_id, registry, sender, card.organization, card.bundle_key, signed_at, sealed)
    return SealedBundle(
        chain_id=chain_id,
        lot_registry=registry,
        sender=sender,
        receiver=card.organization,
        bundle_key=card.bundle_key,
        key=signer.address,
        signed_at=signed_at,
        sealed=base64.b64encode(sealed).decode(),
        signature="0x" + signer.sign_typed_data(message).hex(),
    )


def open_bundle(source: Path | bytes, supply: SupplyChain, book: LotBook, keys: BundleKeys) -> ReceivedBundle:
    """Opens a bundle for the book's organization, holds all of it against the chain, and keeps it in the book. The same
    bundle again changes nothing. If anything is wrong, nothing is kept.

    Raises SealedBundleMalformed, SealedBundleUnsupported, SealedForAnother, SealedForAnotherChain, SealedBundleUnproven
    if the sender did not sign it, SealedBundleMismatch if a lot on chain is another, BookConflict, OSError, and what a
    read of the chain raises.
    """
    bundle = SealedBundle.load(source)
    place = supply.connection.chain_id, supply.lots.address
    require_same_place(place, (bundle.chain_id, bundle.lot_registry))
    if bundle.receiver != book.organization:
        raise SealedForAnother(bundle.receiver, bundle.bundle_key)
    require_signed(supply, bundle.sender, bundle.key, bundle.signed_at, bundle.message(), bundle.signature)
    info = _info(*place, bundle.sender, bundle.receiver, bundle.bundle_key, bundle.key, bundle.signed_at)
    content = _loaded(keys.open(bundle.bundle_key, _decoded(bundle.sealed), info))
    require_same_place(place, (content.chain_id, content.lot_registry))
    try:
        found = _found(SupplyId.of(supply), content)
        _require_on_chain(supply, found)
    except InvalidInput as problem:
        raise SealedBundleMalformed(f"content, {problem.name}", problem.problem) from None
    received = ReceivedBundle(
        digest=bundle.digest,
        sender=bundle.sender,
        signed_at=bundle.signed_at,
        reason=content.reason,
        lots=tuple(lot.id for lot in found.lots),
        containers=tuple(container.id for container in found.containers),
    )
    book.take_over(found, received, bundle.dump())
    return book.bundle(bundle.digest)


def disclose(
    supply: SupplyChain,
    signer: Signer,
    book: LotBook,
    lot: str,
    card: BundleKeyCard,
    reason: str,
    indices: Iterable[int] | None = None,
) -> SealedBundle:
    """A bundle that discloses a lot, whole or in part, to a regulator, entered in the book's list of disclosures.

    Raises InvalidInput without a reason or for who is no regulator, NotInBook, and what `seal` raises.
    """
    if not reason.strip():
        raise InvalidInput("reason", reason, "says why the lot is disclosed")
    card.check(supply)
    if not supply.organizations.is_active(card.organization, MemberRole.REGULATOR):
        raise InvalidInput("receiver", card.organization, "is no active regulator")
    chosen = None if indices is None else sorted(set(indices))
    bundle = seal(supply, signer, card, book.disclosure_of(lot, chosen), reason)
    numbers = None if chosen is None else tuple((first, count) for first, count in ranges_of(chosen))
    book.log_disclosure(Disclosure(bundle.signed_at, bundle.receiver, lot, numbers, reason, bundle.digest))
    return bundle


# ---------------------------------------------------------------------- the chain


def _require_on_chain(supply: SupplyChain, found: HandedOn) -> None:
    """Raises SealedBundleMismatch unless every lot stands on chain as it was handed on, with the roots of its units."""
    for lot in found.lots:
        stands = supply.lots.read("lotOf", lot.id)
        stated = (lot.maker, lot.expiry_day, lot.depth, lot.kind)
        if (stands["maker"], stands["expiry_day"], stands["depth"], LotKind(stands["kind"])) != stated:
            raise SealedBundleMismatch(lot.id, "the chain has none with this maker, expiry, depth and kind")
    for tranche, root in _roots(found):
        if supply.lots.read("rootOf", tranche.lot, tranche.number) != "0x" + root.hex():
            raise SealedBundleMismatch(tranche.lot, f"units are not those of tranche {tranche.number} on chain")


def _roots(found: HandedOn) -> Iterator[tuple[Tranche, bytes]]:
    yield from ((part.tranche, part.root) for part in found.parts)
    yield from ((whole.tranche, whole.root) for whole in found.tranches)


# ---------------------------------------------------------------------- the content


def _content(supply: SupplyId, found: HandedOn, reason: str) -> BundleContent:
    return BundleContent(
        chain_id=supply.chain_id,
        lot_registry=supply.registry,
        reason=reason,
        lots=tuple(LotContent.model_validate({**lot.to_json(), "salt": "0x" + lot.salt.hex()}) for lot in found.lots),
        parts=tuple(
            PartContent.model_validate({"lot": part.tranche.lot, **part.to_json(), "numbers": _pairs(part.units)})
            for part in found.parts
        ),
        tranches=tuple(
            WholeContent(
                lot=whole.tranche.lot,
                tranche=whole.tranche.number,
                secret="0x" + whole.secret.value.hex(),
                numbers=_pairs(index for index, _ in whole.serials),
                serials="\n".join(serial for _, serial in whole.serials),
            )
            for whole in found.tranches
        ),
        containers=tuple(
            ContainerContent(
                packer=container.packer,
                sscc=container.sscc,
                salt="0x" + container.salt.hex(),
                ranges=tuple(
                    (part.lot, part.first, part.count) for part in found.contents.get(container.id, Contents()).ranges
                ),
                containers=found.contents.get(container.id, Contents()).containers,
                cases=found.cases.get(container.id, ()),
            )
            for container in found.containers
        ),
    )


def _found(supply: SupplyId, content: BundleContent) -> HandedOn:
    """The inverse. Raises InvalidInput for values that do not fit each other."""
    lots = {
        lot.id: lot for lot in (KeptLot.from_json({**vars(value), "salt": value.salt[2:]}) for value in content.lots)
    }

    def depth_of(lot: str) -> int:
        if lot not in lots:
            raise InvalidInput("lot", lot, "is not told")
        return lots[lot].depth

    for named in {part[0] for value in content.containers for part in value.ranges}:
        depth_of(named)
    containers = [
        (KeptContainer(value.packer, value.sscc, bytes.fromhex(value.salt[2:])), value) for value in content.containers
    ]
    told = {container.id for container, _ in containers}
    for inner in (inner for value in content.containers for inner in value.containers):
        if inner not in told:
            raise InvalidInput("container", inner, "is not told")
    return HandedOn(
        lots=tuple(lots.values()),
        parts=tuple(
            PartialTree.from_json(supply.chain_id, supply.registry, value.lot, depth_of(value.lot), vars(value))
            for value in content.parts
        ),
        containers=tuple(container for container, _ in containers),
        contents={
            container.id: Contents(tuple(UnitRange(*part) for part in value.ranges), value.containers)
            for container, value in containers
        },
        cases={container.id: value.cases for container, value in containers if value.cases},
        tranches=tuple(_whole(supply, depth_of(value.lot), value) for value in content.tranches),
    )


def _whole(supply: SupplyId, depth: int, value: WholeContent) -> WholeTranche:
    numbers, serials = list(numbers_in(value.numbers, 1 << depth)), value.serials.split("\n")
    if len(numbers) != len(serials):
        raise InvalidInput("units", f"{len(numbers)} numbers, {len(serials)} serials", "must be as many of each")
    tranche = Tranche(supply.chain_id, supply.registry, value.lot, depth, value.tranche)
    secret = LotSecret(bytes.fromhex(value.secret[2:]))
    return WholeTranche(tranche, secret, tuple(zip(numbers, serials, strict=True)))


def _loaded(content: bytes) -> BundleContent:
    try:
        return BundleContent.model_validate_json(content)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
        raise SealedBundleMalformed("content, " + ".".join(map(str, first["loc"])), first["msg"]) from None


def _info(
    chain_id: int, lot_registry: str, sender: str, receiver: str, bundle_key: str, key: str, signed_at: int
) -> bytes:
    """The header, canonical (RFC 8785), addresses in lower case."""
    return INFO_TAG + rfc8785.dumps(
        {
            "chain_id": chain_id,
            "lot_registry": lot_registry.lower(),
            "sender": sender,
            "receiver": receiver,
            "bundle_key": bundle_key,
            "key": key.lower(),
            "signed_at": signed_at,
        }
    )


def _pairs(indices: Iterable[int]) -> tuple[tuple[int, int], ...]:
    return tuple((first, count) for first, count in ranges_of(indices))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise SealedBundleMalformed("sealed", "is no base64") from None
