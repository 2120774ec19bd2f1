"""What came of earlier suggestions, and so what the next one learns from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping

from booksync_api_prediction.predictions.candidates import Volume

#: Predictions whose suggestions are not made again at once: as many as the app shows in a sitting.
RECENT = 5

#: A series whose ratings are as good as this, of 1, was liked.
LIKED = 0.4

_SAID = {"accepted": 0.5, "read": 0.5, "dismissed": -1.0}
#: A rating in the middle says nothing.
_MIDDLE = 5


@dataclass(frozen=True)
class Outcomes:
    """What the history says."""

    read: Sequence[Volume] = ()
    avoided: frozenset[UUID] = frozenset()  # volumes: suggested a moment ago, or dismissed
    feedback: Mapping[UUID, float] | None = None  # by series, from -1 to 1
    ratings: Mapping[UUID, float] | None = None  # the same, of ratings alone

    def rate(self, volume: Volume) -> float:
        """Return what was said of a volume's series."""
        return (self.feedback or {}).get(volume.work, 0.0)

    def is_liked(self, volume: Volume) -> bool:
        """Tell whether a volume's series was rated well."""
        return (self.ratings or {}).get(volume.work, 0.0) >= LIKED


def read_outcomes(rows: Sequence[RowMapping]) -> Outcomes:
    """Read the history.

    :param rows: suggestions, the newest first.
    """
    # the suggestions of one prediction have one time
    times = sorted({row["created_at"] for row in rows}, reverse=True)[:RECENT]
    recent = {row["item_id"] for row in rows if row["created_at"] in times}
    dismissed = {row["item_id"] for row in rows if row["status"] == "dismissed"}
    return Outcomes(
        read=[
            Volume(row["item_id"], series_id=row["series_id"], number=row["number"])
            for row in rows
            if row["status"] == "read"
        ],
        avoided=frozenset(recent | dismissed),
        feedback=_average(rows),
        ratings=_average([row for row in rows if row["rating"] is not None]),
    )


def _average(rows: Sequence[RowMapping]) -> Mapping[UUID, float]:
    said: dict[UUID, list[float]] = {}
    for row in rows:
        if (value := _weigh(row)) is not None:
            said.setdefault(row["series_id"] or row["item_id"], []).append(value)
    return {key: sum(values) / len(values) for key, values in said.items()}


def _weigh(row: RowMapping) -> float | None:
    rating: int | None = row["rating"]
    if rating is not None:
        return (rating - _MIDDLE) / _MIDDLE
    return _SAID.get(row["status"])
