"""Names, ids and public identifiers of organizations."""

from __future__ import annotations

import re
from dataclasses import dataclass

from eth_utils.crypto import keccak

from careledger.errors import InvalidInput

__all__ = ["Identifier", "check_name", "from_padded", "organization_id", "to_padded"]

NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?")
ID = re.compile(r"0x[0-9a-fA-F]{24}")
GLN = re.compile(r"\d{13}")
NPI = re.compile(r"[12]\d{9}")
NPI_PREFIX = "80840"


def check_name(name: str) -> str:
    """A registered name: 1 to 64 lower-case letters, digits, dots and hyphens, a letter or digit at both ends.

    It may not start with 0x, so that no name is another organization's id. Raises InvalidInput.
    """
    if name.startswith("0x") or not NAME.fullmatch(name):
        raise InvalidInput(
            "name",
            name,
            "must be 1 to 64 of a-z, 0-9, '.' and '-', with a letter or digit at both ends, not starting 0x",
        )
    return name


def organization_id(name_or_id: str) -> str:
    """The id of an organization: the first 12 bytes of its name's keccak-256 hash, as 0x and 24 hex digits.

    An id is returned as it is. Raises InvalidInput for what is neither a name nor an id.
    """
    if ID.fullmatch(name_or_id):
        return name_or_id.lower()
    return "0x" + keccak(text=check_name(name_or_id))[:12].hex()


@dataclass(frozen=True)
class Identifier:
    """A public identifier. GLN and NPI have their check digit tested; other schemes are taken as they are.

    Raises InvalidInput when made with a wrong one.
    """

    scheme: str
    value: str

    def __post_init__(self) -> None:
        to_padded(self.scheme)
        to_padded(self.value)
        if self.scheme == "GLN" and not (GLN.fullmatch(self.value) and _gs1_sum(self.value) % 10 == 0):
            raise InvalidInput("GLN", self.value, "must be 13 digits, the last one the GS1 check digit")
        if self.scheme == "NPI" and not (NPI.fullmatch(self.value) and _luhn_sum(NPI_PREFIX + self.value) % 10 == 0):
            raise InvalidInput(
                "NPI", self.value, "must be 10 digits starting with 1 or 2, the last one the check digit"
            )

    @classmethod
    def parse(cls, text: str) -> Identifier:
        """From `SCHEME:VALUE`, for example `GLN:0614141000005`."""
        scheme, colon, value = text.partition(":")
        if not colon:
            raise InvalidInput("identifier", text, "must be SCHEME:VALUE, for example GLN:0614141000005")
        return cls(scheme.upper(), value)

    @classmethod
    def registered(cls, scheme: str, value: str) -> Identifier:
        """From 0x-prefixed text as the registry has it, which tests no check digits and takes any bytes."""
        identifier = object.__new__(cls)
        object.__setattr__(identifier, "scheme", from_padded(scheme))
        object.__setattr__(identifier, "value", from_padded(value))
        return identifier

    def to_abi(self) -> tuple[bytes, bytes]:
        """Scheme and value as right-padded ASCII."""
        return to_padded(self.scheme), to_padded(self.value)


def to_padded(text: str) -> bytes:
    """1 to 32 printable ASCII characters as 32 bytes, padded on the right. Raises InvalidInput."""
    if not (0 < len(text) <= 32 and text.isascii() and text.isprintable()):
        raise InvalidInput("text", text, "must be 1 to 32 printable ASCII characters")
    return text.encode().ljust(32, b"\0")


def from_padded(value: str) -> str:
    """The inverse of `to_padded`, from 0x-prefixed text. A byte that is no ASCII is shown as `\\xNN`."""
    return bytes.fromhex(value[2:]).rstrip(b"\0").decode("ascii", errors="backslashreplace")


def _gs1_sum(digits: str) -> int:
    """GS1 General Specifications 7.9: weights 3 and 1 alternate, the check digit has weight 1."""
    return sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(reversed(digits)))


def _luhn_sum(digits: str) -> int:
    """ISO/IEC 7812-1; an NPI's check digit counts the prefix 80840 (45 CFR 162.406)."""
    total = 0
    for i, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if i % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total
