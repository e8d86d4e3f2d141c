"""The gateway's tables. The migrations create them; a test keeps the two equal."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, Table, Text

__all__ = ["ASSERTION", "HOME", "JOB", "JOB_EVENT", "METADATA", "NOTIFICATION", "SESSION", "SUBSCRIPTION"]

METADATA = MetaData()
NUMBER = BigInteger().with_variant(Integer, "sqlite")

HOME = Table(
    "gateway_home",
    METADATA,
    Column("only", Integer, primary_key=True, autoincrement=False),  # 1: whose database it is
    Column("genesis_hash", Text, nullable=False),
    Column("organization", Text, nullable=False),
    Column("vault", Text, nullable=False),
)

JOB = Table(
    "gateway_job",
    METADATA,
    Column("job_id", Text, primary_key=True),
    Column("request_key", Text, nullable=False, unique=True),  # the client and its idempotency key
    Column("content_hash", Text, nullable=False),  # keyed: says whether two requests are one
    Column("kind", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    Column("updated_at", NUMBER, nullable=False),
    Column("due_at", NUMBER, nullable=False),  # not before; the end of the lease while it runs
    Column("lease_owner", Text),
    Column("attempts", NUMBER, nullable=False),
    Column("result", Text),  # sealed, as is the problem
    Column("problem", Text),
    Column("intents", Text, nullable=False),
    Column("blocks", Text, nullable=False),
    Index("gateway_job_due", "state", "due_at"),
    Index("gateway_job_owner", "owner", "created_at"),
)

JOB_EVENT = Table(
    "gateway_job_event",
    METADATA,
    Column("job_id", Text, ForeignKey("gateway_job.job_id"), primary_key=True),
    Column("number", NUMBER, primary_key=True),
    Column("time", NUMBER, nullable=False),
    Column("name", Text, nullable=False),
)

ASSERTION = Table(
    "gateway_assertion",
    METADATA,
    Column("assertion_hash", Text, primary_key=True),  # of client and jti, or what else is taken once
    Column("until", NUMBER, nullable=False),
    Index("gateway_assertion_until", "until"),
)

SESSION = Table(
    "gateway_session",
    METADATA,
    Column("session_hash", Text, primary_key=True),  # of the id in the cookie, which is nowhere here
    Column("subject", Text, nullable=False),  # a pseudonym
    Column("key", Text),  # the address of who signed in with a wallet
    Column("created_at", NUMBER, nullable=False),
    Column("seen_at", NUMBER, nullable=False),
    Index("gateway_session_seen", "seen_at"),
)

SUBSCRIPTION = Table(
    "gateway_subscription",
    METADATA,
    Column("subscription_id", Text, primary_key=True),  # its endpoint and headers are in the vault
    Column("owner", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("next_block", NUMBER, nullable=False),
    Column("events", NUMBER, nullable=False),
    Column("until", NUMBER),
    Index("gateway_subscription_owner", "owner"),
)

NOTIFICATION = Table(
    "gateway_notification",
    METADATA,
    Column("subscription_id", Text, ForeignKey("gateway_subscription.subscription_id"), primary_key=True),
    Column("number", NUMBER, primary_key=True),
    Column("created_at", NUMBER, nullable=False),
    Column("due_at", NUMBER, nullable=False),
    Column("attempts", NUMBER, nullable=False),
    Index("gateway_notification_due", "due_at"),
)
