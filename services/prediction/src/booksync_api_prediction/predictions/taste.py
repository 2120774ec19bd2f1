"""What somebody likes to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import RowMapping

from booksync_api_prediction.names import make_key
from booksync_api_prediction.predictions.candidates import Volume
from booksync_api_prediction.predictions.knowledge import Knowledge, pick_one_each
from booksync_api_prediction.predictions.outcomes import Outcomes

#: Series that count, the latest read first: tastes change.
WORKS = 100


@dataclass(frozen=True)
class Taste:
    """The series that were read, and their genres."""

    rows: Mapping[UUID, RowMapping] = field(default_factory=dict)  # that stand for them, by their own ids
    profile: Mapping[str, float] = field(default_factory=dict)  # share of each genre among them, by its key
    works: int = 0

    @property
    def is_known(self) -> bool:
        """Whether there is anything to go by."""
        return bool(self.rows or self.profile)


def learn_taste(read: Sequence[Volume], knowledge: Knowledge, outcomes: Outcomes) -> Taste:
    """Learn from what was read.

    :param read: volumes, the latest first; of a series that was not liked they say nothing.
    """
    works = [volume for volume in pick_one_each(read, WORKS) if outcomes.rate(volume) >= 0]
    rows = [row for volume in works if (row := knowledge.series.get(volume.work) or knowledge.find_row(volume))]
    with_kinds = [volume for volume in works if volume.kinds]
    counts: dict[str, int] = {}
    for volume in with_kinds:
        for key in {make_key(name) for name in volume.kinds}:
            counts[key] = counts.get(key, 0) + 1
    return Taste(
        rows={row["id"]: row for row in rows},
        profile={key: count / len(with_kinds) for key, count in counts.items()},
        works=len(works),
    )
