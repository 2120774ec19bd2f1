"""An item as the row that is stored of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from booksync_api_prediction.embeddings.bodies import ItemFields, Kind, NamedOrName, as_named
from booksync_api_prediction.names import make_key
from booksync_api_prediction.texts import TEXT_VERSION, build_text, clean, hash_text, strip_html
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


def prepare_item(kind: Kind, item_id: UUID, fields: ItemFields) -> Prepared:
    """Make an item's text and columns.

    :raises ProblemError: 422 `empty_text`, when there is nothing to embed: a vector of nothing is like any other.
    """
    kinds, kind_ids = _split(fields.kinds)
    authors, author_ids = _split(fields.authors)
    publishers, publisher_ids = _split([] if fields.publisher is None else [fields.publisher])
    types, type_ids = _split([] if fields.type is None else [fields.type])
    title, synopsis = clean(fields.title), strip_html(fields.synopsis)
    publisher = next(iter(publishers), None)
    text = build_text(title=title, kinds=kinds, authors=authors, publisher=publisher, synopsis=synopsis)
    if not text:
        detail = f"There is no text to embed: {kind} {item_id} has neither a title nor a synopsis."
        raise ProblemError(422, "empty_text", detail)
    content_hash = hash_text(text)
    values = {
        "series_id": item_id if kind == "series" else fields.series_id,
        "number": fields.number,
        "content_hash": content_hash,
        "text_version": TEXT_VERSION,
        "title": title,
        "synopsis": synopsis,
        "kinds": kind_ids,
        "kind_names": kinds,
        "kind_keys": [make_key(name) for name in kinds],
        "authors": author_ids,
        "author_names": authors,
        "type_id": next(iter(type_ids), None),
        "type_name": next(iter(types), None),
        "publisher_id": next(iter(publisher_ids), None),
        "publisher_name": publisher,
        "adult": fields.adult,
        "lang": fields.lang,
    }
    return Prepared(kind, item_id, text, content_hash, values)


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


def _split(values: Sequence[NamedOrName]) -> tuple[list[str], list[UUID]]:
    """Return the names, cleaned, each once, and the ids."""
    names: dict[str, str] = {}
    ids: list[UUID] = []
    for value in values:
        named = as_named(value)
        if name := clean(named.name):
            names.setdefault(make_key(name), name)
        if named.id is not None:
            ids.append(named.id)
    return list(names.values()), ids
