"""What routes name to get a part of the service, or a permission."""

from typing import Annotated

from fastapi import Depends, Request

from booksync_api_prediction.collection.client import Collections
from booksync_api_prediction.jobs.runner import Runner
from booksync_api_prediction.model import Model
from booksync_api_prediction.phrases import Phrases
from booksync_api_prediction.settings import PredictionSettings
from booksync_common.access import make_writer
from booksync_common.database import DatabaseOf
from booksync_common.problem_schema import describe_errors


async def _find_settings(request: Request) -> PredictionSettings:
    settings: PredictionSettings = request.app.state.settings
    return settings


async def _find_model(request: Request) -> Model:
    model: Model = request.app.state.parts[Model.name]
    return model


async def _find_runner(request: Request) -> Runner:
    runner: Runner = request.app.state.parts[Runner.name]
    return runner


async def _find_collections(request: Request) -> Collections:
    collections: Collections = request.app.state.parts[Collections.name]
    return collections


async def _find_phrases(request: Request) -> Phrases:
    phrases: Phrases = request.app.state.parts[Phrases.name]
    return phrases


Settings = Annotated[PredictionSettings, Depends(_find_settings)]
Encoding = Annotated[Model, Depends(_find_model)]
Library = Annotated[Collections, Depends(_find_collections)]
Memory = Annotated[Phrases, Depends(_find_phrases)]
Jobs = Annotated[Runner, Depends(_find_runner)]

#: For a request that waits for the model in between: a session of its own before and after, and none meanwhile.
Storage = DatabaseOf

#: What routes answer to those who may not ask.
UNAUTHORIZED = describe_errors({401: "token_missing, token_invalid, api_key_invalid"})
FORBIDDEN = describe_errors({403: "forbidden, scope_missing"})

#: Machines and administrators.
Writer = Annotated[str, Depends(make_writer("embeddings:write", needs_secret=False))]
