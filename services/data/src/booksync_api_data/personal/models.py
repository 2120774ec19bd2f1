"""What goes in and out."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from booksync_api_data.conditions import build_etag
from booksync_api_data.fields import MAX_INTEGER, Text50, Text200, Text5000, sort_unique
from booksync_common.bodies import StrictModel

FactName = Literal[
    "price_cents", "currency", "purchased_on", "store", "condition", "location", "notes", "rating", "tags"
]
FACTS: Sequence[FactName] = get_args(FactName)

#: What a user has said of a volume of which nothing was said.
NOTHING: Mapping[str, Any] = {**dict.fromkeys(FACTS), "tags": []}

# without commas, which are between tags in a query and in a cell of CSV
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=r"^[^,\x00-\x1f]+$")]
Tags = Annotated[
    list[Tag],
    BeforeValidator(lambda value: [] if value is None else value),
    Field(max_length=50),
    AfterValidator(sort_unique),
]
Currency = Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z]{3}$")]


class PersonalIn(StrictModel):
    """What the user says.

    To PUT, what is not said is nothing; to PATCH (RFC 7396) and a merge it stays as it is, and null clears.
    """

    price_cents: int | None = Field(default=None, ge=0, le=MAX_INTEGER)
    currency: Currency | None = Field(default=None, description="ISO 4217: `EUR`.")
    purchased_on: date | None = None
    store: Text200 = None
    condition: Text50 = None
    location: Text200 = None
    notes: Text5000 = None
    rating: int | None = Field(default=None, ge=0, le=10)
    # not `= []`, which would be copied for every item of a batch
    tags: Tags = Field(default_factory=list, json_schema_extra={"default": []})


class PersonalVolumeIn(PersonalIn):
    """The same in a batch, where each has its id."""

    volume_id: UUID


class PersonalVolume(BaseModel):
    """What the user has said of a volume."""

    model_config = ConfigDict(from_attributes=True)

    volume_id: UUID = Field(description="Mangacollec's id.")
    price_cents: int | None
    currency: str | None
    purchased_on: date | None
    store: str | None
    condition: str | None
    location: str | None
    notes: str | None
    rating: int | None
    tags: list[str]
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """The entity tag."""
        return build_etag(self.version, self.updated_at)
