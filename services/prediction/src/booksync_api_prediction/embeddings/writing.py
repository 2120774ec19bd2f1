"""Embed what is new, and store it.

The model is asked between two short transactions, not within one: a batch takes seconds on a Raspberry Pi, and the
connections of the pool are few. A text that changes meanwhile is no harm: a row's text and vector come together, and
facts are stored only beside the text that they were compared with.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.embeddings import repository
from booksync_api_prediction.embeddings.bodies import Kind, Outcome, Status
from booksync_api_prediction.embeddings.rows import Prepared
from booksync_api_prediction.model import Model
from booksync_common.database import Database

#: Runs in the transaction that stores; may raise, and then nothing is stored.
Beside = Callable[[AsyncSession], Awaitable[None]]


async def _nothing(_session: AsyncSession) -> None:
    pass


class OvertakenError(Exception):
    """Somebody has changed a text, or deleted an item, since it was compared."""


async def write_items(
    items: Sequence[Prepared],
    *,
    model_name: str,
    model: Model,
    database: Database,
    only_missing: bool = False,
    beside: Beside = _nothing,
) -> list[Outcome]:
    """Embed the items whose text is not the one that is stored, and store all that differ.

    :param only_missing: whether what is stored already stays as it is.
    :param beside: what else belongs in the transaction.
    :return: what became of each, in their order.
    """
    # the last of several with one id is the one that stays
    latest = {item.key: item for item in items}
    while True:
        with suppress(OvertakenError):
            statuses = await _write(
                latest, model_name=model_name, model=model, database=database, only_missing=only_missing, beside=beside
            )
            return [Outcome(kind=item.kind, id=item.item_id, status=statuses[item.key]) for item in items]


async def _write(
    latest: Mapping[tuple[Kind, UUID], Prepared],
    *,
    model_name: str,
    model: Model,
    database: Database,
    only_missing: bool,
    beside: Beside,
) -> Mapping[tuple[Kind, UUID], Status]:
    async with database.session() as session:
        stored = {
            (row["kind"], row["item_id"]): row for row in await repository.find_facts(session, model_name, [*latest])
        }
    statuses: dict[tuple[Kind, UUID], Status] = {
        key: "unchanged" if only_missing and key in stored else _compare(item, stored.get(key))
        for key, item in latest.items()
    }
    new = [item for key, item in latest.items() if statuses[key] == "embedded"]
    # one text of several items, as of volumes without a synopsis, is encoded once
    texts = list(dict.fromkeys(item.text for item in new))
    vectors = dict(zip(texts, await model.encode(texts), strict=True))
    now = datetime.now(UTC)
    async with database.session() as session:
        await beside(session)
        await repository.lock(session, [*latest])
        if new:
            rows = [make_row(item, model_name, vectors[item.text], now) for item in new]
            await repository.upsert(session, rows, only_missing=only_missing)
        for key, item in latest.items():
            if statuses[key] == "updated" and not await repository.update_facts(session, model_name, *key, item.values):
                raise OvertakenError
        if not only_missing:
            await repository.spread_adult(session, model_name, [*latest])
    return statuses


def _compare(item: Prepared, stored: RowMapping | None) -> Status:
    if stored is None or (stored["content_hash"], stored["text_version"]) != (
        item.content_hash,
        item.values["text_version"],
    ):
        return "embedded"
    same = all(stored[name] == value for name, value in item.values.items())
    return "unchanged" if same else "updated"


def make_row(item: Prepared, model_name: str, vector: Sequence[float], now: datetime) -> Mapping[str, Any]:
    """Return the row to store."""
    key: dict[str, Kind | UUID | str] = {"kind": item.kind, "item_id": item.item_id, "model": model_name}
    return key | item.values | {"embedding": vector, "embedded_at": now}
