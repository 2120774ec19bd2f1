"""What somebody owns and has read, wherever it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import RowMapping

from booksync_api_prediction.collection.parsing import Collection

Source = Literal["request", "mangacollec", "history"]


@dataclass(frozen=True)
class Owned:
    """Ids of series and volumes."""

    owned: Sequence[UUID]
    read: Sequence[UUID]  # the latest first
    source: Source


def own_collection(collection: Collection) -> Owned:
    """Make it of a collection."""
    volumes = [entry.volume for entry in (*collection.owned, *collection.read)]
    series = [volume.series_id for volume in volumes if volume.series_id is not None]
    read = [volume.id for volume in (entry.volume for entry in collection.read)]
    read_series = [entry.volume.series_id for entry in collection.read if entry.volume.series_id is not None]
    return Owned([*(volume.id for volume in volumes), *dict.fromkeys(series)], [*read, *read_series], "mangacollec")


def find_seeds(rows: Sequence[RowMapping], read: Sequence[UUID]) -> list[RowMapping]:
    """Return a row for each series that was read, the latest first; its own, if it has one.

    :param rows: of what is owned and read.
    """
    by_item = {row["item_id"]: row for row in rows}
    seeds: dict[UUID, RowMapping] = {}
    for key in read:
        if (row := by_item.get(key)) is not None:
            work = row["series_id"] or row["item_id"]
            seeds.setdefault(work, by_item.get(work, row))
    return list(seeds.values())
