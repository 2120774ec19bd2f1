"""French, as the family speaks, unless a client prefers English (RFC 9110, section 12.5.4)."""

from typing import Annotated, Literal

from fastapi import Depends, Header

Language = Literal["fr", "en"]

DEFAULT: Language = "fr"
_KNOWN: tuple[Language, ...] = ("fr", "en")


def choose_language(header: str | None) -> Language:
    """Return the language that a client likes best of those there are; what is not understood counts for nothing."""
    best, best_quality = DEFAULT, 0.0
    for part in (header or "").split(","):
        tag, _, parameters = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        quality = _read_quality(parameters)
        for language in _KNOWN:
            if primary == language and quality > best_quality:
                best, best_quality = language, quality
    return best


def _read_quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if not name:
        return 1.0
    try:
        quality = float(value) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


async def _choose(accept_language: Annotated[str | None, Header(max_length=500)] = None) -> Language:
    return choose_language(accept_language)


#: Of the sentences in an answer.
Speech = Annotated[Language, Depends(_choose)]
