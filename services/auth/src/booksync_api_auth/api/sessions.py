"""Devices that are signed in, and what happened."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from booksync_api_auth.api import ROOT
from booksync_api_auth.api.errors import TOKEN, VALIDATION
from booksync_api_auth.api.schemas import EventAnswer, SessionAnswer
from booksync_api_auth.identity import Caller, OriginOf
from booksync_api_auth.repositories.events import Events
from booksync_api_auth.repositories.sessions import Sessions
from booksync_common.database import Session
from booksync_common.problem_schema import describe_errors
from booksync_common.problems import ProblemError

router = APIRouter(prefix=f"{ROOT}/auth", tags=["sessions"])

MAX_PAGE = 200


class EventPage(BaseModel):
    """Events, newest first."""

    items: list[EventAnswer]
    next_before: int | None  # the value of `before` that has the next page; null on the last


@router.get("/sessions", summary="Devices that are signed in", responses=describe_errors(TOKEN))
async def list_sessions(caller: Caller, session: Session) -> list[SessionAnswer]:
    """Return the sessions that go on, the latest used first."""
    found = [SessionAnswer.model_validate(record) for record in await Sessions(session).list_live(caller.user.id)]
    return [item.model_copy(update={"is_current": item.id == caller.session.id}) for item in found]


@router.delete(
    "/sessions/{session_id}",
    summary="Sign a device out",
    status_code=204,
    responses=describe_errors({**TOKEN, **VALIDATION, 404: "session_not_found"}),
)
async def revoke_session(session_id: UUID, caller: Caller, session: Session, origin: OriginOf) -> Response:
    """End one of the caller's sessions."""
    # first the profile's row, which the event refers to: whoever changes the profile locks in this order, too
    await Events(session).add("session_revoked", user_id=caller.user.id, origin=origin)
    if not await Sessions(session).revoke(session_id, user_id=caller.user.id, reason="revoked"):
        raise ProblemError(404, "session_not_found", "There is no such session.")
    return Response(status_code=204)


@router.get("/activity", summary="Sign-ins and failures", responses=describe_errors({**TOKEN, **VALIDATION}))
async def list_activity(
    caller: Caller,
    session: Session,
    before: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> EventPage:
    """Return what happened to the caller's profile."""
    events = await Events(session).list(caller.user.id, before=before, limit=limit + 1)
    items = [EventAnswer.model_validate(event) for event in events[:limit]]
    return EventPage(items=items, next_before=items[-1].id if len(events) > limit else None)
