"""Ask once more for the password of somebody who is signed in, before what cannot be undone.

A token may be on a device that others hold; the password is not. A profile without one signs in at Mangacollec instead.
"""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.mangacollec.links import Links, LinksOf
from booksync_api_auth.models import Origin, User
from booksync_api_auth.passwords import Passwords, PasswordsOf
from booksync_api_auth.refusals import invalid_credentials
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.rate_limits import RateLimits
from booksync_common.database import Database, DatabaseOf
from booksync_common.problems import ProblemError


class Confirmation:
    """Confirming who one is."""

    def __init__(self, database: Database, passwords: Passwords, links: Links) -> None:
        """Take what it is made of."""
        self._database = database
        self._passwords = passwords
        self._links = links

    async def confirm(self, user: User, password: str, *, origin: Origin) -> None:
        """Check a profile's password, as seldom as at a sign-in.

        :raises ProblemError: 401 invalid_credentials, 429; 502, 503, 504 where Mangacollec has to be asked.
        """
        if user.password_hash is None:
            await self._ask_mangacollec(user, password, origin=origin)
            return
        account = f"profile {user.id}"
        with self._passwords.admit() as hashing:
            async with self._database.session() as session:
                await RateLimits(session).take(account, origin.address)
            verdict = await hashing.verify(password, user.password_hash)
        async with self._database.session() as session:
            if verdict.is_right:
                await RateLimits(session).give_back(account, origin.address)
            else:
                await self._note_failure(session, user, origin)
        if not verdict.is_right:
            raise invalid_credentials()

    async def _ask_mangacollec(self, user: User, password: str, *, origin: Origin) -> None:
        credential = await self._links.find(user.id)
        try:
            signed_in = await self._links.sign_in(credential.account_email or "", password, origin=origin)
        except ProblemError as error:
            if error.code != "mangacollec_invalid_credentials":
                raise
            is_right = False
        else:
            is_right = signed_in.account.id == user.id_mangacollec
        if not is_right:
            async with self._database.session() as session:
                await self._note_failure(session, user, origin)
            raise invalid_credentials()

    async def _note_failure(self, session: AsyncSession, user: User, origin: Origin) -> None:
        await Events(session).add("confirmation", user_id=user.id, origin=origin, success=False)


async def get_confirmation(database: DatabaseOf, passwords: PasswordsOf, links: LinksOf) -> Confirmation:
    """Give a request what asks for passwords."""
    return Confirmation(database, passwords, links)


ConfirmationOf = Annotated[Confirmation, Depends(get_confirmation)]
