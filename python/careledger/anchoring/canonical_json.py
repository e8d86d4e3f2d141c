"""JSON read strictly and written canonically, with numbers kept as the text that they came in.

Reading refuses whatever two readers could take differently: a byte order mark, other encodings than UTF-8, one name
twice in an object, NaN and infinities, lone surrogates, and nesting beyond `MAX_DEPTH`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any, NoReturn

from careledger.errors import InvalidInput

__all__ = ["MAX_DEPTH", "Json", "Number", "code_units", "parse", "write"]

MAX_DEPTH = 128
"""How many objects and arrays may stand inside each other."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
"""A string, also one that does not end, or a bracket."""

SURROGATE = re.compile("[\ud800-\udfff]")


class Number(str):
    """A JSON number as its text: `1.00` stays `1.00`."""

    __slots__ = ()


Json = Mapping[str, "Json"] | Sequence["Json"] | str | Number | bool | None


def parse(content: bytes) -> Json:
    """The JSON text (RFC 8259) in UTF-8, with `Number` for numbers. Raises InvalidInput naming what is refused."""
    if content.startswith(BYTE_ORDER_MARK):
        raise InvalidInput("content", "EF BB BF", "must not start with a byte order mark (RFC 8259, 8.1)")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        found = content[problem.start : problem.start + 1].hex()
        raise InvalidInput("content", f"0x{found}", f"is not UTF-8 at byte {problem.start}") from None
    try:
        _check_depth(text)
        value: Json = json.loads(
            text, object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=_no_number
        )
        _check(value)
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno} column {problem.colno}"
        raise InvalidInput("content", place, f"is not JSON: {problem.msg}") from None
    return value


def write(value: Json) -> str:
    """The text without whitespace, names by code unit, strings as RFC 8785 writes them, numbers as they came."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def code_units(name: str) -> bytes:
    """What RFC 8785 (3.2.3) sorts names by: their UTF-16 code units."""
    return name.encode("utf-16-be")


def _write(value: Json, parts: list[str]) -> None:
    if isinstance(value, Number):
        parts.append(value)
    elif isinstance(value, str):
        parts.append(encode_basestring(value))
    elif isinstance(value, Mapping):
        separator = "{"
        for name in sorted(value, key=code_units):
            parts += (separator, encode_basestring(name), ":")
            _write(value[name], parts)
            separator = ","
        parts.append("}" if value else "{}")
    elif isinstance(value, Sequence):
        separator = "["
        for item in value:
            parts.append(separator)
            _write(item, parts)
            separator = ","
        parts.append("]" if value else "[]")
    else:
        parts.append({True: "true", False: "false", None: "null"}[value])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise InvalidInput("name", name, "stands twice in one JSON object")
            seen.add(name)
    return found


def _no_number(text: str) -> NoReturn:
    raise InvalidInput("number", text, "is not a JSON number")


def _check_depth(text: str) -> None:
    """Before `json` reads it, whose recursion ends the process where the limit is high: py-evm raises it."""
    depth = 0
    for token in TOKEN.finditer(text):
        first = token[0][0]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidInput("content", f"{MAX_DEPTH} levels", "are the most: this JSON is nested too deep")
        elif first in "]}":
            depth -= 1


def _check(value: Json) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            _check_text(name)
            _check(item)
    elif isinstance(value, Sequence):
        for item in value:
            _check(item)


def _check_text(text: str) -> None:
    lone = SURROGATE.search(text)
    if lone:
        raise InvalidInput("string", f"\\u{ord(lone[0]):04x}", "is half of a surrogate pair, which UTF-8 cannot write")
