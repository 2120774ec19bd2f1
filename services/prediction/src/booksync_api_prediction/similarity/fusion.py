"""How alike two series are: the cosine of their texts, fused with the facts that they have in common."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from booksync_api_prediction.names import make_key
from booksync_api_prediction.weights import SIMILARITY, SimilarityWeights


@dataclass(frozen=True)
class Facts:
    """What is known of a series beside its text; names as they are shown."""

    kinds: Sequence[str] = ()
    authors: Sequence[str] = ()
    type: str | None = None


@dataclass(frozen=True)
class Overlap:
    """What two series have in common, each from 0 to 1; None where one side is unknown."""

    kinds: float | None = None
    authors: float | None = None
    type: float | None = None
    shared_kinds: Sequence[str] = field(default=())
    shared_authors: Sequence[str] = field(default=())


def compare(one: Facts, other: Facts) -> Overlap:
    """Compare facts; the names that are shared are spelled as in the first."""
    kinds, other_kinds = _keys(one.kinds), _keys(other.kinds)
    authors, other_authors = _keys(one.authors), _keys(other.authors)
    both_typed = one.type is not None and other.type is not None
    return Overlap(
        kinds=len(kinds & other_kinds) / len(kinds | other_kinds) if kinds and other_kinds else None,
        authors=len(authors & other_authors) / min(len(authors), len(other_authors))
        if authors and other_authors
        else None,
        type=float(make_key(one.type or "") == make_key(other.type or "")) if both_typed else None,
        shared_kinds=[name for name in one.kinds if make_key(name) in other_kinds],
        shared_authors=[name for name in one.authors if make_key(name) in other_authors],
    )


def fuse(cosine: float, overlap: Overlap, weights: SimilarityWeights = SIMILARITY) -> float:
    """Return the similarity, from 0 to 1: the weighted mean of what is known."""
    features = [
        (weights.text, min(1.0, max(0.0, cosine))),
        (weights.kinds, overlap.kinds),
        (weights.authors, overlap.authors),
        (weights.type, overlap.type),
    ]
    known = [(weight, value) for weight, value in features if value is not None]
    return sum(weight * value for weight, value in known) / sum(weight for weight, _ in known)


def merge(all_facts: Sequence[Facts]) -> Facts:
    """Return what is typical of several series: what at least half of them have."""
    if len(all_facts) == 1:
        return all_facts[0]
    types = _common([[facts.type] if facts.type else [] for facts in all_facts])
    return Facts(
        kinds=_common([facts.kinds for facts in all_facts]),
        authors=_common([facts.authors for facts in all_facts]),
        type=types[0] if types else None,
    )


def _common(lists: Sequence[Sequence[str]]) -> list[str]:
    known = [names for names in lists if names]
    spelled: dict[str, str] = {}
    counts: dict[str, int] = {}
    for names in known:
        for name in names:
            spelled.setdefault(make_key(name), name)
        for key in _keys(names):
            counts[key] = counts.get(key, 0) + 1
    return [spelled[key] for key in spelled if 2 * counts[key] >= len(known)]


def _keys(names: Collection[str]) -> frozenset[str]:
    return frozenset(make_key(name) for name in names)
