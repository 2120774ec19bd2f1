"""The data file of moods, answers and genres, read once and looked up by the words that clients send."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from booksync_api_prediction.languages import Language
from booksync_api_prediction.names import make_key

Length = Literal["short", "long"]
Start = Literal["continue", "begin"]


class Meaning(BaseModel):
    """What a mood or an answer asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: list[str] = Field(min_length=1)
    phrase: dict[Language, str]
    text: str | None = None
    kinds: dict[str, float] = {}
    length: Length | None = None
    start: Start | None = None


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    words: list[str] = Field(min_length=1)
    answers: dict[str, Meaning]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: dict[str, list[str]]
    moods: dict[str, Meaning]
    questions: dict[str, _Question]


@dataclass(frozen=True)
class Vocabulary:
    """The data file, by the keys of its words."""

    kinds: Mapping[str, str]  # of a genre's name: its key in the file
    moods: Mapping[str, Meaning]
    answers: Mapping[str, Mapping[str, Meaning]]  # by question, then by answer

    def find_mood(self, word: str) -> Meaning | None:
        """Return what a mood means; None for one that is not in the file."""
        return self.moods.get(make_key(word))

    def find_answer(self, question: str, answer: str) -> Meaning | None:
        """Return what an answer means; None when it, or its question, is not in the file."""
        return self.answers.get(make_key(question), {}).get(make_key(answer))

    def weigh(self, names: Sequence[str], weights: Mapping[str, float]) -> float | None:
        """Return how well genres suit, from -1 to 1: the mean of those that have a weight; None when there are none."""
        if not names:
            return None
        found = {self.kinds[key] for name in names if (key := make_key(name)) in self.kinds}
        known = [weights[kind] for kind in found if kind in weights]
        return sum(known) / len(known) if known else 0.0


@cache
def load_vocabulary() -> Vocabulary:
    """Read the file."""
    content = resources.files(__package__).joinpath("vocabulary.toml").read_text("utf-8")
    file = _File.model_validate(tomllib.loads(content))
    return Vocabulary(
        kinds={make_key(name): kind for kind, names in file.kinds.items() for name in names},
        moods=_by_word(file.moods),
        answers={
            make_key(word): _by_word(question.answers)
            for name, question in file.questions.items()
            for word in [name, *question.words]
        },
    )


def _by_word(meanings: Mapping[str, Meaning]) -> dict[str, Meaning]:
    return {make_key(word): meaning for name, meaning in meanings.items() for word in [name, *meaning.words]}
