"""What goes in and out."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, model_validator

from booksync_api_prediction.embeddings.bodies import MAX_INTEGER, Name
from booksync_api_prediction.texts import clean
from booksync_common.bodies import StrictModel

Word = Annotated[str, Field(max_length=200), AfterValidator(clean)]


class Answer(BaseModel):
    """An answer of the questionnaire, by the words of the vocabulary."""

    question: Word = Field(examples=["envie"])
    answer: Word = Field(examples=["rire"])


class PileVolume(StrictModel):
    """A volume that is owned and not read; what is not given is looked up among the embeddings."""

    id: UUID
    series_id: UUID | None = None
    number: int | None = Field(default=None, ge=0, le=MAX_INTEGER)
    title: Annotated[str, Field(max_length=500), AfterValidator(clean)] | None = None
    kinds: list[Name] = Field(default=[], max_length=50)


class PredictBody(BaseModel):
    """What is known of the moment."""

    user_id: UUID | None = Field(default=None, description="the token's user; another one for an administrator only")
    mood: Word | None = Field(default=None, examples=["joyeux"])
    qcm_answers: list[Answer] = Field(default=[], max_length=50)
    pile: list[UUID | PileVolume] | None = Field(
        default=None, max_length=5000, description="in place of the collection on Mangacollec"
    )
    read: list[UUID] = Field(default=[], max_length=20_000, description="volumes that were read, the latest first")
    exclude: list[UUID] = Field(default=[], max_length=1000, description="volumes not to suggest")
    limit: int = Field(default=1, ge=1, le=10, description="suggestions, those after the first as alternatives")


class Ignored(BaseModel):
    """A word that the vocabulary does not have."""

    mood: str | None = None
    question: str | None = None
    answer: str | None = None


#: `not_embedded`: no vector of any of these volumes is known, so the choice rests on what else is;
#: `repeated`: everything else was suggested a moment ago, or was dismissed.
Notice = Literal["not_embedded", "repeated"]


class Suggestion(BaseModel):
    """A volume to read."""

    prediction_id: UUID
    volume_id: UUID
    series_id: UUID | None
    title: str | None
    number: int | None
    confidence: float
    reasoning: str


class Prediction(BaseModel):
    """What to read next."""

    suggested_volume_id: UUID
    confidence: float = Field(ge=0, le=1, description="how well it suits, times how much is known to judge by")
    reasoning: str = Field(description="from facts alone; French, or English by Accept-Language")
    prediction_id: UUID
    series_id: UUID | None
    title: str | None
    number: int | None
    alternatives: list[Suggestion]
    threshold_applied: float = Field(
        description="similarity from which a series is said to be close to one that was read"
    )
    notices: list[Notice]
    ignored: list[Ignored]
    unknown: int = Field(description="volumes of the pile that are not embedded")
    pile_source: Literal["request", "mangacollec"]
    model: str


Status = Literal["suggested", "accepted", "dismissed", "read"]


class Past(BaseModel):
    """A suggestion, and what came of it."""

    id: UUID
    created_at: datetime
    volume_id: UUID
    series_id: UUID | None
    title: str | None
    number: int | None
    confidence: float | None
    reasoning: str | None
    status: Status
    is_read: bool
    rating: int | None
    feedback_at: datetime | None


class History(BaseModel):
    """Suggestions, the newest first."""

    items: list[Past]
    next_cursor: str | None


class Feedback(StrictModel):
    """What came of a suggestion; what is not given stays."""

    status: Literal["accepted", "dismissed", "read"] | None = None
    rating: int | None = Field(default=None, ge=0, le=10)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.status is None and self.rating is None:
            message = "give a status, a rating, or both"
            raise ValueError(message)
        return self
