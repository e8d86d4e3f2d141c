"""Documents."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "document_anchor",
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("kind", sa.BigInteger(), nullable=True),
        sa.Column("expiry", sa.BigInteger(), nullable=True),
        sa.Column("signed_at", sa.BigInteger(), nullable=True),
        sa.Column("anchored_at", sa.BigInteger(), nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=True),
        sa.Column("how", sa.Text(), nullable=True),
        sa.Column("stream", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revocation_reason", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("submitter", "id", "since_block", "since_log", name="document_anchor_pkey"),
    )
    op.create_index("document_anchor_by_anchored_at", "document_anchor", ["anchored_at"], unique=False)
    op.create_index("document_anchor_by_stream", "document_anchor", ["stream"], unique=False)
    op.create_index("document_anchor_since", "document_anchor", ["since_block"], unique=False)
    op.create_index(
        "document_anchor_until",
        "document_anchor",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "document_countersignature",
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("signed_by", sa.Text(), nullable=True),
        sa.Column("signed_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "submitter", "leaf", "organization", "since_block", "since_log", name="document_countersignature_pkey"
        ),
    )
    op.create_index(
        "document_countersignature_by_organization", "document_countersignature", ["organization"], unique=False
    )
    op.create_index("document_countersignature_since", "document_countersignature", ["since_block"], unique=False)
    op.create_index(
        "document_countersignature_until",
        "document_countersignature",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "document_dispute",
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("disputant", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("reason", sa.BigInteger(), nullable=True),
        sa.Column("statement", sa.Text(), nullable=True),
        sa.Column("raised_at", sa.BigInteger(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("replied_at", sa.BigInteger(), nullable=True),
        sa.Column("replied_by", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "submitter", "leaf", "disputant", "since_block", "since_log", name="document_dispute_pkey"
        ),
    )
    op.create_index("document_dispute_by_disputant", "document_dispute", ["disputant"], unique=False)
    op.create_index("document_dispute_since", "document_dispute", ["since_block"], unique=False)
    op.create_index(
        "document_dispute_until",
        "document_dispute",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "document_marks",
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("successor_submitter", sa.Text(), nullable=True),
        sa.Column("successor_leaf", sa.Text(), nullable=True),
        sa.Column("amended_at", sa.BigInteger(), nullable=True),
        sa.Column("amendment_reason", sa.BigInteger(), nullable=True),
        sa.Column("predecessor_submitter", sa.Text(), nullable=True),
        sa.Column("predecessor_leaf", sa.Text(), nullable=True),
        sa.Column("disputes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("submitter", "leaf", "since_block", "since_log", name="document_marks_pkey"),
    )
    op.create_index("document_marks_since", "document_marks", ["since_block"], unique=False)
    op.create_index(
        "document_marks_until",
        "document_marks",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "document_party",
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("named_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("submitter", "leaf", "party", "since_block", "since_log", name="document_party_pkey"),
    )
    op.create_index("document_party_by_party", "document_party", ["party"], unique=False)
    op.create_index("document_party_since", "document_party", ["since_block"], unique=False)
    op.create_index(
        "document_party_until",
        "document_party",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "document_revoked_leaves",
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("word", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("mask", sa.Text(), nullable=True),
        sa.Column("reason", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "submitter", "root", "word", "since_block", "since_log", name="document_revoked_leaves_pkey"
        ),
    )
    op.create_index("document_revoked_leaves_since", "document_revoked_leaves", ["since_block"], unique=False)
    op.create_index(
        "document_revoked_leaves_until",
        "document_revoked_leaves",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "document_stream",
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("first_head", sa.Text(), nullable=True),
        sa.Column("first_position", sa.BigInteger(), nullable=True),
        sa.Column("head", sa.Text(), nullable=True),
        sa.Column("length", sa.BigInteger(), nullable=True),
        sa.Column("continues", sa.Text(), nullable=True),
        sa.Column("continued_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("submitter", "stream", "since_block", "since_log", name="document_stream_pkey"),
    )
    op.create_index("document_stream_by_stream", "document_stream", ["stream"], unique=False)
    op.create_index("document_stream_since", "document_stream", ["since_block"], unique=False)
    op.create_index(
        "document_stream_until",
        "document_stream",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "document_stream_entry",
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("head", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "submitter", "stream", "id", "since_block", "since_log", name="document_stream_entry_pkey"
        ),
    )
    op.create_index(
        "document_stream_entry_by_submitter_stream_position",
        "document_stream_entry",
        ["submitter", "stream", "position"],
        unique=False,
    )
    op.create_index("document_stream_entry_since", "document_stream_entry", ["since_block"], unique=False)
    op.create_index(
        "document_stream_entry_until",
        "document_stream_entry",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
