"""The receipt of an anchored document: one JSON file that, with the document and any node, is enough to verify it.

It names no file and holds no content, but the salt: whoever has a receipt can test guesses at the document. Keep it as
the document itself. Its JSON Schema is `receipt-v1.schema.json` beside this module; what a schema cannot say (that the
leaf is made of the ingredients, that the proof leads to the root) is checked when a receipt is loaded or made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from careledger.anchoring.canonical import Canonicalization
from careledger.anchoring.canonical_json import parse
from careledger.anchoring.leaf import content_hash, leaf_hash
from careledger.anchoring.merkle import verify
from careledger.anchoring.state_proof import SafeInteger, StateProof, Strict, Word
from careledger.anchoring.storage import slots_of
from careledger.anchoring.types import KIND_LIMIT, TIME_LIMIT, Location, Terms
from careledger.chain.values import account_address
from careledger.errors import InvalidInput, ReceiptMalformed, ReceiptUnsupported, StateProofInvalid

__all__ = ["FORMAT", "NO_ORGANIZATION", "VERSION", "Batch", "Receipt"]

FORMAT = "careledger-receipt"
VERSION = 1
NO_ORGANIZATION = "0x" + 24 * "0"
NO_ADDRESS = "0x" + 40 * "0"
COUNT_LIMIT = 2**32
DESCRIPTION = (
    "The receipt of an anchored document, version 1. It holds the salt: keep it as the document itself. Besides this "
    "schema, the leaf must be made of the ingredients and the batch's proof must lead from it to the root."
)

Address = Annotated[
    str,
    StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$"),
    Field(description="With the checksum of EIP-55."),
]
OrganizationText = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{24}$")]
Time = Annotated[int, Field(ge=0, lt=TIME_LIMIT)]


class Batch(Strict):
    """Where in a batch the document's leaf is."""

    root: Word
    count: int = Field(ge=1, lt=COUNT_LIMIT, description="How many leaves the batch has.")
    index: int = Field(ge=0, lt=COUNT_LIMIT, description="The leaf's place, from 0.")
    proof: tuple[Word, ...] = Field(description="The siblings on the way from the batch leaf up to the root.")


class Receipt(Strict):
    """A receipt. Made with values, it raises ReceiptMalformed for those that do not fit each other, and pydantic's
    ValidationError for one that is not of its type; `load` raises ReceiptMalformed for both."""

    format: Literal["careledger-receipt"] = "careledger-receipt"
    version: Literal[1] = 1
    chain_id: int = Field(ge=1, lt=2**53)
    genesis_hash: Word = Field(description="The hash of the chain's block 0.")
    contract: Address
    submitter: Address
    organization: OrganizationText = Field(description="The id that the leaf is made with; all zero if none.")
    kind: int = Field(ge=0, lt=KIND_LIMIT)
    expiry: Time = Field(description="Unix seconds from which the document is in force no more; 0 if never.")
    canonicalization: Canonicalization
    digest: Word = Field(description="SHA-256 of the document's canonical bytes.")
    salt: Word
    subject: Address | None = Field(description="The key that may dispute the document for whom it is about.")
    leaf: Word = Field(description="Made of organization, kind, canonicalization, digest, salt and subject.")
    batch: Batch | None = Field(description="null if the leaf is anchored by itself.")
    stream: Word | None = Field(description="The id of the stream that the anchor belongs to.")
    signed_at: Time = Field(description="Unix seconds, as the submitter stated when another sent; 0 otherwise.")
    anchored_at: int = Field(gt=0, lt=TIME_LIMIT, description="Unix seconds.")
    transaction_hash: Word
    block_number: SafeInteger
    block_hash: Word
    state_proof: StateProof | None = None

    @classmethod
    def load(cls, source: Path | bytes) -> Receipt:
        """A receipt from a file or its bytes, checked in itself: no node is asked.

        Raises ReceiptUnsupported for another version, ReceiptMalformed naming the field that is wrong, and OSError for
        a file that cannot be read.
        """
        content = source.read_bytes() if isinstance(source, Path) else source
        try:
            found = parse(content)
        except InvalidInput as problem:
            raise ReceiptMalformed(problem.name, f"{problem.value} {problem.problem}") from None
        if not isinstance(found, dict):
            raise ReceiptMalformed("content", "is not a JSON object")
        if found.get("format") != FORMAT:
            raise ReceiptMalformed("format", f"is not {FORMAT!r}: this is no receipt of an anchored document")
        version = str(found.get("version", VERSION))
        if version != str(VERSION):
            raise ReceiptUnsupported(version)
        for name in cls.model_fields:
            if name not in found:
                raise ReceiptMalformed(name, "is missing")
        try:
            return cls.model_validate_json(content)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
            raise ReceiptMalformed(".".join(map(str, first["loc"])), first["msg"]) from None

    def dump(self) -> bytes:
        """The file, ASCII, always the same for the same receipt."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of the file."""
        schema = cls.model_json_schema(mode="serialization")
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **_untitled(schema),
            "required": list(cls.model_fields),
            "title": FORMAT,
            "description": DESCRIPTION,
        }

    @property
    def location(self) -> Location:
        """Where the document is."""
        if self.batch is None:
            return Location(self.submitter, self.leaf)
        batch = self.batch
        return Location(self.submitter, self.leaf, batch.root, batch.index, batch.proof)

    @property
    def terms(self) -> Terms:
        """What the anchor says of the document."""
        return Terms(self.kind, self.expiry)

    @property
    def slots(self) -> tuple[str, ...]:
        """The contract's slots that a state proof for this receipt shows."""
        return slots_of(self.location)

    def with_state_proof(self, proof: StateProof | None) -> Receipt:
        """The same receipt with another state proof. Raises ReceiptMalformed if it is not of this document."""
        changed = self.model_copy(update={"state_proof": proof})
        changed._check()
        return changed

    @model_validator(mode="after")
    def _fits(self) -> Receipt:
        self._check()
        return self

    def _check(self) -> None:
        for name in ("contract", "submitter", "subject"):
            _check_address(name, getattr(self, name))
        content = content_hash(
            self.organization, self.kind, self.canonicalization, _bytes(self.digest), _bytes(self.salt)
        )
        leaf = "0x" + leaf_hash(content, self.subject).hex()
        if leaf != self.leaf:
            raise ReceiptMalformed("leaf", f"is {self.leaf}, but the receipt's ingredients make {leaf}")
        if self.batch is not None:
            self._check_batch(self.batch)
        if self.expiry and self.expiry <= self.anchored_at:
            raise ReceiptMalformed("expiry", f"is {self.expiry}, not after {self.anchored_at}, when it was anchored")
        if self.signed_at > self.anchored_at:
            raise ReceiptMalformed("signed_at", f"is {self.signed_at}, after {self.anchored_at}, when it was anchored")
        if self.state_proof is not None:
            self._check_state_proof(self.state_proof)

    def _check_batch(self, batch: Batch) -> None:
        if batch.index >= batch.count:
            raise ReceiptMalformed("batch.index", f"is {batch.index}, beyond the batch's {batch.count} leaves")
        if not verify(_bytes(batch.root), batch.index, _bytes(self.leaf), [_bytes(node) for node in batch.proof]):
            raise ReceiptMalformed("batch.proof", f"does not lead from the leaf at {batch.index} to the batch's root")

    def _check_state_proof(self, proof: StateProof) -> None:
        """That it is whole in itself and shows this document. Whether its block is to be trusted is not asked here."""
        try:
            shown = proof.check(self.contract, proof.block_hash)
        except StateProofInvalid as problem:
            raise ReceiptMalformed("state_proof", str(problem)) from None
        missing = [slot for slot in self.slots if slot not in shown]
        if missing:
            raise ReceiptMalformed("state_proof.storage", f"does not show the slot {missing[0]}")
        if proof.block_number < self.block_number:
            raise ReceiptMalformed("state_proof.block_number", "is before the block in which the document was anchored")


def _check_address(name: str, address: str | None) -> None:
    if address is None:
        return
    normal = account_address(name, address.lower())
    if address != normal:
        raise ReceiptMalformed(name, f"is {address}, without the right checksum: {normal}")
    if address == NO_ADDRESS:
        raise ReceiptMalformed(name, "is the zero address" + ("; none is null" if name == "subject" else ""))


def _untitled(schema: Any) -> Any:
    """The schema without the titles that pydantic makes of the names."""
    if isinstance(schema, dict):
        return {
            name: _untitled(value) for name, value in schema.items() if not (name == "title" and isinstance(value, str))
        }
    return [_untitled(item) for item in schema] if isinstance(schema, list) else schema


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
