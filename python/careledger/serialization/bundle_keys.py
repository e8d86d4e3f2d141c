"""To which key a sealed bundle is sealed: an organization's X25519 keys in the vault, and the card that tells the one
in use.

    keys = BundleKeys(vault, "corner-pharmacy")
    card = keys.card(supply, signer)          # to whoever ships to us
    BundleKeyCard.load(content).check(supply) # what a sender does first

| kind | name | value |
|---|---|---|
| `bundle-key` | organization/number | a private key, 32 bytes; the one with the highest number is in use |

A card is signed as EIP-712 typed data, in the domain of the suite's OrganizationRegistry, by a key that is registered
there. Sealing is HPKE (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, of `cryptography`.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from careledger.anchoring.canonical_json import parse
from careledger.anchoring.state_proof import Strict, Word
from careledger.chain.signers import Signer
from careledger.chain.signers.digests import typed_data_digest
from careledger.chain.signers.proofs import is_signed_by
from careledger.chain.typed_data import Message, typed_message
from careledger.chain.values import account_address
from careledger.contract_enums import KeyStatus
from careledger.errors import (
    InvalidInput,
    SealedBundleMalformed,
    SealedBundleUnproven,
    SealedBundleUnsupported,
    SealedForAnother,
    SealedForAnotherChain,
)
from careledger.identity.identifiers import organization_id
from careledger.vault import EntryConflict, EntryErased, EntryMissing, Vault

if TYPE_CHECKING:
    from careledger.serialization.supply import SupplyChain

__all__ = [
    "CARD_FORMAT",
    "CARD_MEDIA_TYPE",
    "KEY_KIND",
    "Address",
    "BundleKeyCard",
    "BundleKeys",
    "OrganizationText",
    "SignatureText",
    "Time",
    "card_message",
    "load_file",
    "require_same_place",
    "require_signed",
    "seal_to",
]

KEY_KIND = "bundle-key"
CARD_FORMAT = "careledger-bundle-key-card"
CARD_MEDIA_TYPE = "application/vnd.careledger.bundle-key-card+json"
VERSION = 1
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _checksummed(address: str) -> str:
    try:
        return account_address("address", address)
    except InvalidInput as problem:
        raise ValueError(problem.problem) from None


Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$"), AfterValidator(_checksummed)]
OrganizationText = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{24}$")]
SignatureText = Annotated[
    str,
    StringConstraints(pattern=r"^0x([0-9a-f]{2})+$"),
    Field(description="EIP-712: r, s and v of 65 bytes, or what a contract account takes (ERC-1271)."),
]
Time = Annotated[int, Field(ge=0, lt=2**40, description="Unix seconds.")]
Model = TypeVar("Model", bound=Strict)


class BundleKeyCard(Strict):
    """To which key bundles for an organization are sealed. `load` raises SealedBundleMalformed and
    SealedBundleUnsupported; `check` says whether it is the organization's."""

    format: Literal["careledger-bundle-key-card"] = "careledger-bundle-key-card"
    version: Literal[1] = 1
    chain_id: int = Field(ge=1, lt=2**53)
    organization_registry: Address
    organization: OrganizationText = Field(description="Whose key it is.")
    bundle_key: Word = Field(description="The public key, X25519 (RFC 7748).")
    key: Address = Field(description="The registered key that signs.")
    signed_at: Time
    signature: SignatureText

    @classmethod
    def load(cls, source: Path | bytes) -> BundleKeyCard:
        """A card from a file or its bytes. Raises OSError for a file that cannot be read, besides."""
        return load_file(cls, CARD_FORMAT, source)

    def dump(self) -> bytes:
        """The file, ASCII."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    def check(self, supply: SupplyChain) -> None:
        """Asks the registry whether a key of the organization signed it.

        Raises SealedForAnotherChain if it is of another chain or registry, and SealedBundleUnproven.
        """
        place = supply.connection.chain_id, supply.organizations.address
        require_same_place(place, (self.chain_id, self.organization_registry))
        message = card_message(*place, self.organization, self.bundle_key, self.signed_at)
        require_signed(supply, self.organization, self.key, self.signed_at, message, self.signature)


class BundleKeys:
    """An organization's private keys. Methods raise VaultError besides what they say."""

    def __init__(self, vault: Vault, organization: str) -> None:
        """`organization` is a name or id. Raises InvalidInput for what is neither."""
        self.organization = organization_id(organization)
        self._vault = vault

    def current(self) -> str:
        """The public key in use, 0x-prefixed; made if there is none yet."""
        keys = self.public_keys()
        return keys[-1] if keys else self.rotate()

    def rotate(self) -> str:
        """A new key, from now on in use; what was sealed to older ones still opens. Returns the public one."""
        key = X25519PrivateKey.generate()
        for number in count(len(self._private_keys())):
            try:
                self._vault.put(KEY_KIND, self._name(number), key.private_bytes_raw())
            except (EntryConflict, EntryErased):  # another process made one meanwhile, or an old one was erased
                continue
            return _public(key)
        raise AssertionError("numbers end")

    def public_keys(self) -> tuple[str, ...]:
        """All public keys, the oldest first."""
        return tuple(_public(key) for key in self._private_keys())

    def open(self, bundle_key: str, sealed: bytes, info: bytes) -> bytes:
        """What was sealed to one of these keys. Raises SealedForAnother if it is none of them, and
        SealedBundleMalformed if it was sealed with other `info`, or changed."""
        for key in self._private_keys():
            if _public(key) == bundle_key:
                try:
                    return SUITE.decrypt(sealed, key, info)
                except InvalidTag:
                    raise SealedBundleMalformed("content", "does not open: it was changed") from None
        raise SealedForAnother(self.organization, bundle_key)

    def card(self, supply: SupplyChain, signer: Signer) -> BundleKeyCard:
        """A card of the key in use, as of the chain's time. Raises SealedBundleUnproven if the signer's key is not the
        organization's in the registry, and what `sign_typed_data` raises."""
        chain_id, registry = supply.connection.chain_id, supply.organizations.address
        signed_at, bundle_key = supply.connection.block_time(), self.current()
        message = card_message(chain_id, registry, self.organization, bundle_key, signed_at)
        card = BundleKeyCard(
            chain_id=chain_id,
            organization_registry=registry,
            organization=self.organization,
            bundle_key=bundle_key,
            key=signer.address,
            signed_at=signed_at,
            signature="0x" + signer.sign_typed_data(message).hex(),
        )
        card.check(supply)
        return card

    def _private_keys(self) -> list[X25519PrivateKey]:
        keys = []
        for number in count():
            try:
                keys.append(X25519PrivateKey.from_private_bytes(self._vault.get(KEY_KIND, self._name(number))))
            except EntryErased:
                continue
            except EntryMissing:
                break
        return keys

    def _name(self, number: int) -> str:
        return f"{self.organization}/{number}"


def seal_to(bundle_key: str, plaintext: bytes, info: bytes) -> bytes:
    """Seals to a public key, 0x-prefixed: 32 bytes of an ephemeral key, the ciphertext, and 16 of its tag. `info` is
    not sealed, and must be the same to open it. Raises SealedBundleMalformed for what is no key."""
    try:
        return SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(bytes.fromhex(bundle_key[2:])), info)
    except ValueError:  # a point of small order
        raise SealedBundleMalformed("bundle_key", "is no key that can be sealed to") from None


def card_message(chain_id: int, registry: str, organization: str, bundle_key: str, signed_at: int) -> Message:
    """What an organization's key signs of a card. `registry` is the OrganizationRegistry."""
    return typed_message(
        "OrganizationRegistry",
        chain_id,
        registry,
        "BundleKeyCard",
        organization=("bytes12", organization),
        bundleKey=("bytes32", bundle_key),
        signedAt=("uint40", signed_at),
    )


def load_file(model: type[Model], form: str, source: Path | bytes) -> Model:
    """A file of a form. Raises SealedBundleUnsupported for another version, SealedBundleMalformed naming the field, and
    OSError."""
    content = source.read_bytes() if isinstance(source, Path) else source
    try:
        found = parse(content)
    except InvalidInput as wrong:
        raise SealedBundleMalformed("content", wrong.problem) from None
    if not isinstance(found, dict) or found.get("format") != form:
        raise SealedBundleMalformed("format", f"is not {form!r}")
    if str(found.get("version")) != str(VERSION):
        raise SealedBundleUnsupported(str(found.get("version")))
    try:
        return model.model_validate_json(content)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
        raise SealedBundleMalformed(".".join(map(str, first["loc"])), first["msg"]) from None


def require_same_place(expected: tuple[int, str], actual: tuple[int, str]) -> None:
    """Raises SealedForAnotherChain unless two chain ids and addresses are the same."""
    places = [f"{chain_id}:{address.lower()}" for chain_id, address in (expected, actual)]
    if places[0] != places[1]:
        raise SealedForAnotherChain(*places)


def require_signed(
    supply: SupplyChain, organization: str, key: str, signed_at: int, message: Message, signature: str
) -> None:
    """Raises SealedBundleUnproven unless the key was the organization's and active at that time, no report of a
    compromise covers it, and the signature is the key's."""
    connection, organizations = supply.connection, supply.organizations

    def unproven(problem: str) -> SealedBundleUnproven:
        return SealedBundleUnproven(organization, key, problem)

    if signed_at > connection.block_time():
        raise unproven(f"signed at {signed_at}, which is ahead of the chain's time")
    then = organizations.at(key, signed_at)
    if then.organization != organization or then.status is KeyStatus.UNKNOWN:
        raise unproven("the key was not the organization's then")
    if then.status is not KeyStatus.ACTIVE or then.compromised:
        raise unproven(f"the key was {KeyStatus.COMPROMISED.name if then.compromised else then.status.name} then")
    if not is_signed_by(connection, key, typed_data_digest(message), bytes.fromhex(signature[2:])):
        raise unproven("the signature is not the key's")


def _public(key: X25519PrivateKey) -> str:
    return "0x" + key.public_key().public_bytes_raw().hex()
