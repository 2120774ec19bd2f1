"""Whatever a client sends: never a server error, never a status, a type or a body that the document does not have.

Requests are made up from the document by schemathesis, for each address as many as BOOKSYNC_EXAMPLES says.
"""

import uuid
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import schemathesis
from sqlalchemy.engine import URL

from booksync_api_data.service import SERVICE
from booksync_api_data.settings import DataSettings
from booksync_data_testing.api import MACHINE, SECRET
from booksync_service_testing import processes
from booksync_service_testing.made_up_requests import CHECKS, load_document, made_up, run_auth_beside
from booksync_service_testing.server import make_database, render


@dataclass
class Standing:
    """A running service, and how it is talked to."""

    service: processes.Running
    headers: dict[str, str]


@pytest_asyncio.fixture(scope="module")
async def own_url() -> AsyncIterator[URL]:
    """Make a database."""
    async with make_database() as url:
        yield url


@pytest.fixture(scope="module")
def standing(own_url: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """Run the service as a process of its own."""
    log_path = tmp_path_factory.mktemp("data") / "log"
    with run_auth_beside() as auth:
        variables = {"DATABASE_URL": render(own_url), "AUTH_API_URL": auth.address, "APP_SECRET_KEY": SECRET}
        with processes.start("data", log_path=log_path, **variables) as service:
            service.wait_for("/health/ready", 200)
            yield Standing(service, {**MACHINE, "Authorization": f"Bearer {auth.add_user()}"})


SCHEMA = schemathesis.openapi.from_dict(load_document(SERVICE, DataSettings()))


@schemathesis.serializer("application/x-ndjson", "application/ndjson")
def write_lines(_context: object, value: Any) -> Any:
    """Write a made-up body that is no JSON, as it is."""
    return str(value).encode(errors="surrogatepass")


#: Some volumes come again and again, so that there is something to change.
VOLUMES = [str(uuid.UUID(int=number)) for number in range(3)]


@SCHEMA.parametrize()
@made_up
def test_any_request(case: schemathesis.Case[Any], standing: Standing) -> None:
    chance = zlib.crc32(repr(case.body).encode(errors="replace"))
    if "volume_id" in case.path_parameters and chance % 4:
        case.path_parameters["volume_id"] = VOLUMES[chance % 3]
    response = case.call(base_url=standing.service.address, headers=standing.headers)
    case.validate_response(response, checks=CHECKS)
