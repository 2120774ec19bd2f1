"""Routes for what a user says of volumes. Whose it is comes from the token alone."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from booksync_api_data.batches import Batch, BatchResult, NoOptions, write_batch
from booksync_api_data.conditions import IfChanged, IfMatch, Precondition, build_headers
from booksync_api_data.idempotency import MayRepeat
from booksync_api_data.listing import Page, fetch_page
from booksync_api_data.personal.models import PersonalIn, PersonalVolume, PersonalVolumeIn
from booksync_api_data.personal.queries import PersonalFilters, PersonalQuery, build_export
from booksync_api_data.personal.repository import PersonalRepository
from booksync_api_data.transfer.exporting import ExportFormat, ExportResponse, make_renderer, stream_rows
from booksync_api_data.writes import Item, delete_one, missing, write_one
from booksync_common.access import User
from booksync_common.database import Reader, Session, require_database
from booksync_common.problem_schema import describe_errors

router = APIRouter(prefix="/api/v1/me/volumes", tags=["me"])

_UNKNOWN = {404: "volume_unknown"}
_REFUSED = {412: "precondition_failed"}


class PersonalExport(PersonalFilters):
    """What to export."""

    format: ExportFormat = "csv"


@router.get("", summary="List my volumes", responses=describe_errors({400: "cursor_invalid"}))
async def list_volumes(user: User, reader: Reader, query: Annotated[PersonalQuery, Query()]) -> Page[PersonalVolume]:
    """List what you have said, a page at a time."""
    rows, next_cursor = await fetch_page(reader, query.listing(user.user_id), query)
    return Page(items=[PersonalVolume.model_validate(row) for row in rows], next_cursor=next_cursor)


@router.post(
    "/bulk",
    summary="Write up to 1,000 of my volumes",
    response_model=BatchResult,
    responses=describe_errors({422: "batch_invalid, idempotency_key_reused, validation_failed"}),
)
async def write_volumes(
    user: User,
    session: Session,
    batch: Batch[PersonalVolumeIn],
    once: MayRepeat,
    _options: Annotated[NoOptions, Query()],
) -> Response:
    """Write volumes, with a result for each."""
    repository = PersonalRepository(session, user.user_id)
    caller = f"user:{user.user_id}"
    return await once.do(session, caller, lambda: write_batch(session, repository, batch, PersonalVolumeIn))


@router.get("/export", summary="Export my volumes", response_class=Response)
async def export_volumes(request: Request, user: User, query: Annotated[PersonalExport, Query()]) -> ExportResponse:
    """Stream what you have said as CSV, JSON or one JSON object a line."""
    renderer = make_renderer(PersonalVolume, query.format)
    rows = stream_rows(require_database(request), build_export(query, user.user_id), renderer)
    return await ExportResponse.start(rows, kind=query.format, name="my-volumes")


@router.head("/{volume_id}", include_in_schema=False)
@router.get(
    "/{volume_id}",
    summary="Get one of my volumes",
    response_model=PersonalVolume,
    responses={304: {"description": "It is as you have it."}, **describe_errors(_UNKNOWN)},
)
async def get_volume(volume_id: UUID, user: User, reader: Reader, if_changed: IfChanged) -> Response:
    """Return what you have said of a volume."""
    volume = (await PersonalRepository(reader, user.user_id).find([volume_id])).get(volume_id)
    if volume is None:
        raise missing(volume_id)
    headers = build_headers(etag=volume.etag, updated_at=volume.updated_at)
    if if_changed.is_current(etag=volume.etag, updated_at=volume.updated_at):
        return Response(status_code=304, headers=headers)
    return Response(volume.model_dump_json(), media_type="application/json", headers=headers)


@router.put(
    "/{volume_id}",
    summary="Create or replace one of my volumes",
    response_model=PersonalVolume,
    responses={201: {"description": "It is new.", "model": PersonalVolume}, **describe_errors(_REFUSED)},
)
async def put_volume(volume_id: UUID, user: User, session: Session, facts: PersonalIn, if_match: IfMatch) -> Response:
    """Say all of a volume: what is not said is cleared."""
    return await _write(session, user.user_id, Item(volume_id, facts.model_dump()), if_match)


@router.patch(
    "/{volume_id}",
    summary="Change one of my volumes",
    response_model=PersonalVolume,
    responses=describe_errors({**_REFUSED, **_UNKNOWN}),
)
async def patch_volume(volume_id: UUID, user: User, session: Session, facts: PersonalIn, if_match: IfMatch) -> Response:
    """Say some of a volume (RFC 7396): what is not said stays, and null clears."""
    item = Item(volume_id, facts.model_dump(exclude_unset=True))
    return await _write(session, user.user_id, item, if_match, must_exist=True)


@router.delete(
    "/{volume_id}",
    summary="Delete one of my volumes",
    status_code=204,
    responses=describe_errors({**_REFUSED, **_UNKNOWN}),
)
async def delete_volume(volume_id: UUID, user: User, session: Session, if_match: IfMatch) -> None:
    """Delete what you have said of a volume."""
    await delete_one(PersonalRepository(session, user.user_id), volume_id, if_match)


async def _write(
    session: AsyncSession, user_id: UUID, item: Item, precondition: Precondition, **options: Any
) -> Response:
    repository = PersonalRepository(session, user_id)
    outcome = await write_one(repository, item, precondition, **options)
    volume = (await repository.find([item.volume_id]))[item.volume_id]
    headers = build_headers(etag=volume.etag, updated_at=volume.updated_at)
    status = 201 if outcome.plan.status == "created" else 200
    return Response(volume.model_dump_json(), status, media_type="application/json", headers=headers)
