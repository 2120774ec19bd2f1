"""An index of the series for adults, as each search asks which volumes they cover."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the index."""
    op.create_index(
        "ix_embeddings_adult_series",
        "embeddings",
        ["item_id", "model"],
        unique=False,
        schema="prediction",
        postgresql_where=sa.text("adult AND kind = 'series'"),
    )
