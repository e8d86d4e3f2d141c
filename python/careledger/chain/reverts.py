"""From a node's answer about a failed call to one of our exceptions.

Anvil, Ganache, the in-process EVM and others each wrap a revert's data differently; here all become the same error.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from careledger.chain.values import to_python_values
from careledger.contract_errors import BY_SELECTOR
from careledger.errors import ContractError, Panicked, RevertedWithReason, UnknownRefusal

__all__ = ["decode_revert", "revert_data"]

ERROR_STRING = bytes.fromhex("08c379a0")
PANIC = bytes.fromhex("4e487b71")
CODE_3 = "no data"
"""What web3 has for the data of an error that has none, where it takes the error for a revert."""
REVERTED = re.compile(r"execution reverted|(Error: )?VM Exception while processing transaction: revert", re.IGNORECASE)


def decode_revert(data: bytes) -> ContractError:
    """The exception for a revert's data: by selector, else UnknownRefusal with the raw data."""
    selector, body = data[:4], data[4:]
    try:
        if selector == ERROR_STRING:
            return RevertedWithReason(decode(["string"], body)[0])
        if selector == PANIC:
            return Panicked(decode(["uint256"], body)[0])
        known = BY_SELECTOR.get("0x" + selector.hex())
        if known is not None:
            return known(*to_python_values(known.TYPES, known.ENUMS, decode(known.TYPES, body)))
    except (DecodingError, ValueError):
        pass
    return UnknownRefusal("0x" + data.hex())


def revert_data(error: BaseException) -> bytes | None:
    """The revert data inside what web3 raised, or None if it is no revert.

    Handles web3's ContractLogicError family (`data`), JSON-RPC error objects (`error.data` as text or object), and
    the in-process EVM, whose TransactionFailed carries the bytes or their repr.
    """
    for candidate in _candidates(error):
        data = _as_bytes(candidate)
        if data is not None:
            return data
    return b"" if _is_revert(error) else None


def _candidates(error: BaseException) -> Iterator[Any]:
    yield from _nested(getattr(error, "data", None))
    response = getattr(error, "rpc_response", None)
    if isinstance(response, dict) and isinstance(response.get("error"), dict):
        yield from _nested(response["error"].get("data"))
    # web3 shows an in-process revert with one text argument as that text; what it was made from has the bytes.
    context = error.__context__
    if context is not None and type(context).__name__ == "TransactionFailed":
        yield from _candidates(context)
    for argument in error.args:
        if isinstance(argument, BaseException):
            yield from _candidates(argument)
        else:
            yield argument
    if error.__cause__ is not None:
        yield from _candidates(error.__cause__)


def _nested(data: Any) -> Iterator[Any]:
    if isinstance(data, dict):  # Ganache and Hardhat; its other entries may be hashes
        for key in ("result", "data"):
            yield from _nested(data.get(key))
    else:
        yield data


def _as_bytes(value: Any) -> bytes | None:
    if isinstance(value, bytes) and len(value) >= 4:
        return value
    if isinstance(value, str):
        if value.startswith("0x") and len(value) >= 10 and len(value) % 2 == 0:
            try:
                return bytes.fromhex(value[2:])
            except ValueError:
                return None
        if value.startswith(("execution reverted: b'", 'execution reverted: b"', "b'", 'b"')):
            try:
                parsed = ast.literal_eval(value[value.index("b") :])
            except (SyntaxError, ValueError, MemoryError, RecursionError):  # a node may write anything
                return None
            return parsed if isinstance(parsed, bytes) else None
    return None


def _is_revert(error: BaseException) -> bool:
    """Whether an error without data is an execution's revert, and not a node's error that mentions one."""
    kind = type(error).__name__
    if kind in {"ContractCustomError", "TransactionFailed"}:
        return True
    text = str(getattr(error, "message", None) or error)
    if kind == "ContractLogicError":
        # web3 makes one of any error of code 3, marked so, and of any whose data is null or, with words before its
        # own, an object.
        data = getattr(error, "data", None)
        if data in (CODE_3, "0x"):
            return True
        return REVERTED.match(text.removeprefix("execution reverted: ") if isinstance(data, dict) else text) is not None
    response = getattr(error, "rpc_response", None)
    body = response.get("error") if isinstance(response, dict) else None
    if isinstance(body, dict):
        return body.get("code") == 3 or REVERTED.match(str(body.get("message"))) is not None
    return REVERTED.match(text) is not None
