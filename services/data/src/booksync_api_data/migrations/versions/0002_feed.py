"""A volume's place in the feed of changes stands in its own row, and not in one of another table for each."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Move it. There has been no release: no older service goes on without the table."""
    op.add_column("volume_extra", sa.Column("feed", sa.BigInteger()), schema="data")
    op.add_column("volume_extra", sa.Column("transaction_id", sa.BigInteger()), schema="data")
    op.add_column(
        "volume_extra", sa.Column("sequence", sa.BigInteger(), server_default="0", nullable=False), schema="data"
    )
    op.execute("""
        UPDATE data.volume_extra AS volume
        SET feed = change.feed, transaction_id = change.transaction_id, sequence = change.sequence
        FROM data.changes AS change WHERE change.volume_id = volume.volume_id
    """)
    # only now: an identity that is always generated takes no numbers that are there already
    op.execute("""
        ALTER TABLE data.volume_extra ALTER COLUMN sequence DROP DEFAULT,
            ALTER COLUMN sequence ADD GENERATED ALWAYS AS IDENTITY
    """)
    op.execute("""
        SELECT setval(pg_get_serial_sequence('data.volume_extra', 'sequence'), max(sequence) + 1, false)
        FROM data.volume_extra HAVING max(sequence) IS NOT NULL
    """)
    op.create_index(
        op.f("ix_volume_extra_feed_transaction_id_sequence"),
        "volume_extra",
        ["feed", "transaction_id", "sequence"],
        unique=False,
        schema="data",
    )
    op.drop_table("changes", schema="data")
