"""From a node's logs to rows, without web3: each event kind has a function written for its layout.

All static types are slices of the hex text at fixed places. A function is generated as source, as `namedtuple` and
`dataclass` generate theirs, from the event's declaration alone.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from careledger.chain.indexer.model import Kind, Row
from careledger.chain.indexer.tables import EVENT_COLUMNS, EVENT_KINDS, event_column_kinds, event_fields, kind_of
from careledger.contract_events import ContractEvent

__all__ = ["DECODERS", "ROW_TYPES", "BadLogs", "decode_logs", "to_event"]

Log = Mapping[str, Any]
Decoder = Callable[[Log, int, int, int, str], Row]
"""Of a log, its block's number, its index there, the block's time, and its lower-case address. Raises ValueError,
TypeError or LookupError for a log that is not of the event's layout."""

WORD = 64
"""Hex digits of an ABI word."""

HASH_TEXT = 2 + WORD
MOST_TIME = 2**63
MOST_LOGS = 2**31
ADDRESS_DIGITS = 40
BOOLS = {"0" * WORD: False, "0" * (WORD - 1) + "1": True}
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class BadLogs(ValueError):
    """Logs that no honest node gives."""


def decode_logs(
    logs: Sequence[Log],
    first: int,
    last: int,
    addresses: Mapping[str, str],
    hashes: Mapping[int, str],
    times: Mapping[int, int] | None = None,
) -> list[Row]:
    """The rows of a node's logs from a range of blocks, in order; logs of other topics than the suite's are left out.

    `addresses` gives the lower-case form of an address asked for, `hashes` of blocks whose hash is known, `times` the
    blocks' times (Unix seconds) where the node's logs lack them. Raises BadLogs for what was not asked for, is of
    another block, out of order, twice there or not an event's encoding.
    """
    rows: list[Row] = []
    add, decoders, known = rows.append, DECODERS, addresses
    block_hash, number, time, index = "", -1, 0, -1
    try:
        for log in logs:
            if log["blockHash"] != block_hash:
                block_hash, previous = log["blockHash"], number
                number, index = int(log["blockNumber"], 16), -1
                if not first <= number <= last or number <= previous:
                    raise BadLogs(f"a log of block {number}, out of order or not asked for")
                if hashes.get(number, block_hash) != block_hash:
                    raise BadLogs(f"a log of another block {number}")
                time = int(log["blockTimestamp"], 16) if times is None else times[number]
                if time >= MOST_TIME:
                    raise BadLogs(f"block {number} has no time")
            previous, index = index, int(log["logIndex"], 16)
            if not previous < index < MOST_LOGS:
                raise BadLogs(f"log {index} of block {number} is out of order or there twice")
            address = known.get(log["address"]) or known[log["address"].lower()]
            topics = log["topics"]
            decoder = decoders.get(topics[0]) if topics else None
            if decoder is not None:
                add(decoder(log, number, index, time, address))
    except (ValueError, TypeError, LookupError, AttributeError, DecodingError) as error:
        if isinstance(error, BadLogs):
            raise
        raise BadLogs(f"log {index} of block {number}: {type(error).__name__}: {error}") from None
    return rows


def to_event(kind: type[ContractEvent], row: Sequence[Any]) -> ContractEvent:
    """The event of a row, with addresses checksummed and enums as such."""
    values = list(row[len(EVENT_COLUMNS) :])
    for position, abi_type in enumerate(kind.TYPES):
        if position in kind.ENUMS:
            values[position] = kind.ENUMS[position](values[position])
        elif abi_type == "address":
            values[position] = to_checksum_address(values[position])
        elif abi_type.endswith("]"):
            values[position] = _checksummed(abi_type, json.loads(values[position]))
    return kind(*values)


def _checksummed(abi_type: str, value: Any) -> Any:
    if abi_type.endswith("]"):
        return tuple(_checksummed(abi_type.rpartition("[")[0], item) for item in value)
    return to_checksum_address(value) if abi_type == "address" else value


def _is_dynamic(abi_type: str) -> bool:
    return abi_type in {"string", "bytes"} or abi_type.endswith("]")


def _word(abi_type: str, start: int) -> str:
    """The expression for a static value whose word stands at `start` in `text`."""
    kind = kind_of(abi_type)
    end = start + WORD
    if kind is Kind.ADDRESS:
        return f"'0x' + text[{end - ADDRESS_DIGITS}:{end}]"
    if kind is Kind.BOOL:
        return f"BOOLS[text[{start}:{end}]]"
    if abi_type.startswith("uint"):
        return f"int(text[{end - int(abi_type[4:]) // 4}:{end}], 16)"
    if abi_type.startswith("int"):
        return f"signed(text[{start}:{end}])"
    return f"'0x' + text[{start}:{start + 2 * int(abi_type.removeprefix('bytes'))}]"


def _signed(word: str) -> int:
    return int.from_bytes(bytes.fromhex(word), "big", signed=True)


def _bytes(data: str, offset: int) -> str:
    """The hex digits of the dynamic value whose offset stands at `offset` in the data's digits."""
    start = 2 * int(data[offset : offset + WORD], 16)
    length = 2 * int(data[start : start + WORD], 16)
    digits = data[start + WORD : start + WORD + length]
    if len(digits) != length:
        raise ValueError("data that are too short")
    return digits


def _string(data: str, offset: int) -> str:
    """A text. Bytes that are none, and zeros, which PostgreSQL cannot store, become replacement characters."""
    return bytes.fromhex(_bytes(data, offset)).decode(errors="replace").replace("\0", REPLACEMENT)


def _array(data: str, types: tuple[str, ...], position: int) -> str:
    """A dynamic value of another type as JSON text; the position is the one among the values that are in the data."""
    return json.dumps(_plain(abi_decode(list(types), bytes.fromhex(data))[position]), separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return "0x" + value.hex() if isinstance(value, bytes) else value


def _decoder(event: type[ContractEvent], row_type: type[Any]) -> Decoder:
    in_data = tuple(kind for kind, indexed in zip(event.TYPES, event.INDEXED, strict=True) if not indexed)
    is_static = not any(map(_is_dynamic, in_data))
    topic_count = 1 + sum(event.INDEXED)
    # The text: the topics after the first, the transaction's hash, the data, all with their 0x.
    hash_start = HASH_TEXT * (topic_count - 1)
    data_start = hash_start + HASH_TEXT + 2
    length = data_start + WORD * len(in_data)
    values = []
    topic, position = 0, 0
    for kind, indexed in zip(event.TYPES, event.INDEXED, strict=True):
        if indexed:
            start = HASH_TEXT * topic
            topic += 1
            # Of an indexed dynamic value the chain keeps only the hash.
            values.append(f"text[{start}:{start + HASH_TEXT}]" if _is_dynamic(kind) else _word(kind, start + 2))
            continue
        offset = WORD * position
        if kind in {"string", "bytes"}:
            values.append(f"string(data, {offset})" if kind == "string" else f"'0x' + digits(data, {offset})")
        elif _is_dynamic(kind):
            values.append(f"array(data, {in_data!r}, {position})")
        else:
            values.append(_word(kind, data_start + offset))
        position += 1
    parts = [f"topics[{i}]" for i in range(1, topic_count)] + ["log['transactionHash']", "log['data']"]
    row = ["number", "index", "time", f"text[{hash_start}:{data_start - 2}]", "address", *values]
    source = f"""
def decode(log, number, index, time, address):
    topics = log['topics']
    text = ({" + ".join(parts)}).lower()
    if len(topics) != {topic_count} or len(text) {"!=" if is_static else "<"} {length} or not text.isalnum():
        raise ValueError('a log that is not the encoding of {event.__name__}')
    {"" if is_static else f"data = text[{data_start}:]"}
    return new(row_type, ({", ".join(row)},))
"""
    names: dict[str, Any] = {
        "BOOLS": BOOLS,
        "array": _array,
        "digits": _bytes,
        "new": tuple.__new__,
        "row_type": row_type,
        "signed": _signed,
        "string": _string,
    }
    exec(source, names)  # noqa: S102  the source is from our own event declarations
    decoder: Decoder = names["decode"]
    return decoder


def _row_type(event: type[ContractEvent]) -> type[Any]:
    columns = event_column_kinds(event)
    if len(columns) != len(EVENT_COLUMNS) + len(event_fields(event)):
        raise ValueError(f"{event.__name__} has a field with the name of a column that every event has")
    return namedtuple(event.__name__, columns)


ROW_TYPES: dict[type[ContractEvent], type[Any]] = {event: _row_type(event) for event in EVENT_KINDS}
"""The named tuple of each event kind's rows."""

DECODERS: dict[str, Decoder] = {event.TOPIC: _decoder(event, row_type) for event, row_type in ROW_TYPES.items()}
"""The function for each topic."""
