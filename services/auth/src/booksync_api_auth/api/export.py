"""Everything that is held about a profile."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from booksync_api_auth.api.errors import TOKEN
from booksync_api_auth.api.mangacollec import LinkAnswer, show_link
from booksync_api_auth.api.schemas import EventAnswer, SessionAnswer, UserAnswer, show_user
from booksync_api_auth.identity import Caller
from booksync_api_auth.mangacollec.links import LinksOf
from booksync_api_auth.repositories import credentials
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.sessions import Sessions
from booksync_common.database import Session
from booksync_common.problem_schema import describe_errors

router = APIRouter(prefix="/users", tags=["profiles"])


class Export(BaseModel):
    """A profile, its devices, what happened to it, and its link; not the secrets, which nobody can read."""

    user: UserAnswer
    sessions: list[SessionAnswer]
    activity: list[EventAnswer]
    mangacollec: LinkAnswer


@router.get("/me/export", summary="Everything held about me", responses=describe_errors(TOKEN))
async def export_me(caller: Caller, session: Session, links: LinksOf, response: Response) -> Export:
    """Return all that this service holds about the profile; the other services have exports of their own."""
    response.headers["Content-Disposition"] = 'attachment; filename="booksync-profile.json"'
    credential = await credentials.find(await session.connection(), caller.user.id)
    link = LinkAnswer(state="not_linked") if credential is None else show_link(credential, links.state(credential))
    return Export(
        user=show_user(caller.user),
        sessions=[SessionAnswer.model_validate(record) for record in await Sessions(session).list(caller.user.id)],
        activity=[EventAnswer.model_validate(event) for event in await Events(session).list(caller.user.id)],
        mangacollec=link,
    )
