"""What somebody has to read and has read, wherever it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from booksync_api_prediction.collection.parsing import Collection
from booksync_api_prediction.predictions.bodies import PileVolume, PredictBody
from booksync_api_prediction.predictions.candidates import Volume
from booksync_api_prediction.texts import clean

Source = Literal["request", "mangacollec"]


@dataclass(frozen=True)
class Shelf:
    """A pile, and what was read, the latest first."""

    pile: Sequence[Volume]
    read: Sequence[Volume]
    source: Source
    #: Whether `read` is all that was read.
    is_complete: bool
    collection: Collection | None = None

    def recall(self, volumes: Sequence[Volume]) -> list[Volume]:
        """Return volumes as they stand here, which tells their editions; what is not told here stays."""
        known = {volume.id: volume for volume in (*self.pile, *self.read)}
        return [_merge(known.get(volume.id, volume), volume) for volume in volumes]

    def is_all(self, read: Sequence[Volume]) -> bool:
        """Tell whether there is nothing else that was read.

        One without a number might be any, unless it is the collection's own: that is an extra.
        """
        entries = () if self.collection is None else (*self.collection.owned, *self.collection.read)
        told = {entry.volume.id for entry in entries}
        return self.is_complete and all(volume.number is not None or volume.id in told for volume in read)


def shelve_request(pile: Sequence[UUID | PileVolume], body: PredictBody) -> Shelf:
    """Make a shelf of what a request says."""
    return Shelf(
        pile=[_make_volume(entry) for entry in pile],
        read=[Volume(key) for key in dict.fromkeys(body.read)],
        source="request",
        is_complete=bool(body.read),
    )


def shelve_collection(collection: Collection, body: PredictBody) -> Shelf:
    """Make a shelf of a collection, and of what a request says was read as well."""
    read = [entry.volume for entry in collection.read]
    known = {volume.id for volume in read}
    owned = {entry.volume.id: entry.volume for entry in collection.owned}
    return Shelf(
        pile=[entry.volume for entry in collection.pile],
        read=[*(owned.get(key, Volume(key)) for key in dict.fromkeys(body.read) if key not in known), *read],
        source="mangacollec",
        is_complete=True,
        collection=collection,
    )


def _merge(known: Volume, other: Volume) -> Volume:
    return replace(
        known,
        series_id=known.series_id or other.series_id,
        number=other.number if known.number is None else known.number,
    )


def _make_volume(entry: UUID | PileVolume) -> Volume:
    if isinstance(entry, UUID):
        return Volume(entry)
    return Volume(
        entry.id,
        series_id=entry.series_id,
        number=entry.number,
        title=entry.title or None,
        kinds=tuple(kind for name in entry.kinds if (kind := clean(name))),
    )
