"""ABI values in Python's form: addresses as checksummed text, `bytesN` as 0x-prefixed text, integers and enums as
`int`, structs as dictionaries with snake-case names."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import EncodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from careledger import contract_enums
from careledger.errors import InvalidInput

__all__ = [
    "account_address",
    "check_enums",
    "decode_arguments",
    "decode_outputs",
    "encode_call",
    "event_values",
    "snake_case",
    "to_python",
    "to_python_values",
]

UNENCODABLE = (EncodingError, ArithmeticError, LookupError, TypeError, ValueError)
"""What eth_abi and the conversion raise for a value that is not of its type."""

ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
LOWER_CASE_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
UNSIGNED_BITS = {f"uint{bits}": bits for bits in range(8, 257, 8)}
FIXED_BYTES = frozenset(f"bytes{length}" for length in range(1, 33))
ARRAY = re.compile(r"^(.*)\[\d*\]$")


@lru_cache(maxsize=4096)
def account_address(name: str, address: str) -> str:
    """A checksummed address. Raises InvalidInput, also for a wrong checksum."""
    if isinstance(address, str) and ADDRESS.fullmatch(address):
        digits = address[2:]
        if digits in (digits.lower(), digits.upper()):
            return to_checksum_address(address)
        if _has_checksum(digits):
            return address
    raise InvalidInput(name, address, "is not an address: 0x and 40 hex digits, with a right checksum if in mixed case")


def _has_checksum(digits: str) -> bool:
    """Whether the letters' cases are those of EIP-55: as `is_checksum_address` of eth_utils, in a third of its time."""
    marks = keccak(text=digits.lower()).hex()
    return all((digit < "a") == (mark > "7") for digit, mark in zip(digits, marks, strict=False) if digit > "9")


def to_python(kind: str, value: Any) -> Any:
    """The Python form of a decoded value of an elementary ABI type, or of an array of such: a tuple."""
    if array := ARRAY.match(kind):
        return tuple(to_python(array[1], item) for item in value)
    if kind == "address":
        return to_checksum_address(value)
    if kind.startswith("bytes"):
        return "0x" + bytes(value).hex()
    return value


def encode_call(function: dict[str, Any], arguments: tuple[Any, ...]) -> bytes:
    """The calldata of a call: selector and arguments.

    Raises TypeError if the number of arguments is wrong, InvalidInput for a value that is not of its type.
    """
    inputs = function["inputs"]
    if len(arguments) != len(inputs):
        raise TypeError(f"{function['name']} takes {len(inputs)} arguments, not {len(arguments)}")
    types = [collapse_if_tuple(field) for field in inputs]
    selector = _selector(f"{function['name']}({','.join(types)})")
    try:
        values = [_to_abi(field, value) for field, value in zip(inputs, arguments, strict=True)]
        return selector + (_words(types, values) or encode(types, values))
    except UNENCODABLE:
        pass
    return selector + encode(types, [_checked(field, value) for field, value in zip(inputs, arguments, strict=True)])


def _words(types: list[str], values: list[Any]) -> bytes:
    """The words of addresses, unsigned integers and fixed bytes, in a fifth of eth_abi's time; empty where there are
    other types, or a value that is not of its type."""
    words = []
    for kind, value in zip(types, values, strict=True):
        if kind == "address":
            words.append(value.rjust(32, b"\0"))
        elif (bits := UNSIGNED_BITS.get(kind)) is not None:
            if type(value) is not int or value < 0 or value >> bits:
                return b""
            words.append(value.to_bytes(32, "big"))
        elif kind in FIXED_BYTES and type(value) is bytes:
            words.append(value.ljust(32, b"\0"))
        else:
            return b""
    return b"".join(words)


@lru_cache
def _selector(signature: str) -> bytes:
    return keccak(text=signature)[:4]


def check_enums(function: dict[str, Any], arguments: Iterable[Any]) -> None:
    """Raises InvalidInput for a number that is no member of its enum, also inside lists and structs.

    `arguments` are such as `encode_call` takes.
    """
    for field, value in zip(function["inputs"], arguments, strict=True):
        _check_enum(field, value)


def decode_arguments(function: dict[str, Any], data: bytes) -> list[Any]:
    """The arguments in a call's calldata, without the selector."""
    inputs = function["inputs"]
    values = decode([collapse_if_tuple(field) for field in inputs], data)
    return [_from_abi(field, value) for field, value in zip(inputs, values, strict=True)]


def decode_outputs(function: dict[str, Any], data: bytes) -> Any:
    """A call's result: None, one value, or a tuple of them."""
    outputs = function["outputs"]
    values = decode([collapse_if_tuple(field) for field in outputs], data)
    result = tuple(_from_abi(field, value) for field, value in zip(outputs, values, strict=True))
    return (None if not result else result[0]) if len(result) < 2 else result


def to_python_values(types: tuple[str, ...], enums: Mapping[int, type[IntEnum]], values: Iterable[Any]) -> list[Any]:
    """The Python form of decoded values; `enums` says which positions are enums."""
    found = [to_python(kind, value) for kind, value in zip(types, values, strict=True)]
    return [enums[i](value) if i in enums else value for i, value in enumerate(found)]


def event_values(types: tuple[str, ...], indexed: tuple[bool, ...], topics: list[bytes], data: bytes) -> list[Any]:
    """The decoded values of a log in the event's order. `topics` without the first.

    Raises ValueError if there are more or fewer of them than the event has indexed values.
    """
    if len(topics) != sum(indexed):
        raise ValueError(f"{len(topics)} topics for {sum(indexed)} indexed values")
    from_topics = iter(topics)
    from_data = iter(decode([kind for kind, in_topic in zip(types, indexed, strict=True) if not in_topic], data))
    values = []
    for kind, in_topic in zip(types, indexed, strict=True):
        values.append(decode([kind], next(from_topics))[0] if in_topic else next(from_data))
    return values


def snake_case(name: str) -> str:
    """`licenceExpiry` -> `licence_expiry`; a word of Python's own gets an underscore: `from` -> `from_`."""
    spelled = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)
    return f"{spelled}_" if keyword.iskeyword(spelled) else spelled


def _checked(field: dict[str, Any], value: Any) -> Any:
    """The value as eth_abi takes it, tried. Raises InvalidInput naming it."""
    kind = collapse_if_tuple(field)
    try:
        converted = _to_abi(field, value)
        encode([kind], [converted])
    except UNENCODABLE as error:
        raise InvalidInput(field["name"] or kind, str(value), f"is not a {kind}: {error}") from None
    return converted


def _check_enum(field: dict[str, Any], value: Any) -> None:
    kind, internal = field["type"], str(field.get("internalType", ""))
    if array := ARRAY.match(kind):
        for item in value:
            _check_enum({**field, "type": array[1], "internalType": ARRAY.sub(r"\1", internal)}, item)
    elif kind == "tuple":
        parts = field["components"]
        items = [value[snake_case(part["name"])] for part in parts] if isinstance(value, dict) else value
        for part, item in zip(parts, items, strict=True):
            _check_enum(part, item)
    elif internal.startswith("enum "):
        members: type[IntEnum] | None = getattr(contract_enums, internal.removeprefix("enum ").rpartition(".")[2], None)
        if members is not None and value not in set(members):
            names = ", ".join(f"{member.value} {member.name.lower()}" for member in members)
            raise InvalidInput(field["name"] or kind, str(value), f"is none of {names}")


def _to_abi(field: dict[str, Any], value: Any) -> Any:
    kind = field["type"]
    if array := ARRAY.match(kind):
        return [_to_abi({**field, "type": array[1]}, item) for item in value]
    if kind == "tuple":
        items = [value[snake_case(part["name"])] for part in field["components"]] if isinstance(value, dict) else value
        return tuple(_to_abi(part, item) for part, item in zip(field["components"], items, strict=True))
    if kind.startswith("bytes"):
        content = bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else value
        if kind != "bytes" and len(content) != int(kind[5:]):
            raise ValueError(f"{len(content)} bytes long")  # eth_abi would fill it up
        return content
    if kind == "address":
        if not (isinstance(value, str) and LOWER_CASE_ADDRESS.fullmatch(value)):
            value = account_address(field["name"] or kind, value)
        return bytes.fromhex(value[2:])
    return value


def _from_abi(field: dict[str, Any], value: Any) -> Any:
    kind = field["type"]
    if array := ARRAY.match(kind):
        return [_from_abi({**field, "type": array[1]}, item) for item in value]
    if kind == "tuple":
        parts = zip(field["components"], value, strict=True)
        return {snake_case(part["name"]): _from_abi(part, item) for part, item in parts}
    return to_python(kind, value)
