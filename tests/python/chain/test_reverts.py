"""From revert data to typed errors, however a node wraps it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from careledger.chain.reverts import decode_revert, revert_data
from careledger.contract_errors import BY_SELECTOR
from careledger.errors import ContractError, Panicked, RevertedWithReason, UnknownRefusal
from eth_abi.abi import encode
from eth_tester.exceptions import TransactionFailed
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from web3.exceptions import ContractCustomError, ContractLogicError, Web3RPCError

SELECTORS = sorted(BY_SELECTOR)


def values_of(kind: str) -> st.SearchStrategy[Any]:
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(to_checksum_address)
    if kind == "string":
        return st.text(max_size=100)
    if kind == "bytes":
        return st.binary(max_size=100).map(lambda value: "0x" + value.hex())
    if kind.startswith("bytes"):
        length = int(kind[5:])
        return st.binary(min_size=length, max_size=length).map(lambda value: "0x" + value.hex())
    if kind == "bool":
        return st.booleans()
    if kind == "uint8":  # also how the ABI writes enums; every one has these members
        return st.integers(0, 3)
    if kind.startswith("int"):
        bound = 2 ** (int(kind[3:]) - 1)
        return st.integers(-bound, bound - 1)
    assert kind.startswith("uint")
    return st.integers(0, 2 ** int(kind[4:]) - 1)


def raw(kind: str, value: Any) -> Any:
    return bytes.fromhex(value[2:]) if kind.startswith("bytes") else value


@given(st.data())
def test_every_declared_error_is_read_back_by_its_selector(data: st.DataObject) -> None:
    selector = data.draw(st.sampled_from(SELECTORS))
    kind = BY_SELECTOR[selector]
    values = [data.draw(values_of(name)) for name in kind.TYPES]
    body = encode(kind.TYPES, [raw(name, value) for name, value in zip(kind.TYPES, values, strict=True)])
    error = decode_revert(bytes.fromhex(selector[2:]) + body)
    assert type(error) is kind
    assert list(error.fields().values()) == values
    assert all(str(value) in str(error) or isinstance(value, int) for value in values)


def test_selectors_are_those_of_the_signatures() -> None:
    for selector, kind in BY_SELECTOR.items():
        assert keccak(text=f"{kind.__name__}({','.join(kind.TYPES)})")[:4].hex() == selector[2:]
        assert selector == kind.SELECTOR


@given(st.text())
def test_a_text_is_read_back(text: str) -> None:
    error = decode_revert(bytes.fromhex("08c379a0") + encode(["string"], [text]))
    assert isinstance(error, RevertedWithReason)
    assert error.reason == text


@pytest.mark.parametrize("code", [0x01, 0x11, 0x12, 0x32])
def test_a_panic_is_read_back(code: int) -> None:
    error = decode_revert(bytes.fromhex("4e487b71") + encode(["uint256"], [code]))
    assert isinstance(error, Panicked)
    assert error.code == code
    assert f"0x{code:02x}" in str(error)


@given(st.binary(max_size=100))
def test_other_data_is_kept_as_it_is(data: bytes) -> None:
    error = decode_revert(data)
    if isinstance(error, UnknownRefusal):
        assert error.data == "0x" + data.hex()
    else:
        assert "0x" + data[:4].hex() in {*BY_SELECTOR, "0x08c379a0", "0x4e487b71"}


CUT_SHORT = """
from careledger.chain.reverts import decode_revert
from careledger.contract_errors import BY_SELECTOR
from careledger.errors import UnknownRefusal
for selector, kind in BY_SELECTOR.items():
    error = decode_revert(bytes.fromhex(selector[2:]) + b"\\1")
    assert isinstance(error, UnknownRefusal) == bool(kind.TYPES), error
    assert not kind.TYPES or error.data == selector + "01", error
"""


def test_a_declared_selector_with_too_little_data_is_an_unknown_refusal() -> None:
    # In a process of its own: the Ape plugin, which pytest loads, makes eth_abi lenient for the whole process.
    subprocess.run([sys.executable, "-c", CUT_SHORT], check=True)


DATA = bytes.fromhex("08c379a0") + encode(["string"], ["no"])
HEX = "0x" + DATA.hex()


def in_process(first: object) -> Exception:
    """As web3 raises it: the error for the user, made while handling the chain's."""
    try:
        try:
            raise TransactionFailed(first)
        except TransactionFailed:
            raise TransactionFailed("execution reverted: no")  # noqa: B904  web3 does so
    except TransactionFailed as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        ContractCustomError("execution reverted", data=HEX),
        ContractLogicError("execution reverted", data=HEX),
        ContractLogicError("execution reverted", data={"data": HEX}),
        ContractLogicError("VM Exception", data={"hash": "0x" + 64 * "1", "result": HEX, "message": "revert"}),
        Web3RPCError("x", rpc_response={"jsonrpc": "2.0", "error": {"code": 3, "message": "x", "data": HEX}}),
        Web3RPCError("x", rpc_response={"jsonrpc": "2.0", "error": {"code": 3, "message": "x", "data": {"data": HEX}}}),
        TransactionFailed(DATA),
        TransactionFailed(f"execution reverted: {DATA!r}"),
        in_process(DATA),
        in_process(Exception(DATA)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_revert_data_is_found_in_every_wrapping(error: Exception) -> None:
    assert revert_data(error) == DATA


def test_a_revert_without_data_has_empty_data() -> None:
    assert revert_data(ContractLogicError("execution reverted")) == b""
    assert revert_data(Web3RPCError("execution reverted", rpc_response=None)) == b""


def test_another_failure_is_no_revert() -> None:
    assert revert_data(Web3RPCError("nonce too low", rpc_response=None)) is None
    assert revert_data(ValueError("unexpected")) is None
    hashes = {"jsonrpc": "2.0", "error": {"code": -32000, "message": "x", "data": {"hash": "0x" + 64 * "1"}}}
    assert revert_data(Web3RPCError("out of gas", rpc_response=hashes)) is None  # type: ignore[arg-type]


def test_an_error_names_its_values() -> None:
    error = decode_revert(bytes.fromhex(SELECTORS[0][2:]) + bytes(320))
    assert isinstance(error, ContractError)
    assert type(error).__name__ in str(error)
