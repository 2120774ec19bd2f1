"""What goes in and out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from booksync_api_data.fields import MAX_INTEGER, Text20, Text50, Text20000, sort_unique
from booksync_api_data.merging import LOCKS
from booksync_common.bodies import StrictModel

#: What is known about a volume, each of which may be locked.
FieldName = Literal["object_id", "nb_pages", "length", "height", "width", "weight", "extra_info", "source"]
FIELDS: Sequence[FieldName] = get_args(FieldName)

#: What is known of a volume of which nothing is.
NOTHING: Mapping[str, Any] = {**dict.fromkeys(FIELDS), LOCKS: []}

LockedFields = Annotated[
    list[FieldName],
    BeforeValidator(lambda value: [] if value is None else value),
    Field(max_length=50),
    AfterValidator(sort_unique),
]


class FactsIn(StrictModel):
    """What a client says about a volume.

    To PUT, what is not said is nothing; to PATCH (RFC 7396) and a merge it stays as it is, and null clears.
    """

    object_id: Text50 = Field(default=None, description="BubbleBD's id.")
    nb_pages: int | None = Field(default=None, ge=0, le=MAX_INTEGER)
    length: Text20 = Field(default=None, description="cm, as it was found: `17,5`, `17.5 cm`, `175mm`.")
    height: Text20 = Field(default=None, description="cm, as it was found.")
    width: Text20 = Field(default=None, description="cm, as it was found.")
    weight: Text20 = Field(default=None, description="g, as it was found: `300 g`, `0,3 kg`.")
    extra_info: Text20000 = None
    source: Text50 = Field(default=None, description="Where it was found.")
    # not `default=[]`, which would be copied for every item of a batch
    locked_fields: LockedFields = Field(
        default_factory=list,
        description="What bulk and import leave as it is.",
        json_schema_extra={"default": []},
    )


class VolumeIn(FactsIn):
    """The same in a batch, where each has its id."""

    volume_id: UUID


class VolumeFacts(BaseModel):
    """What is known about a volume, and what an export has."""

    model_config = ConfigDict(from_attributes=True)

    volume_id: UUID = Field(description="Mangacollec's id.")
    object_id: str | None
    nb_pages: int | None
    length: str | None
    height: str | None
    width: str | None
    weight: str | None
    extra_info: str | None
    source: str | None
    length_cm: float | None = Field(description="Computed from `length`; null when that says no measure.")
    height_cm: float | None
    width_cm: float | None
    weight_g: float | None
    locked_fields: list[FieldName]


class VolumeExtra(VolumeFacts):
    """The same with its history."""

    version: int
    created_at: datetime
    updated_at: datetime


class LookupIn(StrictModel):
    """Volumes to look up."""

    ids: Annotated[list[UUID], Field(max_length=1000)]


class Lookup(BaseModel):
    """What was found, in the order of the question, and what was not."""

    items: list[VolumeExtra]
    missing: list[UUID]
