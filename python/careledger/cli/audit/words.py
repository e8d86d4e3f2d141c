"""An audit report's events and values, for a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from careledger.cli.output import to_plain
from careledger.cli.supply.words import Names
from careledger.cli.words import time_text
from careledger.identity.identifiers import from_padded
from careledger.identity.types import from_bits

if TYPE_CHECKING:
    from careledger.audit import AuditReport, Entry

__all__ = ["Words", "counted", "decided", "spoken", "spoken_event"]

ORGANIZATION = re.compile("0x[0-9a-f]{24}")
TEXT = re.compile("0x(?:[2-7][0-9a-f])+(?:00)+")
"""Padded ASCII in 32 bytes."""

TIME = re.compile("(?:.*_)?(?:at|since|until|expiry|deadline|from|to|when|schedule)_?")
LEAST_TIME = 10**9
ROLES = frozenset({"member_roles", "added", "removed"})


class Words:
    """Registered names in place of organizations' ids, and times, roles and texts in words."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def of(self, organization: str) -> str:
        """An organization's name."""
        return self._names.of(organization)

    def values(self, entry: Entry) -> str:
        """An entry's values; what is zero says nothing, and is left out."""
        return ", ".join(
            f"{name.replace('_', ' ').strip()} {self._value(name, value)}"
            for name, value in to_plain(entry.values).items()
            if value not in (None, "", 0, False) and not (isinstance(value, str) and set(value) <= set("0x"))
        )

    def _value(self, name: str, value: Any) -> str:
        if isinstance(value, int) and name in ROLES:
            return " and ".join(sorted(spoken(role.name) for role in from_bits(value)))
        if isinstance(value, int) and value >= LEAST_TIME and TIME.fullmatch(name):
            return time_text(value)
        if not isinstance(value, str):
            return str(value)
        if ORGANIZATION.fullmatch(value):
            return self._names.of(value)
        if len(value) == 66 and TEXT.fullmatch(value):
            return from_padded(value)
        return spoken(value) if value.isupper() else value


def spoken(name: str) -> str:
    """An enum's member as a person says it."""
    return name.replace("_", " ").lower()


def spoken_event(event: str) -> str:
    """`RoleGranted` as a person says it."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in event).strip()


def decided(found: AuditReport) -> list[tuple[object, ...]]:
    """The rows of the lines that were decided."""
    return [
        (spoken(one.action), spoken(one.basis), "a person" if one.by_person else "the rules", one.count)
        for one in found.decisions
    ]


def counted(disclosures: Sequence[object] | None) -> str:
    """How many disclosures, if they were asked for."""
    return "not asked for (name --supply and --vault)" if disclosures is None else str(len(disclosures))
