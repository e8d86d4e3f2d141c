"""authorizations claims policies."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "authorization_appeal",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("expedited", sa.Boolean(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("statement", sa.Text(), nullable=True),
        sa.Column("appealed_at", sa.BigInteger(), nullable=True),
        sa.Column("overdue", sa.Boolean(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.BigInteger(), nullable=True),
        sa.Column("reviewer_key", sa.Text(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column("rationale", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract", "provider", "request", "line", "since_block", "since_log", name="authorization_appeal_pkey"
        ),
    )
    op.create_index("authorization_appeal_since", "authorization_appeal", ["since_block"], unique=False)
    op.create_index(
        "authorization_appeal_until",
        "authorization_appeal",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "authorization_decision",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("action", sa.BigInteger(), nullable=True),
        sa.Column("basis", sa.BigInteger(), nullable=True),
        sa.Column("benefit_class", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("milli_units_requested", sa.BigInteger(), nullable=True),
        sa.Column("milli_units", sa.BigInteger(), nullable=True),
        sa.Column("milli_units_before", sa.BigInteger(), nullable=True),
        sa.Column(
            "amount_requested", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("amount", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("documents", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.BigInteger(), nullable=True),
        sa.Column("reviewer_key", sa.Text(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column("commitment", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract",
            "provider",
            "request",
            "line",
            "sequence",
            "since_block",
            "since_log",
            name="authorization_decision_pkey",
        ),
    )
    op.create_index("authorization_decision_since", "authorization_decision", ["since_block"], unique=False)
    op.create_index(
        "authorization_decision_until",
        "authorization_decision",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "authorization_line",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("appeal", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.BigInteger(), nullable=True),
        sa.Column("basis", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("expedited", sa.Boolean(), nullable=True),
        sa.Column("shadow", sa.Boolean(), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("benefit_class", sa.BigInteger(), nullable=True),
        sa.Column("milli_units", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("milli_units_requested", sa.BigInteger(), nullable=True),
        sa.Column(
            "amount_requested", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("valid_from", sa.BigInteger(), nullable=True),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("commitment", sa.Text(), nullable=True),
        sa.Column("superseded_by", sa.BigInteger(), nullable=True),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("extended", sa.Boolean(), nullable=True),
        sa.Column("overdue", sa.Boolean(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column("first_opinion", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract", "provider", "request", "line", "since_block", "since_log", name="authorization_line_pkey"
        ),
    )
    op.create_index("authorization_line_by_status", "authorization_line", ["status"], unique=False)
    op.create_index("authorization_line_by_waits_for", "authorization_line", ["waits_for"], unique=False)
    op.create_index("authorization_line_since", "authorization_line", ["since_block"], unique=False)
    op.create_index(
        "authorization_line_until",
        "authorization_line",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "authorization_request",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("submitted_by", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.Column("expedited", sa.Boolean(), nullable=True),
        sa.Column("shadow", sa.Boolean(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("lines", sa.BigInteger(), nullable=True),
        sa.Column("covered", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract", "provider", "request", "since_block", "since_log", name="authorization_request_pkey"
        ),
    )
    op.create_index("authorization_request_since", "authorization_request", ["since_block"], unique=False)
    op.create_index(
        "authorization_request_until",
        "authorization_request",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "claim",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("submitted_by", sa.Text(), nullable=True),
        sa.Column("lines", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("documents", sa.Text(), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "provider", "claim", "since_block", "since_log", name="claim_pkey"),
    )
    op.create_index("claim_since", "claim", ["since_block"], unique=False)
    op.create_index(
        "claim_until",
        "claim",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "claim_duplicate",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("claim_line", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("charge", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract", "claim_line", "claim", "since_block", "since_log", name="claim_duplicate_pkey"
        ),
    )
    op.create_index("claim_duplicate_since", "claim_duplicate", ["since_block"], unique=False)
    op.create_index(
        "claim_duplicate_until",
        "claim_duplicate",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "claim_line",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("claim_line", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("claim", sa.Text(), nullable=True),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("service_day", sa.BigInteger(), nullable=True),
        sa.Column("milli_units", sa.BigInteger(), nullable=True),
        sa.Column("charge", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("finding", sa.BigInteger(), nullable=True),
        sa.Column("paid", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("contractual", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("deductible", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("coinsurance", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("copay", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("denied", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("carc", sa.BigInteger(), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("reviewer_key", sa.Text(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column("rationale", sa.Text(), nullable=True),
        sa.Column("reversed_at", sa.BigInteger(), nullable=True),
        sa.Column("reversal_reason", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "claim_line", "since_block", "since_log", name="claim_line_pkey"),
    )
    op.create_index("claim_line_by_provider_request", "claim_line", ["provider", "request"], unique=False)
    op.create_index("claim_line_by_status", "claim_line", ["status"], unique=False)
    op.create_index("claim_line_since", "claim_line", ["since_block"], unique=False)
    op.create_index(
        "claim_line_until",
        "claim_line",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "claim_payment",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("claim_line", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("netted", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("place", sa.BigInteger(), nullable=True),
        sa.Column("queued_at", sa.BigInteger(), nullable=True),
        sa.Column("credited_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "claim_line", "since_block", "since_log", name="claim_payment_pkey"),
    )
    op.create_index("claim_payment_by_state", "claim_payment", ["state"], unique=False)
    op.create_index("claim_payment_since", "claim_payment", ["since_block"], unique=False)
    op.create_index(
        "claim_payment_until",
        "claim_payment",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "claims_settled_by",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("settlement", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "since_block", "since_log", name="claims_settled_by_pkey"),
    )
    op.create_index("claims_settled_by_since", "claims_settled_by", ["since_block"], unique=False)
    op.create_index(
        "claims_settled_by_until",
        "claims_settled_by",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "insurer_vault",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("available", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("unfunded", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("waiting", sa.BigInteger(), nullable=True),
        sa.Column("floor", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("daily_cap", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("withdrawal", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("withdrawal_recipient", sa.Text(), nullable=True),
        sa.Column("withdrawal_ready_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "since_block", "since_log", name="insurer_vault_pkey"),
    )
    op.create_index("insurer_vault_since", "insurer_vault", ["since_block"], unique=False)
    op.create_index(
        "insurer_vault_until",
        "insurer_vault",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "member_accumulators",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("member_key", sa.Text(), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("deductible", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("out_of_pocket", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract", "member_key", "period", "since_block", "since_log", name="member_accumulators_pkey"
        ),
    )
    op.create_index("member_accumulators_since", "member_accumulators", ["since_block"], unique=False)
    op.create_index(
        "member_accumulators_until",
        "member_accumulators",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "member_units",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("member_key", sa.Text(), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("benefit_class", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("reserved", sa.BigInteger(), nullable=True),
        sa.Column("used", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract", "member_key", "period", "benefit_class", "since_block", "since_log", name="member_units_pkey"
        ),
    )
    op.create_index("member_units_since", "member_units", ["since_block"], unique=False)
    op.create_index(
        "member_units_until",
        "member_units",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "policy_rule",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("benefit_class", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("coverage", sa.BigInteger(), nullable=True),
        sa.Column("flags", sa.BigInteger(), nullable=True),
        sa.Column("unit_code", sa.BigInteger(), nullable=True),
        sa.Column("validity_days", sa.BigInteger(), nullable=True),
        sa.Column("first_day", sa.BigInteger(), nullable=True),
        sa.Column("last_day", sa.BigInteger(), nullable=True),
        sa.Column(
            "required_documents", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("max_milli_units_per_request", sa.BigInteger(), nullable=True),
        sa.Column("max_milli_units_per_period", sa.BigInteger(), nullable=True),
        sa.Column("max_unit_price", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("max_amount", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("gold_card_requests", sa.BigInteger(), nullable=True),
        sa.Column("gold_card_approval_rate", sa.BigInteger(), nullable=True),
        sa.Column("gold_card_window_days", sa.BigInteger(), nullable=True),
        sa.Column(
            "fast_track_maximum", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("unit_price", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("copay", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("coinsurance", sa.BigInteger(), nullable=True),
        sa.Column("filing_days", sa.BigInteger(), nullable=True),
        sa.Column("pricing", sa.BigInteger(), nullable=True),
        sa.Column("claim_flags", sa.BigInteger(), nullable=True),
        sa.Column("max_milli_units_per_day", sa.BigInteger(), nullable=True),
        sa.Column("episode_weight", sa.BigInteger(), nullable=True),
        sa.Column("part_of", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract", "version", "benefit_class", "since_block", "since_log", name="policy_rule_pkey"
        ),
    )
    op.create_index("policy_rule_since", "policy_rule", ["since_block"], unique=False)
    op.create_index(
        "policy_rule_until",
        "policy_rule",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "policy_version",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("sealed_at", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("rules", sa.BigInteger(), nullable=True),
        sa.Column("plan", sa.BigInteger(), nullable=True),
        sa.Column("receipt_window", sa.BigInteger(), nullable=True),
        sa.Column("appeal_days", sa.BigInteger(), nullable=True),
        sa.Column("shadow", sa.Boolean(), nullable=True),
        sa.Column("deductible", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column(
            "out_of_pocket_maximum", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True
        ),
        sa.Column("base_rate", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("class_root", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "version", "since_block", "since_log", name="policy_version_pkey"),
    )
    op.create_index("policy_version_since", "policy_version", ["since_block"], unique=False)
    op.create_index(
        "policy_version_until",
        "policy_version",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "prepayment",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("prepayment", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("payer", sa.Text(), nullable=True),
        sa.Column("held", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("contract", "prepayment", "since_block", "since_log", name="prepayment_pkey"),
    )
    op.create_index("prepayment_by_payer", "prepayment", ["payer"], unique=False)
    op.create_index("prepayment_since", "prepayment", ["since_block"], unique=False)
    op.create_index(
        "prepayment_until",
        "prepayment",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "provider_account",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("credit", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("debt", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("payee", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "provider", "since_block", "since_log", name="provider_account_pkey"),
    )
    op.create_index("provider_account_since", "provider_account", ["since_block"], unique=False)
    op.create_index(
        "provider_account_until",
        "provider_account",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "provider_enrolments",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("plan", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("enrolments", sa.Text(), nullable=True),
        sa.Column("endings", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract", "provider", "plan", "since_block", "since_log", name="provider_enrolments_pkey"
        ),
    )
    op.create_index("provider_enrolments_since", "provider_enrolments", ["since_block"], unique=False)
    op.create_index(
        "provider_enrolments_until",
        "provider_enrolments",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "reviewer",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=True),
        sa.Column("appointed", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "key", "since_block", "since_log", name="reviewer_pkey"),
    )
    op.create_index("reviewer_since", "reviewer", ["since_block"], unique=False)
    op.create_index(
        "reviewer_until",
        "reviewer",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
