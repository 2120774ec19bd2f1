"""The first version of schema data."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "changes",
        sa.Column("volume_id", sa.Uuid(), nullable=False),
        sa.Column("feed", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('upsert', 'delete')", name=op.f("ck_changes_kind")),
        sa.PrimaryKeyConstraint("volume_id", name=op.f("pk_changes")),
        schema="data",
    )
    op.create_index(
        op.f("ix_changes_feed_transaction_id_sequence"),
        "changes",
        ["feed", "transaction_id", "sequence"],
        unique=False,
        schema="data",
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency_keys")),
        schema="data",
    )
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False, schema="data"
    )
    op.create_table(
        "user_volume",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("volume_id", sa.Uuid(), nullable=False),
        sa.Column("price_cents", sa.Integer(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("purchased_on", sa.Date(), nullable=True),
        sa.Column("store", sa.String(length=200), nullable=True),
        sa.Column("condition", sa.String(length=50), nullable=True),
        sa.Column("location", sa.String(length=200), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("rating", sa.SmallInteger(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_user_volume_currency")),
        sa.CheckConstraint("char_length(notes) <= 5000", name=op.f("ck_user_volume_notes")),
        sa.CheckConstraint("price_cents >= 0", name=op.f("ck_user_volume_price_cents")),
        sa.CheckConstraint("rating BETWEEN 0 AND 10", name=op.f("ck_user_volume_rating")),
        sa.CheckConstraint("version > 0", name=op.f("ck_user_volume_version")),
        sa.PrimaryKeyConstraint("user_id", "volume_id", name=op.f("pk_user_volume")),
        schema="data",
    )
    op.create_index(
        op.f("ix_user_volume_user_id_updated_at"), "user_volume", ["user_id", "updated_at"], unique=False, schema="data"
    )
    op.create_index(op.f("ix_user_volume_volume_id"), "user_volume", ["volume_id"], unique=False, schema="data")
    op.create_table(
        "volume_extra",
        sa.Column("volume_id", sa.Uuid(), nullable=False),
        sa.Column("object_id", sa.String(length=50), nullable=True),
        sa.Column("nb_pages", sa.Integer(), nullable=True),
        sa.Column("length", sa.String(length=20), nullable=True),
        sa.Column("height", sa.String(length=20), nullable=True),
        sa.Column("width", sa.String(length=20), nullable=True),
        sa.Column("weight", sa.String(length=20), nullable=True),
        sa.Column("extra_info", sa.Text(), nullable=True),
        sa.Column("length_cm", sa.Double(), nullable=True),
        sa.Column("height_cm", sa.Double(), nullable=True),
        sa.Column("width_cm", sa.Double(), nullable=True),
        sa.Column("weight_g", sa.Double(), nullable=True),
        sa.Column("source", sa.String(length=50), nullable=True),
        sa.Column("locked_fields", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "length_cm >= 0 AND height_cm >= 0 AND width_cm >= 0 AND weight_g >= 0",
            name=op.f("ck_volume_extra_measures"),
        ),
        sa.CheckConstraint("nb_pages >= 0", name=op.f("ck_volume_extra_nb_pages")),
        sa.CheckConstraint("version > 0", name=op.f("ck_volume_extra_version")),
        sa.PrimaryKeyConstraint("volume_id", name=op.f("pk_volume_extra")),
        schema="data",
    )
    op.create_index(op.f("ix_volume_extra_object_id"), "volume_extra", ["object_id"], unique=False, schema="data")
    op.create_index(
        op.f("ix_volume_extra_updated_at_volume_id"),
        "volume_extra",
        ["updated_at", "volume_id"],
        unique=False,
        schema="data",
    )
