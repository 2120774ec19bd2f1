"""Maximal marginal relevance: a list whose items are good, and not all of a kind (Carbonell and Goldstein, 1998)."""

from collections.abc import Callable, Sequence


def diversify[T](
    items: Sequence[T], *, score: Callable[[T], float], alike: Callable[[T, T], float], relevance: float, limit: int
) -> list[T]:
    """Pick items, each the best of those left by its score less its likeness to what is picked.

    :param alike: from 0 to 1.
    :param relevance: 1 for the scores' own order, 0 for the most different.
    """
    left = list(items)
    picked: list[T] = []
    # of each that is left: the likeness to the closest that is picked
    closest = [0.0] * len(left)
    while left and len(picked) < limit:
        gains = [
            relevance * score(item) - (1 - relevance) * likeness for item, likeness in zip(left, closest, strict=True)
        ]
        best = max(range(len(left)), key=gains.__getitem__)
        chosen = left.pop(best)
        closest.pop(best)
        picked.append(chosen)
        closest = [max(likeness, alike(chosen, item)) for item, likeness in zip(left, closest, strict=True)]
    return picked
