"""Vectors of half precision: half as much to store, to keep in memory, and to read for each comparison."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Round them."""
    # it is of the former type; the job makes it anew
    op.execute("DROP INDEX IF EXISTS prediction.ix_embeddings_embedding_hnsw")
    op.execute("""
        DO $$
        BEGIN
            EXECUTE (
                SELECT format('ALTER TABLE prediction.embeddings ALTER COLUMN embedding TYPE halfvec(%s)', atttypmod)
                FROM pg_attribute WHERE attrelid = 'prediction.embeddings'::regclass AND attname = 'embedding'
            );
        END $$
    """)
    # a new type comes with its own storage
    op.execute("ALTER TABLE prediction.embeddings ALTER COLUMN embedding SET STORAGE MAIN")
