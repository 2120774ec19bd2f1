"""What the jobs do."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.embeddings import repository as embeddings
from booksync_api_prediction.embeddings.bodies import Item
from booksync_api_prediction.embeddings.rows import prepare_item, prepare_row
from booksync_api_prediction.embeddings.writing import make_row, write_items
from booksync_api_prediction.jobs import repository as jobs
from booksync_api_prediction.jobs.runner import Handler, Run, patiently
from booksync_api_prediction.model import Model
from booksync_api_prediction.settings import PredictionSettings


def make_bulk_handler(settings: PredictionSettings, model: Model) -> Handler:
    """Make what embeds the items that came with a job."""

    async def embed_bulk(run: Run) -> None:
        while True:
            async with run.database.session() as session:
                rows = await jobs.find_items(session, run.job_id, settings.embedding_batch_size)
            if not rows:
                return
            last = rows[-1]["position"]

            async def settle(session: AsyncSession, done: int = len(rows), last: int = last) -> None:
                await run.renew(session, done=done)
                await jobs.remove_items(session, run.job_id, last)

            items = [
                prepare_item(item.kind, item.id, item) for item in (Item.model_validate(row["item"]) for row in rows)
            ]
            await patiently(
                run,
                lambda items=items, settle=settle: write_items(  # type: ignore[misc]
                    items,
                    model_name=settings.model_name,
                    model=model,
                    database=run.database,
                    only_missing=run.request.get("only_missing", False),
                    beside=settle,
                ),
            )

    return embed_bulk


def make_reindex_handler(settings: PredictionSettings, model: Model) -> Handler:
    """Make what embeds the items whose vector is of another model or recipe."""
    name = settings.model_name

    async def embed_stale(run: Run) -> None:
        async with run.database.session() as session:
            await run.renew(session)
            await jobs.set_total(session, run.job_id, await embeddings.count_stale(session, name))
        after = None
        while True:
            async with run.database.session() as session:
                rows = await embeddings.find_stale(session, name, settings.embedding_batch_size, after=after)
            if not rows:
                if after is None:
                    break
                # once more from the start, for what came meanwhile
                after = None
                continue
            after = (rows[-1]["kind"], rows[-1]["item_id"])
            items = {row["id"]: prepare_row(row) for row in rows}
            texts = [item.text for item in items.values()]
            found = await patiently(run, lambda texts=texts: model.encode(texts))  # type: ignore[misc]
            vectors = dict(zip(items, found, strict=True))
            keys = [item.key for item in items.values()]
            written = {row["id"]: row["updated_at"] for row in rows}
            async with run.database.session() as session:
                await embeddings.lock(session, keys)
                # not what somebody has deleted, changed or embedded meanwhile
                still = await embeddings.find_stale(session, name, len(keys), keys)
                same = [row["id"] for row in still if written.get(row["id"]) == row["updated_at"]]
                await run.renew(session, done=len(same))
                now = datetime.now(UTC)
                if same:
                    await embeddings.upsert(session, [make_row(items[key], name, vectors[key], now) for key in same])
        if run.request.get("prune"):
            async with run.database.session() as session:
                await run.renew(session)
            # a connection of its own, without time-outs
            async with run.database.connect_alone() as connection, connection.begin():
                await embeddings.remove_other_models(connection, name)

    return embed_stale
