"""Amounts of ether, and the keys of the actors."""

from __future__ import annotations

import random

import pytest
from careledger.chain.development import development_signer
from careledger.chain.signers import LocalSigner
from careledger.demo import MEMBERS, Cast
from careledger.demo.cast import actor_message
from careledger.demo.ether import format_ether, parse_ether
from careledger.errors import InvalidInput
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("1", 10**18),
        ("0.05", 5 * 10**16),
        ("0.000000000000000001", 1),
        ("123456789.123456789123456789", 123456789123456789123456789),
        ("1e-3", 10**15),
    ],
)
def test_parse_ether_is_exact(text: str, wei: int) -> None:
    assert parse_ether("--budget", text) == wei


@pytest.mark.parametrize(
    "text", ["", "ten", "0", "-1", "NaN", "Infinity", "0.0000000000000000001", "1e70", "1,5", "1e9999999999"]
)
def test_parse_ether_refuses_what_is_no_amount(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_ether("--budget", text)
    assert (refused.value.name, refused.value.value) == ("--budget", text)


@pytest.mark.parametrize(
    ("wei", "text"),
    [
        (0, "0"),
        (1, "0.000000000000000001"),
        (10**18, "1"),
        (1234567 * 10**18, "1234570"),
        (123456789 * 10**10, "1.23457"),
        (5 * 10**16, "0.05"),
    ],
)
def test_format_ether_rounds_up_to_six_digits(wei: int, text: str) -> None:
    assert format_ether(wei) == text


def test_format_ether_with_all_digits_is_what_parse_ether_reads() -> None:
    choose = random.Random(20260101)
    for _ in range(500):
        wei = choose.randrange(1, 10 ** choose.randrange(1, 30))
        assert parse_ether("amount", format_ether(wei, 40)) == wei


def test_cast_has_the_same_actors_in_every_run_and_others_on_another_chain() -> None:
    funder = development_signer(0)
    first, second = Cast(funder, 11155111), Cast(funder, 11155111)
    names = ["registrar", *(member.key(1) for member in MEMBERS), *(member.controller for member in MEMBERS)]
    addresses = [first.actor(name).address for name in names]
    assert addresses == [second.actor(name).address for name in names]
    assert len(set(addresses)) == len(names)
    assert set(addresses).isdisjoint(Cast(funder, 1).actor(name).address for name in names)
    assert set(addresses).isdisjoint(Cast(development_signer(1), 11155111).actor(name).address for name in names)


def test_cast_derives_an_actors_key_from_the_funders_eip_712_signature() -> None:
    account = Account.create()
    message = actor_message("insurer/controller", 11155111)
    signature = account.sign_message(encode_typed_data(full_message=message)).signature
    expected = Account.from_key(keccak(signature)).address
    assert Cast(LocalSigner(account), 11155111).actor("insurer/controller").address == expected


def test_members_have_names_and_locations_that_belong_to_nobody() -> None:
    for member in MEMBERS:
        assert member.organization.startswith("demo-")
        assert member.gln.startswith("952")
        assert member.identifiers[0].value == member.gln
