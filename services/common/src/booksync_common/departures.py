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
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_common.auth_client import AuthClient
from booksync_common.database import Database
from booksync_common.parts import Part
from booksync_common.problems import ProblemError, describe_database

logger = logging.getLogger(__name__)

PATH = "/api/v1/auth/deleted-users"
INTERVAL = 60.0  # s

#: Deletes what a service holds of some users and returns how many rows that were.
Forget = Callable[[AsyncSession, Sequence[UUID]], Awaitable[int]]


class UnexpectedAnswerError(Exception):
    """The Auth API answers something else."""


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
        #: Why the last round was none.
        self._reason: str | None = None

    async def attend(self, database: Database) -> None:
        """Make a round now and then, until cancelled."""
        while True:
            try:
                await self._make_round(database)
            except ProblemError as error:
                # the client and the health checks say more; the next round makes up for this one
                logger.debug("deleted profiles were not looked up: %s", error.detail)
            except (SQLAlchemyError, ValidationError, UnexpectedAnswerError) as error:
                self._note(_describe(error))
            else:
                self._note(None)
            await asyncio.sleep(self._interval)

    def _note(self, reason: str | None) -> None:
        """Say it once when rows are kept that should go, not every minute."""
        if reason not in {None, self._reason}:
            logger.warning("rows of profiles that were deleted may still be here: %s", reason)
        elif reason is None and self._reason is not None:
            logger.info("the list of deleted profiles is followed again")
        self._reason = reason

    async def _make_round(self, database: Database) -> None:
        response = await self._client.get(PATH)
        if not response.is_success:
            message = f"the Auth API has no list of deleted profiles: status {response.status_code}"
            raise UnexpectedAnswerError(message)
        users = [item.user_id for item in _DeletedUsers.model_validate_json(response.content).items]
        if not users:
            return
        async with database.session() as session:
            rows = await self._forget(session, users)
        if rows:
            logger.info("dropped %s rows of profiles that were deleted", rows)


def _describe(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "the Auth API's list of deleted profiles cannot be read"
    return describe_database(error) if isinstance(error, DBAPIError) else str(error)
