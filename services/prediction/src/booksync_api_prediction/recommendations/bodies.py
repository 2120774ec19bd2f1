"""What goes in and out."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from booksync_api_prediction.similarity.bodies import Named, Reason
from booksync_common.bodies import StrictModel


class RecommendationQuery(StrictModel):
    """Which series are wanted."""

    limit: int = Field(default=10, ge=1, le=50)
    min_similarity: float | None = Field(default=None, ge=0, le=1, description="leave out what is less similar")
    kinds: list[Named] = Field(default=[], max_length=20, description="genres by name or id; one of them is enough")
    diversity: float | None = Field(default=None, ge=0, le=1, description="0: the best alone; 1: the most different")


Ids = Annotated[list[UUID], Field(max_length=20_000)]


class RecommendationBody(RecommendationQuery):
    """The same, with what is owned and read, in place of the collection on Mangacollec."""

    owned: Ids = Field(default=[], description="series and volumes, which are not recommended")
    read: Ids = Field(default=[], description="series and volumes, the latest first; not recommended either")


#: `no_taste`: nothing is known of what was read, so this is what came to the library last;
#: `no_embeddings`: there is nothing to recommend, so embed the library.
Notice = Literal["no_taste", "no_embeddings"]


class Recommendation(BaseModel):
    """A series to look for."""

    id: UUID
    series_id: UUID | None
    kind: Literal["series", "volume"]
    item_id: UUID
    title: str
    score: float = Field(ge=0, le=1)
    similarity: float | None = Field(description="with the series that was read and is closest; null without a taste")
    is_close: bool = Field(description="whether the similarity reaches the threshold")
    because_of: str | None = Field(description="the title of the series that was read and is closest")
    reasons: list[Reason]
    reasoning: str


class Recommendations(BaseModel):
    """Series to look for: good ones first, and different from each other."""

    items: list[Recommendation]
    notice: Notice | None
    threshold_applied: float
    below_threshold: int = Field(description="series that were considered, and are less similar than that")
    considered: int
    best_similarity: float | None
    unknown: int = Field(description="of the ids given: those that are not embedded")
    source: Literal["request", "mangacollec", "history"]
    model: str
