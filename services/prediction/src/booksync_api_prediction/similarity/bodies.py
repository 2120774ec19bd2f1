"""What goes in and out."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, model_validator

from booksync_api_prediction.embeddings.bodies import Kind
from booksync_api_prediction.settings import MAX_DIMENSION
from booksync_api_prediction.texts import clean, strip_html
from booksync_common.bodies import StrictModel

#: Of kinds, types and publishers: an id of Mangacollec, or a name.
Named = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean)]

Text = Annotated[str, Field(min_length=1, max_length=5000), AfterValidator(strip_html)]


class Wanted(StrictModel):
    """Which series are wanted."""

    limit: int = Field(default=10, ge=1, le=50)
    min_similarity: float | None = Field(default=None, ge=0, le=1, description="in place of SIMILARITY_THRESHOLD")
    exclude_same_series: bool = Field(default=False, description="leave out the series of what is asked about")
    kinds: list[Named] = Field(default=[], max_length=20, description="genres by name or id; one of them is enough")
    types: list[Named] = Field(default=[], max_length=20, description="by name or id; one of them is enough")
    publisher: Named | None = Field(default=None, description="by name or id")
    adult: bool = Field(default=True, description="whether what is for adults may come, where the profile allows it")


class Reference(StrictModel):
    """An item."""

    kind: Kind
    id: UUID


class SimilarBody(Wanted):
    """A text, or items."""

    text: Text | None = None
    items: list[Reference] = Field(default=[], max_length=100)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.text is None) == (not self.items):
            message = "give either a text or items"
            raise ValueError(message)
        return self


class Reason(BaseModel):
    """A fact that two series have in common."""

    code: Literal["kinds", "authors", "type", "text"]
    text: str = Field(examples=["mêmes genres : Seinen, Drame"])
    values: list[str] = []


class Match(BaseModel):
    """A series, by the item of it that is closest."""

    series_id: UUID | None
    kind: Kind
    id: UUID
    title: str
    number: int | None
    similarity: float = Field(description="0 to 1: the cosine, fused with what is in common beside the text")
    cosine: float = Field(description="of the texts' vectors")
    reasons: list[Reason]


#: `no_embeddings`: there is nothing to compare with, so embed the library; `none_similar`: see `nearest`.
Notice = Literal["no_embeddings", "none_similar"]


class Similar(BaseModel):
    """Series, the most similar first."""

    items: list[Match]
    nearest: list[Match] = Field(description="when nothing passes the threshold: what came closest")
    notice: Notice | None
    unknown: list[Reference] = Field(description="of the items asked about: those that are not embedded")
    model: str
    threshold_applied: float
    considered: int = Field(description="series that were compared in full: those whose text is closest")
    below_threshold: int = Field(description="of these")
    best_similarity: float | None


class SearchBody(StrictModel):
    """A text, or a vector of the current model."""

    text: Text | None = None
    vector: list[float] | None = Field(default=None, max_length=MAX_DIMENSION)
    kind: Kind | None = None
    limit: int = Field(default=10, ge=1, le=100)
    min_cosine: float | None = Field(default=None, ge=-1, le=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.text is None) == (self.vector is None):
            message = "give either a text or a vector"
            raise ValueError(message)
        return self


class Hit(BaseModel):
    """An item."""

    kind: Kind
    id: UUID
    series_id: UUID | None
    title: str
    number: int | None
    cosine: float


class Hits(BaseModel):
    """Items, the closest first."""

    items: list[Hit]
    model: str
