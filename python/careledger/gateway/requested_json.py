"""JSON as requests may hold it: what two readers could take for two things is refused before anyone reads it."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

__all__ = ["JsonRefused", "checked"]

TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""Strings as a whole and brackets. A string that does not end is one as well."""
LEAST_INTEGER, GREATEST_INTEGER = -(2**63), 2**64 - 1
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class JsonRefused(Exception):
    """`detail` says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def checked(content: bytes, most_levels: int) -> None:
    """Raises JsonRefused for JSON that is nested deeper than `most_levels`, has a name twice in one object, a NUL in a
    text, a number that no reader keeps, or is not JSON in UTF-8. An empty body is left to the route."""
    if not content:
        return
    if content.count(b"[") + content.count(b"{") > most_levels and _depth(content, most_levels) > most_levels:
        raise JsonRefused(f"JSON of more than {most_levels} levels is not read")
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        raise JsonRefused("the body is not JSON in UTF-8") from None
    if NUL.search(content):
        raise JsonRefused("a text holds a NUL character")
    try:
        json.loads(content, object_pairs_hook=_object, parse_int=_integer)
    except (ValueError, RecursionError):
        raise JsonRefused("a number is too large to be kept") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonRefused("a name is twice in one object")
    return found


def _integer(text: str) -> int:
    number = int(text)
    if not LEAST_INTEGER <= number <= GREATEST_INTEGER:
        raise JsonRefused("an integer is larger than 64 bits: write it as a text")
    return number


def _depth(content: bytes, most: int) -> int:
    """How deep the brackets go, counted up to one more than `most`."""
    depth = deepest = 0
    for token in TOKENS.finditer(content):
        first = content[token.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > most:
                break
        elif first in b"]}":
            depth -= 1
    return deepest
