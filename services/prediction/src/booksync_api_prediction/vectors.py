"""pgvector, and the column that has a fixed number of dimensions."""

import logging

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_prediction.settings import PredictionSettings
from booksync_common.database import Database
from booksync_common.failures import ConfigurationError, FatalError
from booksync_common.migrations import INIT_SCRIPT, is_permission_denied

logger = logging.getLogger(__name__)

COLUMN = "prediction.embeddings.embedding"
RECREATE = "recreate-embeddings"

_EXTENSION = text("""
    SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') AS installed,
           EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS available
""")

# a vector's type modifier is its dimension
_DIMENSION = text("""
    SELECT atttypmod FROM pg_attribute
    WHERE attrelid = to_regclass('prediction.embeddings') AND attname = 'embedding' AND NOT attisdropped
""")


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
            f"VECTOR_DIMENSION is {settings.vector_dimension}, which is model {settings.embedding_model}'s, and column"
            f" {COLUMN} is vector({dimension}): `booksync-api-prediction {RECREATE}` empties the table and makes"
            " the column anew; the library has to be embedded again after that"
        )
        raise ConfigurationError(message)


async def recreate_column(settings: PredictionSettings, database: Database) -> None:
    """Empty the table and give the column the dimension of the settings."""
    async with database.connect_alone() as connection:
        await connection.execute(text("TRUNCATE prediction.embeddings"))
        await connection.execute(
            text(
                "ALTER TABLE prediction.embeddings ALTER COLUMN embedding"
                f" TYPE vector({settings.vector_dimension:d}) USING NULL::vector"
            )
        )
        # a new type comes with its own storage
        await connection.execute(text("ALTER TABLE prediction.embeddings ALTER COLUMN embedding SET STORAGE MAIN"))
        await connection.commit()
    logger.warning("%s is vector(%d) now, and empty: embed the library again", COLUMN, settings.vector_dimension)
