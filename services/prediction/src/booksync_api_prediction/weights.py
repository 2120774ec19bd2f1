"""The weights of what decides what is ranked before what, in one place.

How a feature gets its value stands with the feature (`predictions/scoring.py`), and what feedback says with the
feedback (`predictions/outcomes.py`). `bench/ranking.md` has what the weights are worth on a labelled set. Each is a
share: a score is the mean of its features, each from 0 to 1, weighted by these. What is unknown of a candidate is left
out of a similarity; in a prediction it counts as NEUTRAL, so that no candidate wins by how much is known about it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class SimilarityWeights:
    """How alike two series are.

    all-MiniLM-L6-v2 knows English: of French synopses of one genre it makes cosines of 0.35 to 0.51, and 0.98 of two
    volumes of one series. So the facts beside the text carry almost as much. These were chosen, and not searched.
    """

    text: float = 0.55  # cosine of the vectors, where it is positive
    kinds: float = 0.30  # Jaccard index of the genres
    authors: float = 0.10  # share of the authors in common, of the side that has fewer
    type: float = 0.05  # both manga, both manhwa, …


@dataclass(frozen=True)
class PredictionWeights:
    """How well a volume of the pile suits somebody now.

    The first three were searched on one half of the labelled set and measured on the other. The other two are what the
    rules ask for: the set has nothing to say on them.
    """

    wish: float = 0.08  # cosine with the vector of the mood and the answers
    kinds: float = 0.47  # the genres' weights for the mood and the answers
    taste: float = 0.20  # closeness to what was read and liked
    progress: float = 0.15  # a series that was begun, or a first volume, as the answers ask
    length: float = 0.10  # a short or a long series, as the answers ask


SIMILARITY = SimilarityWeights()
PREDICTION = PredictionWeights()

#: A feature of which nothing is known.
NEUTRAL = 0.4

#: What a cosine between a wish, or a taste, and a volume spans in practice; it is stretched over 0 to 1.
COSINE_FLOOR = 0.0
COSINE_CEILING = 0.7

#: A dismissed or badly rated series loses this share of its score, an accepted or well rated one gains it.
FEEDBACK = 0.25

#: Maximal marginal relevance: how much of a recommendation's rank is its own score, the rest being its difference from
#: those before it (Carbonell and Goldstein, 1998).
RELEVANCE = 0.75
