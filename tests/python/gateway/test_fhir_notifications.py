"""Notifications that are kept until they are delivered, by any number of processes, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from careledger.chain.database import Database
from careledger.gateway.fhir_subscriptions import MOST_ATTEMPTS, MOST_PER_CLIENT, Channel, Due, Subscriptions
from careledger.gateway.problems import Refused
from careledger.gateway.tables import NOTIFICATION
from careledger.vault import ScryptCost, Vault

CHANNEL = Channel("https://hooks.example/secret-path", {"X-Secret": "a secret"}, None, "decisions", None)
ENDED = Channel("https://hooks.example/", {}, None, "", until=1)


@pytest.fixture
def processes(database_url: str, tmp_path: Path) -> Iterator[tuple[Subscriptions, Subscriptions, Database]]:
    """Two that share a database and a vault."""
    database, other = Database(database_url), Database(database_url)
    database.migrate("gateway")
    with Vault.create(tmp_path / "vault.db", "passphrase", cost=ScryptCost(n=2)) as vault:
        yield Subscriptions(database, vault), Subscriptions(other, vault), database
    database.close()
    other.close()


def make_due(database: Database) -> None:
    """As if the pause or lease of every notification was over."""
    with database.write() as connection:
        connection.execute(NOTIFICATION.update().values(due_at=0))


def test_blocks_are_looked_at_once_and_each_notification_is_taken_by_one(
    processes: tuple[Subscriptions, Subscriptions, Database],
) -> None:
    one, other, database = processes
    made = one.create("ehr", CHANNEL, next_block=7)
    assert other.get(made.subscription_id, "ehr") == made
    assert one.active() == other.active() == [(made.subscription_id, 7)]
    for process in (one, other):
        process.looked_at(made.subscription_id, 7, 9, decisions=2)
    assert one.active() == [(made.subscription_id, 10)]
    taken = one.due()
    assert [(due.number, due.attempt) for due in taken] == [(1, 1), (2, 1)]
    assert other.due() == []
    one.delivered(taken[0])
    make_due(database)  # the process died before the other was delivered
    (again,) = other.due()
    assert (again.number, again.attempt, again.time) == (2, 2, taken[1].time)
    other.delivered(again)
    make_due(database)
    assert one.due() == []
    one.looked_at(made.subscription_id, 10, 10, decisions=1)
    assert [due.number for due in one.due()] == [3]


def test_an_endpoint_that_takes_nothing_is_given_up(
    processes: tuple[Subscriptions, Subscriptions, Database],
) -> None:
    one, other, database = processes
    made = one.create("ehr", CHANNEL, next_block=0)
    one.looked_at(made.subscription_id, 0, 0, decisions=1)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        make_due(database)
        (due,) = other.due()
        assert due.attempt == attempt
        other.undelivered(due)
    make_due(database)
    assert (one.get(made.subscription_id, "ehr").state, one.due(), one.active()) == ("error", [], [])


def test_what_is_deleted_or_over_is_told_nothing_and_is_its_clients_alone(
    processes: tuple[Subscriptions, Subscriptions, Database],
) -> None:
    one, _, _ = processes
    made = one.create("ehr", CHANNEL, next_block=0)
    one.looked_at(made.subscription_id, 0, 0, decisions=1)
    for act in (one.get, one.delete):
        with pytest.raises(Refused, match="no such subscription"):
            act(made.subscription_id, "another")
    assert one.channel(made.subscription_id) == CHANNEL
    one.delete(made.subscription_id, "ehr")
    assert (one.due(), one.active(), one.channel(made.subscription_id)) == ([], [], None)
    one.undelivered(Due(made.subscription_id, 1, 1, 0))
    over = one.create("ehr", ENDED, next_block=0)
    assert (one.active(), one.get(over.subscription_id, "ehr").state) == ([], "off")
    for _subscription in range(MOST_PER_CLIENT - 1):
        one.create("ehr", CHANNEL, next_block=0)
    with pytest.raises(Refused, match="at most 50"):
        one.create("ehr", CHANNEL, next_block=0)
    one.create("another", CHANNEL, next_block=0)
    assert "secret" not in repr(made)
