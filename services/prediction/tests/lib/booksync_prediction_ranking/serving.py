"""The service with the labelled library in it, and what its rankings are worth beside baselines.

Readers and series with even numbers are those that weights are tuned on, the others those that count.
"""

import math
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from booksync_api_prediction.backends import load_encoder
from booksync_api_prediction.predictions.candidates import Candidate, Volume, find_next
from booksync_api_prediction.predictions.knowledge import learn
from booksync_api_prediction.predictions.outcomes import Outcomes
from booksync_api_prediction.predictions.predicting import Moment, find_asked, rate_candidates
from booksync_api_prediction.predictions.scoring import Features
from booksync_api_prediction.predictions.shelf import Shelf
from booksync_api_prediction.predictions.taste import learn_taste
from booksync_api_prediction.predictions.vocabulary import load_vocabulary
from booksync_api_prediction.predictions.wishes import read_wish
from booksync_api_prediction.settings import PredictionSettings
from booksync_api_prediction.similarity.fusion import Facts, compare, fuse
from booksync_api_prediction.weights import SimilarityWeights
from booksync_prediction_ranking.library import MOODS, SEED, Query, Reader, Series, load_library
from booksync_prediction_ranking.measures import (
    RANDOM_TURNS,
    TOP,
    Quality,
    Ranker,
    measure,
    measure_ndcg,
    measure_random,
    rank_by_popularity,
)
from booksync_prediction_testing.service import SECRET, V1, make_service
from booksync_service_testing.fake_auth import FakeAuth, run_fake_auth
from booksync_service_testing.server import execute, make_database, render
from booksync_service_testing.serving import Serving, serve

#: What each series is said to be.
TYPE = "Manga"
#: The baseline of similar series.
COSINE_ONLY = SimilarityWeights(text=1, kinds=0, authors=0, type=0)


@dataclass(frozen=True)
class Halves[T]:
    """Of something measured: the half that weights were tuned on, and the one that counts."""

    tuned: T
    held: T


class ServedLibrary:
    """The running service with the library in it."""

    def __init__(self, serving: Serving, auth: FakeAuth, settings: PredictionSettings) -> None:
        """Remember them, and read the library."""
        self.serving = serving
        self.auth = auth
        self.settings = settings
        self.library: Sequence[Series]
        self.readers: Sequence[Reader]
        self.library, self.readers = load_library()
        self.queries = Halves(*([Query(r, mood) for r in self.readers[half::2] for mood in MOODS] for half in (0, 1)))
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
                "type": TYPE,
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

    async def compare_predictions(self) -> Mapping[str, Halves[Quality]]:
        """Measure `POST /predict` and the baselines, by name."""
        rankings = {id(query): await self.predict(query) for query in (*self.queries.tuned, *self.queries.held)}
        rankers: dict[str, Ranker] = {
            "fused": lambda query: rankings[id(query)],
            "cosine only": self.rank_by_cosine,
            "most popular": rank_by_popularity(self.readers),
        }
        return {
            **{
                name: Halves(measure(ranker, self.queries.tuned), measure(ranker, self.queries.held))
                for name, ranker in rankers.items()
            },
            "random": Halves(measure_random(self.queries.tuned), measure_random(self.queries.held)),
        }

    async def compare_similar(self) -> Mapping[str, Halves[float]]:
        """Measure nDCG@10 of `GET /similar/series/{id}` and of the baselines, by name."""
        fused = {}
        for series in self.library:
            address = f"{V1}/similar/series/{series.id}?min_similarity=0&limit={TOP}"
            answer = (await self.client.get(address, headers=self.sign_in())).json()
            fused[series.id] = [UUID(item["series_id"]) for item in answer["items"]]
        chance = random.Random(SEED)  # noqa: S311 - a sample

        def measure_one(name: str, series: Series) -> float:
            truth, others = self.find_alike(series), self.find_others(series)
            if name == "random":
                turns = [chance.sample([other.id for other in others], TOP) for _ in range(RANDOM_TURNS)]
                return sum(measure_ndcg(turn, truth) for turn in turns) / RANDOM_TURNS
            return measure_ndcg(fused[series.id] if name == "fused" else self.rank_alike(series), truth)

        return {
            name: Halves(*(_mean([measure_one(name, s) for s in self.library[half::2]]) for half in (0, 1)))
            for name in ("fused", "cosine only", "random")
        }

    def find_others(self, series: Series) -> list[Series]:
        """Return all series but one."""
        return [other for other in self.library if other is not series]

    def find_alike(self, series: Series) -> Mapping[UUID, int]:
        """Return the truth: a series is as relevant as it has themes in common."""
        return {other.id: min(2, len(series.themes & other.themes)) for other in self.find_others(series)}

    def rank_alike(self, series: Series, weights: SimilarityWeights = COSINE_ONLY) -> list[UUID]:
        """Rank the other series by their similarity with one."""
        facts = Facts(series.kinds, series.authors, TYPE)

        def score(other: Series) -> float:
            cosine = math.sumprod(self.vectors[series.id], self.vectors[other.id])
            return fuse(cosine, compare(facts, Facts(other.kinds, other.authors, TYPE)), weights)

        return [other.id for other in sorted(self.find_others(series), key=score, reverse=True)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@asynccontextmanager
async def serve_library() -> AsyncIterator[ServedLibrary]:
    """Run the service with the real model, and embed the library."""
    async with make_database() as url, run_fake_auth() as auth:
        await execute(url, "CREATE EXTENSION vector")
        settings = PredictionSettings.load(
            database_url=render(url), auth_api_url=auth.address, app_secret_key=SECRET, database_pool_timeout=60
        )
        async with serve(make_service(load_encoder), settings) as serving:
            served = ServedLibrary(serving, auth, settings)
            await served.fill()
            yield served
