"""The rules of the ranking, on values alone: what comes before what, and how sure each is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from booksync_api_prediction.predictions.candidates import Candidate
from booksync_api_prediction.predictions.outcomes import Outcomes
from booksync_api_prediction.predictions.scoring import (
    Features,
    apply_feedback,
    measure_confidence,
    measure_evidence,
    score_features,
)


@dataclass(frozen=True)
class Ranked:
    """A candidate with its place."""

    candidate: Candidate
    features: Features
    score: float
    confidence: float
    is_repeated: bool


def rank(candidates: Mapping[Candidate, Features], asked: Collection[str], outcomes: Outcomes) -> list[Ranked]:
    """Put candidates in order.

    What was suggested a moment ago or dismissed comes after everything else, and a volume whose predecessor is missing
    last of all. Within these groups the score decides, and between equal scores the id, so that the same request has
    the same answer. Nobody further down is surer than somebody further up.
    """
    evidence = measure_evidence(candidates.values(), asked)
    rows = []
    for candidate, features in candidates.items():
        score = apply_feedback(score_features(features, asked), outcomes.rate(candidate.volume))
        is_repeated = candidate.volume.id in outcomes.avoided
        rows.append(Ranked(candidate, features, score, measure_confidence(score, evidence), is_repeated))
    rows.sort(key=lambda row: (row.candidate.has_gap, row.is_repeated, -row.score, row.candidate.volume.id))
    return _level(rows)


def _level(rows: Sequence[Ranked]) -> list[Ranked]:
    levelled: list[Ranked] = []
    ceiling = 1.0
    for row in rows:
        ceiling = min(ceiling, row.confidence)
        levelled.append(Ranked(row.candidate, row.features, row.score, ceiling, row.is_repeated))
    return levelled
