"""Choose from a pile: look up what is known, rate each candidate, rank them, and give the reasons of the first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.languages import Language
from booksync_api_prediction.names import make_key
from booksync_api_prediction.predictions import closeness
from booksync_api_prediction.predictions.bodies import Notice
from booksync_api_prediction.predictions.candidates import Candidate, Volume, find_next
from booksync_api_prediction.predictions.explaining import Chosen, explain
from booksync_api_prediction.predictions.knowledge import Knowledge, learn
from booksync_api_prediction.predictions.outcomes import Outcomes
from booksync_api_prediction.predictions.ranking import rank
from booksync_api_prediction.predictions.scoring import (
    Features,
    match_profile,
    rate_kinds,
    rate_length,
    rate_progress,
    stretch,
)
from booksync_api_prediction.predictions.shelf import Shelf
from booksync_api_prediction.predictions.taste import Taste, learn_taste
from booksync_api_prediction.predictions.vocabulary import load_vocabulary
from booksync_api_prediction.predictions.wishes import Wish
from booksync_common.problems import ProblemError

#: Volumes that were read and are looked up, the latest first.
LOOKED_UP = 2000


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What is asked, of whom and how."""

    shelf: Shelf
    wish: Wish
    wish_vector: Sequence[float] | None
    outcomes: Outcomes
    exclude: Collection[UUID]
    adult: bool
    limit: int
    threshold: float
    language: Language
    model: str

    def may_see(self, volume: Volume) -> bool:
        """Tell whether a volume may be spoken of."""
        return self.adult or not volume.adult


@dataclass(frozen=True)
class Choice:
    """Suggestions, the best first."""

    chosen: Sequence[Chosen]
    notices: Sequence[Notice]
    unknown: int  # volumes of the pile; those that may not be seen are


async def choose(session: AsyncSession, moment: Moment) -> Choice:
    """Choose.

    :raises ProblemError: 404, when there is nothing to choose from: the code says why.
    """
    read = [*moment.shelf.recall(moment.outcomes.read), *moment.shelf.read]
    knowledge = await learn(session, [*moment.shelf.pile, *read[:LOOKED_UP]], model=moment.model)
    pile = [knowledge.complete(volume) for volume in moment.shelf.pile]
    read = [knowledge.complete(volume) for volume in read]
    candidates = await _add_lengths(session, find_candidates(pile, read, moment), moment)
    # what is for adults is no reason to name to others; that it is read still counts for the order
    taste = learn_taste([volume for volume in read if moment.may_see(volume)], knowledge, moment.outcomes)
    features = await rate_candidates(session, candidates, taste, knowledge, moment)
    ranked = rank(features, find_asked(moment, taste), moment.outcomes)[: moment.limit]
    chosen = await explain(
        session,
        ranked,
        wish=moment.wish,
        taste=taste,
        knowledge=knowledge,
        outcomes=moment.outcomes,
        threshold=moment.threshold,
        language=moment.language,
    )
    has_vectors = any(knowledge.find_row(candidate.volume) for candidate in candidates)
    notices: list[Notice] = [] if has_vectors else ["not_embedded"]
    if ranked[0].is_repeated:
        notices.append("repeated")
    known = sum(moment.may_see(volume) for volume in pile if volume.id in knowledge.volumes)
    return Choice(chosen, notices, len(pile) - known)


def find_candidates(pile: Sequence[Volume], read: Sequence[Volume], moment: Moment) -> list[Candidate]:
    """Return what may be suggested.

    :raises ProblemError: 404, when that is nothing.
    """
    visible = [volume for volume in pile if moment.may_see(volume)]
    if not visible:
        raise ProblemError(404, "empty_pile", "There is nothing in the pile.")
    candidates = find_next(visible, read, is_complete=moment.shelf.is_all(read))
    if not candidates:
        raise ProblemError(404, "all_read", "Everything in the pile is read.")
    # after the choice of each series' next volume: without it, the one after it does not come next
    allowed = [candidate for candidate in candidates if candidate.volume.id not in moment.exclude]
    if not allowed:
        raise ProblemError(404, "all_excluded", "Everything that could come next is among the volumes to leave out.")
    return allowed


async def _add_lengths(session: AsyncSession, candidates: Sequence[Candidate], moment: Moment) -> list[Candidate]:
    """Add how long a series is, where the collection does not say it."""
    if moment.wish.length is None:
        return list(candidates)
    works = [candidate.volume.work for candidate in candidates if candidate.volume.series_length is None]
    lengths = await closeness.find_lengths(session, works, model=moment.model)
    return [
        replace(candidate, volume=replace(candidate.volume, series_length=lengths.get(candidate.volume.work)))
        if candidate.volume.series_length is None
        else candidate
        for candidate in candidates
    ]


def find_asked(moment: Moment, taste: Taste) -> frozenset[str]:
    """Return the features that count in this request."""
    asked = {
        "wish": moment.wish_vector is not None,
        "kinds": bool(moment.wish.kinds),
        "taste": taste.is_known,
        "progress": True,
        "length": moment.wish.length is not None,
    }
    return frozenset(name for name, is_asked in asked.items() if is_asked)


async def rate_candidates(
    session: AsyncSession,
    candidates: Sequence[Candidate],
    taste: Taste,
    knowledge: Knowledge,
    moment: Moment,
) -> dict[Candidate, Features]:
    """Return what speaks for each candidate."""
    rows = {candidate: knowledge.find_row(candidate.volume) for candidate in candidates}
    ids = [row["id"] for row in rows.values() if row is not None]
    cosines = await closeness.compare(session, ids, wish=moment.wish_vector, read=list(taste.rows))
    weights = moment.wish.kinds
    vocabulary = load_vocabulary()
    rated = {}
    for candidate, row in rows.items():
        volume = candidate.volume
        with_wish, with_read = (None, None) if row is None else cosines.get(row["id"], (None, None))
        rated[candidate] = Features(
            wish=stretch(with_wish),
            kinds=rate_kinds(vocabulary.weigh(volume.kinds, weights)),
            taste=_mean(stretch(with_read), match_profile([make_key(name) for name in volume.kinds], taste.profile)),
            progress=rate_progress(moment.wish.start, is_begun=candidate.is_begun, has_gap=candidate.has_gap),
            length=rate_length(moment.wish.length, volume.series_length),
        )
    return rated


def _mean(*values: float | None) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
