"""lots custody orders cold chain service."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cold_chain_device",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("organization", sa.Text(), nullable=True),
        sa.Column("curve", sa.BigInteger(), nullable=True),
        sa.Column("x", sa.Text(), nullable=True),
        sa.Column("y", sa.Text(), nullable=True),
        sa.Column("registered_at", sa.BigInteger(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "device", "since_block", "since_log", name="cold_chain_device_pkey"),
    )
    op.create_index("cold_chain_device_since", "cold_chain_device", ["since_block"], unique=False)
    op.create_index(
        "cold_chain_device_until",
        "cold_chain_device",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "container",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("packer", sa.Text(), nullable=True),
        sa.Column("packed_by", sa.Text(), nullable=True),
        sa.Column("packed_at", sa.BigInteger(), nullable=True),
        sa.Column("filled_at", sa.BigInteger(), nullable=True),
        sa.Column("lot", sa.Text(), nullable=True),
        sa.Column("first_unit", sa.BigInteger(), nullable=True),
        sa.Column("last_unit", sa.BigInteger(), nullable=True),
        sa.Column("units", sa.BigInteger(), nullable=True),
        sa.Column("cases", sa.BigInteger(), nullable=True),
        sa.Column("cases_out", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("case_of", sa.Text(), nullable=True),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("state", sa.BigInteger(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("receiver", sa.Text(), nullable=True),
        sa.Column("opened", sa.Boolean(), nullable=True),
        sa.Column("returned", sa.Boolean(), nullable=True),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("flagged", sa.Boolean(), nullable=True),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("shipments", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "container", "since_block", "since_log", name="container_pkey"),
    )
    op.create_index("container_by_holder", "container", ["holder"], unique=False)
    op.create_index("container_by_lot_first_unit", "container", ["lot", "first_unit"], unique=False)
    op.create_index("container_by_parent", "container", ["parent"], unique=False)
    op.create_index("container_since", "container", ["since_block"], unique=False)
    op.create_index(
        "container_until",
        "container",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "container_shipment",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("shipment", sa.BigInteger(), nullable=True),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("receiver", sa.Text(), nullable=True),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column("deadline", sa.BigInteger(), nullable=True),
        sa.Column("is_return", sa.Boolean(), nullable=True),
        sa.Column("terms", sa.Text(), nullable=True),
        sa.Column("shipped_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("part_of", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "container", "since_block", "since_log", name="container_shipment_pkey"),
    )
    op.create_index("container_shipment_by_outcome", "container_shipment", ["outcome"], unique=False)
    op.create_index("container_shipment_by_part_of", "container_shipment", ["part_of"], unique=False)
    op.create_index("container_shipment_since", "container_shipment", ["since_block"], unique=False)
    op.create_index(
        "container_shipment_until",
        "container_shipment",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "custody_receipt",
        sa.Column("receipt_transaction", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("contract", sa.Text(), nullable=True),
        sa.Column("container", sa.Text(), nullable=True),
        sa.Column("rejected_part", sa.Text(), nullable=True),
        sa.Column("shipment", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("receipt_transaction", "since_block", "since_log", name="custody_receipt_pkey"),
    )
    op.create_index("custody_receipt_since", "custody_receipt", ["since_block"], unique=False)
    op.create_index(
        "custody_receipt_until",
        "custody_receipt",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "device_binding",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("container", sa.Text(), nullable=True),
        sa.Column("bound_at", sa.BigInteger(), nullable=True),
        sa.Column("lowest", sa.BigInteger(), nullable=True),
        sa.Column("highest", sa.BigInteger(), nullable=True),
        sa.Column("highest_mean", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("window_end", sa.BigInteger(), nullable=True),
        sa.Column("excursions", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "device", "since_block", "since_log", name="device_binding_pkey"),
    )
    op.create_index("device_binding_by_container", "device_binding", ["container"], unique=False)
    op.create_index("device_binding_since", "device_binding", ["since_block"], unique=False)
    op.create_index(
        "device_binding_until",
        "device_binding",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "device_service",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("organization", sa.Text(), nullable=True),
        sa.Column("signed_by", sa.Text(), nullable=True),
        sa.Column("kind", sa.BigInteger(), nullable=True),
        sa.Column("serviced_at", sa.BigInteger(), nullable=True),
        sa.Column("part_lot", sa.Text(), nullable=True),
        sa.Column("part_unit", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("head", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract", "lot", "unit", "sequence", "since_block", "since_log", name="device_service_pkey"
        ),
    )
    op.create_index("device_service_by_part_lot_part_unit", "device_service", ["part_lot", "part_unit"], unique=False)
    op.create_index("device_service_since", "device_service", ["since_block"], unique=False)
    op.create_index(
        "device_service_until",
        "device_service",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "escrow_credit",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("credits", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "organization", "since_block", "since_log", name="escrow_credit_pkey"),
    )
    op.create_index("escrow_credit_since", "escrow_credit", ["since_block"], unique=False)
    op.create_index(
        "escrow_credit_until",
        "escrow_credit",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "lot",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("maker", sa.Text(), nullable=True),
        sa.Column("kind", sa.BigInteger(), nullable=True),
        sa.Column("depth", sa.BigInteger(), nullable=True),
        sa.Column("expiry_day", sa.BigInteger(), nullable=True),
        sa.Column("tranches", sa.BigInteger(), nullable=True),
        sa.Column("commissioned_at", sa.BigInteger(), nullable=True),
        sa.Column("commissioned_by", sa.Text(), nullable=True),
        sa.Column("repackaged", sa.Boolean(), nullable=True),
        sa.Column("product", sa.Text(), nullable=True),
        sa.Column("lot_number", sa.Text(), nullable=True),
        sa.Column("salt", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "lot", "since_block", "since_log", name="lot_pkey"),
    )
    op.create_index("lot_by_maker", "lot", ["maker"], unique=False)
    op.create_index("lot_since", "lot", ["since_block"], unique=False)
    op.create_index(
        "lot_until",
        "lot",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "lot_limits",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("lowest", sa.BigInteger(), nullable=True),
        sa.Column("highest", sa.BigInteger(), nullable=True),
        sa.Column("highest_mean", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "lot", "since_block", "since_log", name="lot_limits_pkey"),
    )
    op.create_index("lot_limits_since", "lot_limits", ["since_block"], unique=False)
    op.create_index(
        "lot_limits_until",
        "lot_limits",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "lot_packing",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("packed", sa.BigInteger(), nullable=True),
        sa.Column("units", sa.BigInteger(), nullable=True),
        sa.Column("containers", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "lot", "since_block", "since_log", name="lot_packing_pkey"),
    )
    op.create_index("lot_packing_since", "lot_packing", ["since_block"], unique=False)
    op.create_index(
        "lot_packing_until",
        "lot_packing",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "lot_recall",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("recall_class", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.BigInteger(), nullable=True),
        sa.Column("organization", sa.Text(), nullable=True),
        sa.Column("recalled_by", sa.Text(), nullable=True),
        sa.Column("recalled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "lot", "since_block", "since_log", name="lot_recall_pkey"),
    )
    op.create_index("lot_recall_since", "lot_recall", ["since_block"], unique=False)
    op.create_index(
        "lot_recall_until",
        "lot_recall",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "lot_repackaging",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("lot", sa.Text(), nullable=True),
        sa.Column("repackaged_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "container", "since_block", "since_log", name="lot_repackaging_pkey"),
    )
    op.create_index("lot_repackaging_by_lot", "lot_repackaging", ["lot"], unique=False)
    op.create_index("lot_repackaging_since", "lot_repackaging", ["since_block"], unique=False)
    op.create_index(
        "lot_repackaging_until",
        "lot_repackaging",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "lot_tranche",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("tranche", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("root", sa.Text(), nullable=True),
        sa.Column("added_at", sa.BigInteger(), nullable=True),
        sa.Column("added_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "lot", "tranche", "since_block", "since_log", name="lot_tranche_pkey"),
    )
    op.create_index("lot_tranche_since", "lot_tranche", ["since_block"], unique=False)
    op.create_index(
        "lot_tranche_until",
        "lot_tranche",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "lot_unit",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=True),
        sa.Column("suspect", sa.Boolean(), nullable=True),
        sa.Column("investigator", sa.Text(), nullable=True),
        sa.Column("suspected_at", sa.BigInteger(), nullable=True),
        sa.Column("determined_at", sa.BigInteger(), nullable=True),
        sa.Column("notice_due_at", sa.BigInteger(), nullable=True),
        sa.Column("notified_at", sa.BigInteger(), nullable=True),
        sa.Column("notice", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "lot", "unit", "since_block", "since_log", name="lot_unit_pkey"),
    )
    op.create_index("lot_unit_by_notice_due_at", "lot_unit", ["notice_due_at"], unique=False)
    op.create_index("lot_unit_since", "lot_unit", ["since_block"], unique=False)
    op.create_index(
        "lot_unit_until",
        "lot_unit",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "product_maker",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("assigned", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "product", "maker", "since_block", "since_log", name="product_maker_pkey"),
    )
    op.create_index("product_maker_since", "product_maker", ["since_block"], unique=False)
    op.create_index(
        "product_maker_until",
        "product_maker",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "purchase_order",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("buyer", sa.Text(), nullable=True),
        sa.Column("seller", sa.Text(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("paid", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("refunded", sa.Numeric(precision=78, scale=0).with_variant(sa.Text(), "sqlite"), nullable=True),
        sa.Column("deadline", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("received", sa.Boolean(), nullable=True),
        sa.Column("container", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "order_id", "since_block", "since_log", name="purchase_order_pkey"),
    )
    op.create_index("purchase_order_since", "purchase_order", ["since_block"], unique=False)
    op.create_index(
        "purchase_order_until",
        "purchase_order",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "supply_chain",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("lots", sa.Text(), nullable=True),
        sa.Column("escrow", sa.Text(), nullable=True),
        sa.Column("cold_chain", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "since_block", "since_log", name="supply_chain_pkey"),
    )
    op.create_index("supply_chain_since", "supply_chain", ["since_block"], unique=False)
    op.create_index(
        "supply_chain_until",
        "supply_chain",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "temperature_window",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("container", sa.Text(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("window_end", sa.BigInteger(), nullable=True),
        sa.Column("lowest", sa.BigInteger(), nullable=True),
        sa.Column("highest", sa.BigInteger(), nullable=True),
        sa.Column("mean", sa.BigInteger(), nullable=True),
        sa.Column("root", sa.Text(), nullable=True),
        sa.Column("excursion", sa.Boolean(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "contract", "device", "window_start", "since_block", "since_log", name="temperature_window_pkey"
        ),
    )
    op.create_index("temperature_window_by_container", "temperature_window", ["container"], unique=False)
    op.create_index("temperature_window_since", "temperature_window", ["since_block"], unique=False)
    op.create_index(
        "temperature_window_until",
        "temperature_window",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
    op.create_table(
        "unit_place",
        sa.Column("contract", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("unit", sa.BigInteger(), nullable=False),
        sa.Column("since_block", sa.BigInteger(), nullable=False),
        sa.Column("since_log", sa.Integer(), nullable=False),
        sa.Column("since_time", sa.BigInteger(), nullable=False),
        sa.Column("since_transaction", sa.Text(), nullable=False),
        sa.Column("until_block", sa.BigInteger(), nullable=True),
        sa.Column("until_log", sa.Integer(), nullable=True),
        sa.Column("container", sa.Text(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("moved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("contract", "lot", "unit", "since_block", "since_log", name="unit_place_pkey"),
    )
    op.create_index("unit_place_by_container", "unit_place", ["container"], unique=False)
    op.create_index("unit_place_since", "unit_place", ["since_block"], unique=False)
    op.create_index(
        "unit_place_until",
        "unit_place",
        ["until_block"],
        unique=False,
        sqlite_where=sa.text("until_block IS NOT NULL"),
        postgresql_where=sa.text("until_block IS NOT NULL"),
    )
