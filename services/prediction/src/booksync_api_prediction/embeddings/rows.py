"""An item as the row that is stored of it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from booksync_api_prediction.embeddings.bodies import Item, Kind, NamedOrName, as_named
from booksync_api_prediction.names import make_key
from booksync_api_prediction.texts import TEXT_VERSION, build_text, hash_text
from booksync_common.problems import ProblemError

#: Columns of what is known of an item.
FACTS = (
    "series_id",
    "number",
    "content_hash",
    "text_version",
    "title",
    "synopsis",
    "kinds",
    "kind_names",
    "kind_keys",
    "authors",
    "author_names",
    "type_id",
    "type_name",
    "publisher_id",
    "publisher_name",
    "adult",
    "lang",
)


@dataclass(frozen=True)
class Prepared:
    """An item, ready to be embedded."""

    kind: Kind
    item_id: UUID
    text: str
    content_hash: bytes
    values: dict[str, Any]  # of FACTS

    @property
    def key(self) -> tuple[Kind, UUID]:
        """Which item it is."""
        return self.kind, self.item_id


def prepare_item(item: Item) -> Prepared:
    """Make an item's text and columns.

    :raises ProblemError: 422 `empty_text`, when there is nothing to embed: a vector of nothing is like any other.
    """
    kinds, kind_ids = _split(item.kinds)
    authors, author_ids = _split(item.authors)
    publisher = None if item.publisher is None else as_named(item.publisher)
    type_ = None if item.type is None else as_named(item.type)
    text = build_text(
        title=item.title,
        kinds=kinds,
        authors=authors,
        publisher=None if publisher is None else publisher.name,
        synopsis=item.synopsis,
    )
    if not text:
        detail = f"There is no text to embed: {item.kind} {item.id} has neither a title nor a synopsis."
        raise ProblemError(422, "empty_text", detail)
    content_hash = hash_text(text)
    values = {
        "series_id": item.id if item.kind == "series" else item.series_id,
        "number": item.number,
        "content_hash": content_hash,
        "text_version": TEXT_VERSION,
        "title": item.title,
        "synopsis": item.synopsis,
        "kinds": kind_ids,
        "kind_names": kinds,
        "kind_keys": [make_key(name) for name in kinds],
        "authors": author_ids,
        "author_names": authors,
        "type_id": None if type_ is None else type_.id,
        "type_name": None if type_ is None else type_.name,
        "publisher_id": None if publisher is None else publisher.id,
        "publisher_name": None if publisher is None else publisher.name,
        "adult": item.adult,
        "lang": item.lang,
    }
    return Prepared(item.kind, item.id, text, content_hash, values)


def prepare_row(row: RowMapping) -> Prepared:
    """Make the same of an item that is stored, by the recipe of today."""
    text = build_text(
        title=row["title"],
        kinds=row["kind_names"],
        authors=row["author_names"],
        publisher=row["publisher_name"],
        synopsis=row["synopsis"],
    )
    content_hash = hash_text(text)
    values = {name: row[name] for name in FACTS} | {"content_hash": content_hash, "text_version": TEXT_VERSION}
    return Prepared(row["kind"], row["item_id"], text, content_hash, values)


def _split(values: list[NamedOrName]) -> tuple[list[str], list[UUID]]:
    """Return the names, each once, and the ids."""
    named = [as_named(value) for value in values]
    names: dict[str, str] = {}
    for value in named:
        if value.name:
            names.setdefault(make_key(value.name), value.name)
    return list(names.values()), [value.id for value in named if value.id is not None]
