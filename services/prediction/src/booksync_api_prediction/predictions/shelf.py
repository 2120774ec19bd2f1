"""What somebody has to read and has read, wherever it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    return Shelf(
        pile=[entry.volume for entry in collection.pile],
        read=[*(Volume(key) for key in dict.fromkeys(body.read) if key not in known), *read],
        source="mangacollec",
        is_complete=True,
        collection=collection,
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
