"""Measure the rankings on a labelled library (ranking.toml) with the real model, and write ranking.md.

Usage: TEST_DATABASE_URL=… BOOKSYNC_MODELS=… .venv/bin/python bench/ranking.py [--tune]

Readers with even numbers are those that weights are tuned on (--tune searches, and prints the best), the others those
that are measured. What a reader has read and owns follows from the labels, by a fixed seed.
"""

import asyncio
import math
import random
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx

from booksync_api_prediction.backends import load_encoder
from booksync_api_prediction.predictions.candidates import Candidate, Volume, find_next
from booksync_api_prediction.predictions.knowledge import learn
from booksync_api_prediction.predictions.outcomes import Outcomes
from booksync_api_prediction.predictions.predicting import Moment, find_asked, rate_candidates
from booksync_api_prediction.predictions.scoring import Features, score_features
from booksync_api_prediction.predictions.shelf import Shelf
from booksync_api_prediction.predictions.taste import learn_taste
from booksync_api_prediction.predictions.vocabulary import load_vocabulary
from booksync_api_prediction.predictions.wishes import read_wish
from booksync_api_prediction.settings import PredictionSettings
from booksync_api_prediction.weights import PredictionWeights
from booksync_prediction_testing.service import SECRET, V1, make_service
from booksync_service_testing.fake_auth import FakeAuth, run_fake_auth
from booksync_service_testing.server import execute, make_database, render
from booksync_service_testing.serving import Serving, serve

HERE = Path(__file__).parent
NAMESPACE = UUID("5f0a3a53-3a0c-4f6f-8d8e-7a5a7f0d3c11")
SEED = 8
MOODS = ("joyeux", "melancolique", "stresse", "curieux", "energique", "detendu")
TOP = 10
#: Of a reader.
READ = 6
PILE = 30
#: A first suggestion of at least this grade, of 4, is a hit.
HIT = 3
#: Weights that are tried.
TRIALS = 500
RANDOM_TURNS = 50


@dataclass(frozen=True)
class Series:
    """A series of the library, with its labels."""

    title: str
    kinds: tuple[str, ...]
    authors: tuple[str, ...]
    volumes: int
    synopsis: str
    themes: frozenset[str]
    moods: frozenset[str]

    @property
    def id(self) -> UUID:
        """The same in each run."""
        return uuid5(NAMESPACE, self.title)

    def volume(self, number: int) -> UUID:
        """Return a volume's id."""
        return uuid5(self.id, str(number))


@dataclass(frozen=True)
class Reader:
    """A reader, with what they have."""

    likes: frozenset[str]
    dislikes: frozenset[str]
    read: tuple[Series, ...]
    pile: tuple[Series, ...]

    def grade(self, series: Series, mood: str) -> int:
        """Return how good a series is for this reader now, from 0 to 4."""
        if self.dislikes & series.themes:
            return 0
        return min(2, len(self.likes & series.themes)) + (2 if mood in series.moods else 0)


@dataclass(frozen=True)
class Query:
    """A reader in a mood."""

    reader: Reader
    mood: str

    @property
    def grades(self) -> dict[UUID, int]:
        """The truth about each series of the pile."""
        return {series.id: self.reader.grade(series, self.mood) for series in self.reader.pile}


def load_library() -> tuple[list[Series], list[Reader]]:
    """Read the file, and give each reader a shelf."""
    document = tomllib.loads((HERE / "ranking.toml").read_text())
    library = [
        Series(
            title=entry["title"],
            kinds=tuple(entry["kinds"]),
            authors=tuple(entry["authors"]),
            volumes=entry["volumes"],
            synopsis=entry["synopsis"],
            themes=frozenset(entry["themes"]),
            moods=frozenset(entry["moods"]),
        )
        for entry in document["series"]
    ]
    chance = random.Random(SEED)  # noqa: S311 - a sample
    return library, [make_reader(entry, library, chance) for entry in document["readers"]]


def make_reader(entry: Mapping[str, list[str]], library: Sequence[Series], chance: random.Random) -> Reader:
    """Give a reader series that were read, mostly of the themes that are liked, and a pile of others by chance."""
    likes, dislikes = frozenset(entry["likes"]), frozenset(entry["dislikes"])
    liked = [series for series in library if likes & series.themes and not dislikes & series.themes]
    # half of what is liked at most: the pile needs some as well
    read = chance.sample(liked, min(READ - 1, len(liked) // 2))
    read += chance.sample([series for series in library if series not in read], READ - len(read))
    rest = [series for series in library if series not in read]
    return Reader(likes, dislikes, tuple(read), tuple(chance.sample(rest, PILE)))


def measure_ndcg(ranking: Sequence[UUID], grades: Mapping[UUID, int], top: int = TOP) -> float:
    """Return the normalised discounted cumulative gain, 1 for the best order (Järvelin and Kekäläinen, 2002)."""

    def gain(values: Sequence[int]) -> float:
        return math.fsum((2**value - 1) / math.log2(place + 2) for place, value in enumerate(values[:top]))

    best = gain(sorted(grades.values(), reverse=True))
    return gain([grades.get(key, 0) for key in ranking]) / best if best else 1.0


Ranker = Callable[[Query], list[UUID]]


def measure(ranker: Ranker, queries: Sequence[Query]) -> tuple[float, float]:
    """Return nDCG@10 and the hit rate of the first suggestion, over queries that have a hit at all."""
    possible = [query for query in queries if max(query.grades.values()) >= HIT]
    rankings = [(query, ranker(query)) for query in possible]
    ndcg = sum(measure_ndcg(ranking, query.grades) for query, ranking in rankings) / len(possible)
    hits = sum(query.grades[ranking[0]] >= HIT for query, ranking in rankings) / len(possible)
    return ndcg, hits


class Bench:
    """The running service with the library in it."""

    def __init__(
        self, serving: Serving, auth: FakeAuth, library: Sequence[Series], settings: PredictionSettings
    ) -> None:
        """Remember them."""
        self.serving = serving
        self.auth = auth
        self.library = library
        self.settings = settings
        self.vectors: dict[UUID, list[float]] = {}
        self.moods: dict[str, list[float]] = {}

    @property
    def client(self) -> httpx.AsyncClient:
        """Who asks."""
        return self.serving.client

    def sign_in(self) -> dict[str, str]:
        """Come as somebody without a history."""
        return {"Authorization": f"Bearer {self.auth.add_user(certify_adult=True)}"}

    async def fill(self) -> None:
        """Embed the library, and fetch its vectors."""
        for series in self.library:
            facts: dict[str, Any] = {
                "title": series.title,
                "kinds": series.kinds,
                "authors": series.authors,
                "type": "Manga",
                "synopsis": series.synopsis,
            }
            items: list[dict[str, Any]] = [{"kind": "series", "id": str(series.id), **facts}]
            items += [
                {
                    "kind": "volume",
                    "id": str(series.volume(number)),
                    "series_id": str(series.id),
                    "number": number,
                    **facts,
                }
                for number in range(1, min(series.volumes, 5) + 1)
            ]
            answer = await self.client.post(
                f"{V1}/embeddings/bulk", json={"items": items}, headers={"X-API-Key": SECRET}
            )
            answer.raise_for_status()
            stored = await self.client.get(f"{V1}/embeddings/series/{series.id}?vector=true", headers=self.sign_in())
            self.vectors[series.id] = stored.json()["vector"]
        memory = self.serving.app.state.parts["phrases"]
        for mood in MOODS:
            self.moods[mood] = await memory.mean(read_wish(load_vocabulary(), mood, []).texts)

    async def predict(self, query: Query) -> list[UUID]:
        """Ask the service."""
        by_volume = {series.volume(1): series.id for series in self.library}
        body = {
            "mood": query.mood,
            "pile": [str(series.volume(1)) for series in query.reader.pile],
            "read": [str(series.volume(1)) for series in query.reader.read],
            "limit": TOP,
        }
        answer = (await self.client.post("/predict", json=body, headers=self.sign_in())).json()
        ids = [answer["suggested_volume_id"], *(item["volume_id"] for item in answer["alternatives"])]
        return [by_volume[UUID(key)] for key in ids]

    async def rate(self, query: Query) -> tuple[dict[Candidate, Features], frozenset[str]]:
        """Return the features that the service ranks by."""
        pile = [Volume(series.volume(1)) for series in query.reader.pile]
        read = [Volume(series.volume(1)) for series in query.reader.read]
        wish = read_wish(load_vocabulary(), query.mood, [])
        moment = Moment(
            shelf=Shelf(pile, read, "request", is_complete=True),
            wish=wish,
            wish_vector=self.moods[query.mood],
            outcomes=Outcomes(),
            exclude=(),
            adult=True,
            limit=TOP,
            threshold=self.settings.similarity_threshold,
            language="fr",
            model=self.settings.model_name,
        )
        async with self.serving.app.state.database.session() as session:
            knowledge = await learn(session, [*pile, *read], model=moment.model)
            known_read = [knowledge.complete(volume) for volume in read]
            candidates = find_next([knowledge.complete(volume) for volume in pile], known_read, is_complete=True)
            taste = learn_taste(known_read, knowledge, moment.outcomes)
            features = await rate_candidates(session, candidates, taste, knowledge, moment)
        return features, find_asked(moment, taste)

    def rank_by_cosine(self, query: Query) -> list[UUID]:
        """Rank by the vectors alone: the mean cosine with the mood and with what was read."""
        wanted = [self.moods[query.mood], *(self.vectors[series.id] for series in query.reader.read)]
        shares = [0.5, *([0.5 / len(query.reader.read)] * len(query.reader.read))]

        def score(series: Series) -> float:
            vector = self.vectors[series.id]
            return sum(share * math.sumprod(vector, other) for share, other in zip(shares, wanted, strict=True))

        return [series.id for series in sorted(query.reader.pile, key=score, reverse=True)]


def rank_by_popularity(readers: Sequence[Reader]) -> Ranker:
    """Rank by how many have read a series or own it."""
    counts: dict[UUID, int] = {}
    for reader in readers:
        for series in (*reader.read, *reader.pile):
            counts[series.id] = counts.get(series.id, 0) + (1 + (series in reader.read))
    return lambda query: sorted((s.id for s in query.reader.pile), key=lambda key: (-counts[key], key))


def measure_random(queries: Sequence[Query]) -> tuple[float, float]:
    """Return the mean of many random orders."""
    chance = random.Random(SEED)  # noqa: S311 - a sample

    def shuffle(query: Query) -> list[UUID]:
        return chance.sample([series.id for series in query.reader.pile], len(query.reader.pile))

    turns = [measure(shuffle, queries) for _ in range(RANDOM_TURNS)]
    return sum(ndcg for ndcg, _ in turns) / RANDOM_TURNS, sum(hits for _, hits in turns) / RANDOM_TURNS


async def tune(bench: Bench, queries: Sequence[Query]) -> None:
    """Search weights, and print the best of them."""
    rated = [(query, *await bench.rate(query)) for query in queries]
    chance = random.Random(SEED)  # noqa: S311 - a search
    names = [field.name for field in fields(PredictionWeights)]

    def evaluate(weights: PredictionWeights) -> float:
        total = 0.0
        for query, features, asked in rated:
            scores = {c.volume.work: score_features(f, asked, weights) for c, f in features.items()}
            total += measure_ndcg(sorted(scores, key=lambda key: (-scores[key], key)), query.grades)
        return total / len(rated)

    print(f"as they are: {evaluate(PredictionWeights()):.4f}")
    best, best_value = PredictionWeights(), 0.0
    for _ in range(TRIALS):
        shares = [chance.expovariate(1) for _ in names]
        weights = PredictionWeights(**{name: share / sum(shares) for name, share in zip(names, shares, strict=True)})
        if (value := evaluate(weights)) > best_value:
            best, best_value = weights, value
            print(f"{value:.4f}", {name: round(share, 3) for name, share in asdict(best).items()})


async def measure_similar(bench: Bench) -> list[tuple[str, float]]:
    """Return nDCG@10 of `/similar`: a series is as relevant as it has themes in common."""
    ids = [series.id for series in bench.library]
    truths = {
        series.id: {
            other.id: min(2, len(series.themes & other.themes)) for other in bench.library if other is not series
        }
        for series in bench.library
    }
    chance = random.Random(SEED)  # noqa: S311 - a sample
    fused, cosine, by_chance = 0.0, 0.0, 0.0
    for key, truth in truths.items():
        address = f"{V1}/similar/series/{key}?min_similarity=0&limit={TOP}"
        answer = (await bench.client.get(address, headers=bench.sign_in())).json()
        fused += measure_ndcg([UUID(item["series_id"]) for item in answer["items"]], truth)
        others = [other for other in ids if other != key]
        vector = bench.vectors[key]
        near = sorted(others, key=lambda other: -math.sumprod(vector, bench.vectors[other]))
        cosine += measure_ndcg(near, truth)
        by_chance += sum(measure_ndcg(chance.sample(others, TOP), truth) for _ in range(RANDOM_TURNS)) / RANDOM_TURNS
    return [
        (name, total / len(ids)) for name, total in (("fused", fused), ("cosine only", cosine), ("random", by_chance))
    ]


async def run(*, is_tuning: bool) -> None:
    """Measure, or tune."""
    library, readers = load_library()
    queries = [[Query(reader, mood) for reader in half for mood in MOODS] for half in (readers[::2], readers[1::2])]
    async with make_database() as url, run_fake_auth() as auth:
        await execute(url, "CREATE EXTENSION vector")
        settings = PredictionSettings.load(
            database_url=render(url), auth_api_url=auth.address, app_secret_key=SECRET, database_pool_timeout=60
        )
        async with serve(make_service(load_encoder), settings) as serving:
            bench = Bench(serving, auth, library, settings)
            await bench.fill()
            if is_tuning:
                await tune(bench, queries[0])
                return
            rankings = {id(query): await bench.predict(query) for half in queries for query in half}
            rankers: list[tuple[str, Ranker]] = [
                ("fused", lambda query: rankings[id(query)]),
                ("cosine only", bench.rank_by_cosine),
                ("most popular", rank_by_popularity(readers)),
            ]
            rows = [(name, [measure(ranker, half) for half in queries]) for name, ranker in rankers]
            rows.append(("random", [measure_random(half) for half in queries]))
            backend = serving.app.state.parts["model"]._encoder.backend
            write_report(
                rows, await measure_similar(bench), settings, backend, len(library), len(readers), len(queries[1])
            )


def write_report(
    rows: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    similar: Sequence[tuple[str, float]],
    settings: PredictionSettings,
    backend: str,
    series: int,
    readers: int,
    queries: int,
) -> None:
    """Write ranking.md."""
    lines = [
        "# Rankings",
        "",
        f"Model {settings.model_name} ({backend}); {series} series and {readers} readers that exist only in",
        f"[ranking.toml](ranking.toml), with a pile of {PILE} and {READ} series read each. Weights were tuned on half",
        f"of the readers; the other half ({queries} requests: each reader in each of the six moods) is what counts. A hit",
        f"is a first suggestion that suits both the reader and the mood: of grade {HIT} or 4.",
        "",
        "## `POST /predict`",
        "",
        "| ranking | nDCG@10 | hit rate | nDCG@10, tuned half |",
        "|---|---|---|---|",
        *(f"| {name} | {held[0]:.3f} | {held[1]:.0%} | {tuned[0]:.3f} |" for name, (tuned, held) in rows),
        "",
        "## `GET /similar/series/{id}`",
        "",
        "Of each series, the ten most similar; a series is as relevant as it has themes in common.",
        "",
        "| ranking | nDCG@10 |",
        "|---|---|",
        *(f"| {name} | {value:.3f} |" for name, value in similar),
        "",
        "Made by `bench/ranking.py`, which says how to run it.",
        "",
    ]
    (HERE / "ranking.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    asyncio.run(run(is_tuning=sys.argv[1:] == ["--tune"]))
