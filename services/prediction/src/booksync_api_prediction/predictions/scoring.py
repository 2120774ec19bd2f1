"""How well a volume suits: a weighted mean of features, moved by feedback, and how sure that is.

confidence = score * (BASE + (1 - BASE) * evidence), where evidence is the share of the weights whose features are known
in this request for at least one candidate. It is one number for all candidates of a request, so confidence rises with
the score: of two suggestions the better one is never the less sure.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields

from booksync_api_prediction.predictions.vocabulary import Length, Start
from booksync_api_prediction.weights import (
    COSINE_CEILING,
    COSINE_FLOOR,
    FEEDBACK,
    NEUTRAL,
    PREDICTION,
    PredictionWeights,
)

#: Of the score, with nothing known.
BASE = 0.4

#: Volumes up to which a series is short, and from which it is long.
SHORT = 5
LONG = 12


@dataclass(frozen=True)
class Features:
    """What speaks for a volume, each from 0 to 1; None where nothing is known."""

    wish: float | None = None
    kinds: float | None = None
    taste: float | None = None
    progress: float | None = None
    length: float | None = None


NAMES = frozenset(field.name for field in fields(Features))


def score_features(
    features: Features, asked: Collection[str] = NAMES, weights: PredictionWeights = PREDICTION
) -> float:
    """Return the score, from 0 to 1.

    :param asked: the features that count in this request; one that is not known of a candidate counts as NEUTRAL.
    """
    values: dict[str, float | None] = asdict(features)
    shares: dict[str, float] = {name: share for name, share in asdict(weights).items() if name in asked}
    total = sum(shares.values())
    if not total:
        return NEUTRAL
    return sum(share * (NEUTRAL if (v := values[name]) is None else v) for name, share in shares.items()) / total


def apply_feedback(score: float, feedback: float) -> float:
    """Move a score by what was said of the series before.

    :param feedback: from -1 to 1.
    """
    if feedback < 0:
        return score * (1 + FEEDBACK * feedback)
    return score + (1 - score) * FEEDBACK * feedback


def measure_evidence(
    known: Iterable[Features], asked: Collection[str], weights: PredictionWeights = PREDICTION
) -> float:
    """Return how much there is to judge by, from 0 to 1."""
    found = {name for features in known for name, value in asdict(features).items() if value is not None}
    shares: dict[str, float] = asdict(weights)
    return sum(shares[name] for name in found & set(asked)) / sum(shares.values())


def measure_confidence(score: float, evidence: float) -> float:
    """Return the confidence, from 0 to 1."""
    return score * (BASE + (1 - BASE) * evidence)


def stretch(cosine: float | None) -> float | None:
    """Spread the cosines that occur over 0 to 1."""
    if cosine is None:
        return None
    return min(1.0, max(0.0, (cosine - COSINE_FLOOR) / (COSINE_CEILING - COSINE_FLOOR)))


def rate_kinds(weight: float | None) -> float | None:
    """Turn a weight from -1 to 1 into a feature."""
    return None if weight is None else (1 + weight) / 2


def rate_progress(start: Start | None, *, is_begun: bool, has_gap: bool) -> float:
    """Rate going on with a series against beginning one, as the answers ask; without an answer, go on first."""
    if has_gap:
        return 0.0
    if start == "begin":
        return 0.2 if is_begun else 1.0
    if start == "continue":
        return 1.0 if is_begun else 0.2
    return 0.8 if is_begun else 0.5


def rate_length(length: Length | None, volumes: int | None) -> float | None:
    """Rate the length of a series, as the answers ask."""
    if length is None or volumes is None:
        return None
    # 1 for a short series, 0 for a long one, in between a straight line
    shortness = min(1.0, max(0.0, (LONG - volumes) / (LONG - SHORT)))
    return shortness if length == "short" else 1 - shortness


def match_profile(kinds: Collection[str], profile: Mapping[str, float]) -> float | None:
    """Return how much of what somebody reads a volume's genres are, from 0 to 1.

    :param profile: the share of each genre among the series that were read.
    """
    if not kinds or not profile:
        return None
    highest = max(profile.values())
    return sum(profile.get(kind, 0.0) for kind in kinds) / len(kinds) / highest
