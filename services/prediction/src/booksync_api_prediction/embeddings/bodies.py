"""What goes in and out."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field

from booksync_api_prediction.texts import drop_unstorable
from booksync_common.bodies import StrictModel

Kind = Literal["series", "volume"]

#: PostgreSQL's integer; a library has no such volume, but an address may.
MAX_INTEGER = 2**31 - 1

# all else stays as it came: what a job stores is what a request has said, and is cleaned once, when it is embedded
_STORABLE = BeforeValidator(lambda value: drop_unstorable(value) if isinstance(value, str) else value)

Name = Annotated[str, Field(min_length=1, max_length=200), _STORABLE]


class Named(StrictModel):
    """A kind, an author, a publisher or a type, with Mangacollec's id where there is one."""

    id: UUID | None = None
    name: Name


NamedOrName = Named | Name


def as_named(value: NamedOrName) -> Named:
    """Return the full form of either."""
    return value if isinstance(value, Named) else Named(name=value)


class ItemFields(StrictModel):
    """What is known of a series or a volume."""

    title: Annotated[str, Field(max_length=500), _STORABLE] = ""
    series_id: UUID | None = Field(default=None, description="of a volume; a series is its own")
    number: int | None = Field(default=None, ge=0, le=MAX_INTEGER, description="of a volume in its series")
    kinds: list[NamedOrName] = Field(default=[], max_length=50, description="genres, the most telling first")
    authors: list[NamedOrName] = Field(default=[], max_length=50)
    publisher: NamedOrName | None = None
    type: NamedOrName | None = Field(default=None, description="Manga, Manhwa, BD …")
    synopsis: Annotated[str, Field(max_length=50_000, description="HTML or text"), _STORABLE] = ""
    adult: bool = Field(default=False, description="a series' covers its volumes")
    lang: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,5})?$", examples=["fr"])


class Item(ItemFields):
    """One item of a bulk."""

    kind: Kind
    id: UUID


class Bulk(StrictModel):
    """Items to embed."""

    items: list[Item] = Field(min_length=1, max_length=500)


#: `unchanged`: as it is stored; `updated`: facts beside the text; `embedded`: the text is new.
Status = Literal["embedded", "updated", "unchanged"]


class Outcome(BaseModel):
    """What became of an item."""

    kind: Kind
    id: UUID
    status: Status


class BulkResult(BaseModel):
    """What became of each, in the order in which they came."""

    model: str
    items: list[Outcome]


class Embedding(BaseModel):
    """An item as it is stored."""

    kind: Kind
    id: UUID
    series_id: UUID | None
    number: int | None
    title: str
    kinds: list[str]
    authors: list[str]
    publisher: str | None
    type: str | None
    adult: bool = Field(description="its own; a series' covers its volumes")
    lang: str | None
    model: str
    dimension: int
    content_hash: str = Field(description="SHA-256 of the text that was embedded, in hexadecimal")
    stale: bool = Field(description="whether a reindex would embed it anew")
    embedded_at: datetime
    updated_at: datetime
    vector: list[float] | None = Field(default=None, description="on request")


class EmbeddingPage(BaseModel):
    """Items, by kind and id."""

    items: list[Embedding]
    next_cursor: str | None
