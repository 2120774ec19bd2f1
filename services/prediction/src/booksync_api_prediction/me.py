"""What is kept of a user here, for that user: everything to take away, and to delete."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from booksync_api_prediction.dependencies import UNAUTHORIZED, Library
from booksync_api_prediction.predictions import history
from booksync_common.access import User
from booksync_common.database import Reader, Session

ROUTER = APIRouter(prefix="/api/v1/me", tags=["me"], responses=UNAUTHORIZED)


class Entry(BaseModel):
    """A prediction or a recommendation, as it is stored."""

    id: UUID
    kind: str
    request: dict[str, Any]
    item_id: UUID
    series_id: UUID | None
    title: str | None
    number: int | None
    score: float | None
    similarity: float | None
    confidence: float | None
    reasoning: str | None
    model: str | None
    threshold: float | None
    adult: bool
    status: str
    rating: int | None
    feedback_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Export(BaseModel):
    """Everything."""

    user_id: UUID
    exported_at: datetime
    recommendations: list[Entry]


@ROUTER.get("/export", summary="Everything that is kept of you here")
async def export_me(user: User, reader: Reader) -> Export:
    """Show it."""
    rows = await history.export(reader, user.user_id, adult=user.certify_adult)
    return Export(
        user_id=user.user_id,
        exported_at=datetime.now(UTC),
        recommendations=[Entry.model_validate(dict(row)) for row in rows],
    )


@ROUTER.delete("", status_code=204, summary="Delete everything that is kept of you here")
async def delete_me(user: User, session: Session, library: Library) -> None:
    """Delete it."""
    await history.forget(session, [user.user_id])
    library.forget(user.user_id)
