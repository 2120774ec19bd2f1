"""How good a ranking is, and the rankings that need no service: the baselines."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from booksync_prediction_ranking.library import SEED, Query, Reader

TOP = 10
#: A first suggestion of at least this grade, of 4, is a hit.
HIT = 3
RANDOM_TURNS = 50


class Quality(NamedTuple):
    """Of a ranking, over many requests."""

    ndcg: float  # at 10
    hit_rate: float  # of the first suggestion


def measure_ndcg(ranking: Sequence[UUID], grades: Mapping[UUID, int], top: int = TOP) -> float:
    """Return the normalised discounted cumulative gain, 1 for the best order (Järvelin and Kekäläinen, 2002)."""

    def gain(values: Sequence[int]) -> float:
        return math.fsum((2**value - 1) / math.log2(place + 2) for place, value in enumerate(values[:top]))

    best = gain(sorted(grades.values(), reverse=True))
    return gain([grades.get(key, 0) for key in ranking]) / best if best else 1.0


Ranker = Callable[[Query], list[UUID]]


def select_possible(queries: Sequence[Query]) -> list[Query]:
    """Return those whose pile has a hit at all."""
    return [query for query in queries if max(query.grades.values()) >= HIT]


def measure(ranker: Ranker, queries: Sequence[Query]) -> Quality:
    """Measure a ranking over the queries that have a hit at all."""
    possible = select_possible(queries)
    rankings = [(query, ranker(query)) for query in possible]
    ndcg = sum(measure_ndcg(ranking, query.grades) for query, ranking in rankings) / len(possible)
    hits = sum(query.grades[ranking[0]] >= HIT for query, ranking in rankings) / len(possible)
    return Quality(ndcg, hits)


def rank_by_popularity(readers: Sequence[Reader]) -> Ranker:
    """Rank by how many have read a series or own it."""
    counts: dict[UUID, int] = {}
    for reader in readers:
        for series in (*reader.read, *reader.pile):
            counts[series.id] = counts.get(series.id, 0) + (1 + (series in reader.read))
    return lambda query: sorted((s.id for s in query.reader.pile), key=lambda key: (-counts[key], key))


def measure_random(queries: Sequence[Query]) -> Quality:
    """Return the mean of many random orders."""
    chance = random.Random(SEED)  # noqa: S311 - a sample

    def shuffle(query: Query) -> list[UUID]:
        return chance.sample([series.id for series in query.reader.pile], len(query.reader.pile))

    turns = [measure(shuffle, queries) for _ in range(RANDOM_TURNS)]
    return Quality(*(sum(values) / RANDOM_TURNS for values in zip(*turns, strict=True)))
