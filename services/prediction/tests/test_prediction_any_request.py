"""Whatever a client sends: never a server error, never a status, a type or a body that the document does not have.

Requests are made up from the document by schemathesis, for each address as many as BOOKSYNC_EXAMPLES says.
"""

import uuid
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
import schemathesis
from sqlalchemy.engine import URL

from booksync_api_prediction.service import SERVICE
from booksync_api_prediction.settings import PredictionSettings
from booksync_prediction_testing.service import SECRET, V1
from booksync_service_testing import processes
from booksync_service_testing.made_up_requests import CHECKS, load_strict_document, made_up, run_auth_beside
from booksync_service_testing.server import execute, make_database, render
from booksync_service_testing.serving import PATIENCE

#: Some ids come again and again, so that there is something to find.
ITEMS = [str(uuid.UUID(int=number)) for number in range(1, 4)]


@dataclass
class Standing:
    """A running service, and how it is talked to."""

    service: processes.Running
    headers: dict[str, str]


@pytest_asyncio.fixture(scope="module")
async def own_url() -> AsyncIterator[URL]:
    """Make a database."""
    async with make_database() as url:
        await execute(url, "CREATE EXTENSION vector")
        yield url


@pytest.fixture(scope="module")
def standing(own_url: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """Run the service as a process of its own, with something in it."""
    log_path = tmp_path_factory.mktemp("prediction") / "log"
    with run_auth_beside() as auth:
        variables = {"DATABASE_URL": render(own_url), "AUTH_API_URL": auth.address, "APP_SECRET_KEY": SECRET}
        with processes.start("fake_prediction", log_path=log_path, **variables) as service:
            service.wait_for("/health/ready", 200)
            token = auth.add_user(role="admin", certify_adult=True)
            headers = {"X-API-Key": SECRET, "Authorization": f"Bearer {token}"}
            for number, item in enumerate(ITEMS):
                body = {"title": f"Tome {number}", "series_id": ITEMS[0], "number": number, "kinds": ["Drame"]}
                address = f"{service.address}{V1}/embeddings/{'volume' if number else 'series'}/{item}"
                assert httpx.put(address, json=body, headers=headers, timeout=PATIENCE).status_code == 200
            yield Standing(service, headers)


SCHEMA = schemathesis.openapi.from_dict(load_strict_document(SERVICE, PredictionSettings()))


@SCHEMA.parametrize()
@made_up
def test_any_request(case: schemathesis.Case[Any], standing: Standing) -> None:
    chance = zlib.crc32(repr((case.body, case.query)).encode(errors="replace"))
    if "item_id" in case.path_parameters and chance % 4:
        case.path_parameters["item_id"] = ITEMS[chance % 3]
    response = case.call(base_url=standing.service.address, headers=standing.headers)
    case.validate_response(response, checks=CHECKS)
