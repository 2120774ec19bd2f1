"""Link a profile to an account of Mangacollec, which signs in as the profile from then on.

So a token is not enough for it: whoever found one on a shared device would link an account of theirs, and have a way
in that outlasts a new password. Whose account it is, is known only when Mangacollec has answered, so the password is
asked for always, and first: who does not have it makes us ask nobody.
"""

from typing import Annotated

from fastapi import Depends

from booksync_api_auth.confirming import Confirmation, ConfirmationOf
from booksync_api_auth.mangacollec import problems
from booksync_api_auth.mangacollec.links import Links, LinksOf
from booksync_api_auth.models import Credential, Origin, User
from booksync_api_auth.refusals import password_changed
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.users import Users
from booksync_common.database import Database, DatabaseOf


class Linking:
    """Linking."""

    def __init__(self, database: Database, links: Links, confirmation: Confirmation) -> None:
        """Take what it is made of."""
        self._database = database
        self._links = links
        self._confirmation = confirmation

    async def link(
        self, user: User, *, email: str, password: str, current_password: str | None, origin: Origin
    ) -> Credential:
        """Link a profile to an account, in place of the one that it may have had.

        :param current_password: the profile's, where it has one here.
        :raises ProblemError: 401 invalid_credentials; 409 conflict, mangacollec_already_linked; 409 password_missing,
            as a profile without a password is whose account it is; 422 current_password_missing; and what
            `Links.sign_in` raises.
        """
        if user.has_password:
            if current_password is None:
                raise problems.current_password_missing()
            await self._confirmation.confirm(user, current_password, origin=origin)
        signed_in = await self._links.sign_in(email, password, origin=origin)
        async with self._database.session() as session:
            current = await Users(session).lock(user.id)
            # what was confirmed, or did not have to be, was another one
            if current is not None and current.password_changed_at != user.password_changed_at:
                raise password_changed()
            if current is not None and current.is_of_another_account(signed_in.account.id):
                raise problems.password_missing()
            await Users(session).update(user.id, {"id_mangacollec": signed_in.account.id})
            await self._links.store(session, user.id, signed_in)
            await Events(session).add("mangacollec_linked", user_id=user.id, origin=origin)
        return await self._links.find(user.id)


async def get_linking(database: DatabaseOf, links: LinksOf, confirmation: ConfirmationOf) -> Linking:
    """Give a request what links."""
    return Linking(database, links, confirmation)


LinkingOf = Annotated[Linking, Depends(get_linking)]
