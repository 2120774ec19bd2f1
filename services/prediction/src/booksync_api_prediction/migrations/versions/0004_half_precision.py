"""Vectors of half precision: half as much to store, to keep in memory, and to read for each comparison."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Round them."""
    _change("halfvec")


def downgrade() -> None:
    """Give the column its former type; what was rounded stays so."""
    _change("vector")


def _change(name: str) -> None:
    # it is of the former type; the job makes it anew
    op.execute("DROP INDEX IF EXISTS prediction.ix_embeddings_embedding_hnsw")
    op.execute(f"""
        DO $$
        BEGIN
            EXECUTE (
                SELECT format('ALTER TABLE prediction.embeddings ALTER COLUMN embedding TYPE {name}(%s)', atttypmod)
                FROM pg_attribute WHERE attrelid = 'prediction.embeddings'::regclass AND attname = 'embedding'
            );
        END $$
    """)  # noqa: S608 - of constants
    # a new type comes with its own storage
    op.execute("ALTER TABLE prediction.embeddings ALTER COLUMN embedding SET STORAGE MAIN")
