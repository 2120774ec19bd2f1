"""Addresses of the embeddings."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import TypeAdapter

from booksync_api_prediction.dependencies import FORBIDDEN, UNAUTHORIZED, Encoding, Jobs, Settings, Storage, Writer
from booksync_api_prediction.embeddings import repository
from booksync_api_prediction.embeddings.bodies import (
    Bulk,
    BulkResult,
    Embedding,
    EmbeddingPage,
    ItemFields,
    Kind,
    Outcome,
)
from booksync_api_prediction.embeddings.reading import read_embedding
from booksync_api_prediction.embeddings.rows import prepare_item
from booksync_api_prediction.embeddings.writing import write_items
from booksync_api_prediction.jobs.bodies import Job, read_job
from booksync_common.access import User
from booksync_common.cursors import build_cursor, parse_cursor
from booksync_common.database import Reader, Session
from booksync_common.problem_schema import describe_errors
from booksync_common.problems import ProblemError

ROUTER = APIRouter(prefix="/api/v1/embeddings", tags=["embeddings"], responses=UNAUTHORIZED)

#: Items that a request waits for; more are a job's. Two batches of the default size.
DIRECT_ITEMS = 64

#: Of an item in the list.
PLACE = TypeAdapter(tuple[Kind, UUID])

NOT_FOUND = describe_errors({404: "embedding_not_found"})
NOT_ENCODED = describe_errors({503: "model_unavailable, encoder_busy"})


def _not_found(kind: Kind, item_id: UUID) -> ProblemError:
    return ProblemError(404, "embedding_not_found", f"No {kind} {item_id} is embedded.")


@ROUTER.put(
    "/{kind}/{item_id}",
    summary="Store an item, embedded if its text is new",
    responses=FORBIDDEN | describe_errors({422: "empty_text"}) | NOT_ENCODED,
)
async def put_embedding(
    kind: Kind, item_id: UUID, body: ItemFields, _writer: Writer, settings: Settings, model: Encoding, storage: Storage
) -> Outcome:
    """Store one."""
    item = prepare_item(kind, item_id, body)
    (outcome,) = await write_items([item], model_name=settings.model_name, model=model, database=storage)
    return outcome


@ROUTER.post(
    "/bulk",
    summary=f"Store up to 500 items: at once up to {DIRECT_ITEMS}, else by a job (202)",
    responses={202: {"model": Job, "description": "a job does it"}}
    | FORBIDDEN
    | describe_errors({422: "empty_text"})
    | NOT_ENCODED,
)
async def put_bulk(
    body: Bulk,
    response: Response,
    _writer: Writer,
    settings: Settings,
    model: Encoding,
    storage: Storage,
    jobs: Jobs,
) -> BulkResult | Job:
    """Store several; all are refused for the mistake of one."""
    items = [prepare_item(item.kind, item.id, item) for item in body.items]
    if len(items) <= DIRECT_ITEMS:
        outcomes = await write_items(items, model_name=settings.model_name, model=model, database=storage)
        return BulkResult(model=settings.model_name, items=outcomes)
    asked = [item.model_dump(mode="json") for item in body.items]
    job = await jobs.enqueue(storage, "bulk", {"model": settings.model_name}, items=asked)
    response.status_code = 202
    response.headers["Location"] = f"/api/v1/jobs/{job['id']}"
    return read_job(job)


@ROUTER.get("", summary="What is embedded, by kind and id", responses=describe_errors({400: "cursor_invalid"}))
async def list_embeddings(
    user: User,
    settings: Settings,
    reader: Reader,
    kind: Kind | None = None,
    series_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: str | None = None,
) -> EmbeddingPage:
    """List a page."""
    question = f"embeddings {settings.model_name} {kind} {series_id}"
    rows = await repository.list_page(
        reader,
        settings.model_name,
        adult=user.certify_adult,
        kind=kind,
        series_id=series_id,
        after=None if cursor is None else parse_cursor(cursor, PLACE, question=question),
        limit=limit + 1,
    )
    page = rows[:limit]
    last = None if len(rows) == len(page) else (page[-1]["kind"], page[-1]["item_id"])
    return EmbeddingPage(
        items=[read_embedding(row) for row in page],
        next_cursor=None if last is None else build_cursor(last, PLACE, question=question),
    )


@ROUTER.get("/{kind}/{item_id}", summary="An item as it is stored", responses=NOT_FOUND)
async def get_embedding(
    kind: Kind, item_id: UUID, user: User, settings: Settings, reader: Reader, *, vector: bool = False
) -> Embedding:
    """Show one."""
    row = await repository.find(reader, settings.model_name, kind, item_id, adult=user.certify_adult, vector=vector)
    if row is None:
        raise _not_found(kind, item_id)
    return read_embedding(row)


@ROUTER.delete(
    "/{kind}/{item_id}",
    status_code=204,
    summary="Forget an item, in every model's vectors",
    responses=FORBIDDEN | NOT_FOUND,
)
async def delete_embedding(kind: Kind, item_id: UUID, _writer: Writer, session: Session) -> None:
    """Delete one."""
    if not await repository.remove(session, kind, item_id):
        raise _not_found(kind, item_id)
