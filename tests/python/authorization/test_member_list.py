"""Member keys for a list: from CSV and JSON, with the plan's secret from the vault."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json

import pytest
from careledger.authorization.member_list import (
    SECRET_KIND,
    derive_keys,
    dump_keys,
    keep_plan_secret,
    parse_members,
    parse_plan_secret,
    plan_secret,
)
from careledger.errors import InvalidInput
from careledger.vault import Vault

INSURER = "insurer.example"
SECRET = bytes(range(32))
CSV = b"member,period\nM-17,2027\n00042,\nM\xc3\xbc-9,2026\n"
JSON = '[{"member": "M-17", "period": 2027}, {"member": "00042"}, {"member": "Mü-9", "period": "2026"}]'.encode()
EXPECTED = [("M-17", 2027), ("00042", 2028), ("Mü-9", 2026)]


def key_of(member: str, period: int) -> str:
    """As docs/authorization.md has it."""
    name = member.encode()
    message = b"careledger.authorization.member-key.v1" + len(name).to_bytes(4, "big") + name
    return "0x" + hmac.digest(SECRET, message + period.to_bytes(4, "big"), hashlib.sha256)[:16].hex()


@pytest.mark.parametrize(("content", "of_json"), [(CSV, False), (b"\xef\xbb\xbf" + CSV, False), (JSON, True)])
def test_every_member_of_a_list_gets_the_key_of_its_period(content: bytes, of_json: bool) -> None:
    members = list(parse_members(content, json=of_json, period=2028))
    assert [(one.number, one.period) for one in members] == EXPECTED
    keys = list(derive_keys(SECRET, members))
    expected = [{"member": name, "period": period, "member_key": key_of(name, period)} for name, period in EXPECTED]
    assert json.loads(dump_keys(keys, json=True)) == expected
    written = list(csv.DictReader(io.StringIO(dump_keys(keys, json=False).decode())))
    assert written == [{name: str(value) for name, value in one.items()} for one in expected]
    assert not any(one.member.number in repr(one) for one in keys)


@pytest.mark.parametrize(
    ("content", "of_json", "place"),
    [
        (b"", False, "row 0"),
        (b"name\nX\n", False, "row 0"),
        (b"member,born\nX,1970\n", False, "row 0"),
        (b"member;period\nX;1\n", False, "row 0"),
        (b"member,member\nX,X\n", False, "row 0"),
        (b"member\nSECRETIVE\n\xff\n", False, "byte 17"),
        (b"member,period\nSECRETIVE,1\nSECRETIVE,65536\n", False, "row 2"),
        (b"member,period\nSECRETIVE,x\n", False, "row 1"),
        (b"member,period\nSECRETIVE,\n", False, "row 1"),
        (b"member,period\nSECRETIVE,1,2\n", False, "row 1"),
        (b"member,period\n,1\n", False, "row 1"),
        (b"member,period\n SECRETIVE,1\n", False, "row 1"),
        (b'member,period\n"SECRETIVE,1\n', False, "after line 1"),
        (b'{"member": "SECRETIVE"}', True, "it"),
        (b'["SECRETIVE"]', True, "row 1"),
        (b'[{"member": "SECRETIVE", "born": 1970}]', True, "row 1"),
        (b'[{"member": ["SECRETIVE"], "period": 1}]', True, "row 1"),
        (b'[{"member": "SECRETIVE", "period": true}]', True, "row 1"),
        (b'[{"member": "SECRETIVE", "period": 1.5}]', True, "row 1"),
    ],
)
def test_what_is_wrong_in_a_list_is_told_by_row_and_without_the_member(
    content: bytes, of_json: bool, place: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        list(parse_members(content, json=of_json))
    assert raised.value.value == place
    assert "SECRETIVE" not in str(raised.value)


def test_a_plan_has_one_secret_for_good(vault: Vault) -> None:
    with pytest.raises(InvalidInput, match="member-keys init"):
        plan_secret(vault, INSURER, 1001)
    assert keep_plan_secret(vault, INSURER, 1001)
    made = plan_secret(vault, INSURER, 1001)
    assert len(made) == 32
    with pytest.raises(InvalidInput, match="another would make other keys"):
        keep_plan_secret(vault, INSURER, 1001)
    assert plan_secret(vault, INSURER, 1001) == made
    assert not keep_plan_secret(vault, INSURER, 1001, made)
    assert keep_plan_secret(vault, INSURER, 1002, SECRET)
    assert plan_secret(vault, INSURER, 1002) == SECRET
    with pytest.raises(InvalidInput):
        plan_secret(vault, "other.example", 1002)
    assert vault.kinds()[SECRET_KIND] == 2


@pytest.mark.parametrize("content", [b"", b"0x12", b"ab" * 31, b"zz" * 32, b"\xff" * 64])
def test_a_secret_that_is_none_is_refused_and_not_shown(content: bytes) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_plan_secret(content)
    assert raised.value.value == f"{len(content)} bytes"


def test_a_secret_of_the_house_s_is_read_from_digits() -> None:
    for content in (SECRET.hex().encode(), b"0x" + SECRET.hex().upper().encode() + b"\n"):
        assert parse_plan_secret(content) == SECRET
