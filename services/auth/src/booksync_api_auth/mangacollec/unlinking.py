"""End the link of a profile to Mangacollec."""

from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.mangacollec.problems import not_linked, password_missing
from booksync_api_auth.models import Origin, User
from booksync_api_auth.repositories.credentials import Credentials
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.users import Users


async def unlink(session: AsyncSession, user: User, *, origin: Origin) -> None:
    """Forget a profile's account.

    :raises ProblemError: 404 mangacollec_not_linked; 409 password_missing, as it could not sign in any more.
    """
    current = await Users(session).lock(user.id)
    if current is None or not await Credentials(session).delete(user.id):
        raise not_linked()
    if not current.has_password:
        raise password_missing()
    await Users(session).update(user.id, {"id_mangacollec": None})
    await Events(session).add("mangacollec_unlinked", user_id=user.id, origin=origin)
