"""Names, ids and public identifiers; their check digits against the arithmetic of the standards."""

from __future__ import annotations

import string

import pytest
from careledger.errors import InvalidInput
from careledger.identity import Identifier, MemberRole, organization_id
from careledger.identity.identifiers import check_name, from_padded, to_padded
from careledger.identity.types import from_bits, to_bits
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

NAME_ENDS = string.ascii_lowercase + string.digits
NAME_MIDDLE = NAME_ENDS + ".-"


def gln_digit(twelve: str) -> str:
    """GS1: weights 1, 3, 1, 3, ... from the left of a GLN's first twelve digits; up to the next ten."""
    total = sum(int(digit) for digit in twelve[0::2]) + 3 * sum(int(digit) for digit in twelve[1::2])
    return str((10 - total % 10) % 10)


def npi_digit(nine: str) -> str:
    """CMS: double every other digit from the right, add the digits, and 24 for the prefix; up to the next ten."""
    doubled = sum(sum(map(int, str(2 * int(digit)))) for digit in nine[::-2])
    total = 24 + doubled + sum(int(digit) for digit in nine[-2::-2])
    return str((10 - total % 10) % 10)


twelve_digits = st.text(string.digits, min_size=12, max_size=12)
nine_digits = st.builds(str.__add__, st.sampled_from("12"), st.text(string.digits, min_size=8, max_size=8))


@given(twelve_digits)
def test_a_gln_is_accepted_with_its_check_digit_and_with_no_other(twelve: str) -> None:
    right = gln_digit(twelve)
    assert Identifier("GLN", twelve + right).value == twelve + right
    for wrong in set(string.digits) - {right}:
        with pytest.raises(InvalidInput) as raised:
            Identifier("GLN", twelve + wrong)
        assert (raised.value.name, raised.value.value) == ("GLN", twelve + wrong)


@given(nine_digits)
def test_an_npi_is_accepted_with_its_check_digit_and_with_no_other(nine: str) -> None:
    right = npi_digit(nine)
    assert Identifier("NPI", nine + right).value == nine + right
    for wrong in set(string.digits) - {right}:
        with pytest.raises(InvalidInput) as raised:
            Identifier("NPI", nine + wrong)
        assert (raised.value.name, raised.value.value) == ("NPI", nine + wrong)


def test_published_examples_are_accepted() -> None:
    assert Identifier.parse("NPI:1234567893").scheme == "NPI"  # CMS, "Requirements for NPI check digit"
    assert Identifier.parse("gln:0614141000005") == Identifier("GLN", "0614141000005")


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("GLN", ""),
        ("GLN", "061414100000"),
        ("GLN", "06141410000050"),
        ("GLN", "061414100000x"),
        ("GLN", "\u0660614141000005"),  # an Arabic-Indic zero
        ("NPI", "3234567893"),
        ("NPI", "123456789"),
        ("NPI", "12345678930"),
        ("", "1"),
        ("LOCAL", 33 * "1"),
        ("LOCAL", "é"),
        ("LOCAL", "a\nb"),
    ],
)
def test_an_identifier_that_cannot_be_right_is_refused(scheme: str, value: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Identifier(scheme, value)
    assert raised.value.value in (scheme, value)


def test_an_identifier_without_a_scheme_is_refused() -> None:
    with pytest.raises(InvalidInput) as raised:
        Identifier.parse("0614141000005")
    assert raised.value.value == "0614141000005"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=32))
def test_padded_text_is_read_back(text: str) -> None:
    assert from_padded("0x" + to_padded(text).hex()) == text
    assert len(to_padded(text)) == 32


names = st.builds(
    lambda first, middle, last: first + middle + last,
    st.sampled_from(NAME_ENDS),
    st.text(NAME_MIDDLE, max_size=62),
    st.sampled_from(NAME_ENDS),
).filter(lambda name: not name.startswith("0x"))


@given(names)
def test_an_id_is_the_start_of_the_name_s_hash(name: str) -> None:
    assert check_name(name) == name
    identifier = organization_id(name)
    assert identifier == "0x" + keccak(name.encode()).hex()[:24]
    assert organization_id(identifier) == identifier
    assert organization_id("0x" + identifier[2:].upper()) == identifier


@given(st.text())
def test_other_text_is_no_name(text: str) -> None:
    allowed = 0 < len(text) <= 64 and set(text) <= set(NAME_MIDDLE) and {text[0], text[-1]} <= set(NAME_ENDS)
    allowed = allowed and not text.startswith("0x")
    if allowed:
        assert check_name(text) == text
    else:
        with pytest.raises(InvalidInput) as raised:
            check_name(text)
        assert raised.value.value == text


@given(st.frozensets(st.sampled_from(MemberRole)))
def test_a_set_of_roles_is_read_back_from_its_bits(roles: frozenset[MemberRole]) -> None:
    assert from_bits(to_bits(roles)) == roles
    assert to_bits(roles) == sum(2**role.value for role in roles)


def test_what_the_registry_has_is_shown_as_it_stands() -> None:
    wrong = Identifier.registered("0x" + b"GLN".ljust(32, b"\0").hex(), "0x" + b"0614141000006".ljust(32, b"\0").hex())
    assert (wrong.scheme, wrong.value) == ("GLN", "0614141000006")  # a wrong check digit, which no contract tests
    strange = [
        Identifier.registered("0x" + bytes(32).hex(), "0x" + bytes([byte]).ljust(32, b"\0").hex())
        for byte in (200, 201)
    ]
    assert [one.value for one in strange] == ["\\xc8", "\\xc9"]
