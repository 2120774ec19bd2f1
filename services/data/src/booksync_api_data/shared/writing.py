"""Routes that write what all share: for machines with a key, and administrators."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from booksync_api_data.batches import Batch, BatchResult, NoOptions, write_batch
from booksync_api_data.conditions import IfMatch, Precondition, build_etag, build_headers
from booksync_api_data.idempotency import MayRepeat
from booksync_api_data.shared.models import FactsIn, VolumeExtra, VolumeIn
from booksync_api_data.shared.repository import VolumeRepository
from booksync_api_data.transfer.importing import ImportOptions, ImportResult
from booksync_api_data.transfer.reading import READERS
from booksync_api_data.transfer.uploading import import_body
from booksync_api_data.writes import Item, delete_one, write_one
from booksync_common.access import make_writer
from booksync_common.database import Session, require_database
from booksync_common.problem_schema import describe_errors

router = APIRouter(prefix="/api/v1/volume-extra", tags=["volumes"])

Writer = Annotated[str, Depends(make_writer("data:write", needs_secret=True))]

_REFUSED = {412: "precondition_failed", 503: "writes_disabled"}
_BODY = {"content": {media_type: {"schema": {"type": "string"}} for media_type in READERS}, "required": True}


@router.post(
    "/bulk",
    summary="Write up to 1,000 volumes",
    response_model=BatchResult,
    responses=describe_errors(
        {422: "batch_invalid, idempotency_key_reused, validation_failed", 503: "writes_disabled"}
    ),
)
async def write_volumes(
    writer: Writer,
    session: Session,
    batch: Batch[VolumeIn],
    once: MayRepeat,
    _options: Annotated[NoOptions, Query()],
) -> Response:
    """Write volumes, with a result for each; locked fields stay as they are."""
    return await once.do(session, writer, lambda: write_batch(session, VolumeRepository(session), batch, VolumeIn))


@router.post(
    "/import",
    summary="Import a file",
    response_model=ImportResult,
    responses=describe_errors(
        {
            415: "unsupported_media_type",
            422: "import_unreadable, import_invalid, idempotency_key_reused",
            503: "writes_disabled",
        }
    ),
    openapi_extra={"requestBody": _BODY},
)
async def import_volumes(
    request: Request, writer: Writer, options: Annotated[ImportOptions, Query()], once: MayRepeat
) -> Response:
    """Write the volumes of a file, which is the body itself and may be of any length."""
    return await import_body(request, require_database(request), options, once=once, caller=writer)


@router.put(
    "/{volume_id}",
    summary="Create or replace a volume",
    response_model=VolumeExtra,
    responses={201: {"description": "It is new.", "model": VolumeExtra}, **describe_errors(_REFUSED)},
)
async def put_volume(volume_id: UUID, _writer: Writer, session: Session, facts: FactsIn, if_match: IfMatch) -> Response:
    """Write all of a volume: what is not said is cleared."""
    return await _write(session, Item(volume_id, facts.model_dump()), if_match)


@router.patch(
    "/{volume_id}",
    summary="Change a volume",
    response_model=VolumeExtra,
    responses=describe_errors({**_REFUSED, 404: "volume_unknown"}),
)
async def patch_volume(
    volume_id: UUID, _writer: Writer, session: Session, facts: FactsIn, if_match: IfMatch
) -> Response:
    """Write some of a volume (RFC 7396): what is not said stays, and null clears."""
    return await _write(session, Item(volume_id, facts.model_dump(exclude_unset=True)), if_match, must_exist=True)


@router.delete(
    "/{volume_id}",
    summary="Delete a volume",
    status_code=204,
    responses=describe_errors({**_REFUSED, 404: "volume_unknown"}),
)
async def delete_volume(volume_id: UUID, _writer: Writer, session: Session, if_match: IfMatch) -> None:
    """Delete what is known about a volume."""
    await delete_one(VolumeRepository(session), volume_id, if_match)


async def _write(session: AsyncSession, item: Item, precondition: Precondition, **options: Any) -> Response:
    repository = VolumeRepository(session)
    outcome = await write_one(repository, item, precondition, **options)
    volume = (await repository.find([item.volume_id]))[item.volume_id]
    headers = build_headers(etag=build_etag(volume.version, volume.updated_at), updated_at=volume.updated_at)
    status = 201 if outcome.plan.status == "created" else 200
    return Response(volume.model_dump_json(), status, media_type="application/json", headers=headers)
