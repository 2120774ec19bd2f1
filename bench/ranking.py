"""Measure the rankings on a labelled library (library.toml) with the real model, and write ranking.md.

Usage: TEST_DATABASE_URL=… BOOKSYNC_MODELS=… .venv/bin/python -m bench.ranking [--tune]

--tune searches weights on the first half of the readers and series, those with even numbers, and prints the best; the
other half is what the report is about.
"""

import argparse
import asyncio
import random
import textwrap
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

from booksync_api_prediction.predictions.scoring import score_features
from booksync_api_prediction.weights import PREDICTION, SIMILARITY, PredictionWeights, SimilarityWeights
from booksync_prediction_ranking.library import PILE, READ, SEED
from booksync_prediction_ranking.measures import HIT, measure_ndcg, select_possible
from booksync_prediction_ranking.serving import ServedLibrary, serve_library

REPORT = Path(__file__).with_suffix(".md")
WIDTH = 120
#: Weights that are tried.
TRIALS = 500


async def run(*, is_tuning: bool) -> None:
    """Measure, or tune."""
    async with serve_library() as served:
        if is_tuning:
            await tune_predictions(served)
            tune_similarity(served)
        else:
            report = await describe(served)
            REPORT.write_text(report)
            print(report)


async def tune_predictions(served: ServedLibrary) -> None:
    """Search weights of predictions, and print the best of them."""
    rated = [(query, *await served.rate(query)) for query in served.queries.tuned]

    def evaluate(weights: PredictionWeights) -> float:
        total = 0.0
        for query, features, asked in rated:
            scores = {c.volume.work: score_features(f, asked, weights) for c, f in features.items()}
            total += measure_ndcg(sorted(scores, key=lambda key: (-scores[key], key)), query.grades)
        return total / len(rated)

    search(PREDICTION, evaluate)


def tune_similarity(served: ServedLibrary) -> None:
    """Search weights of similar series, and print the best of them."""
    tuned = served.library[::2]

    def evaluate(weights: SimilarityWeights) -> float:
        return sum(measure_ndcg(served.rank_alike(s, weights), served.find_alike(s)) for s in tuned) / len(tuned)

    search(SIMILARITY, evaluate)


def search[W: (PredictionWeights, SimilarityWeights)](current: W, evaluate: Callable[[W], float]) -> None:
    """Try weights by chance, and print each that is better than those before."""
    chance = random.Random(SEED)  # noqa: S311 - a search
    names = [field.name for field in fields(current)]
    print(f"{type(current).__name__} as they are: {evaluate(current):.4f}")
    best = 0.0
    for _ in range(TRIALS):
        shares = [chance.expovariate(1) for _ in names]
        weights = type(current)(**{name: share / sum(shares) for name, share in zip(names, shares, strict=True)})
        if (value := evaluate(weights)) > best:
            best = value
            print(f"{value:.4f}", {name: round(share, 3) for name, share in asdict(weights).items()})


def fill(text: str) -> str:
    """Fill a paragraph."""
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


async def describe(served: ServedLibrary) -> str:
    """Write the report."""
    predictions, similar = await served.compare_predictions(), await served.compare_similar()
    backend = served.serving.app.state.parts["model"]._encoder.backend
    possible = len(select_possible(served.queries.held))
    model, queries = f"{served.settings.model_name} ({backend})", len(served.queries.held)
    library = "../services/prediction/tests/lib/booksync_prediction_ranking/library.toml"
    about = f"""
        Made by `TEST_DATABASE_URL=… BOOKSYNC_MODELS=DIR .venv/bin/python -m bench.ranking` with {model};
        {len(served.library)} series and {len(served.readers)} readers that exist only in [library.toml]({library}),
        with a pile of {PILE} and {READ} series read each. The weights of predictions were tuned on half of the readers;
        the other half counts: of its {queries} requests (each reader in each of six moods) the {possible} whose pile
        has a hit at all, a suggestion of grade {HIT} or 4, which suits both reader and mood.
        `service-prediction-pytest` holds the service to being better than each baseline.
    """
    similarity = """
        Of each series, the ten most similar; a series is as relevant as it has themes in common. The weights of
        similarity are no result of a search: on this library, whose themes follow from the genres, --tune finds better
        ones with hardly any text.
    """
    lines = [
        "# Rankings",
        "",
        fill(about),
        "",
        "## `POST /predict`",
        "",
        "| ranking | nDCG@10 | hit rate | nDCG@10, tuned half |",
        "|---|---|---|---|",
        *(
            f"| {name} | {halves.held.ndcg:.3f} | {halves.held.hit_rate:.0%} | {halves.tuned.ndcg:.3f} |"
            for name, halves in predictions.items()
        ),
        "",
        "Most popular counts who of these readers has read or owns a series; their piles are drawn by lot, so it says",
        "little.",
        "",
        "## `GET /similar/series/{id}`",
        "",
        fill(similarity),
        "",
        "| ranking | nDCG@10, one half of the series | the other half |",
        "|---|---|---|",
        *(f"| {name} | {halves.held:.3f} | {halves.tuned:.3f} |" for name, halves in similar.items()),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", action="store_true", help="search weights, and print the best")
    asyncio.run(run(is_tuning=parser.parse_args().tune))
