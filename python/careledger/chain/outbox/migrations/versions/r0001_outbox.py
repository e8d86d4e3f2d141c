"""The outbox's first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "outbox_chain",
        sa.Column("chain_id", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("genesis_hash", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox_sender",
        sa.Column("chain_id", NUMBER, sa.ForeignKey("outbox_chain.chain_id"), primary_key=True),
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("next_nonce", NUMBER),
        sa.Column("seen_number", NUMBER),
        sa.Column("seen_hash", sa.Text),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.Double),
        sa.Column("alerts", sa.Text, nullable=False),
        sa.Column("spend_day", NUMBER, nullable=False),
        sa.Column("spent_wei", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox_record",
        sa.Column("sequence", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("chain_id", NUMBER, sa.ForeignKey("outbox_chain.chain_id"), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("receiver", sa.Text),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("value_wei", sa.Text, nullable=False),
        sa.Column("gas", NUMBER),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("refused", sa.SmallInteger, nullable=False),
        sa.Column("nonce", NUMBER),
        sa.Column("transaction_hash", sa.Text),
        sa.Column("block_number", NUMBER),
        sa.Column("block_hash", sa.Text),
        sa.Column("succeeded", sa.SmallInteger),
        sa.Column("gas_used", NUMBER),
        sa.Column("cost_wei", sa.Text),
        sa.Column("problem", sa.Text),
        sa.Column("revert_data", sa.LargeBinary),
        sa.Column("queued_at", NUMBER, nullable=False),
        sa.Column("signed_at", NUMBER),
        sa.Column("included_at", NUMBER),
        sa.Column("final_at", NUMBER),
        sa.UniqueConstraint("chain_id", "key", name="outbox_record_key"),
        sa.UniqueConstraint("chain_id", "sender", "nonce", name="outbox_record_nonce"),
    )
    op.create_index("outbox_record_state", "outbox_record", ["chain_id", "sender", "state", "sequence"])
    op.create_table(
        "outbox_transaction",
        sa.Column("transaction_hash", sa.Text, primary_key=True),
        sa.Column("record", NUMBER, sa.ForeignKey("outbox_record.sequence"), nullable=False),
        sa.Column("nonce", NUMBER, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("gas", NUMBER, nullable=False),
        sa.Column("max_fee_wei", NUMBER, nullable=False),
        sa.Column("tip_wei", NUMBER),
        sa.Column("signed_at", NUMBER, nullable=False),
        sa.Column("broadcast_at", NUMBER),
    )
    op.create_index("outbox_transaction_record", "outbox_transaction", ["record"])


def downgrade() -> None:
    for table in ("outbox_transaction", "outbox_record", "outbox_sender", "outbox_chain"):
        op.drop_table(table)
