"""Find what is similar: the nearest vectors, collapsed to series, ranked by fused similarity, cut at the threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_prediction.languages import Language
from booksync_api_prediction.similarity import repository
from booksync_api_prediction.similarity.bodies import Match, Reference, Similar
from booksync_api_prediction.similarity.fusion import Facts, Overlap, compare, fuse
from booksync_api_prediction.similarity.reasons import give_reasons
from booksync_api_prediction.similarity.repository import Filter, Reading, Vector
from booksync_common.problems import ProblemError

#: Rows that are looked at, more and more until there are series enough: a long series has a hundred volumes, all alike.
#: The first is about as many as the index has found anyway (`repository.SEARCH`).
WINDOWS = (450, 2000, 5000)
#: Series whose facts are compared.
SERIES = 200
#: Series for each that is wanted: the fused order is not that of the vectors.
ROOM = 4
#: What is shown of what falls below the threshold, when nothing passes.
NEAREST = 3


@dataclass(frozen=True)
class Query:
    """What is asked about."""

    vector: Vector
    facts: Facts
    unknown: Sequence[Reference] = ()


def collapse(rows: Sequence[RowMapping]) -> list[RowMapping]:
    """Keep the first row of each series."""
    first: dict[UUID, RowMapping] = {}
    for row in rows:
        first.setdefault(row["series_id"] or row["item_id"], row)
    return list(first.values())


def read_facts(row: RowMapping) -> Facts:
    """Return what a row says beside its text."""
    return Facts(row["kind_names"], row["author_names"], row["type_name"])


class Rated(NamedTuple):
    """A row, with how similar it is to what is asked about."""

    row: RowMapping
    similarity: float
    cosine: float
    overlap: Overlap


async def find_nearest_series(
    connection: Reading, vector: Vector, wanted: Filter, limit: int, *, enough: int
) -> Sequence[RowMapping]:
    """Return the closest row of each of the closest series, with its `cosine`, which is null where the vector is.

    :param enough: so many series are worth no wider look.
    """
    series: Sequence[RowMapping] = ()
    for window in WINDOWS:
        series, is_all = await repository.find_nearest_series(connection, vector, wanted, limit, window)
        if is_all or len(series) >= enough:
            break
    return series


async def find_similar(
    connection: AsyncConnection, query: Query, wanted: Filter, *, limit: int, threshold: float, language: Language
) -> Similar:
    """Find series."""
    series = await find_nearest_series(connection, query.vector, wanted, SERIES, enough=ROOM * limit)
    if any(row["cosine"] is None for row in series):
        raise not_embedded()  # any more
    rated = sorted((rate(query.facts, row) for row in series), key=_rank)
    passing = [match for match in rated if match.similarity >= threshold]
    notice = None if passing else "none_similar" if rated else "no_embeddings"
    return Similar(
        items=[make_match(match, language) for match in passing[:limit]],
        nearest=[] if passing else [make_match(match, language) for match in rated[:NEAREST]],
        notice=notice,  # type: ignore[arg-type]  # mypy sees str in a conditional expression
        unknown=list(query.unknown),
        model=wanted.model,
        threshold_applied=threshold,
        considered=len(rated),
        below_threshold=len(rated) - len(passing),
        best_similarity=rated[0].similarity if rated else None,
    )


def rate(facts: Facts, row: RowMapping) -> Rated:
    """Compare what is asked about with a row."""
    overlap = compare(facts, read_facts(row))
    return Rated(row, round(fuse(row["cosine"], overlap), 4), round(row["cosine"], 4), overlap)


def make_match(rated: Rated, language: Language) -> Match:
    """Say what was found."""
    row = rated.row
    return Match(
        series_id=row["series_id"],
        kind=row["kind"],
        id=row["item_id"],
        title=row["title"],
        number=row["number"],
        similarity=rated.similarity,
        cosine=rated.cosine,
        reasons=give_reasons(row["cosine"], rated.overlap, language),
    )


def not_embedded() -> ProblemError:
    """Make the answer to who asks about what is not there."""
    return ProblemError(404, "not_embedded", "None of these is embedded: an administrator has to embed it first.")


def _rank(rated: Rated) -> tuple[float, float, UUID]:
    return -rated.similarity, -rated.cosine, rated.row["item_id"]
