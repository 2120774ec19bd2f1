"""Why two series are alike, in words."""

from collections.abc import Sequence

from booksync_api_prediction.languages import Language
from booksync_api_prediction.similarity.bodies import Reason
from booksync_api_prediction.similarity.fusion import Overlap

#: From this cosine on, two texts are said to be close.
CLOSE = 0.5

_WORDS: dict[Language, dict[str, str]] = {
    "fr": {
        "kinds": "mêmes genres : {}",
        "kind": "même genre : {}",
        "authors": "mêmes auteurs : {}",
        "author": "même auteur : {}",
        "type": "même type",
        "text": "des résumés proches",
    },
    "en": {
        "kinds": "same kinds: {}",
        "kind": "same kind: {}",
        "authors": "same authors: {}",
        "author": "same author: {}",
        "type": "same type",
        "text": "summaries that are close",
    },
}


def give_reasons(cosine: float, overlap: Overlap, language: Language) -> list[Reason]:
    """Say what two series have in common."""
    words = _WORDS[language]
    reasons: list[Reason] = []
    if overlap.shared_kinds:
        text = _fill(words["kind"], words["kinds"], overlap.shared_kinds)
        reasons.append(Reason(code="kinds", text=text, values=list(overlap.shared_kinds)))
    if overlap.shared_authors:
        text = _fill(words["author"], words["authors"], overlap.shared_authors)
        reasons.append(Reason(code="authors", text=text, values=list(overlap.shared_authors)))
    if overlap.type:
        reasons.append(Reason(code="type", text=words["type"]))
    if cosine >= CLOSE:
        reasons.append(Reason(code="text", text=words["text"]))
    return reasons


def _fill(one: str, several: str, names: Sequence[str]) -> str:
    return (one if len(names) == 1 else several).format(", ".join(names))
