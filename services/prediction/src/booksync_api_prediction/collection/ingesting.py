"""Embed what a collection names and the library does not have yet, so that a household needs no machine to do it.

The facts are Mangacollec's own. What is stored already stays as it is: machines may know better.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from booksync_api_prediction.collection.parsing import Collected, Collection
from booksync_api_prediction.embeddings import repository
from booksync_api_prediction.embeddings.bodies import Item, Kind
from booksync_api_prediction.jobs.runner import Runner
from booksync_common.database import Database

#: Items a job; the rest comes with the next prediction.
LIMIT = 2000


async def embed_missing(collection: Collection, *, model: str, database: Database, jobs: Runner) -> None:
    """Queue a job for what is missing, unless one is under way."""
    items = {(item.kind, item.id): item for item in list_items(collection)}
    async with database.session() as session:
        known = await repository.find_known(session, model, list(items))
    missing = [item.model_dump(mode="json") for key, item in items.items() if key not in known]
    if missing:
        await jobs.enqueue(database, "bulk", {"only_missing": True}, items=missing[:LIMIT], once=True)


def list_items(collection: Collection) -> Iterator[Item]:
    """Yield the series and volumes of a collection: first those that can be suggested next, then what was read."""
    entries = [*collection.pile, *collection.read]
    synopses: dict[UUID, str] = {}
    for entry in sorted(entries, key=lambda entry: entry.volume.number or 0):
        if entry.volume.series_id is not None and entry.synopsis:
            synopses.setdefault(entry.volume.series_id, entry.synopsis)
    for entry in entries:
        volume = entry.volume
        if not volume.title:
            continue
        if volume.series_id is not None:
            yield _make_item("series", volume.series_id, entry, synopsis=synopses.get(volume.series_id, ""))
        facts = {"series_id": volume.series_id, "number": volume.number, "publisher": entry.publisher}
        yield _make_item("volume", volume.id, entry, synopsis=entry.synopsis, **facts)


def _make_item(kind: Kind, item_id: UUID, entry: Collected, **facts: Any) -> Item:
    shared: Mapping[str, Any] = {
        "title": entry.volume.title,
        "kinds": [name[:200] for name in entry.volume.kinds[:50]],
        "type": entry.type and entry.type[:200],
        "adult": entry.volume.adult,
        "lang": "fr",
    }
    if facts.get("publisher"):
        facts["publisher"] = facts["publisher"][:200]
    return Item(kind=kind, id=item_id, **shared, **facts)
