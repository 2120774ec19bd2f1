"""Suggestions as they are stored, and as they are shown."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping

from booksync_api_prediction.predictions.bodies import Past, PredictBody, Prediction, Suggestion
from booksync_api_prediction.predictions.explaining import Chosen
from booksync_api_prediction.predictions.predicting import Choice, Moment
from booksync_api_prediction.settings import PredictionSettings


def make_row(user_id: UUID, body: PredictBody, chosen: Chosen, settings: PredictionSettings) -> dict[str, object]:
    """Return what is stored of a suggestion."""
    asked = {"mood": body.mood, "qcm_answers": [answer.model_dump() for answer in body.qcm_answers]}
    return {
        "user_id": user_id,
        "request": asked,
        "item_id": chosen.volume.id,
        "series_id": chosen.volume.series_id,
        "title": chosen.volume.title,
        "number": chosen.volume.number,
        "adult": chosen.volume.adult,
        "score": chosen.score,
        "similarity": chosen.similarity,
        "confidence": chosen.confidence,
        "reasoning": chosen.reasoning,
        "model": settings.model_name,
        "threshold": settings.similarity_threshold,
    }


def suggest(prediction_id: UUID, chosen: Chosen) -> Suggestion:
    """Return what is shown of a suggestion."""
    return Suggestion(
        prediction_id=prediction_id,
        volume_id=chosen.volume.id,
        series_id=chosen.volume.series_id,
        title=chosen.volume.title,
        number=chosen.volume.number,
        confidence=round(chosen.confidence, 4),
        reasoning=chosen.reasoning,
    )


def answer(suggestions: Sequence[Suggestion], choice: Choice, moment: Moment) -> Prediction:
    """Put the answer together."""
    first, *others = suggestions
    return Prediction(
        suggested_volume_id=first.volume_id,
        **first.model_dump(exclude={"volume_id"}),
        alternatives=list(others),
        threshold_applied=moment.threshold,
        notices=list(choice.notices),
        ignored=list(moment.wish.ignored),
        unknown=choice.unknown,
        pile_source=moment.shelf.source,
        model=moment.model,
    )


def read_past(row: RowMapping) -> Past:
    """Make the answer of a row."""
    return Past(
        volume_id=row["item_id"],
        is_read=row["status"] == "read",
        **{name: row[name] for name in Past.model_fields if name not in {"volume_id", "is_read"}},
    )
