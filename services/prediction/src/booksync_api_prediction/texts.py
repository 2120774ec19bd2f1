"""The text of an item, which is what gets a vector: from its fields, without HTML, always in the same order."""

import hashlib
import html
import re
from collections.abc import Sequence

#: Of the recipe below. A row that was made by another one is stale.
TEXT_VERSION = 1

_SPACE = re.compile(r"\s+")
# what PostgreSQL's text cannot hold: NUL, and halves of characters
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# these, and what no reader sees
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b\ufeff\ud800-\udfff]")
# what is no text: comments, what no reader sees between its tags, and tags, however they are written; each part ends at
# the latest where another tag begins, so that a text is read once, whoever wrote it
_TAG = r"""(?:[^<>"']|"[^"<]*"|'[^'<]*')*+>"""
_MARKUP = re.compile(
    rf"<(?:!--.*?(?:-->|\Z)|(script|style|template|head)\b{_TAG}.*?(?:</\1\s*>|\Z)|[/!?a-z](?:{_TAG}|[^<>]*+>))",
    re.DOTALL | re.IGNORECASE,
)


def drop_unstorable(value: str) -> str:
    """Remove what PostgreSQL has no place for, and nothing else."""
    return _UNSTORABLE.sub("", value)


def clean(value: str) -> str:
    """Remove control characters and needless space."""
    return _SPACE.sub(" ", _CONTROLS.sub("", value)).strip()


def strip_html(value: str) -> str:
    """Return the text of a piece of HTML, however broken: tags are spaces, entities are characters."""
    # tags within words, as in H<sub>2</sub>O, are rare in synopses; paragraphs without a space between them are not
    return clean(html.unescape(_MARKUP.sub(" ", value)))


def build_text(
    *, title: str, kinds: Sequence[str], authors: Sequence[str], publisher: str | None, synopsis: str
) -> str:
    """Put an item's fields together; empty when all are.

    A model reads some 256 pieces of words, so what tells series apart best comes first.
    """
    parts = [title, ", ".join(kinds), ", ".join(authors), publisher or "", synopsis]
    return "\n".join(part for part in parts if part)


def hash_text(text: str) -> bytes:
    """Return the SHA-256 by which a text is found to be the one that was embedded."""
    return hashlib.sha256(text.encode()).digest()
