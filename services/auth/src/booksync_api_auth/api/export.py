"""Everything that is held about a profile."""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from booksync_api_auth.api.api_keys import KeyAnswer
from booksync_api_auth.api.errors import TOKEN
from booksync_api_auth.api.mangacollec import LinkAnswer, show_link
from booksync_api_auth.api.schemas import EventAnswer, SessionAnswer, UserAnswer, show_user
from booksync_api_auth.identity import Caller
from booksync_api_auth.mangacollec.links import LinksOf
from booksync_api_auth.repositories import credentials
from booksync_api_auth.repositories.api_keys import ApiKeys
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.sessions import Sessions
from booksync_api_auth.repositories.users import Users
from booksync_common.database import Session
from booksync_common.problem_schema import describe_errors

router = APIRouter(prefix="/users", tags=["profiles"])


class Export(BaseModel):
    """A profile, its devices, what happened to it, its link and its keys; not the secrets, which nobody can read."""

    user: UserAnswer
    password_changed_at: datetime | None
    failed_logins: int = Field(description="Since the last sign-in.")
    sessions: list[SessionAnswer]
    activity: list[EventAnswer]
    mangacollec: LinkAnswer
    api_keys: list[KeyAnswer] = Field(description="Those that the profile has made.")


@router.get("/me/export", summary="Everything held about me", responses=describe_errors(TOKEN))
async def export_me(caller: Caller, session: Session, links: LinksOf, response: Response) -> Export:
    """Return all that this service holds about the profile; the other services have exports of their own."""
    response.headers["Content-Disposition"] = 'attachment; filename="booksync-profile.json"'
    user = caller.user
    credential = await credentials.find(await session.connection(), user.id)
    link = LinkAnswer(state="not_linked") if credential is None else show_link(credential, links.state(credential))
    return Export(
        user=show_user(user),
        password_changed_at=user.password_changed_at,
        failed_logins=await Users(session).find_failures(user.id),
        sessions=[SessionAnswer.model_validate(record) for record in await Sessions(session).list(user.id)],
        activity=[EventAnswer.model_validate(event) for event in await Events(session).list(user.id)],
        mangacollec=link,
        api_keys=[KeyAnswer.model_validate(key) for key in await ApiKeys(session).list(created_by=user.id)],
    )
