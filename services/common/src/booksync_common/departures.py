"""When a profile is deleted, what the other services hold of it goes too.

The Auth API publishes the ids of deleted profiles, the whole list each time: it is short, and a service that deletes
what it names, again and again, has no mark to lose, by a crash or by a restored backup. A row that was written with
a token that was still good for a few seconds goes with the next round.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_common.auth_client import AuthClient
from booksync_common.database import Database
from booksync_common.parts import Part
from booksync_common.problems import ProblemError

logger = logging.getLogger(__name__)

PATH = "/api/v1/auth/deleted-users"
INTERVAL = 60.0  # s

#: Deletes what a service holds of some users and returns how many rows that were.
Forget = Callable[[AsyncSession, Sequence[UUID]], Awaitable[int]]


class _DeletedUser(BaseModel):
    user_id: UUID


class _DeletedUsers(BaseModel):
    items: list[_DeletedUser]


class Departures(Part):
    """Follows the Auth API's list."""

    name = "departures"

    def __init__(self, client: AuthClient, forget: Forget, *, interval: float = INTERVAL) -> None:
        """Remember what to do.

        :param interval: seconds between two rounds.
        """
        self._client = client
        self._forget = forget
        self._interval = interval

    async def attend(self, database: Database) -> None:
        """Make a round now and then, until cancelled."""
        while True:
            try:
                await self._make_round(database)
            except (ProblemError, SQLAlchemyError, ValidationError) as error:
                # the client and the health checks say more; the next round makes up for this one
                logger.debug("deleted profiles were not looked up: %s", type(error).__name__)
            await asyncio.sleep(self._interval)

    async def _make_round(self, database: Database) -> None:
        response = await self._client.get(PATH)
        if not response.is_success:
            logger.debug("the Auth API has no list of deleted profiles: status %s", response.status_code)
            return
        users = [item.user_id for item in _DeletedUsers.model_validate_json(response.content).items]
        if not users:
            return
        async with database.session() as session:
            rows = await self._forget(session, users)
        if rows:
            logger.info("dropped %s rows of profiles that were deleted", rows)
