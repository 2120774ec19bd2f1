"""Recommend: neighbours of the series that were read last, rated by how close they are, and diversified."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.recommendations import repository
from booksync_api_prediction.recommendations.diversity import diversify
from booksync_api_prediction.similarity.finding import collapse, find_nearest_series, read_facts
from booksync_api_prediction.similarity.fusion import Overlap, compare, fuse
from booksync_api_prediction.similarity.repository import Filter, Mean

#: Series whose neighbours are looked for, the latest read first.
SEEDS = 12
#: Series that are looked at for each.
NEIGHBOURS = 60
#: Series that are rated in full, and of these, what is left for the diversification.
LONGLIST = 200
SHORTLIST = 50
#: Series that were read whose closeness counts: one is chance, all are nobody's taste.
CLOSEST = 3


@dataclass(frozen=True)
class Rated:
    """A series, with the one that was read and is closest."""

    row: RowMapping
    score: float = 0.0
    similarity: float | None = None
    cosine: float = 0.0
    overlap: Overlap = field(default_factory=Overlap)
    closest: RowMapping | None = None


async def find_rated(session: AsyncSession, seeds: Sequence[RowMapping], wanted: Filter) -> list[Rated]:
    """Return series, the best first; without anything read, those that came last."""
    if not seeds:
        return [Rated(row) for row in await repository.find_newest(session, wanted, LONGLIST)]
    latest = seeds[:SEEDS]
    rows: list[RowMapping] = []
    for seed in latest:
        found = await find_nearest_series(session, Mean([seed["id"]]), wanted, NEIGHBOURS, enough=NEIGHBOURS)
        # none to a seed that is deleted meanwhile
        rows += [row for row in found if row["cosine"] is not None]
    longlist = collapse(sorted(rows, key=lambda row: -row["cosine"]))[:LONGLIST]
    cosines = await repository.compare(session, [row["id"] for row in longlist], [seed["id"] for seed in latest])
    rated = [item for row in longlist if (item := _rate(row, latest, cosines)) is not None]
    return sorted(rated, key=lambda item: (-item.score, item.row["item_id"]))


def _rate(row: RowMapping, seeds: Sequence[RowMapping], cosines: Mapping[tuple[UUID, UUID], float]) -> Rated | None:
    """Rate a series by the seeds; None when it, or each of them, is deleted meanwhile."""
    facts = read_facts(row)
    found = []
    for seed in seeds:
        if (cosine := cosines.get((row["id"], seed["id"]))) is not None:
            overlap = compare(facts, read_facts(seed))
            found.append((fuse(cosine, overlap), cosine, overlap, seed))
    if not found:
        return None
    found.sort(key=lambda entry: -entry[0])
    best = [similarity for similarity, *_ in found[:CLOSEST]]
    similarity, cosine, overlap, seed = found[0]
    return Rated(row, sum(best) / len(best), similarity, cosine, overlap, seed)


async def pick(session: AsyncSession, rated: Sequence[Rated], *, relevance: float, limit: int) -> list[Rated]:
    """Pick those that are shown."""
    shortlist = rated[: max(SHORTLIST, limit)]
    ids = [item.row["id"] for item in shortlist]
    cosines = await repository.compare(session, ids, ids)
    # without those that are deleted meanwhile
    shortlist = [item for item in shortlist if (item.row["id"], item.row["id"]) in cosines]

    def measure(one: Rated, other: Rated) -> float:
        cosine = cosines[one.row["id"], other.row["id"]]
        return fuse(cosine, compare(read_facts(one.row), read_facts(other.row)))

    return diversify(shortlist, score=lambda item: item.score, alike=measure, relevance=relevance, limit=limit)
