"""Who is told of decisions, and what is still to be delivered: in the database; endpoints and headers in the vault.

A notification is a row from when its decision is final on chain until it was delivered: at least once.
"""

from __future__ import annotations

import datetime as dt
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Row, and_, delete, func, select

from careledger.authorization.fhir.elements import Element
from careledger.authorization.fhir.issues import refuse
from careledger.authorization.fhir.resources import parse_resource
from careledger.chain.database import Database
from careledger.gateway.fhir_outcomes import FHIR_JSON
from careledger.gateway.problems import Refused
from careledger.gateway.tables import NOTIFICATION, SUBSCRIPTION
from careledger.vault import EntryErased, EntryMissing, Vault

__all__ = ["TOPIC", "Channel", "Due", "Subscription", "Subscriptions", "read_subscription"]

KIND = "gateway-subscription"
TOPIC = "http://hl7.org/fhir/us/davinci-pas/SubscriptionTopic/PASSubscriptionTopic"
CONTENT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}): ?([\x20-\x7e]{1,4096})")
RESERVED = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})
MOST_PER_CLIENT = 50
MOST_HEADERS = 16
MOST_AT_ONCE = 20
MOST_ATTEMPTS = 20
LEASE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 3_600


@dataclass(frozen=True)
class Channel:
    """Where notifications go. `reason` is what the client said of it."""

    endpoint: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    payload: str | None
    reason: str
    until: int | None


@dataclass(frozen=True)
class Subscription:
    """`state` is FHIR's: active, error or off. `next_block` is the first whose decisions were not looked at."""

    subscription_id: str
    state: str
    next_block: int
    channel: Channel


@dataclass(frozen=True)
class Due:
    """A notification that is to be delivered now, for the `attempt`th time. `time` is when it was made."""

    subscription_id: str
    number: int
    attempt: int
    time: int


def read_subscription(content: bytes) -> Channel:
    """A Subscription (R4, rest-hook) to the topic of PAS, as a client sends it. Raises BundleRefused."""
    asked = parse_resource(content, "Subscription")
    if asked.text("criteria") != TOPIC:
        asked.wrong("criteria", f"must be {TOPIC}", code="not-supported")
    if "_criteria" in asked.value:
        asked.wrong("criteria", "has a filter: there are none here", code="not-supported")
    if asked.text("status") not in ("requested", "active"):
        asked.wrong_code("status", asked.text("status"), "must be requested")
    channel = asked.element("channel") or asked
    if channel.text("type") != "rest-hook":
        channel.wrong_code("type", channel.text("type"), "must be rest-hook")
    if channel.text("payload") not in (None, FHIR_JSON, "application/json"):
        channel.wrong("payload", f"must be {FHIR_JSON}, or left out", code="not-supported")
    content_wanted = channel.element("_payload")
    level = content_wanted.extension(CONTENT) if content_wanted else None
    if level is not None and level.text("valueCode") != "empty":
        level.wrong_code("valueCode", level.text("valueCode"), "must be empty: notifications hold nothing of a request")
    endpoint, end = channel.text("endpoint"), asked.time("end")
    if not endpoint:
        channel.wrong("endpoint", "is needed", code="required")
    if "end" in asked.value and not isinstance(end, dt.datetime):
        asked.wrong("end", "must be a time with its zone")
    headers = _headers(channel)
    if asked.issues:
        refuse(asked.issues)
    until = int(end.timestamp()) if isinstance(end, dt.datetime) else None
    return Channel(endpoint or "", headers, channel.text("payload"), asked.text("reason") or "", until)


class Subscriptions:
    """Methods raise DatabaseError and VaultError besides what they say. Times are the machine's, Unix seconds."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    # ------------------------------------------------------------------ for routes

    def create(self, owner: str, channel: Channel, next_block: int) -> Subscription:
        """Keeps a subscription. Raises Refused, status 409, if the client has too many."""
        subscription_id = uuid.uuid4().hex
        kept = {
            "endpoint": channel.endpoint,
            "headers": dict(channel.headers),
            "payload": channel.payload,
            "reason": channel.reason,
            "until": channel.until,
        }
        self._vault.put(KIND, subscription_id, orjson.dumps(kept))
        row = {"owner": owner, "state": "active", "next_block": next_block, "events": 0, "until": channel.until}
        with self._database.write() as connection:
            of_owner = select(func.count()).select_from(SUBSCRIPTION).where(SUBSCRIPTION.c.owner == owner)
            too_many = connection.execute(of_owner).scalar_one() >= MOST_PER_CLIENT
            if not too_many:
                connection.execute(SUBSCRIPTION.insert().values(subscription_id=subscription_id, **row))
        if too_many:
            self._vault.forget(KIND, subscription_id)
            raise Refused(409, "Too many subscriptions", f"a client has at most {MOST_PER_CLIENT}: delete one")
        return Subscription(subscription_id, "active", next_block, channel)

    def get(self, subscription_id: str, owner: str) -> Subscription:
        """A client's subscription. Raises Refused, status 404."""
        with self._database.read() as connection:
            row = connection.execute(
                select(SUBSCRIPTION).where(
                    SUBSCRIPTION.c.subscription_id == subscription_id, SUBSCRIPTION.c.owner == owner
                )
            ).first()
        if row is None:
            raise Refused(404, "Unknown subscription", "there is no such subscription of this client")
        return self._loaded(row)

    def delete(self, subscription_id: str, owner: str) -> None:
        """Ends a subscription; what is not delivered is not delivered any more. Raises Refused, status 404."""
        self.get(subscription_id, owner)
        with self._database.write() as connection:
            connection.execute(delete(NOTIFICATION).where(NOTIFICATION.c.subscription_id == subscription_id))
            connection.execute(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.subscription_id == subscription_id))
        self._vault.forget(KIND, subscription_id)

    # ------------------------------------------------------------------ for who notifies

    def active(self) -> list[tuple[str, int]]:
        """Ids of the subscriptions that are in force, and the block that each goes on from. One whose end has come is
        off."""
        now = int(time.time())
        wanted = select(SUBSCRIPTION).where(SUBSCRIPTION.c.state == "active")
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        ended = [row.subscription_id for row in rows if row.until is not None and row.until <= now]
        if ended:
            with self._database.write() as connection:
                connection.execute(
                    SUBSCRIPTION.update().where(SUBSCRIPTION.c.subscription_id.in_(ended)).values(state="off")
                )
        return [(row.subscription_id, row.next_block) for row in rows if row.subscription_id not in ended]

    def looked_at(self, subscription_id: str, from_block: int, to_block: int, decisions: int) -> None:
        """Notes that blocks were looked at, and a notification for each decision in them. If another process did so
        already, it does nothing."""
        now = int(time.time())
        at = and_(SUBSCRIPTION.c.subscription_id == subscription_id, SUBSCRIPTION.c.next_block == from_block)
        with self._database.write() as connection:
            moved = connection.execute(
                SUBSCRIPTION.update()
                .where(at)
                .values(next_block=to_block + 1, events=SUBSCRIPTION.c.events + decisions)
            )
            if not moved.rowcount or not decisions:
                return
            events = connection.execute(
                select(SUBSCRIPTION.c.events).where(SUBSCRIPTION.c.subscription_id == subscription_id)
            ).scalar_one()
            numbers = range(events - decisions + 1, events + 1)
            row = {"subscription_id": subscription_id, "created_at": now, "due_at": now, "attempts": 0}
            connection.execute(NOTIFICATION.insert(), [{**row, "number": number} for number in numbers])

    def due(self) -> list[Due]:
        """Notifications to be delivered, now this process's until the lease is out."""
        now, found = int(time.time()), []
        ripe = and_(NOTIFICATION.c.due_at <= now, SUBSCRIPTION.c.state == "active")
        wanted = select(NOTIFICATION).join(SUBSCRIPTION).where(ripe).order_by(NOTIFICATION.c.due_at).limit(MOST_AT_ONCE)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        for row in rows:
            with self._database.write() as connection:
                taken = connection.execute(
                    NOTIFICATION.update()
                    .where(_is(row), NOTIFICATION.c.due_at == row.due_at, NOTIFICATION.c.attempts == row.attempts)
                    .values(due_at=now + LEASE_SECONDS, attempts=row.attempts + 1)
                )
            if taken.rowcount:
                found.append(Due(row.subscription_id, row.number, row.attempts + 1, row.created_at))
        return found

    def channel(self, subscription_id: str) -> Channel | None:
        """Where to; None if the subscription was deleted."""
        try:
            return _channel(self._vault.get(KIND, subscription_id))
        except (EntryErased, EntryMissing):
            return None

    def delivered(self, due: Due) -> None:
        """It is done with."""
        with self._database.write() as connection:
            connection.execute(delete(NOTIFICATION).where(_is(due)))

    def undelivered(self, due: Due) -> None:
        """Again in a while, longer each time; after many the subscription's state is `error`, and nothing more is
        tried."""
        pause = min(2 ** (due.attempt - 1), LONGEST_PAUSE_SECONDS)
        with self._database.write() as connection:
            connection.execute(NOTIFICATION.update().where(_is(due)).values(due_at=int(time.time()) + pause))
            if due.attempt >= MOST_ATTEMPTS:
                of = SUBSCRIPTION.c.subscription_id == due.subscription_id
                connection.execute(SUBSCRIPTION.update().where(of).values(state="error"))

    def _loaded(self, row: Row[Any]) -> Subscription:
        channel = _channel(self._vault.get(KIND, row.subscription_id))
        return Subscription(row.subscription_id, row.state, row.next_block, channel)


def _is(one: Any) -> Any:
    return and_(NOTIFICATION.c.subscription_id == one.subscription_id, NOTIFICATION.c.number == one.number)


def _channel(kept: bytes) -> Channel:
    return Channel(**orjson.loads(kept))


def _headers(channel: Element) -> dict[str, str]:
    """Notes an issue for what cannot be a header; values stand in none."""
    found: dict[str, str] = {}
    for line in channel.texts("header"):
        match = HEADER.fullmatch(line)
        if match is None or match[1].lower() in RESERVED:
            channel.wrong("header", "must be `Name: value`, and none that the gateway sets itself")
            continue
        found[match[1]] = match[2].strip()
    if len(found) > MOST_HEADERS:
        channel.wrong("header", f"are more than {MOST_HEADERS}", str(len(found)), "too-costly")
    return found
