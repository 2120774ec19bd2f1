"""Profiles that are no more, for the services that have rows of theirs."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_auth.models import DeletedUser
from booksync_api_auth.tables import DELETED_USERS


async def list_deleted(connection: AsyncConnection, *, limit: int) -> Sequence[DeletedUser]:
    """Return them, the latest first."""
    columns = DELETED_USERS.c
    statement = (
        select(columns.user_id, columns.created_at.label("deleted_at")).order_by(columns.sequence.desc()).limit(limit)
    )
    return [DeletedUser(**row) for row in (await connection.execute(statement)).mappings()]
