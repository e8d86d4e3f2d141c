"""YAML of which every value knows its line, and is the text that stands there.

Nothing is guessed: `no`, `001` and `1e3` stay text, because YAML readers differ about them and a code or a price must
not. Anchors, aliases, tags, merge keys, a name that stands twice, a name without a value and a second document are
refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

__all__ = ["MAX_DEPTH", "Located", "NotReadable", "Place", "read"]

MAX_DEPTH = 16
"""How many mappings and lists may stand inside each other."""

NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str | int, ...]
"""Names and positions that lead to a value."""

Value = dict[str, "Value"] | list["Value"] | str


@dataclass(frozen=True)
class Located:
    """A document: mappings, lists and text, and the line of each value and name, counted from 1."""

    value: Value
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """The line of a value, or, where nothing stands there, of what it should stand in."""
        while place not in self.lines:
            place = place[:-1]
        return self.lines[place]

    def text(self, place: Place) -> str:
        """What stands at a place in a few characters; empty where there is nothing or more than one value."""
        found: Any = self.value
        for part in place:
            if isinstance(found, dict) and part in found:
                found = found[str(part)]
            elif isinstance(found, list) and isinstance(part, int) and part < len(found):
                found = found[part]
            else:
                return ""
        return found if isinstance(found, str) else ""


@dataclass
class _Open:
    """A mapping or list that is being read."""

    value: dict[str, Value] | list[Value]
    place: Place
    name: str | None = field(default=None)

    def next_place(self) -> Place:
        return (*self.place, len(self.value) if self.name is None else self.name)

    def add(self, value: Value) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.name is not None:
            self.value[self.name] = value
            self.name = None


@dataclass
class NotReadable(Exception):
    """Where, by line and name, and what is wrong. Whoever knows the file makes an error of it."""

    line: int
    name: str
    value: str
    problem: str


def read(content: bytes) -> Located:
    """The one document in these UTF-8 bytes. Raises NotReadable."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise NotReadable(line, "content", f"byte {problem.start}", "is not UTF-8") from None
    try:
        return _build(yaml.parse(text, Loader=LOADER))
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        said = " ".join(filter(None, (problem.context, problem.problem)))
        raise NotReadable(mark.line + 1 if mark else 1, "content", "", f"is not YAML: {said}") from None
    except yaml.reader.ReaderError as problem:
        line = text.count("\n", 0, problem.position) + 1
        raise NotReadable(line, "content", f"character {problem.position}", "may not stand in YAML") from None


def _build(events: Iterator[Event]) -> Located:
    lines: dict[Place, int] = {}
    opened: list[_Open] = []
    root: Value | None = None
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, DocumentStartEvent) and root is not None:
            raise NotReadable(line, "content", "---", "is a second document; a file has one")
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            opened.pop()
        if not isinstance(event, NodeEvent):
            continue
        _check_plain(event, line)
        inside = opened[-1] if opened else None
        if inside is not None and isinstance(inside.value, dict) and inside.name is None:
            inside.name = _name(event, inside, line)
            lines[inside.next_place()] = line
            continue
        place: Place = inside.next_place() if inside else ()
        lines.setdefault(place, line)
        value = _value(event, place, line)
        if inside is None:
            root = value
        else:
            inside.add(value)
        if not isinstance(value, str):
            opened.append(_Open(value, place))
            if len(opened) > MAX_DEPTH:
                raise NotReadable(line, _path(place), "", f"is nested deeper than {MAX_DEPTH} levels")
    if root is None:
        raise NotReadable(1, "content", "", "is empty")
    return Located(root, lines)


def _value(event: NodeEvent, place: Place, line: int) -> Value:
    if isinstance(event, MappingStartEvent):
        return {}
    if isinstance(event, SequenceStartEvent):
        return []
    assert isinstance(event, ScalarEvent)
    if event.implicit[0] and event.value in NOTHING:
        raise NotReadable(line, _path(place), event.value, "has no value; leave the name out, or state one")
    return str(event.value)


def _name(event: NodeEvent, inside: _Open, line: int) -> str:
    where = _path(inside.place)
    if not isinstance(event, ScalarEvent):
        raise NotReadable(line, where, "", "has a name that is no text")
    if event.value in inside.value:
        raise NotReadable(line, _path((*inside.place, event.value)), event.value, "stands twice")
    return str(event.value)


def _check_plain(event: NodeEvent, line: int) -> None:
    if isinstance(event, AliasEvent) or event.anchor is not None:
        raise NotReadable(line, "content", str(event.anchor), "is an anchor or alias: write the value out")
    tag = getattr(event, "tag", None)
    if tag is not None:
        raise NotReadable(line, "content", str(tag), "is a tag: write the value without it")


def _path(place: Place) -> str:
    return ".".join(map(str, place)) or "content"
