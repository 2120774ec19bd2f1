"""Measure the rankings on a labelled library (library.toml) with the real model, and write ranking.md.

Usage: TEST_DATABASE_URL=… BOOKSYNC_MODELS=… .venv/bin/python -m bench.ranking [--tune]

Readers with even numbers are those that weights are tuned on (--tune searches, and prints the best), the others those
that are measured.
"""

import argparse
import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from bench.ranking.library import MOODS, PILE, READ, SEED, Query, Series, load_library
from bench.ranking.measures import (
    HIT,
    RANDOM_TURNS,
    TOP,
    Ranker,
    measure,
    measure_ndcg,
    measure_random,
    rank_by_popularity,
    select_possible,
)

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

REPORT = Path(__file__).parent.with_suffix(".md")
#: Weights that are tried.
TRIALS = 500


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
            count = len(select_possible(queries[1]))
            write_report(
                rows,
                await measure_similar(bench),
                settings,
                backend,
                len(library),
                len(readers),
                count,
                len(queries[1]),
            )


def write_report(
    rows: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    similar: Sequence[tuple[str, float]],
    settings: PredictionSettings,
    backend: str,
    series: int,
    readers: int,
    possible: int,
    queries: int,
) -> None:
    """Write ranking.md."""
    lines = [
        "# Rankings",
        "",
        f"Model {settings.model_name} ({backend}); {series} series and {readers} readers that exist only in",
        f"[library.toml](ranking/library.toml), with a pile of {PILE} and {READ} series read each. Weights were",
        f"tuned on half of the readers; the other half counts: of its {queries} requests (each reader in each of six",
        f"moods) the {possible} whose pile has a hit at all, a suggestion of grade {HIT} or 4, which suits both reader",
        "and mood.",
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
        "Most popular counts who of these readers has read or owns a series; their piles are drawn by lot, so it says",
        "little.",
        "",
        "Made by `TEST_DATABASE_URL=… BOOKSYNC_MODELS=DIR .venv/bin/python -m bench.ranking`.",
        "",
    ]
    REPORT.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", action="store_true", help="search weights, and print the best")
    asyncio.run(run(is_tuning=parser.parse_args().tune))
