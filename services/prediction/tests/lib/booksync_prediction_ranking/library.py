"""The labelled library (library.toml), and readers with shelves that follow from the labels by a fixed seed."""

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

FILE = Path(__file__).with_name("library.toml")
NAMESPACE = UUID("5f0a3a53-3a0c-4f6f-8d8e-7a5a7f0d3c11")
SEED = 8
MOODS = ("joyeux", "melancolique", "stresse", "curieux", "energique", "detendu")
#: Series that a reader has read, and has in the pile.
READ = 6
PILE = 30


@dataclass(frozen=True)
class Series:
    """A series of the library, with its labels."""

    title: str
    kinds: tuple[str, ...]
    authors: tuple[str, ...]
    volumes: int
    synopsis: str
    themes: frozenset[str]
    moods: frozenset[str]

    @property
    def id(self) -> UUID:
        """The same in each run."""
        return uuid5(NAMESPACE, self.title)

    def volume(self, number: int) -> UUID:
        """Return a volume's id."""
        return uuid5(self.id, str(number))


@dataclass(frozen=True)
class Reader:
    """A reader, with what they have."""

    likes: frozenset[str]
    dislikes: frozenset[str]
    read: tuple[Series, ...]
    pile: tuple[Series, ...]

    def grade(self, series: Series, mood: str) -> int:
        """Return how good a series is for this reader now, from 0 to 4."""
        if self.dislikes & series.themes:
            return 0
        return min(2, len(self.likes & series.themes)) + (2 if mood in series.moods else 0)


@dataclass(frozen=True)
class Query:
    """A reader in a mood."""

    reader: Reader
    mood: str

    @property
    def grades(self) -> dict[UUID, int]:
        """The truth about each series of the pile."""
        return {series.id: self.reader.grade(series, self.mood) for series in self.reader.pile}


def load_library() -> tuple[list[Series], list[Reader]]:
    """Read the file, and give each reader a shelf."""
    document = tomllib.loads(FILE.read_text())
    library = [
        Series(
            title=entry["title"],
            kinds=tuple(entry["kinds"]),
            authors=tuple(entry["authors"]),
            volumes=entry["volumes"],
            synopsis=entry["synopsis"],
            themes=frozenset(entry["themes"]),
            moods=frozenset(entry["moods"]),
        )
        for entry in document["series"]
    ]
    chance = random.Random(SEED)  # noqa: S311 - a sample
    return library, [make_reader(entry, library, chance) for entry in document["readers"]]


def make_reader(entry: Mapping[str, list[str]], library: Sequence[Series], chance: random.Random) -> Reader:
    """Give a reader series that were read, mostly of the themes that are liked, and a pile of others by chance."""
    likes, dislikes = frozenset(entry["likes"]), frozenset(entry["dislikes"])
    liked = [series for series in library if likes & series.themes and not dislikes & series.themes]
    # half of what is liked at most: the pile needs some as well
    read = chance.sample(liked, min(READ - 1, len(liked) // 2))
    read += chance.sample([series for series in library if series not in read], READ - len(read))
    rest = [series for series in library if series not in read]
    return Reader(likes, dislikes, tuple(read), tuple(chance.sample(rest, PILE)))
