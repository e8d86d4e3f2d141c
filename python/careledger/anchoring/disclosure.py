"""Selective disclosure: a record is anchored as a tree of its fields; some are shown with proofs, others stay hidden.

A *field* is the path of a JSON value and the value as JSON text: `entry[3].resource.status` and `"final"`. Numbers are
the text that they came in; an empty object or array is a value of its own. Each field has a 32-byte random salt:

    leaf   = keccak256(FIELD_TAG, keccak256(path), keccak256(value), salt)
    root   = the root of `MerkleTree.of(leaves)`, fields in canonical order: names by UTF-16 code unit, items by index
    digest = keccak256(TREE_TAG, root, count), the digest of a document whose canonicalization is `json-fields`

**What a disclosure shows of the hidden fields**: how many fields there are in all, where in the order the shown ones
stand (so how many hidden ones lie between two of them), and 32-byte hashes that say nothing without the salts. Someone
who knows the kind of record may guess from the count which optional parts it has.

**What it does not prove**: that the author's tree holds each path once. Two shown fields of one path are refused, but
an author could put two different values of a path into the tree and show either. Only all fields together show that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic import Field as Constrained
from tiny_keccak import keccak256

from careledger.anchoring.canonical_json import Json, parse, write
from careledger.anchoring.field_paths import Path, flatten, join, matches, order, selector, split
from careledger.anchoring.leaf import batch_leaf, new_salt
from careledger.anchoring.merkle import MerkleTree
from careledger.errors import InvalidInput

__all__ = ["DisclosedField", "Disclosure", "Field", "FieldTree"]

FIELD_TAG = keccak256(b"careledger.document.field.v1")
TREE_TAG = keccak256(b"careledger.document.fields.v1")
WORD = 32

Word = Annotated[str, StringConstraints(pattern="^0x[0-9a-f]{64}$")]
"""32 bytes as 0x and lower-case hex digits."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Field:
    """A path and the JSON text of what stands there: a string, a number, true, false, null, [] or {}."""

    path: str
    value: str


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _KeptField(_Strict):
    path: str
    value: str
    salt: Word


class _KeptTree(_Strict):
    version: Literal[1]
    canonicalization: Literal["json-fields"]
    fields: list[_KeptField] = Constrained(min_length=1)


class DisclosedField(_Strict):
    """A field that is shown, with what leads from it to the root."""

    index: int = Constrained(ge=0, description="The field's place among all fields in canonical order, from 0.")
    path: str = Constrained(description="For example entry[3].resource.status")
    value: str = Constrained(description='JSON text, for example "final" with its quotes, 1.00 or true.')
    salt: Word
    proof: tuple[Word, ...] = Constrained(description="The siblings on the way to the root.")


class Disclosure(_Strict):
    """Some fields of a document, as one file. Its JSON Schema is `Disclosure.model_json_schema()`."""

    version: Literal[1] = 1
    canonicalization: Literal["json-fields"] = "json-fields"
    count: int = Constrained(ge=1, description="How many fields the document has, shown and hidden.")
    fields: tuple[DisclosedField, ...] = Constrained(min_length=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> Disclosure:
        """From the text that `to_json` gave. Raises InvalidInput naming what is not of that form."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as problem:
            raise _malformed("disclosure", problem) from None

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"

    def digest(self) -> bytes:
        """The digest, 32 bytes, of the document that the fields are from.

        Raises InvalidInput naming the first field that does not fit the others: out of order, shown twice, at a place
        that the count does not have, inside another, or leading to another root.
        """
        paths = [split(field.path) for field in self.fields]
        _check_order(paths)
        roots = set()
        last = -1
        for field in self.fields:
            if not last < field.index < self.count:
                raise InvalidInput(field.path, f"index {field.index}", f"must be from {last + 1} to {self.count - 1}")
            last = field.index
            _check_value(field.path, field.value)
            roots.add(self._root(field))
            if len(roots) > 1:
                raise InvalidInput("disclosure", field.path, "is not of the same document as the fields before")
        return _digest(roots.pop(), self.count)

    def verify(self, expected_digest: bytes) -> tuple[Field, ...]:
        """The fields shown, proved to stand in the document with this digest. Raises InvalidInput as `digest`, or if
        they are of another document."""
        found = self.digest()
        if found != expected_digest:
            raise InvalidInput("digest", f"0x{found.hex()}", f"is not the document's, 0x{expected_digest.hex()}")
        return tuple(Field(field.path, field.value) for field in self.fields)

    def _root(self, field: DisclosedField) -> bytes:
        """The root that a field leads to, on a path as long as OpenZeppelin's layout has it."""
        length = (2 * self.count - 1 - field.index).bit_length() - 1
        if len(field.proof) != length:
            raise InvalidInput(field.path, f"{len(field.proof)} siblings", f"must be {length} at its index")
        node = batch_leaf(field.index, _leaf(field.path, field.value, _bytes(field.salt)))
        for text in field.proof:
            sibling = _bytes(text)
            node = keccak256(node + sibling if node < sibling else sibling + node)
        return node


class FieldTree:
    """All fields of a record with their salts, kept at home. Made by `of`, or by `from_dict` from what was kept.

    Losing the salts on purpose makes every disclosure from then on impossible, and the digest meaningless.
    """

    def __init__(self, fields: Sequence[Field], salts: Sequence[bytes]) -> None:
        """The fields in canonical order, a salt of 32 bytes to each. Raises InvalidInput."""
        self._paths = [split(field.path) for field in fields]
        _check_order(self._paths)
        for field in fields:
            _check_value(field.path, field.value)
        if len(salts) != len(fields) or any(len(salt) != WORD for salt in salts):
            raise InvalidInput("salts", str(len(salts)), f"must be 32 bytes for each of {len(fields)} fields")
        self.fields = tuple(fields)
        self._salts = tuple(salts)
        self._tree = MerkleTree.of(
            _leaf(field.path, field.value, salt) for field, salt in zip(fields, self._salts, strict=True)
        )

    @classmethod
    def of(cls, content: bytes) -> FieldTree:
        """The tree of a JSON text, with new salts: each call gives another digest. Nothing is left out of FHIR.

        Raises InvalidInput as every canonicalization of JSON does.
        """
        fields = [Field(join(path), value) for path, value in flatten(parse(content))]
        return cls(fields, [new_salt() for _ in fields])

    @cached_property
    def digest(self) -> bytes:
        """32 bytes: the digest of the document, under the canonicalization `json-fields`."""
        return _digest(self._tree.root, self._tree.count)

    def disclose(self, *selectors: str) -> Disclosure:
        """Shows the fields that any of the selectors selects; see `careledger.anchoring.field_paths`.

        Raises InvalidInput for a selector that selects nothing.
        """
        chosen: set[int] = set()
        for text in selectors:
            tests = selector(text)
            selected = [i for i, path in enumerate(self._paths) if matches(tests, path)]
            if not selected:
                raise InvalidInput("selector", text, "selects no field")
            chosen.update(selected)
        if not chosen:
            raise InvalidInput("selectors", "none", "a disclosure shows at least one field")
        return Disclosure(count=self._tree.count, fields=tuple(self._disclosed(i) for i in sorted(chosen)))

    def to_dict(self) -> dict[str, Any]:
        """Fields and salts in JSON's types. Whoever has it has the whole record."""
        fields = [
            {"path": field.path, "value": field.value, "salt": _hex(salt)}
            for field, salt in zip(self.fields, self._salts, strict=True)
        ]
        return {"version": 1, "canonicalization": "json-fields", "fields": fields}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> FieldTree:
        """From what `to_dict` gave. Raises InvalidInput naming what is not of that form."""
        try:
            tree = _KeptTree.model_validate(dict(kept))
        except ValidationError as problem:
            raise _malformed("fields", problem) from None
        fields = [Field(field.path, field.value) for field in tree.fields]
        return cls(fields, [_bytes(field.salt) for field in tree.fields])

    def _disclosed(self, index: int) -> DisclosedField:
        return DisclosedField(
            index=index,
            path=self.fields[index].path,
            value=self.fields[index].value,
            salt=_hex(self._salts[index]),
            proof=tuple(map(_hex, self._tree.proof(index))),
        )


def _leaf(path: str, value: str, salt: bytes) -> bytes:
    return keccak256(FIELD_TAG + keccak256(path.encode()) + keccak256(value.encode()) + salt)


def _digest(root: bytes, count: int) -> bytes:
    return keccak256(TREE_TAG + root + count.to_bytes(WORD, "big"))


def _check_order(paths: Sequence[Path]) -> None:
    """Each path after the one before, and none inside another: what holds a value holds no fields."""
    for before, path in pairwise(paths):
        if path[: len(before)] == before:
            raise InvalidInput("path", join(path), "stands twice" if path == before else f"is inside {join(before)}")
        if order(path) < order(before):
            raise InvalidInput("path", join(path), f"must stand before {join(before)}")
        fork = next((a, b) for a, b in zip(before, path, strict=False) if a != b)
        if type(fork[0]) is not type(fork[1]):
            raise InvalidInput("path", join(path), f"has an object where {join(before)} has an array")


def _check_value(path: str, value: str) -> None:
    parsed: Json = parse(value.encode())
    if write(parsed) != value or (isinstance(parsed, Mapping | list) and parsed):
        raise InvalidInput(path, f"{len(value)} characters", "must be JSON text of one value, as it is written here")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _malformed(name: str, problem: ValidationError) -> InvalidInput:
    first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
    return InvalidInput(name, ".".join(map(str, first["loc"])), first["msg"])
