"""Rows by layout equal what eth_abi decodes; logs that no honest node gives are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from careledger.chain.indexer.decoder import DECODERS, ROW_TYPES, BadLogs, decode_logs, to_event
from careledger.chain.indexer.tables import EVENT_KINDS
from careledger.chain.values import event_values, to_python_values
from careledger.contract_events import ContractEvent, KeyAdded, OrganizationAdmitted
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

ADDRESS = "0x" + "ab" * 20
HASH = "0x" + "cd" * 32
TRANSACTION = "0x" + "ef" * 32


def values_of(abi_type: str) -> st.SearchStrategy[Any]:
    if abi_type.endswith("[]"):
        return st.lists(values_of(abi_type[:-2]), max_size=5)
    if abi_type.startswith("uint"):
        return st.integers(0, 2 ** int(abi_type[4:]) - 1)
    if abi_type.startswith("int"):
        bound = 2 ** (int(abi_type[3:]) - 1)
        return st.integers(-bound, bound - 1)
    if abi_type.startswith("bytes") and abi_type != "bytes":
        size = int(abi_type[5:])
        return st.binary(min_size=size, max_size=size)
    return {
        "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
        "bool": st.booleans(),
        "bytes": st.binary(max_size=100),
        "string": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60),
    }[abi_type]


def encoded(kind: type[ContractEvent], values: Sequence[Any]) -> tuple[list[str], str]:
    """Topics and data of an event."""
    typed = list(zip(kind.TYPES, values, kind.INDEXED, strict=True))
    topics = [kind.TOPIC] + ["0x" + encode([t], [value]).hex() for t, value, indexed in typed if indexed]
    rest = [(t, value) for t, value, indexed in typed if not indexed]
    return topics, "0x" + encode([t for t, _ in rest], [value for _, value in rest]).hex()


def log(topics: list[str], data: str, **over: Any) -> dict[str, Any]:
    return {
        "address": ADDRESS,
        "blockHash": HASH,
        "blockNumber": "0x10",
        "blockTimestamp": "0x20",
        "data": data,
        "logIndex": "0x0",
        "topics": topics,
        "transactionHash": TRANSACTION,
        **over,
    }


def decoded(*logs: dict[str, Any], **options: Any) -> list[Any]:
    return decode_logs(logs, **{"first": 1, "last": 100, "addresses": {ADDRESS: ADDRESS}, "hashes": {}, **options})


@pytest.mark.parametrize("kind", EVENT_KINDS, ids=lambda kind: kind.__name__)
def test_a_row_is_what_eth_abi_decodes(kind: type[ContractEvent]) -> None:
    @settings(max_examples=25, deadline=None)
    @given(
        st.tuples(
            *[
                st.sampled_from(list(kind.ENUMS[i])).map(int) if i in kind.ENUMS else values_of(abi_type)
                for i, abi_type in enumerate(kind.TYPES)
            ]
        )
    )
    def holds(values: tuple[Any, ...]) -> None:
        topics, data = encoded(kind, values)
        (row,) = decoded(log(topics, data))
        expected = event_values(
            kind.TYPES, kind.INDEXED, [bytes.fromhex(topic[2:]) for topic in topics[1:]], bytes.fromhex(data[2:])
        )
        assert to_event(kind, row) == kind(*to_python_values(kind.TYPES, kind.ENUMS, expected))
        assert isinstance(row, ROW_TYPES[kind])
        assert (row.block_number, row.log_index, row.block_time) == (16, 0, 32)
        assert (row.transaction_hash, row.address) == (TRANSACTION, ADDRESS)

    holds()


def test_every_topic_has_a_decoder() -> None:
    assert set(DECODERS) == {kind.TOPIC for kind in EVENT_KINDS}


def test_text_that_a_database_cannot_hold_is_replaced() -> None:
    topics, data = encoded(OrganizationAdmitted, (b"\1" * 12, "0x" + "11" * 20, "a\0b", 1, 2, b"\2" * 32, 1))
    (row,) = decoded(log(topics, data))
    assert row.name == "a\N{REPLACEMENT CHARACTER}b"
    raw = data.replace("61006200", "61ff6200")
    (row,) = decoded(log(topics, raw))
    assert row.name == "a\N{REPLACEMENT CHARACTER}b"


def test_upper_case_becomes_lower_case() -> None:
    topics, data = encoded(KeyAdded, (b"\xab" * 12, "0x" + "cd" * 20))
    shouted = log([topics[0], *["0x" + topic[2:].upper() for topic in topics[1:]]], data, address="0x" + "AB" * 20)
    assert decoded(shouted) == decoded(log(topics, data))


def test_unknown_topics_and_none_are_left_out() -> None:
    assert decoded(log([], "0x"), log(["0x" + "00" * 32], "0x", logIndex="0x1")) == []


TOPICS, DATA = encoded(KeyAdded, (b"\1" * 12, "0x" + "11" * 20))
TEXTS, TEXT_DATA = encoded(OrganizationAdmitted, (b"\1" * 12, "0x" + "11" * 20, "name", 1, 2, b"\2" * 32, 1))
GOOD = log(TOPICS, DATA)


@pytest.mark.parametrize(
    ("logs", "options"),
    [
        pytest.param([log(TOPICS[:2], DATA)], {}, id="a topic too few"),
        pytest.param([log([*TOPICS, TOPICS[1]], DATA)], {}, id="a topic too many"),
        pytest.param([log(TOPICS, DATA + "00")], {}, id="data too long"),
        pytest.param([log(TOPICS, None)], {}, id="no data"),
        pytest.param([log(TOPICS, DATA, transactionHash="0x" + "a\t" * 32)], {}, id="no hash"),
        pytest.param([log(TEXTS, TEXT_DATA[:-64])], {}, id="a text too short"),
        pytest.param([log(TEXTS, TEXT_DATA[: 2 + 64 * 2])], {}, id="a head too short"),
        pytest.param([{**GOOD, "address": "0x" + "99" * 20}], {}, id="another contract"),
        pytest.param([{**GOOD, "blockNumber": "0x65"}], {}, id="a block not asked for"),
        pytest.param([GOOD], {"hashes": {16: "0x" + "00" * 32}}, id="another block of that number"),
        pytest.param([GOOD, GOOD], {}, id="twice"),
        pytest.param([{**GOOD, "logIndex": "0x1"}, GOOD], {}, id="out of order"),
        pytest.param(
            [{**GOOD, "blockNumber": "0x11"}, {**GOOD, "blockHash": TRANSACTION}], {}, id="blocks out of order"
        ),
        pytest.param([{**GOOD, "blockNumber": "no"}], {}, id="no number"),
        pytest.param([{**GOOD, "blockTimestamp": "0x" + "f" * 16}], {}, id="a time too late"),
        pytest.param([{**GOOD, "logIndex": "0x" + "f" * 8}], {}, id="an index too high"),
        pytest.param([GOOD], {"times": {}}, id="no time"),
        pytest.param([None], {}, id="no log"),
    ],
)
def test_logs_that_no_honest_node_gives_are_refused(logs: list[Any], options: dict[str, Any]) -> None:
    with pytest.raises(BadLogs):
        decoded(*logs, **options)


def test_times_of_headers_are_used_where_logs_have_none() -> None:
    bare = {name: value for name, value in GOOD.items() if name != "blockTimestamp"}
    (row,) = decoded(bare, times={16: 77})
    assert row.block_time == 77
