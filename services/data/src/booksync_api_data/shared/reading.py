"""Routes that read what is known about volumes; any signed-in user may."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from booksync_api_data.conditions import IfChanged, build_etag, build_headers
from booksync_api_data.listing import Limit, Page, fetch_page
from booksync_api_data.shared.changes import Changes, read_changes
from booksync_api_data.shared.lookups import find_volumes
from booksync_api_data.shared.models import Lookup, LookupIn, VolumeExtra, VolumeFacts
from booksync_api_data.shared.queries import VolumeFilters, VolumeQuery, build_export
from booksync_api_data.shared.stats import VolumeStats, read_stats
from booksync_api_data.transfer.exporting import ExportFormat, ExportResponse, make_renderer, stream_rows
from booksync_api_data.writes import missing
from booksync_common.access import User
from booksync_common.database import DatabaseOf, Reader, require_database
from booksync_common.problem_schema import describe_errors

router = APIRouter(prefix="/api/v1/volume-extra", tags=["volumes"])

_BAD_CURSOR = {400: "cursor_invalid"}


class VolumeExport(VolumeFilters):
    """What to export."""

    format: ExportFormat = "csv"


@router.get("", summary="List volumes", responses=describe_errors(_BAD_CURSOR))
async def list_volumes(_user: User, reader: Reader, query: Annotated[VolumeQuery, Query()]) -> Page[VolumeExtra]:
    """List what is known, a page at a time."""
    rows, next_cursor = await fetch_page(reader, query.listing(), query)
    return Page(items=[VolumeExtra.model_validate(row) for row in rows], next_cursor=next_cursor)


@router.post("/lookup", summary="Look up to 1,000 volumes up", response_model=Lookup)
async def look_up(_user: User, database: DatabaseOf, wanted: LookupIn) -> Response:
    """Return the volumes in the order in which they were asked for."""
    ids = list(dict.fromkeys(wanted.ids))
    found = {volume.volume_id: volume for volume in await find_volumes(database, ids)}
    answer = Lookup(
        items=[found[volume_id] for volume_id in ids if volume_id in found],
        missing=[volume_id for volume_id in ids if volume_id not in found],
    )
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get("/stats", summary="How much is known")
async def get_stats(_user: User, reader: Reader) -> VolumeStats:
    """Count volumes by what is known of them."""
    return await read_stats(reader)


@router.get("/changes", summary="What has changed", responses=describe_errors({**_BAD_CURSOR, 410: "resync"}))
async def list_changes(
    _user: User,
    reader: Reader,
    since: Annotated[str | None, Query(description="`next` of the last answer; left out, from the beginning.")] = None,
    limit: Annotated[Limit, Query()] = 100,
) -> Changes:
    """List volumes by their last change, deletions too, for a client that keeps a copy."""
    return await read_changes(reader, since, limit=limit)


@router.get("/export", summary="Export", response_class=Response)
async def export_volumes(request: Request, _user: User, query: Annotated[VolumeExport, Query()]) -> ExportResponse:
    """Stream what is known as CSV, JSON or one JSON object a line."""
    renderer = make_renderer(VolumeFacts, query.format)
    rows = stream_rows(require_database(request), build_export(query), renderer)
    return await ExportResponse.start(rows, kind=query.format, name="volume-extra")


@router.head("/{volume_id}", include_in_schema=False)
@router.get(
    "/{volume_id}",
    summary="Get a volume",
    response_model=VolumeExtra,
    responses={304: {"description": "It is as you have it."}, **describe_errors({404: "volume_unknown"})},
)
async def get_volume(volume_id: UUID, _user: User, database: DatabaseOf, if_changed: IfChanged) -> Response:
    """Return what is known about a volume."""
    found = await find_volumes(database, [volume_id])
    if not found:
        raise missing(volume_id)
    volume = found[0]
    etag = build_etag(volume.version, volume.updated_at)
    headers = build_headers(etag=etag, updated_at=volume.updated_at)
    if if_changed.is_current(etag=etag, updated_at=volume.updated_at):
        return Response(status_code=304, headers=headers)
    return Response(volume.model_dump_json(), media_type="application/json", headers=headers)
