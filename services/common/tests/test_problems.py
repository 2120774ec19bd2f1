"""Every error is a problem (RFC 9457) with a code and a request id, and never echoes what the client sent in secret."""

import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi.exceptions import RequestValidationError
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from booksync_api_sample.service import NOTES, SERVICE, SampleSettings
from booksync_common import problems
from booksync_common.logs import JsonFormatter
from booksync_service_testing.server import execute, render
from booksync_service_testing.serving import Serving, serve

PASSWORD = "correct horse battery"


@pytest_asyncio.fixture(scope="module")
async def serving(database_url: URL) -> AsyncIterator[Serving]:
    """Serve the sample."""
    async with serve(SERVICE, SampleSettings.load(database_url=render(database_url))) as running:
        yield running


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    """Check what all problems have."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == "about:blank"
    assert isinstance(body["title"], str)
    assert isinstance(body["detail"], str)
    assert isinstance(body["errors"], list)
    assert body["instance"] == answer.request.url.path
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


async def test_unknown_address(serving: Serving) -> None:
    assert_problem(await serving.client.get("/nowhere"), 404, "not_found")


async def test_wrong_method(serving: Serving) -> None:
    answer = await serving.client.delete("/login")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_all_methods_of_a_path_are_named(serving: Serving) -> None:
    answer = await serving.client.request("PURGE", "/notes/1")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, POST"


async def test_own_problem(serving: Serving) -> None:
    body = assert_problem(await serving.client.get("/problem"), 418, "teapot")
    assert body["errors"] == [{"location": ["query", "tea"], "code": "empty"}]


@pytest.mark.parametrize(
    ("content", "location"),
    [
        ({"username": "a", "password": {"nested": PASSWORD}}, ["body", "password"]),
        ({"username": PASSWORD, "password": "x"}, ["body", "username"]),
        ({"username": "bad" + PASSWORD[:7], "password": "x"}, ["body", "username"]),
        ({"username": "a", "password": "x", "pin": PASSWORD}, ["body", "pin"]),
        ({"username": "a", "password": "x", "mood": PASSWORD}, ["body", "mood"]),
        ({"password": PASSWORD}, ["body", "username"]),
        ([PASSWORD], ["body"]),
        (PASSWORD, ["body"]),
    ],
)
async def test_validation_says_where_and_echoes_nothing(serving: Serving, content: object, location: list[str]) -> None:
    answer = await serving.client.post("/login", json=content)
    body = assert_problem(answer, 422, "validation_failed")
    errors = body["errors"]
    assert isinstance(errors, list)
    assert location in [error["location"] for error in errors]
    assert "horse" not in answer.text
    assert PASSWORD[:7] not in answer.text


def test_validation_tells_the_first_errors_alone() -> None:
    errors = [{"loc": ("body", number), "type": "missing", "msg": "Field required"} for number in range(1000)]
    told = problems.from_validation(RequestValidationError(errors)).errors
    assert [error["location"] for error in told] == [["body", number] for number in range(problems.MAX_ERRORS)]


async def test_broken_json_echoes_nothing(serving: Serving) -> None:
    headers = {"content-type": "application/json"}
    answer = await serving.client.post("/login", content=f'{{"password": "{PASSWORD}', headers=headers)
    assert_problem(answer, 422, "validation_failed")
    assert "horse" not in answer.text


async def test_mistake_of_ours_tells_the_log_and_not_the_client(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await serving.client.get("/mistake")
    assert_problem(answer, 500, "internal_error")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert any(record.exc_info for record in caplog.records)
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_constraint_that_fails_at_commit_is_never_a_success(serving: Serving, database_url: URL) -> None:
    first = await serving.client.post("/notes/7")
    second = await serving.client.post("/notes/7")
    assert first.status_code == 200
    assert_problem(second, 409, "conflict")
    assert "7" not in json.dumps(second.json()["detail"])
    assert await execute(database_url, f"SELECT count(*) FROM {NOTES.fullname} WHERE number = 7") == 1


async def test_value_that_the_database_refuses_is_in_no_line_about_it(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await serving.client.post(f"/notes/{2**40}")
    body = assert_problem(answer, 500, "internal_error")
    assert str(2**40) not in str(body["detail"])
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert "DataError 22" in record.getMessage()
    line = JsonFormatter("sample").format(record)
    assert str(2**40) not in line
    assert "add_note" in line


async def test_conflict_is_logged_by_its_constraint(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            await serving.client.post("/notes/424242")
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert "23505 notes uq_notes_number" in record.getMessage()
    assert "424242" not in JsonFormatter("sample").format(record)


async def test_request_id_of_the_client_is_kept_when_harmless(serving: Serving) -> None:
    answer = await serving.client.get("/nowhere", headers={"X-Request-ID": "abc-1.2_3"})
    assert answer.json()["request_id"] == "abc-1.2_3"


@pytest.mark.parametrize("given", ["a" * 65, 'x", "level": "', "<b>", " "])
async def test_request_id_that_could_do_harm_is_replaced(serving: Serving, given: str) -> None:
    answer = await serving.client.get("/nowhere", headers={"X-Request-ID": given})
    assert answer.json()["request_id"] != given.strip()
    assert len(answer.json()["request_id"]) == 32


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        ("40P01", 503, "busy"),
        ("40001", 503, "busy"),
        ("55P03", 503, "busy"),
        ("53300", 503, "database_unavailable"),
        ("57P01", 503, "database_unavailable"),
        ("42P01", 500, "internal_error"),
        ("22001", 500, "internal_error"),
    ],
)
def test_failure_of_the_database_that_passes_is_worth_another_try(state: str, status: int, code: str) -> None:
    class RefusalError(Exception):
        sqlstate = state

    problem = problems.from_database(DBAPIError("SELECT", None, RefusalError()))
    assert (problem.status, problem.code, "Retry-After" in problem.headers) == (status, code, status == 503)
