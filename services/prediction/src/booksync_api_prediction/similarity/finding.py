"""Find what is similar: the nearest vectors, collapsed to series, ranked by fused similarity, cut at the threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.languages import Language
from booksync_api_prediction.similarity import repository
from booksync_api_prediction.similarity.bodies import Match, Reference, Similar
from booksync_api_prediction.similarity.fusion import Facts, compare, fuse
from booksync_api_prediction.similarity.reasons import give_reasons
from booksync_api_prediction.similarity.repository import Filter

#: Rows that are looked at, more and more until there are series enough: a long series has a hundred volumes, all alike.
#: The first is about as many as the index has found anyway (`repository.EF_SEARCH`).
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

    vector: Sequence[float] | ColumnElement[Any]
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


async def find_similar(
    session: AsyncSession, query: Query, wanted: Filter, *, limit: int, threshold: float, language: Language
) -> Similar:
    """Find series."""
    await repository.prepare(session)
    series: Sequence[RowMapping] = ()
    for window in WINDOWS:
        series, is_all = await repository.find_nearest_series(session, query.vector, wanted, SERIES, window)
        if is_all or len(series) >= ROOM * limit:
            break
    matches = sorted((make_match(query.facts, row, language) for row in series), key=_rank)
    passing = [match for match in matches if match.similarity >= threshold]
    notice = None if passing else "none_similar" if matches else "no_embeddings"
    return Similar(
        items=passing[:limit],
        nearest=[] if passing else matches[:NEAREST],
        notice=notice,  # type: ignore[arg-type]  # mypy sees str in a conditional expression
        unknown=list(query.unknown),
        model=wanted.model,
        threshold_applied=threshold,
        considered=len(matches),
        below_threshold=len(matches) - len(passing),
        best_similarity=matches[0].similarity if matches else None,
    )


def make_match(facts: Facts, row: RowMapping, language: Language) -> Match:
    """Compare what is asked about with a row."""
    overlap = compare(facts, read_facts(row))
    return Match(
        series_id=row["series_id"],
        kind=row["kind"],
        id=row["item_id"],
        title=row["title"],
        number=row["number"],
        similarity=round(fuse(row["cosine"], overlap), 4),
        cosine=round(row["cosine"], 4),
        reasons=give_reasons(row["cosine"], overlap, language),
    )


def _rank(match: Match) -> tuple[float, float, UUID]:
    return -match.similarity, -match.cosine, match.id
