"""pgvector, and the column that has a fixed number of dimensions."""

import logging

from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_prediction.index import NAME as INDEX
from booksync_api_prediction.program import RECREATE
from booksync_api_prediction.settings import PredictionSettings
from booksync_api_prediction.tables import JOBS
from booksync_common.database import Database
from booksync_common.failures import ConfigurationError, FatalError
from booksync_common.migrations import INIT_SCRIPT, is_permission_denied

logger = logging.getLogger(__name__)

COLUMN = "prediction.embeddings.embedding"

_EXTENSION = text("""
    SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AS installed,
           EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS available
""")

# the type's modifier is the dimension
_DIMENSION = text("""
    SELECT atttypmod FROM pg_attribute
    WHERE attrelid = to_regclass('prediction.embeddings') AND attname = 'embedding' AND NOT attisdropped
""")

# what is known of an item is what was written of it last, whichever model's vector it has
_DELETE_OLDER = """
    DELETE FROM prediction.embeddings AS older USING prediction.embeddings AS newer
    WHERE (newer.kind, newer.item_id) = (older.kind, older.item_id)
      AND (newer.updated_at, newer.id) > (older.updated_at, older.id)
"""


async def create_extension(connection: AsyncConnection) -> None:
    """Make sure of pgvector in the database.

    :raises FatalError: the server does not have it, or this role may not create it.
    """
    found = (await connection.execute(_EXTENSION)).one()
    if not found.installed and not found.available:
        message = (
            "this PostgreSQL has no pgvector (postgres:17-alpine, for one, comes without):"
            " use booksync-postgres or pgvector/pgvector:pg17"
        )
        raise FatalError(message)
    if not found.installed:
        try:
            await connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public"))
        except DBAPIError as error:
            if not is_permission_denied(error):
                raise
            message = (
                "extension vector is not in the database, and this role may not create it: as a superuser, run"
                f" CREATE EXTENSION vector WITH SCHEMA public; or {INIT_SCRIPT}"
            )
            raise FatalError(message) from error
    await connection.commit()


async def verify_column(connection: AsyncConnection, settings: PredictionSettings) -> None:
    """Refuse a column whose vectors have another length than the model's.

    :raises ConfigurationError: names the model, the column and the command that makes it anew.
    """
    dimension = await connection.scalar(_DIMENSION)
    if dimension is not None and dimension != settings.vector_dimension:
        message = (
            f"VECTOR_DIMENSION is {settings.vector_dimension} (model {settings.embedding_model}), and column {COLUMN}"
            f" is halfvec({dimension}): go back to the earlier model, or run `booksync-api-prediction {RECREATE}` in a"
            " container of its own (docker-compose run --rm), after which a job embeds the library again"
        )
        raise ConfigurationError(message)


async def recreate_column(settings: PredictionSettings, database: Database) -> None:
    """Give the column the dimension of the settings, and queue what embeds all that is in the table."""
    dimension = settings.vector_dimension
    # no zero vector, and of a model that nobody searches by, which a reindex takes for an older one
    placeholder = f"[{','.join(['1', *['0'] * (dimension - 1)])}]"
    async with database.connect_alone() as connection:
        for statement in (
            f"DROP INDEX IF EXISTS prediction.{INDEX}",
            _DELETE_OLDER,
            "UPDATE prediction.embeddings SET model = 'none'",
            "ALTER TABLE prediction.embeddings ALTER COLUMN embedding"
            f" TYPE halfvec({dimension:d}) USING '{placeholder}'::halfvec",
            # a new type comes with its own storage
            "ALTER TABLE prediction.embeddings ALTER COLUMN embedding SET STORAGE MAIN",
        ):
            await connection.execute(text(statement))
        request = {"model": settings.model_name, "prune": True}
        await connection.execute(insert(JOBS).values(kind="reindex", request=request))
        await connection.commit()
    logger.warning("%s is halfvec(%d) now; a job embeds the library again when the service runs", COLUMN, dimension)
