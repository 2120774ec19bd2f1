"""Routes for everything of a user at once."""

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from booksync_api_data.personal.models import PersonalVolume
from booksync_api_data.personal.queries import PersonalFilters, build_export
from booksync_api_data.personal.repository import forget_users
from booksync_api_data.personal.stats import PersonalStats, read_stats
from booksync_api_data.transfer.exporting import ExportResponse, make_renderer, stream_rows
from booksync_common.access import User
from booksync_common.database import Reader, Session, require_database

router = APIRouter(prefix="/api/v1/me", tags=["me"])


@router.get("/stats", summary="What my volumes add up to")
async def get_stats(user: User, reader: Reader) -> PersonalStats:
    """Count and add up what you have said."""
    return await read_stats(reader, user.user_id)


@router.get("/export", summary="Everything of mine", response_class=Response)
async def export_everything(request: Request, user: User) -> ExportResponse:
    """Stream everything that this service has of you, as JSON."""
    renderer = make_renderer(PersonalVolume, "json")
    whole = replace(renderer, head=f'{{"user_id":"{user.user_id}","volumes":['.encode(), tail=b"]}\n")
    rows = stream_rows(require_database(request), build_export(PersonalFilters(), user.user_id), whole)
    return await ExportResponse.start(rows, kind="json", name="booksync-data")


@router.delete("", summary="Delete everything of mine", status_code=204)
async def delete_everything(user: User, session: Session) -> None:
    """Delete everything that this service has of you; the profile itself is the Auth API's."""
    await forget_users(session, [user.user_id])
