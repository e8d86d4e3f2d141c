"""Hand-made transaction bytes against eth-account's, over all field sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from careledger.chain.signers import LocalSigner
from careledger.chain.signers.raw import RawTransaction, encode_and_sign
from careledger.errors import InvalidInput
from coincurve import PrivateKey
from eth_account import Account
from eth_utils.address import to_checksum_address
from hypothesis import example, given, settings
from hypothesis import strategies as st

KEY = "4c" * 32
Check = Callable[..., None]
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
TO = bytes.fromhex("70997970c51812dc3a010c7d01b50e0d17dc79c8")
CALL = RawTransaction(31337, 4, 90_000, TO, 0, b"\x01\x02", 2 * 10**9, 1)


def integers(limit: int) -> st.SearchStrategy[int]:
    """Integers below a limit, each length in bytes as likely as another."""
    sizes = st.integers(0, (limit - 1).bit_length())
    return st.one_of(sizes.flatmap(lambda bits: st.integers(0, min(2**bits, limit) - 1)), st.just(limit - 1))


@st.composite
def transactions(draw: st.DrawFn) -> RawTransaction:
    max_fee_wei = draw(integers(2**256))
    return RawTransaction(
        chain_id=max(1, draw(integers(2**63 - 36))),
        nonce=draw(integers(2**64 - 1)),
        gas=draw(integers(2**64)),
        to=draw(st.one_of(st.none(), st.binary(min_size=20, max_size=20))),
        value_wei=draw(integers(2**256)),
        data=draw(
            st.one_of(
                st.binary(max_size=4),
                st.binary(max_size=400),
                st.integers(50, 70_000).map(lambda length: b"\x5a" * length),
            )
        ),
        max_fee_wei=max_fee_wei,
        tip_wei=draw(st.one_of(st.none(), integers(max_fee_wei + 1))),
    )


def by_eth_account(key: bytes, transaction: RawTransaction) -> tuple[bytes, bytes]:
    fields: dict[str, Any] = {
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "gas": transaction.gas,
        "value": transaction.value_wei,
        "data": transaction.data,
    }
    if transaction.to is not None:
        fields["to"] = to_checksum_address(transaction.to)
    if transaction.tip_wei is None:
        fields["gasPrice"] = transaction.max_fee_wei
    else:
        fields |= {"maxFeePerGas": transaction.max_fee_wei, "maxPriorityFeePerGas": transaction.tip_wei}
    signed = Account.sign_transaction(fields, key)
    return bytes(signed.raw_transaction), bytes(signed.hash)


def any_case(examples: int) -> Callable[[Check], Check]:
    """Runs a check with so many random keys and transactions."""
    keys = st.integers(1, CURVE_ORDER - 1).map(lambda number: number.to_bytes(32, "big"))

    def decorate(check: Check) -> Check:
        return settings(max_examples=examples, deadline=None)(given(key=keys, transaction=transactions())(check))

    return decorate


@any_case(400)
@example(key=b"\x01" * 32, transaction=CALL)
@example(key=b"\x01" * 32, transaction=replace(CALL, tip_wei=None, to=None, data=b""))
@example(key=b"\x01" * 32, transaction=replace(CALL, data=b"\x00"))
@example(key=b"\x01" * 32, transaction=replace(CALL, data=b"\x7f"))
@example(key=b"\x01" * 32, transaction=replace(CALL, data=b"\x80"))
@example(key=b"\x01" * 32, transaction=replace(CALL, data=bytes(55)))
@example(key=b"\x01" * 32, transaction=replace(CALL, data=bytes(56)))
@example(key=b"\x01" * 32, transaction=replace(CALL, data=bytes(2**16)))
@example(key=b"\x01" * 32, transaction=replace(CALL, chain_id=1, nonce=0, gas=0, max_fee_wei=0, tip_wei=0))
def test_the_bytes_and_the_hash_are_those_of_eth_account(key: bytes, transaction: RawTransaction) -> None:
    assert encode_and_sign(PrivateKey(key), transaction) == by_eth_account(key, transaction)


@pytest.mark.full
@any_case(3000)
def test_the_bytes_of_many_transactions_are_those_of_eth_account(key: bytes, transaction: RawTransaction) -> None:
    assert encode_and_sign(PrivateKey(key), transaction) == by_eth_account(key, transaction)


def test_signatures_with_leading_zeros_are_encoded_as_integers() -> None:
    """Of 3000 signatures about 23 have a zero byte in front of r or s."""
    key = bytes.fromhex(KEY)
    lengths = set()
    for nonce in range(3000):
        transaction = replace(CALL, nonce=nonce + 2**32)
        raw, transaction_hash = encode_and_sign(PrivateKey(key), transaction)
        if len(raw) not in lengths:
            lengths.add(len(raw))
            assert (raw, transaction_hash) == by_eth_account(key, transaction)
    assert len(lengths) > 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chain_id", 0),
        ("chain_id", -1),
        ("chain_id", 2**63 - 36),
        ("nonce", -1),
        ("nonce", 2**64 - 1),
        ("gas", -1),
        ("gas", 2**64),
        ("to", b""),
        ("to", TO[1:]),
        ("to", TO + b"\0"),
        ("value_wei", -1),
        ("value_wei", 2**256),
        ("max_fee_wei", -1),
        ("max_fee_wei", 2**256),
        ("tip_wei", -1),
        ("tip_wei", 2 * 10**9 + 1),
    ],
)
def test_a_field_out_of_range_is_refused_naming_it(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        encode_and_sign(PrivateKey(bytes.fromhex(KEY)), replace(CALL, **{field: value}))
    assert caught.value.name == field
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("transaction", [CALL, replace(CALL, tip_wei=None), replace(CALL, to=None)])
def test_a_local_signer_signs_raw_as_it_signs_a_transaction_and_shows_no_key(transaction: RawTransaction) -> None:
    signer = LocalSigner(Account.from_key(KEY))
    raw, transaction_hash = signer.sign_raw(transaction)
    assert (raw, transaction_hash) == by_eth_account(bytes.fromhex(KEY), transaction)
    assert Account.recover_transaction(raw) == signer.address
    for shown in (repr(signer), str(signer), signer.describe(), repr(vars(signer))):
        assert KEY not in shown.lower()
