"""Paths of JSON values, such as `entry[3].resource.code.text`, and selectors over them.

A path has one spelling: names of letters, digits and `_` that start with no digit follow a dot, or nothing in front;
any other name is a JSON string in brackets, `["a.b"]`; items are `[0]`, `[1]`. A value that is the whole text has the
empty path.

A selector is a path in which `*` stands for any part of a name, `[*]` for any item, and `**` for any number of steps.
It selects what it names and all below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring

from careledger.anchoring.canonical_json import Json, code_units, write
from careledger.errors import InvalidInput

__all__ = ["Path", "flatten", "join", "matches", "order", "selector", "split"]

Step = str | int
Path = tuple[Step, ...]
Selector = tuple[Callable[[Step], bool] | None, ...]
"""A test for each step; None for any number of steps."""

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
STEP = re.compile(
    r'\[(?P<item>0|[1-9][0-9]{0,9})\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]|\.?(?P<name>[A-Za-z_][A-Za-z0-9_]*)'
)
SELECTOR_STEP = re.compile(
    r'\[(?P<item>[0-9]+|\*)\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]|\.?(?P<deep>\*\*)|\.?(?P<name>[A-Za-z0-9_*]+)'
)


def flatten(value: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The path and the JSON text of each value that holds no other, in canonical order.

    Empty objects and arrays hold no other.
    """
    if isinstance(value, Mapping) and value:
        for name in sorted(value, key=code_units):
            yield from flatten(value[name], (*path, name))
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for i, item in enumerate(value):
            yield from flatten(item, (*path, i))
    else:
        yield path, write(value)


def join(path: Path) -> str:
    """The one spelling of a path."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif PLAIN.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{encode_basestring(step)}]"
    return text


def split(text: str) -> Path:
    """The steps of a path. Raises InvalidInput for what is not spelled as `join` spells it."""
    steps: list[Step] = []
    try:
        for found in _steps(STEP, "path", text):
            if found["item"]:
                steps.append(int(found["item"]))
            else:
                steps.append(found["name"] or str(json.loads(found["quoted"])))
    except json.JSONDecodeError:
        raise InvalidInput("path", text, "has a name that is no JSON string") from None
    if join(tuple(steps)) != text:
        raise InvalidInput("path", text, "is not in its one spelling")
    return tuple(steps)


def order(path: Path) -> tuple[tuple[bool, int, bytes], ...]:
    """What paths are sorted by: items by index, names by code unit."""
    return tuple((False, step, b"") if isinstance(step, int) else (True, 0, code_units(step)) for step in path)


def selector(text: str) -> Selector:
    """Raises InvalidInput for what is no selector."""
    tests: list[Callable[[Step], bool] | None] = []
    for found in _steps(SELECTOR_STEP, "selector", text):
        if found["deep"]:
            tests.append(None)
        elif found["item"]:
            tests.append(_item_test(found["item"]))
        elif found["quoted"]:
            tests.append(_name_test(re.escape(_quoted(found["quoted"], text))))
        else:
            tests.append(_name_test(re.escape(found["name"]).replace(r"\*", ".*")))
    return tuple(tests)


def matches(tests: Selector, path: Path) -> bool:
    """Whether a selector selects a path."""
    if not tests:
        return True
    if tests[0] is None:
        return any(matches(tests[1:], path[i:]) for i in range(len(path) + 1))
    return bool(path) and tests[0](path[0]) and matches(tests[1:], path[1:])


def _steps(pattern: re.Pattern[str], name: str, text: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        found = pattern.match(text, at)
        if not found:
            raise InvalidInput(name, text, f"is not one from character {at} on")
        yield found
        at = found.end()


def _quoted(literal: str, text: str) -> str:
    try:
        return str(json.loads(literal))
    except json.JSONDecodeError:
        raise InvalidInput("selector", text, "has a name that is no JSON string") from None


def _item_test(text: str) -> Callable[[Step], bool]:
    return lambda step: isinstance(step, int) and text in ("*", str(step))


def _name_test(pattern: str) -> Callable[[Step], bool]:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda step: isinstance(step, str) and compiled.fullmatch(step) is not None
