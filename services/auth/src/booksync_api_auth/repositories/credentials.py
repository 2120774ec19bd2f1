"""What profiles have at Mangacollec."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_auth.models import Credential
from booksync_api_auth.tables import CREDENTIALS

PROVIDER = "mangacollec"

_COLUMNS = tuple(
    CREDENTIALS.c[name]
    for name in (
        "user_id",
        "account_email",
        "external_user_id",
        "access_token_enc",
        "refresh_token_enc",
        "password_enc",
        "key_id",
        "token_expires_at",
        "scope",
        "last_refresh_at",
        "last_error",
        "created_at",
    )
)
_OURS = CREDENTIALS.c.provider == PROVIDER


def _parse(row: RowMapping | None) -> Credential | None:
    return None if row is None else Credential(**row)


async def find(connection: AsyncConnection, user_id: UUID) -> Credential | None:
    """Find what a profile has."""
    statement = select(*_COLUMNS).where(CREDENTIALS.c.user_id == user_id, _OURS)
    return _parse((await connection.execute(statement)).mappings().one_or_none())


class Credentials:
    """The table of credentials."""

    def __init__(self, session: AsyncSession) -> None:
        """Work in a transaction."""
        self._session = session

    async def lock(self, user_id: UUID) -> Credential | None:
        """Find what a profile has, and keep others, in other replicas too, from it until the end of the transaction."""
        statement = select(*_COLUMNS).where(CREDENTIALS.c.user_id == user_id, _OURS).with_for_update()
        return _parse((await self._session.execute(statement)).mappings().one_or_none())

    async def save(
        self,
        user_id: UUID,
        *,
        account_email: str,
        external_user_id: str,
        access_token_enc: bytes,
        refresh_token_enc: bytes | None,
        password_enc: bytes | None,
        key_id: str,
        token_expires_at: datetime,
        scope: str | None,
    ) -> None:
        """Store what a sign-in has brought."""
        values = {
            "account_email": account_email,
            "external_user_id": external_user_id,
            "access_token_enc": access_token_enc,
            "refresh_token_enc": refresh_token_enc,
            "password_enc": password_enc,
            "key_id": key_id,
            "token_expires_at": token_expires_at,
            "scope": scope,
            "last_refresh_at": func.now(),
            "last_error": None,
        }
        insertion = insert(CREDENTIALS).values(user_id=user_id, provider=PROVIDER, **values)
        changed = {**values, "updated_at": func.now()}
        await self._session.execute(
            insertion.on_conflict_do_update(
                index_elements=[CREDENTIALS.c.user_id, CREDENTIALS.c.provider], set_=changed
            )
        )

    async def note_error(self, user_id: UUID, error: str) -> None:
        """Note why a link does not work."""
        await self._session.execute(
            update(CREDENTIALS).where(CREDENTIALS.c.user_id == user_id, _OURS).values(last_error=error)
        )

    async def delete(self, user_id: UUID) -> bool:
        """Forget what a profile has.

        :return: whether there was anything.
        """
        statement = delete(CREDENTIALS).where(CREDENTIALS.c.user_id == user_id, _OURS).returning(CREDENTIALS.c.user_id)
        return (await self._session.execute(statement)).one_or_none() is not None


async def list_of_other_keys(connection: AsyncConnection, key_id: str) -> Sequence[Credential]:
    """Return what was encrypted with another key, and keep others from it until the end of the transaction."""
    statement = select(*_COLUMNS).where(CREDENTIALS.c.key_id != key_id, _OURS).with_for_update(skip_locked=True)
    return [Credential(**row) for row in (await connection.execute(statement)).mappings()]


async def save_rotated(
    connection: AsyncConnection,
    user_id: UUID,
    *,
    access_token_enc: bytes | None,
    refresh_token_enc: bytes | None,
    password_enc: bytes | None,
    key_id: str,
) -> None:
    """Store what was encrypted anew."""
    values = {
        "access_token_enc": access_token_enc,
        "refresh_token_enc": refresh_token_enc,
        "password_enc": password_enc,
        "key_id": key_id,
    }
    await connection.execute(update(CREDENTIALS).where(CREDENTIALS.c.user_id == user_id, _OURS).values(values))
