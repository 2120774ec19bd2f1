"""Addresses of what to read next."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import TypeAdapter

from booksync_api_prediction.collection.client import Collections
from booksync_api_prediction.collection.ingesting import embedding_after
from booksync_api_prediction.dependencies import UNAUTHORIZED, Jobs, Library, Memory, Settings, Storage
from booksync_api_prediction.languages import Speech
from booksync_api_prediction.predictions import history
from booksync_api_prediction.predictions.answering import answer, make_row, read_past, suggest
from booksync_api_prediction.predictions.bodies import Feedback, History, Past, PredictBody, Prediction
from booksync_api_prediction.predictions.outcomes import read_outcomes
from booksync_api_prediction.predictions.predicting import Moment, choose
from booksync_api_prediction.predictions.shelf import Shelf, shelve_collection, shelve_request
from booksync_api_prediction.predictions.vocabulary import load_vocabulary
from booksync_api_prediction.predictions.wishes import read_wish
from booksync_common.access import BEARER, User
from booksync_common.cursors import build_cursor, parse_cursor
from booksync_common.database import Reader, Session
from booksync_common.fields import Instant
from booksync_common.introspection import Caller
from booksync_common.problem_schema import describe_errors
from booksync_common.problems import ProblemError

ROUTER = APIRouter(tags=["predictions"], responses=UNAUTHORIZED)

FORBIDDEN = {403: "forbidden"}

#: Of a suggestion in the history.
PLACE = TypeAdapter(tuple[Instant, UUID])


@ROUTER.post(
    "/predict",
    summary="What to read next, of the volumes that are owned and not read",
    responses=describe_errors(
        FORBIDDEN
        | {
            404: "empty_pile, all_read, all_excluded; pile_unknown: send a pile, or link the profile to Mangacollec",
            502: "mangacollec_unavailable",
            504: "mangacollec_unavailable",
        }
    ),
)
async def predict(
    body: PredictBody,
    request: Request,
    user: User,
    settings: Settings,
    storage: Storage,
    memory: Memory,
    library: Library,
    jobs: Jobs,
    language: Speech,
) -> Prediction:
    """Suggest."""
    user_id = _require_self(user, body.user_id or user.user_id)
    shelf = await _find_shelf(body, request, user, library)
    wish = read_wish(load_vocabulary(), body.mood, body.qcm_answers)
    wish_vector = await memory.mean(wish.texts)
    later = embedding_after(shelf.collection, model=settings.model_name, database=storage, jobs=jobs)
    async with later, storage.session() as session:
        moment = Moment(
            shelf=shelf,
            wish=wish,
            wish_vector=wish_vector,
            outcomes=read_outcomes(await history.find_recent(session, user_id)),
            exclude=frozenset(body.exclude),
            adult=user.certify_adult,
            limit=body.limit,
            threshold=settings.similarity_threshold,
            language=language,
            model=settings.model_name,
        )
        choice = await choose(session, moment)
        ids = await history.add(session, [make_row(user_id, body, chosen, settings) for chosen in choice.chosen])
    suggestions = [suggest(key, chosen) for key, chosen in zip(ids, choice.chosen, strict=True)]
    return answer(suggestions, choice, moment)


@ROUTER.get(
    "/predictions/{user_id}",
    summary="What was suggested, the newest first",
    responses=describe_errors(FORBIDDEN | {400: "cursor_invalid"}),
)
async def list_predictions(
    user_id: UUID,
    user: User,
    reader: Reader,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str | None = None,
) -> History:
    """List a page."""
    question = f"predictions {user_id}"
    rows = await history.list_page(
        reader,
        _require_self(user, user_id),
        adult=user.certify_adult,
        after=None if cursor is None else parse_cursor(cursor, PLACE, question=question),
        limit=limit + 1,
    )
    page = rows[:limit]
    last = None if len(rows) == len(page) else (page[-1]["created_at"], page[-1]["id"])
    return History(
        items=[read_past(row) for row in page],
        next_cursor=None if last is None else build_cursor(last, PLACE, question=question),
    )


@ROUTER.patch(
    "/predictions/{prediction_id}/feedback",
    summary="What came of a suggestion; later ones learn from it",
    responses=describe_errors({404: "prediction_not_found"}),
)
async def give_feedback(prediction_id: UUID, body: Feedback, user: User, session: Session) -> Past:
    """Note it."""
    values = body.model_dump(exclude_none=True)
    row = await history.give_feedback(session, prediction_id, user.user_id, values, adult=user.certify_adult)
    if row is None:
        raise ProblemError(404, "prediction_not_found", "There is no such suggestion of yours.")
    return read_past(row)


def _require_self(user: Caller, user_id: UUID) -> UUID:
    if user_id != user.user_id and not user.is_admin:
        raise ProblemError(403, "forbidden", "What is suggested to others is theirs, and an administrator's.")
    return user_id


async def _find_shelf(body: PredictBody, request: Request, user: Caller, library: Collections) -> Shelf:
    if body.pile is not None:
        return shelve_request(body.pile, body)
    match = BEARER.fullmatch(request.headers.get("authorization", ""))
    if match is not None and body.user_id in {None, user.user_id}:
        collection = await library.find(user.user_id, match[1])
        if collection is not None:
            return shelve_collection(collection, body)
    detail = "There is no pile: send one with the request, or link the profile to Mangacollec."
    raise ProblemError(404, "pile_unknown", detail)
