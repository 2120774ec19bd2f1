"""Gather the facts that speak for what was chosen, and say them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_prediction.languages import Language
from booksync_api_prediction.names import make_key
from booksync_api_prediction.predictions import closeness
from booksync_api_prediction.predictions.candidates import Volume
from booksync_api_prediction.predictions.knowledge import Knowledge
from booksync_api_prediction.predictions.outcomes import Outcomes
from booksync_api_prediction.predictions.ranking import Ranked
from booksync_api_prediction.predictions.reasoning import Grounds, give_reasoning
from booksync_api_prediction.predictions.scoring import rate_length
from booksync_api_prediction.predictions.taste import Taste
from booksync_api_prediction.predictions.vocabulary import load_vocabulary
from booksync_api_prediction.predictions.wishes import Wish
from booksync_api_prediction.similarity.finding import read_facts
from booksync_api_prediction.similarity.fusion import compare, fuse

#: A genre of this share of the series that were read is read often; of fewer series than that nothing is said.
OFTEN = 0.3
WORKS = 3
#: A genre that suits a wish by less than this is no reason.
FITTING = 0.3
#: A length that suits by more than this is what was asked for.
HALF = 0.5


@dataclass(frozen=True)
class Chosen:
    """A suggestion."""

    volume: Volume
    score: float
    confidence: float
    similarity: float | None  # with the series that was read and is closest
    reasoning: str


async def explain(
    session: AsyncSession,
    ranked: Sequence[Ranked],
    *,
    wish: Wish,
    taste: Taste,
    knowledge: Knowledge,
    outcomes: Outcomes,
    threshold: float,
    language: Language,
) -> list[Chosen]:
    """Give the reasons of each.

    :param threshold: similarity from which a series is said to be close to one that was read.
    """
    rows = {row["id"]: row for item in ranked if (row := knowledge.find_row(item.candidate.volume))}
    closest = await closeness.find_closest(session, list(rows), list(taste.rows))
    chosen = []
    for item in ranked:
        volume = item.candidate.volume
        row = knowledge.find_row(volume)
        similarity, close_to = None, None
        if row is not None and row["id"] in closest:
            found = closest[row["id"]]
            other = taste.rows[found.row_id]
            similarity = fuse(found.cosine, compare(read_facts(row), read_facts(other)))
            # reasons are kept, and may be read by who may not see what was read here
            close_to = other["title"] if similarity >= threshold and found.is_for_everybody else None
        kinds, phrases = find_fitting(volume, wish, language)
        suits_length = volume.is_counted and (rate_length(wish.length, volume.series_length) or 0) > HALF
        grounds = Grounds(
            title=volume.title,
            number=volume.number,
            last_read=item.candidate.last_read,
            is_begun=item.candidate.is_begun,
            fitting_kinds=kinds,
            fitting_phrases=phrases,
            series_length=volume.series_length if suits_length else None,
            close_to=close_to,
            usual_kinds=_find_usual(volume, taste),
            was_liked=outcomes.is_liked(volume),
        )
        reasoning = give_reasoning(grounds, language)
        chosen.append(Chosen(volume, item.score, item.confidence, similarity, reasoning))
    return chosen


def find_fitting(volume: Volume, wish: Wish, language: Language) -> tuple[list[str], list[str]]:
    """Return the genres of a volume that suit, and what they suit."""
    vocabulary = load_vocabulary()
    known = {name: kind for name in volume.kinds if (kind := vocabulary.kinds.get(make_key(name)))}
    total = wish.kinds
    names = [name for name, kind in known.items() if total.get(kind, 0.0) >= FITTING]
    fitting = {known[name] for name in names}
    phrases = [
        meaning.phrase[language]
        for meaning in wish.meanings
        if any(meaning.kinds.get(kind, 0.0) >= FITTING for kind in fitting)
    ]
    return names, list(dict.fromkeys(phrases))


def _find_usual(volume: Volume, taste: Taste) -> list[str]:
    if taste.works < WORKS:
        return []
    return [name for name in volume.kinds if taste.profile.get(make_key(name), 0.0) >= OFTEN]
