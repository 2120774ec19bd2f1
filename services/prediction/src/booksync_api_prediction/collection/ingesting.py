"""Embed what a collection names and the library does not have yet, so that a household needs no machine to do it.

The facts are Mangacollec's own. What is stored already stays as it is: machines may know better.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from booksync_api_prediction.collection.parsing import Collected, Collection
from booksync_api_prediction.embeddings import repository
from booksync_api_prediction.embeddings.bodies import Item, Kind
from booksync_api_prediction.jobs.repository import find_active
from booksync_api_prediction.jobs.runner import FAILURES, Runner
from booksync_common.database import Database
from booksync_common.startup import describe

logger = logging.getLogger(__name__)

#: Items a job; the rest comes with a later request.
LIMIT = 2000


@asynccontextmanager
async def embedding_after(
    collection: Collection | None, *, model: str, database: Database, jobs: Runner
) -> AsyncIterator[None]:
    """Queue what is missing of a collection after a request, however that ends; it never fails for this."""
    try:
        yield
    finally:
        if collection is not None and not collection.is_embedded:
            try:
                await _embed_missing(collection, model=model, database=database, jobs=jobs)
            except FAILURES as error:
                logger.warning("what is missing of a collection is not queued: %s", describe(error))


async def _embed_missing(collection: Collection, *, model: str, database: Database, jobs: Runner) -> None:
    """Queue a job for what is missing, unless one is under way."""
    entries = _find_entries(collection)
    request = {"model": model, "only_missing": True}
    async with database.session() as session:
        if await find_active(session, "bulk", request) is not None:
            return
        known = await repository.find_known(session, model, list(entries))
    missing = [key for key in entries if key not in known]
    if missing:
        synopses = _find_synopses(collection)
        items = [_make_item(kind, key, entries[kind, key], synopses) for kind, key in missing[:LIMIT]]
        await jobs.enqueue(database, "bulk", request, items=[item.model_dump(mode="json") for item in items], once=True)
    collection.is_embedded = not missing


def _find_entries(collection: Collection) -> Mapping[tuple[Kind, UUID], Collected]:
    """Return what tells of each series and volume: first those that can be suggested next, then what was read."""
    entries: dict[tuple[Kind, UUID], Collected] = {}
    for entry in (*collection.pile, *collection.read):
        if entry.volume.title:
            if entry.volume.series_id is not None:
                entries.setdefault(("series", entry.volume.series_id), entry)
            entries["volume", entry.volume.id] = entry
    return entries


def _find_synopses(collection: Collection) -> Mapping[UUID, str]:
    """Return that of each series' first volume which has one."""
    synopses: dict[UUID, str] = {}
    for entry in sorted((*collection.pile, *collection.read), key=lambda entry: entry.volume.number or 0):
        if entry.volume.series_id is not None and entry.synopsis:
            synopses.setdefault(entry.volume.series_id, entry.synopsis)
    return synopses


def _make_item(kind: Kind, item_id: UUID, entry: Collected, synopses: Mapping[UUID, str]) -> Item:
    volume = entry.volume
    facts: Mapping[str, Any] = {"synopsis": synopses.get(item_id, "")}
    if kind == "volume":
        facts = {
            "synopsis": entry.synopsis,
            "series_id": volume.series_id,
            "number": volume.number,
            "publisher": entry.publisher and entry.publisher[:200],
        }
    return Item(
        kind=kind,
        id=item_id,
        title=volume.title or "",
        kinds=[name[:200] for name in volume.kinds[:50]],
        type=entry.type and entry.type[:200],
        adult=volume.adult,
        lang="fr",
        **facts,
    )
