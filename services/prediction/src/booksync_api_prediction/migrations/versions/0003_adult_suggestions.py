"""Whether a suggestion was for adults when it was made, as nothing else may know it later."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "recommendations",
        sa.Column("adult", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="prediction",
    )
