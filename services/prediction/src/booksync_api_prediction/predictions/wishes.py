"""What somebody wishes for now: the mood and the answers together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from booksync_api_prediction.predictions.bodies import Answer, Ignored
from booksync_api_prediction.predictions.vocabulary import Length, Meaning, Start, Vocabulary


@dataclass(frozen=True)
class Wish:
    """The sum of what was asked for."""

    meanings: Sequence[Meaning] = ()
    ignored: Sequence[Ignored] = ()

    @property
    def texts(self) -> list[str]:
        """What to embed."""
        return [meaning.text for meaning in self.meanings if meaning.text is not None]

    @property
    def kinds(self) -> Mapping[str, float]:
        """Genres that suit or do not, from -1 to 1."""
        weights: dict[str, float] = {}
        for meaning in self.meanings:
            for kind, weight in meaning.kinds.items():
                weights[kind] = weights.get(kind, 0.0) + weight
        return {kind: min(1.0, max(-1.0, weight)) for kind, weight in weights.items()}

    @property
    def length(self) -> Length | None:
        """The last answer counts."""
        return next((meaning.length for meaning in reversed(self.meanings) if meaning.length), None)

    @property
    def start(self) -> Start | None:
        """The last answer counts."""
        return next((meaning.start for meaning in reversed(self.meanings) if meaning.start), None)


def read_wish(vocabulary: Vocabulary, mood: str | None, answers: Sequence[Answer]) -> Wish:
    """Look the words up; those that are not in the vocabulary are ignored, and reported."""
    meanings: list[Meaning] = []
    ignored: list[Ignored] = []
    if mood is not None and mood.strip():
        if (meaning := vocabulary.find_mood(mood)) is None:
            ignored.append(Ignored(mood=mood))
        else:
            meanings.append(meaning)
    for answer in answers:
        if (meaning := vocabulary.find_answer(answer.question, answer.answer)) is None:
            ignored.append(Ignored(question=answer.question, answer=answer.answer))
        else:
            meanings.append(meaning)
    return Wish(meanings, ignored)
