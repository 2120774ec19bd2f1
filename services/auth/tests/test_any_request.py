"""Whatever a client sends: never a server error, never a status, a type or a body that the document does not have.

Requests are made up from the document by schemathesis, for each address as many as BOOKSYNC_EXAMPLES says.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import schemathesis
from schemathesis.checks import not_a_server_error

from booksync_api_auth.service import SERVICE
from booksync_api_auth.settings import AuthSettings
from booksync_auth_testing.household import KEY, PASSWORD, V1, Person, parse_person
from booksync_service_testing import processes
from booksync_service_testing.made_up_requests import CHECKS, load_strict_document, made_up
from booksync_service_testing.server import make_database, render
from booksync_service_testing.serving import PATIENCE

#: Without Mangacollec, what asks it answers that it cannot.
UNCONFIGURED = (503, "mangacollec_not_configured")


@dataclass
class Standing:
    """A running service with an administrator and somebody else in it."""

    service: processes.Running
    client: httpx.Client
    admin: Person
    other: Person

    def log_in(self) -> Person:
        """Sign the administrator in, for a request that might end its session."""
        body = {"username": "Ana", "password": PASSWORD}
        return parse_person(self.client.post(f"{V1}/auth/login", json=body, headers=make_origin()))


_ADDRESSES = ip_network("10.0.0.0/8").hosts()


def make_origin() -> dict[str, str]:
    """Come from an address of one's own, as limits are by address."""
    return {"X-Forwarded-For": str(next(_ADDRESSES))}


@pytest_asyncio.fixture(scope="module")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[processes.Running]:
    """Run the service as a process of its own."""
    async with make_database() as url:
        variables = {"DATABASE_URL": render(url), "JWT_SECRET_KEY": KEY, "BCRYPT_ROUNDS": "4"}
        variables |= {"FORWARDED_ALLOW_IPS": "127.0.0.1", "REGISTRATION": "open"}
        log_path: Path = tmp_path_factory.mktemp("auth") / "log"
        with processes.start("auth", log_path=log_path, **variables) as service:
            service.wait_for("/health/ready", 200)
            yield service


@pytest.fixture(scope="module")
def standing(address: processes.Running) -> Iterator[Standing]:
    """Put two profiles into the service."""
    with httpx.Client(base_url=address.address, timeout=PATIENCE) as client:

        def add(name: str) -> Person:
            body = {"username": name, "password": PASSWORD}
            assert client.post(f"{V1}/users", json=body, headers=make_origin()).status_code == 201
            return parse_person(client.post(f"{V1}/auth/login", json=body, headers=make_origin()))

        yield Standing(address, client, add("Ana"), add("Bo"))


SCHEMA = schemathesis.openapi.from_dict(load_strict_document(SERVICE, AuthSettings()))


@SCHEMA.parametrize()
@made_up
def test_any_request(case: schemathesis.Case[Any], standing: Standing) -> None:
    person = standing.admin
    if "logout" in case.path or "password" in case.path:
        person = standing.log_in()
    if "user_id" in case.path_parameters and case.method in {"GET", "PUT", "PATCH"}:
        case.path_parameters["user_id"] = standing.other.id
    response = case.call(base_url=standing.service.address, headers={**person.headers, **make_origin()})
    checks = list(CHECKS)
    if response.status_code == UNCONFIGURED[0] and response.json()["code"] == UNCONFIGURED[1]:
        checks.remove(not_a_server_error)
    case.validate_response(response, checks=checks)
