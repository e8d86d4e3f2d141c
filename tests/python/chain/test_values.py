"""ABI values in Python's form."""

from __future__ import annotations

from typing import Any

import pytest
from careledger.chain.artifacts import artifact
from careledger.chain.connection import decode_log
from careledger.chain.values import (
    account_address,
    check_enums,
    decode_arguments,
    decode_outputs,
    encode_call,
    snake_case,
)
from careledger.contract_events import RecoveryStarted
from careledger.errors import InvalidInput
from careledger.identity import Reason
from eth_abi.abi import encode
from eth_utils.address import is_checksum_address, to_checksum_address
from hexbytes import HexBytes
from hypothesis import given, settings
from hypothesis import strategies as st

REGISTRY = artifact("OrganizationRegistry")


def fixed_bytes(length: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=length, max_size=length).map(lambda value: "0x" + value.hex())


addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
identifiers = st.fixed_dictionaries({"scheme": fixed_bytes(32), "value": fixed_bytes(32)})
admissions = st.fixed_dictionaries(
    {
        "name": st.text(max_size=40),
        "controller": addresses,
        "member_roles": st.integers(0, 2**32 - 1),
        "licence_expiry": st.integers(0, 2**40 - 1),
        "metadata_commitment": fixed_bytes(32),
        "identifiers": st.lists(identifiers, max_size=3),
        "reason": st.integers(0, 13),
    }
)


words = st.one_of(
    st.tuples(st.just("address"), addresses),
    st.integers(1, 32).flatmap(
        lambda bytes_: st.tuples(st.just(f"uint{bytes_ * 8}"), st.integers(0, 2 ** (8 * bytes_) - 1))
    ),
    st.integers(1, 32).flatmap(lambda length: st.tuples(st.just(f"bytes{length}"), fixed_bytes(length))),
    st.tuples(st.just("bool"), st.booleans()),
    st.tuples(st.just("bytes"), st.binary(max_size=70)),
    st.tuples(st.just("int64"), st.integers(-(2**63), 2**63 - 1)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(words, max_size=5))
def test_calldata_is_that_of_eth_abi(values: list[tuple[str, Any]]) -> None:
    function = {"name": "f", "inputs": [{"name": "", "type": kind} for kind, _ in values]}
    plain = [
        bytes.fromhex(value[2:]) if kind.startswith("bytes") and isinstance(value, str) else value
        for kind, value in values
    ]
    data = encode_call(function, tuple(value for _, value in values))
    assert data[4:] == encode([kind for kind, _ in values], plain)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("uint8", 256), ("uint8", -1), ("uint8", True), ("uint8", 1.0), ("bytes4", "0x00"), ("bytes2", 1)],
)
def test_a_word_that_is_not_of_its_type_is_named(kind: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=kind):
        encode_call({"name": "f", "inputs": [{"name": "", "type": kind}]}, (value,))


@settings(max_examples=40, deadline=None)
@given(st.lists(admissions, max_size=2))
def test_structs_in_lists_are_read_back_from_calldata(values: list[dict[str, Any]]) -> None:
    function = REGISTRY.function("admitMany")
    data = encode_call(function, (values,))
    assert data[:4] == REGISTRY.selector("admitMany")
    assert decode_arguments(function, data[4:]) == [values]
    fields = [snake_case(part["name"]) for part in function["inputs"][0]["components"]]
    as_tuples = [
        tuple(
            [(held["scheme"], held["value"]) for held in value[name]] if name == "identifiers" else value[name]
            for name in fields
        )
        for value in values
    ]
    assert encode_call(function, (as_tuples,)) == data


@given(fixed_bytes(12), addresses, st.integers(0, 2**256 - 1), st.binary(max_size=200))
def test_elementary_values_are_read_back_from_calldata(
    organization: str, key: str, deadline: int, signature: bytes
) -> None:
    function = REGISTRY.function("addKey")
    arguments = [organization, key, deadline, "0x" + signature.hex()]
    assert decode_arguments(function, encode_call(function, tuple(arguments))[4:]) == arguments


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**40 - 1), st.integers(0, 3), st.booleans())
def test_a_struct_is_read_from_an_answer_by_snake_case_names(
    roles: int, expiry: int, standing: int, frozen: bool
) -> None:
    data = encode(["(uint32,uint40,uint8,bool,uint40)"], [(roles, expiry, standing, frozen, 7)])
    assert decode_outputs(REGISTRY.function("membershipOf"), data) == {
        "member_roles": roles,
        "licence_expiry": expiry,
        "standing": standing,
        "frozen": frozen,
        "since": 7,
    }


def test_an_answer_is_nothing_one_value_or_a_tuple() -> None:
    assert decode_outputs(REGISTRY.function("admitMany"), b"") is None
    assert decode_outputs(REGISTRY.function("recoveryDelay"), encode(["uint32"], [9])) == 9
    two = encode(["bytes12", "uint8"], [b"\1" * 12, 1])
    assert decode_outputs(REGISTRY.function("organizationOf"), two) == ("0x" + 12 * "01", 1)


@given(addresses, st.integers(0, 2**40 - 1), st.sampled_from(Reason))
def test_an_event_is_read_from_topics_and_data_in_order(account: str, time: int, reason: Reason) -> None:
    topics = (RecoveryStarted.TOPIC, "0x" + 12 * "07" + 40 * "0", "0x" + 24 * "0" + account[2:])
    entry = {
        "topics": [HexBytes(topic) for topic in topics],
        "data": encode(["uint40", "uint8"], [time, reason]),
    }
    assert decode_log(entry) == RecoveryStarted("0x" + 12 * "07", account, time, reason)


def test_an_event_of_no_contract_of_the_suite_is_passed_over() -> None:
    assert decode_log({"topics": [], "data": b""}) is None
    assert decode_log({"topics": [HexBytes("0x" + 64 * "1")], "data": b""}) is None


@pytest.mark.parametrize(
    ("function", "arguments", "name", "value"),
    [
        ("renew", ("0x" + 12 * "00", -1, 1), "licenceExpiry", "-1"),
        ("renew", ("0x" + 12 * "00", 2**40, 1), "licenceExpiry", str(2**40)),
        ("renew", ("0x" + 12 * "00", "soon", 1), "licenceExpiry", "soon"),
        ("renew", ("0x" + 11 * "00", 1, 1), "organization", "0x" + 11 * "00"),
        ("renew", ("0x" + 13 * "00", 1, 1), "organization", "0x" + 13 * "00"),
        ("renew", ("hospital", 1, 1), "organization", "hospital"),
        ("renew", (12, 1, 1), "organization", "12"),
        (
            "retireKey",
            ("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92267",),
            "key",
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92267",
        ),
        ("retireKey", (None,), "key", "None"),
        ("admitMany", ([{"name": "a"}],), "admissions", "[{'name': 'a'}]"),
        ("admitMany", ([("a", "b")],), "controller", "b"),
        ("admitMany", (5,), "admissions", "5"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused_by_name(
    function: str, arguments: tuple[Any, ...], name: str, value: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        encode_call(REGISTRY.function(function), arguments)
    assert (raised.value.name, str(raised.value.value)) == (name, value)


def test_a_wrong_number_of_arguments_is_refused() -> None:
    with pytest.raises(TypeError, match="renew takes 3 arguments, not 1"):
        encode_call(REGISTRY.function("renew"), ("0x",))


@given(addresses)
def test_an_address_is_accepted_in_one_case_or_with_its_checksum(address: str) -> None:
    assert account_address("key", address) == address
    assert account_address("key", address.lower()) == address


@given(addresses)
def test_an_address_with_a_wrong_checksum_is_refused(address: str) -> None:
    wrong = "0x" + address[2:].swapcase()
    if wrong in (address, address.lower(), "0x" + address[2:].upper()):
        return
    with pytest.raises(InvalidInput) as raised:
        account_address("key", wrong)
    assert (raised.value.name, raised.value.value) == ("key", wrong)


@pytest.mark.parametrize(
    ("name", "expected"), [("licenceExpiry", "licence_expiry"), ("name", "name"), ("readyAt", "ready_at"), ("", "")]
)
def test_names_become_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected


ADMISSION = {
    "name": "a",
    "controller": "0x" + 40 * "1",
    "member_roles": 1,
    "licence_expiry": 1,
    "metadata_commitment": "0x" + 64 * "0",
    "identifiers": [],
    "reason": 1,
}


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("expel", ("0x" + 24 * "0", 200)),
        ("admitMany", ([ADMISSION, {**ADMISSION, "reason": 200}],)),
        ("admitMany", ([tuple({**ADMISSION, "reason": 200}.values())],)),
    ],
)
def test_a_number_that_is_no_member_of_its_enum_is_refused(function: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidInput) as raised:
        check_enums(REGISTRY.function(function), arguments)
    assert (raised.value.name, raised.value.value) == ("reason", "200")
    assert "8 fraud" in raised.value.problem


def test_members_of_an_enum_pass() -> None:
    check_enums(REGISTRY.function("expel"), ("0x" + 24 * "0", 8))
    check_enums(REGISTRY.function("admitMany"), ([ADMISSION],))


@given(st.binary(min_size=20, max_size=20), st.lists(st.booleans(), min_size=40, max_size=40))
def test_a_mixed_case_is_taken_where_eth_utils_finds_the_checksum_right(content: bytes, flips: list[bool]) -> None:
    right = to_checksum_address(content)
    text = "0x" + "".join(c.swapcase() if flip else c for c, flip in zip(right[2:], flips, strict=True))
    one_case = text[2:] in (text[2:].lower(), text[2:].upper())
    if one_case or is_checksum_address(text):
        assert account_address("receiver", text) == right
    else:
        with pytest.raises(InvalidInput):
            account_address("receiver", text)
    assert account_address("receiver", right) == right
