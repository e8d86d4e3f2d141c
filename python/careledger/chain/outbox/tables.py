"""The outbox's tables. The migrations create them; a test keeps the two equal."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = ["CHAIN", "METADATA", "RECORD", "SENDER", "TRANSACTION"]

METADATA = MetaData()
NUMBER = BigInteger().with_variant(Integer, "sqlite")

CHAIN = Table(
    "outbox_chain",
    METADATA,
    Column("chain_id", NUMBER, primary_key=True, autoincrement=False),
    Column("genesis_hash", Text, nullable=False),
)

SENDER = Table(
    "outbox_sender",
    METADATA,
    Column("chain_id", NUMBER, ForeignKey("outbox_chain.chain_id"), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("next_nonce", NUMBER),
    Column("seen_number", NUMBER),  # the head of the last look that counted
    Column("seen_hash", Text),
    Column("lease_owner", Text),
    Column("lease_until", Double),  # Unix seconds: PostgreSQL's clock there, this machine's with SQLite
    Column("alerts", Text, nullable=False),  # JSON: {kind: [since, detail]}
    Column("spend_day", NUMBER, nullable=False),  # days since 1970-01-01, UTC
    Column("spent_wei", Text, nullable=False),
)

RECORD = Table(
    "outbox_record",
    METADATA,
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),  # the order of acceptance
    Column("chain_id", NUMBER, ForeignKey("outbox_chain.chain_id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("receiver", Text),
    Column("data", LargeBinary, nullable=False),
    Column("value_wei", Text, nullable=False),
    Column("gas", NUMBER),  # as given
    Column("state", Text, nullable=False),
    Column("refused", SmallInteger, nullable=False),  # 1: no node takes its bytes, its no-op ends it as REFUSED
    Column("nonce", NUMBER),
    Column("transaction_hash", Text),
    Column("block_number", NUMBER),
    Column("block_hash", Text),
    Column("succeeded", SmallInteger),
    Column("gas_used", NUMBER),
    Column("cost_wei", Text),
    Column("problem", Text),
    Column("revert_data", LargeBinary),
    Column("queued_at", NUMBER, nullable=False),
    Column("signed_at", NUMBER),
    Column("included_at", NUMBER),
    Column("final_at", NUMBER),
    UniqueConstraint("chain_id", "key", name="outbox_record_key"),
    UniqueConstraint("chain_id", "sender", "nonce", name="outbox_record_nonce"),
    Index("outbox_record_state", "chain_id", "sender", "state", "sequence"),
)

TRANSACTION = Table(
    "outbox_transaction",
    METADATA,
    Column("transaction_hash", Text, primary_key=True),
    Column("record", NUMBER, ForeignKey("outbox_record.sequence"), nullable=False),
    Column("nonce", NUMBER, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("gas", NUMBER, nullable=False),
    Column("max_fee_wei", NUMBER, nullable=False),
    Column("tip_wei", NUMBER),
    Column("signed_at", NUMBER, nullable=False),
    Column("broadcast_at", NUMBER),
    Index("outbox_transaction_record", "record"),
)
