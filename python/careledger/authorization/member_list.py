"""Member keys for many members at once, for the insurer's own systems, and the plan secrets that make them.

    members = parse_members(path.read_bytes(), json=False, period=2027)
    content = dump_keys(derive_keys(plan_secret(vault, "northwind-insurance", 1001), members), json=False)

A list is a CSV file with the columns `member` and, if it is not the same for all, `period`; or a JSON list of objects
with these names. Members' numbers are personal data: no error has one, rows are named by number.
"""

from __future__ import annotations

import csv
import io
import json as json_module
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from careledger.anchoring.canonical_json import Number, parse
from careledger.anchoring.leaf import new_salt
from careledger.authorization.member_keys import LEAST_SECRET_LENGTH, member_key
from careledger.errors import InvalidInput
from careledger.identity.identifiers import organization_id

if TYPE_CHECKING:
    from careledger.vault import Vault

__all__ = [
    "SECRET_KIND",
    "Member",
    "MemberKey",
    "derive_keys",
    "dump_keys",
    "keep_plan_secret",
    "parse_members",
    "parse_plan_secret",
    "plan_secret",
]

SECRET_KIND = "plan-secret"  # noqa: S105  a kind of entry
COLUMNS = ("member", "period")
KEY_COLUMNS = (*COLUMNS, "member_key")
PERIOD_LIMIT = 2**16


@dataclass(frozen=True)
class Member:
    """A member's number in the insurer's house, and a benefit period."""

    number: str = field(repr=False)
    period: int


@dataclass(frozen=True)
class MemberKey:
    """A member, and the key that contracts know it by in the period: 16 bytes as 0x-prefixed text."""

    member: Member
    key: str = field(repr=False)


# ---------------------------------------------------------------------- plan secrets


def keep_plan_secret(vault: Vault, insurer: str, plan: int, secret: bytes | None = None) -> bool:
    """Keeps a plan's secret in the vault: the one given, or a new one. `insurer` is a name or id. False if the same is
    there already.

    Raises InvalidInput if the plan has another secret: members would have other keys, and so fresh limits. VaultError.
    """
    from careledger.vault import EntryConflict  # with it comes cryptography

    try:
        return vault.put(SECRET_KIND, _entry(insurer, plan), new_salt() if secret is None else secret)
    except EntryConflict:
        raise InvalidInput("plan", str(plan), "has a secret in this vault: another would make other keys") from None


def plan_secret(vault: Vault, insurer: str, plan: int) -> bytes:
    """A plan's secret. Raises InvalidInput if the vault has none, VaultError."""
    from careledger.vault import EntryMissing

    try:
        return vault.get(SECRET_KIND, _entry(insurer, plan))
    except EntryMissing:
        problem = "has no secret in this vault: make or bring it by `careledger payer member-keys init`"
        raise InvalidInput("plan", str(plan), problem) from None


def parse_plan_secret(content: bytes) -> bytes:
    """A secret that a house has already, from hexadecimal digits. Raises InvalidInput, which does not show it."""
    try:
        found = bytes.fromhex(content.decode("ascii").strip().removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) < LEAST_SECRET_LENGTH:
        problem = f"must be {2 * LEAST_SECRET_LENGTH} hexadecimal digits or more, and nothing else"
        raise InvalidInput("plan secret", f"{len(content)} bytes", problem)
    return found


def _entry(insurer: str, plan: int) -> str:
    return f"{organization_id(insurer)}/{plan}"


# ---------------------------------------------------------------------- lists


def parse_members(content: bytes, *, json: bool, period: int | None = None) -> Iterator[Member]:
    """The members of a list, in its order. `period` is that of rows which name none.

    Raises InvalidInput that names the row, from 1, and never the member.
    """
    rows = _json_rows(content) if json else _csv_rows(content)
    for number, row in enumerate(rows, start=1):
        yield _member(row, f"row {number}", period)


def derive_keys(secret: bytes, members: Iterable[Member]) -> Iterator[MemberKey]:
    """The key of each. Raises InvalidInput for a secret that is too short."""
    for member in members:
        yield MemberKey(member, member_key(secret, member.number, member.period))


def dump_keys(keys: Iterable[MemberKey], *, json: bool) -> bytes:
    """The list with the keys: `member`, `period`, `member_key`, in CSV or JSON. It is personal data."""
    rows = ((one.member.number, one.member.period, one.key) for one in keys)
    if json:
        found = [dict(zip(KEY_COLUMNS, row, strict=True)) for row in rows]
        return json_module.dumps(found, indent=1, ensure_ascii=False).encode() + b"\n"
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(KEY_COLUMNS)
    writer.writerows(rows)
    return written.getvalue().encode()


def _csv_rows(content: bytes) -> Iterator[Mapping[str, Any]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise InvalidInput("members", f"byte {problem.start}", "is not UTF-8") from None
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        _require_columns("row 0", rows.fieldnames or ())
        yield from rows
    except csv.Error as problem:
        raise InvalidInput("members", f"after line {rows.line_num}", f"is no CSV: {problem}") from None


def _json_rows(content: bytes) -> Iterator[Mapping[str, Any]]:
    found = parse(content)
    if not isinstance(found, list):
        raise InvalidInput("members", "it", "must be a list of objects")
    for number, row in enumerate(found, start=1):
        if not isinstance(row, dict):
            raise InvalidInput("members", f"row {number}", "must be an object")
        _require_columns(f"row {number}", row)
        yield {name: str(value) if isinstance(value, Number) else value for name, value in row.items()}


def _require_columns(place: str, names: Iterable[str | None]) -> None:
    """What else a list has would be lost, or copied where nobody expects it."""
    told = list(names)
    if "member" not in told or set(told) - set(COLUMNS) or len(told) != len(set(told)):
        raise InvalidInput("members", place, "must have member, may have period, and nothing else")


def _member(row: Mapping[str, Any], place: str, period: int | None) -> Member:
    number, stated = row.get("member"), row.get("period")
    if None in row or not isinstance(number, str) or not number:
        raise InvalidInput("members", place, "must have the member's number, and no more than the columns named")
    if number != number.strip():
        raise InvalidInput("members", place, "has white space around the member's number: it would be another member")
    if stated in (None, ""):
        if period is None:
            raise InvalidInput("members", place, "names no period: name it there, or by --period for all")
        return Member(number, period)
    if not isinstance(stated, str) or not stated.isascii() or not stated.isdigit() or len(stated) > len("65535"):
        raise InvalidInput("members", place, "has a period that is no number from 0 to 65535")
    if int(stated) >= PERIOD_LIMIT:
        raise InvalidInput("members", place, "has a period that is no number from 0 to 65535")
    return Member(number, int(stated))
