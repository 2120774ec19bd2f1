"""Addresses of the recommendations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from booksync_api_prediction.collection.client import Collections
from booksync_api_prediction.collection.ingesting import embedding_after
from booksync_api_prediction.collection.parsing import Collection
from booksync_api_prediction.dependencies import UNAUTHORIZED, Jobs, Library, Settings, Storage
from booksync_api_prediction.languages import Language, Speech
from booksync_api_prediction.recommendations import repository
from booksync_api_prediction.recommendations.answering import Asking, recommend
from booksync_api_prediction.recommendations.bodies import RecommendationBody, RecommendationQuery, Recommendations
from booksync_api_prediction.recommendations.sources import Owned, own_collection
from booksync_api_prediction.settings import PredictionSettings
from booksync_common.access import BEARER, User
from booksync_common.database import Session
from booksync_common.introspection import Caller
from booksync_common.problem_schema import describe_errors
from booksync_common.problems import ProblemError

ROUTER = APIRouter(prefix="/api/v1/recommendations", tags=["recommendations"], responses=UNAUTHORIZED)

UNAVAILABLE = describe_errors({502: "mangacollec_unavailable", 504: "mangacollec_unavailable"})


@ROUTER.get("", summary="Series to look for, from the collection on Mangacollec or the history", responses=UNAVAILABLE)
async def get_recommendations(
    query: Annotated[RecommendationQuery, Query()],
    request: Request,
    user: User,
    settings: Settings,
    storage: Storage,
    library: Library,
    jobs: Jobs,
    language: Speech,
) -> Recommendations:
    """Recommend from what is known; each recommendation keeps its id, however often it is asked for."""
    collection = await _find_collection(request, user, library)
    owned = None if collection is None else own_collection(collection)
    async with embedding_after(collection, model=settings.model_name, database=storage, jobs=jobs):
        return await recommend(query, owned, _make_asking(user, settings, language), storage)


@ROUTER.post("", summary="Series to look for, from what the request says is owned and read")
async def post_recommendations(
    body: RecommendationBody, user: User, settings: Settings, storage: Storage, language: Speech
) -> Recommendations:
    """Recommend from a list."""
    owned = Owned([*body.owned, *body.read], body.read, "request")
    return await recommend(body, owned, _make_asking(user, settings, language), storage)


@ROUTER.delete(
    "/{recommendation_id}",
    status_code=204,
    summary="Do not recommend this again",
    responses=describe_errors({404: "recommendation_not_found"}),
)
async def dismiss_recommendation(recommendation_id: UUID, user: User, session: Session) -> None:
    """Dismiss one."""
    if not await repository.dismiss(session, recommendation_id, user.user_id):
        raise ProblemError(404, "recommendation_not_found", "There is no such recommendation of yours.")


async def _find_collection(request: Request, user: Caller, library: Collections) -> Collection | None:
    match = BEARER.fullmatch(request.headers.get("authorization", ""))
    return None if match is None else await library.find(user.user_id, match[1])


def _make_asking(user: Caller, settings: PredictionSettings, language: Language) -> Asking:
    return Asking(
        user_id=user.user_id,
        adult=user.certify_adult,
        threshold=settings.similarity_threshold,
        model=settings.model_name,
        language=language,
    )
