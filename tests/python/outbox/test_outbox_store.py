"""What the outbox stores: once per key, in order, for one chain, by as many processes as there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from careledger.chain.connection import TRANSACTION_GAS_CAP
from careledger.chain.database import Database
from careledger.chain.development import Node, development_signer
from careledger.chain.outbox import FINAL, TRANSITIONS, Intent, Outbox, State
from careledger.chain.outbox.store import Store
from careledger.chain.outbox.tables import METADATA
from careledger.chain.outbox.types import intrinsic_gas
from careledger.errors import (
    ConfigurationError,
    IntentConflict,
    InvalidInput,
    OutboxOfAnotherChain,
    RecordUnfinished,
    UnknownIntent,
    WrongState,
)

SENDER = development_signer(0).address
OTHER = development_signer(1).address
CHAIN_ID = 31337
GENESIS = "0x" + "11" * 32


def opened(url: str, chain_id: int = CHAIN_ID, genesis_hash: str = GENESIS) -> Outbox:
    """An outbox of a chain that no node serves."""
    database = Database(url)
    database.migrate("outbox")
    return Outbox(Store.bind(database, chain_id, genesis_hash))


@pytest.fixture
def outbox(database_url: str) -> Iterator[Outbox]:
    with opened(database_url) as outbox:
        yield outbox


def intent(key: str, **changes: Any) -> Intent:
    content: dict[str, Any] = {"sender": SENDER, "to": OTHER, "data": b"\x01\x02", "gas": 50_000, "label": "Test.call"}
    return Intent(key=key, **{**content, **changes})


def test_a_key_is_stored_once(outbox: Outbox) -> None:
    first = outbox.submit(intent("a"))
    again = outbox.submit(intent("a"))
    assert first == again == outbox.get("a")
    assert (first.state, first.nonce, first.attempts) == (State.QUEUED, None, ())
    assert outbox.counts() == {State.QUEUED: 1}


def test_gas_and_label_do_not_make_another_intent(outbox: Outbox) -> None:
    outbox.submit(intent("a"))
    assert outbox.submit(intent("a", gas=None, label="")).label == "Test.call"


@pytest.mark.parametrize("change", [{"sender": OTHER}, {"to": SENDER}, {"to": None}, {"data": b""}, {"value_wei": 1}])
def test_other_content_under_a_key_is_a_conflict(outbox: Outbox, change: dict[str, Any]) -> None:
    outbox.submit(intent("a"))
    with pytest.raises(IntentConflict) as caught:
        outbox.submit_many([intent("b"), intent("a", gas=None, **change)])
    assert caught.value.key == "a"
    assert outbox.counts() == {State.QUEUED: 1}  # nothing of the batch was stored


def test_a_conflict_inside_a_batch_stores_nothing(outbox: Outbox) -> None:
    with pytest.raises(IntentConflict):
        outbox.submit_many([intent("a"), intent("a", value_wei=1)])
    assert outbox.counts() == {}
    assert [record.key for record in outbox.submit_many([intent("a"), intent("a")])] == ["a", "a"]
    assert outbox.counts() == {State.QUEUED: 1}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"key": ""}, "key"),
        ({"key": "k" * 201}, "key"),
        ({"key": "a\nb"}, "key"),
        ({"key": "no-op:1"}, "key"),
        ({"label": "l" * 101}, "label"),
        ({"sender": SENDER.lower()}, "sender"),
        ({"to": "0x12"}, "to"),
        ({"value_wei": -1}, "value"),
        ({"value_wei": 2**256}, "value"),
        ({"gas": 21_000}, "gas"),
        ({"gas": TRANSACTION_GAS_CAP + 1}, "gas"),
    ],
)
def test_what_can_be_no_transaction_is_refused(outbox: Outbox, change: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        outbox.submit_many([intent("good"), intent(**{"key": "bad", **change})])
    assert caught.value.name == name
    assert outbox.counts() == {}


@pytest.mark.parametrize(
    ("to", "data", "gas"),
    [
        (OTHER, b"", 21_000),
        (OTHER, b"\0", 21_010),  # EIP-7623's floor: 10 a token
        (OTHER, b"\1", 21_040),
        (None, b"\0" * 33, 53_000 + 4 * 33 + 2 * 2),  # EIP-3860: 2 a word
    ],
)
def test_intrinsic_gas(to: str | None, data: bytes, gas: int) -> None:
    assert intrinsic_gas(to, data) == gas


def test_records_come_in_pages_in_the_order_of_acceptance(outbox: Outbox) -> None:
    keys = [f"k{number}" for number in range(250)]
    outbox.submit_many([intent(key) for key in keys[:100]])
    outbox.submit_many([intent(key, sender=OTHER, label="Other.call") for key in keys[100:]])
    found: list[str] = []
    while page := outbox.records(after=found[-1] if found else None, limit=99):
        found += [record.key for record in page]
    assert found == keys
    assert len(outbox.records(sender=OTHER, limit=1000)) == 150
    assert len(outbox.records(label="Test.call", limit=1000)) == 100
    assert outbox.records(state=State.CONFIRMED) == []
    with pytest.raises(UnknownIntent):
        outbox.records(after="nothing")


def test_what_is_queued_is_cancelled_at_once_and_can_be_retried(outbox: Outbox) -> None:
    outbox.submit(intent("a"))
    cancelled = outbox.cancel("a")
    assert cancelled.state == State.CANCELLED
    assert cancelled.final_at is not None
    with pytest.raises(WrongState) as caught:
        outbox.cancel("a")
    assert (caught.value.key, caught.value.state) == ("a", "cancelled")
    retried = outbox.retry("a")
    assert (retried.state, retried.final_at) == (State.QUEUED, None)
    with pytest.raises(WrongState):
        outbox.retry("a")


def test_an_unknown_key_is_an_error(outbox: Outbox) -> None:
    for ask in (outbox.get, outbox.cancel, outbox.retry, outbox.wait):
        with pytest.raises(UnknownIntent):
            ask("nothing")


def test_waiting_ends_with_the_state_or_the_time(outbox: Outbox) -> None:
    outbox.submit(intent("a"))
    assert outbox.wait("a", {State.QUEUED}).key == "a"
    with pytest.raises(RecordUnfinished) as caught:
        outbox.wait("a", timeout_seconds=0.05)
    assert caught.value.state == "queued"
    outbox.cancel("a")
    assert outbox.wait("a", {State.INCLUDED}).state == State.CANCELLED  # it cannot come there any more


def test_the_status_names_every_sender(outbox: Outbox) -> None:
    outbox.submit_many([intent("a"), intent("b"), intent("c", sender=OTHER)])
    outbox.cancel("b")
    status = outbox.status()
    assert (status.chain_id, status.genesis_hash) == (CHAIN_ID, GENESIS)
    assert status.counts == {State.QUEUED: 2, State.CANCELLED: 1}
    by_address = {sender.address: sender for sender in status.senders}
    assert by_address[SENDER].counts == {State.QUEUED: 1, State.CANCELLED: 1}
    assert by_address[OTHER].oldest_waiting_seconds is not None
    assert by_address[OTHER].next_nonce is None
    assert by_address[OTHER].alerts == ()


def test_chains_share_a_database_and_see_nothing_of_each_other(database_url: str) -> None:
    with opened(database_url) as one, opened(database_url, 5, "0x" + "22" * 32) as other:
        one.submit(intent("a"))
        other.submit(intent("a", value_wei=7))
        other.cancel("a")
        assert one.get("a").state == State.QUEUED
        assert other.counts() == {State.CANCELLED: 1}
        with pytest.raises(ConfigurationError, match="5, 31337"):
            Outbox.offline(database_url)
        with Outbox.offline(database_url, 5) as offline:
            assert offline.retry("a").state == State.QUEUED


def test_a_chain_that_began_otherwise_is_refused(database_url: str, anvil_node: Node) -> None:
    connection = anvil_node.connect()
    opened(database_url).close()
    with pytest.raises(OutboxOfAnotherChain) as caught:
        Outbox.open(database_url, connection)
    assert caught.value.expected_genesis == GENESIS
    assert caught.value.actual_genesis == connection.genesis_hash()


def test_an_outbox_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(ConfigurationError):
        Outbox.offline(f"sqlite:///{path}")
    assert not path.exists()


def test_submitters_at_the_same_time_store_each_key_once(database_url: str) -> None:
    opened(database_url).close()
    keys = [f"k{number}" for number in range(60)]
    failures: list[BaseException] = []

    def submit(turn: int) -> None:
        try:
            with opened(database_url) as outbox:
                mine = keys[turn * 7 :] + keys[: turn * 7]
                for start in range(0, len(mine), 9):
                    outbox.submit_many([intent(key) for key in mine[start : start + 9]])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=submit, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with opened(database_url) as outbox:
        assert outbox.counts() == {State.QUEUED: len(keys)}
        assert sorted(record.key for record in outbox.records()) == sorted(keys)


def test_the_migrations_make_the_tables_that_the_code_works_with(database_url: str) -> None:
    database = Database(database_url)
    database.migrate("outbox")
    database.migrate("outbox")
    options = {
        "version_table": "outbox_revision",
        "compare_type": True,
        "include_name": lambda name, kind, _: kind != "table" or name.startswith("outbox_"),
    }
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
    database.close()


def test_every_state_has_its_transitions() -> None:
    assert TRANSITIONS.keys() == set(State)
    assert set().union(*TRANSITIONS.values()) == set(State)
    for state in FINAL:  # a person's retry, or a reorganization
        assert TRANSITIONS[state] <= {State.QUEUED, State.DROPPED}
