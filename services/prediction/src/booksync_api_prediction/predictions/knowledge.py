"""What the embeddings know of volumes: facts that a pile does not tell, and which vector stands for a volume."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.predictions import closeness
from booksync_api_prediction.predictions.candidates import Volume


@dataclass(frozen=True)
class Knowledge:
    """Rows of one model, by the ids of volumes and series."""

    volumes: Mapping[UUID, RowMapping]
    series: Mapping[UUID, RowMapping]
    adult: frozenset[UUID]  # volumes and series, by the rows of every model

    def find_row(self, volume: Volume) -> RowMapping | None:
        """Return the row whose vector stands for a volume: its own, or its series'."""
        return self.volumes.get(volume.id) or self.series.get(volume.work)

    def complete(self, volume: Volume) -> Volume:
        """Add what a volume does not say itself."""
        own = self.volumes.get(volume.id)
        own_series_id = None if own is None else own["series_id"]
        series_id = volume.series_id or own_series_id
        # its own series too, whatever series a request names: what is for adults stays so
        keys = [key for key in (series_id, own_series_id) if key is not None]
        rows = [row for row in (*(self.series.get(key) for key in keys), own) if row is not None]
        return replace(
            volume,
            series_id=series_id,
            number=volume.number if volume.number is not None or own is None else own["number"],
            title=volume.title or next((row["title"] for row in rows if row["title"]), None),
            kinds=volume.kinds or next((tuple(row["kind_names"]) for row in rows if row["kind_names"]), ()),
            adult=volume.adult or not self.adult.isdisjoint([volume.id, *keys]),
        )


async def learn(session: AsyncSession, volumes: Iterable[Volume], *, model: str) -> Knowledge:
    """Look volumes up, and their series."""
    wanted = list(volumes)
    series = {volume.series_id for volume in wanted if volume.series_id is not None}
    rows = list(await closeness.find_rows(session, [v.id for v in wanted], sorted(series), model=model))
    # series that only the rows tell
    more = {row["series_id"] for row in rows if row["kind"] == "volume" and row["series_id"] is not None} - series
    if more:
        rows += await closeness.find_rows(session, [], sorted(more), model=model)
    adult = await closeness.find_adult(session, [volume.id for volume in wanted], sorted(series | more))
    return Knowledge(
        volumes={row["item_id"]: row for row in rows if row["kind"] == "volume"},
        series={row["item_id"]: row for row in rows if row["kind"] == "series"},
        adult=adult,
    )


def pick_one_each(volumes: Sequence[Volume], limit: int) -> list[Volume]:
    """Return the first volume of each series."""
    first: dict[UUID, Volume] = {}
    for volume in volumes:
        if len(first) == limit:
            break
        first.setdefault(volume.work, volume)
    return list(first.values())
