"""Mangacollec at its worst: whatever it does, the answer comes in seconds, says so, and the site is left alone."""

import asyncio
import json
from datetime import timedelta

import httpx
import pytest
from sqlalchemy.engine import URL

from booksync_api_auth.mangacollec import conversation, part
from booksync_api_auth.mangacollec.answers import TokenAnswer, parse
from booksync_api_auth.mangacollec.gate import MAX_FAILURES, MAX_PAUSE, REST, Gate
from booksync_api_auth.repositories.rate_limits import FREE_TRIES
from booksync_auth_testing.household import PASSWORD, V1, Household, live_in, problem
from booksync_auth_testing.mangacollec import ACCOUNT, Mangacollec, Mood
from booksync_common.problems import ProblemError
from booksync_service_testing.serving import wait_for

UNAVAILABLE = (502, "mangacollec_unavailable")
LATE = (504, "mangacollec_unavailable")


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for less long than the service does."""
    monkeypatch.setattr(part, "TIMEOUT", httpx.Timeout(0.5, connect=5.0))
    monkeypatch.setattr(conversation, "DEADLINE", 1.0)


async def log_in(house: Household, **other: str) -> httpx.Response:
    """Sign in at Mangacollec."""
    return await house.client.post(f"{V1}/auth/mangacollec/login", json={**ACCOUNT, **other})


async def check_mood(linked: Household, site: Mangacollec, mood: Mood, expected: tuple[int, str]) -> None:
    """Ensure that a mood is a problem, and that it has passed when the mood has."""
    site.mood = mood
    async with asyncio.timeout(30):
        assert problem(await log_in(linked)) == expected
    site.mood = "well"
    assert (await log_in(linked)).status_code == 200


@pytest.mark.parametrize("mood", ["garbage", "truncated", "hang_up", "huge", "errors", "empty"])
async def test_bad_answer(linked: Household, site: Mangacollec, mood: Mood) -> None:
    await check_mood(linked, site, mood, UNAVAILABLE)


@pytest.mark.parametrize("mood", ["garbage", "huge", "errors", "empty"])
async def test_answer_that_came_but_is_of_no_use_is_called_so(linked: Household, site: Mangacollec, mood: Mood) -> None:
    site.mood = mood
    assert (await log_in(linked)).json()["detail"] == "Mangacollec gave no answer that can be used."


@pytest.mark.usefixtures("impatience")
@pytest.mark.parametrize("mood", ["slow", "drip"])
async def test_late_answer(linked: Household, site: Mangacollec, mood: Mood) -> None:
    await check_mood(linked, site, mood, LATE)


async def test_account_that_cannot_be_read(linked: Household, site: Mangacollec) -> None:
    site.accounts[0].id = "not a uuid"
    assert problem(await log_in(linked)) == UNAVAILABLE


@pytest.mark.parametrize("scope", ["read\0", "x" * 1001])
def test_scope_that_cannot_be_stored_is_no_answer(scope: str) -> None:
    answer = {"access_token": "a", "scope": "read"}
    assert parse(TokenAnswer, json.dumps(answer).encode()) is not None
    assert parse(TokenAnswer, json.dumps({**answer, "scope": scope}).encode()) is None


async def test_site_that_is_not_there(empty_url: URL, site: Mangacollec) -> None:
    async with live_in(empty_url, **{**site.settings, "mangacollec_base_url": "http://127.0.0.1:1"}) as house:
        assert problem(await log_in(house)) == UNAVAILABLE


async def test_base_url_and_token_path_are_the_operators(empty_url: URL, site: Mangacollec) -> None:
    async with live_in(empty_url, **site.settings, mangacollec_token_path="/elsewhere/token") as house:
        assert problem(await log_in(house)) == UNAVAILABLE
        assert [path for path, _ in site.requests] == ["/elsewhere/token"]


async def test_outage_does_not_end_a_link(linked: Household, site: Mangacollec) -> None:
    lea = await linked.add("Léa")
    body = {**ACCOUNT, "current_password": PASSWORD}
    await linked.client.put(f"{V1}/mangacollec/link", json=body, headers=lea.headers)
    await linked.query("UPDATE auth.credentials SET token_expires_at = now()")
    site.mood = "errors"
    token = await linked.client.get(f"{V1}/mangacollec/token", headers=lea.headers)
    assert problem(token) == UNAVAILABLE
    site.mood = "well"
    assert (await linked.client.get(f"{V1}/mangacollec/token", headers=lea.headers)).status_code == 200


async def test_outage_does_not_use_up_tries(linked: Household, site: Mangacollec) -> None:
    site.mood = "errors"
    for _ in range(10):
        assert problem(await log_in(linked)) == UNAVAILABLE


async def test_outage_does_not_forget_failures(linked: Household, site: Mangacollec) -> None:
    wrong = {**ACCOUNT, "password": "not the password there"}
    for _ in range(FREE_TRIES):
        refused = await linked.client.post(f"{V1}/auth/mangacollec/login", json=wrong)
        assert problem(refused) == (422, "mangacollec_invalid_credentials")
    past = "UPDATE auth.rate_limits SET blocked_until = now() WHERE blocked_until IS NOT NULL"
    await linked.query(past)
    site.mood = "errors"
    assert problem(await log_in(linked)) == UNAVAILABLE
    site.mood = "well"
    await linked.client.post(f"{V1}/auth/mangacollec/login", json=wrong)
    delay = "SELECT blocked_until - updated_at FROM auth.rate_limits WHERE key LIKE 'account %'"
    assert await linked.query(delay) == timedelta(seconds=2)


async def test_site_is_left_alone_after_failures(linked: Household, site: Mangacollec) -> None:
    site.mood = "errors"
    for _ in range(MAX_FAILURES + 5):
        assert problem(await log_in(linked)) == UNAVAILABLE
    assert len(site.requests) == MAX_FAILURES
    answer = await log_in(linked)
    assert 1 <= int(answer.headers["retry-after"]) <= REST
    health = (await linked.client.get("/health")).json()
    assert health["checks"]["mangacollec"] == {"status": "ok", "detail": "left alone for a while"}


async def test_pause_that_it_asks_for_is_honoured(linked: Household, site: Mangacollec) -> None:
    site.mood = "limited"
    for _ in range(3):
        answer = await log_in(linked)
        assert problem(answer) == UNAVAILABLE
        assert 25 <= int(answer.headers["retry-after"]) <= 30
    assert len(site.requests) == 1


async def test_slow_site_holds_up_nobody_else(linked: Household, site: Mangacollec) -> None:
    lea = await linked.add("Léa")
    site.is_answering.clear()
    # twice as many as the service has connections to its database
    waiting = [asyncio.create_task(log_in(linked, email=f"{number}@example.org")) for number in range(20)]
    await wait_for(lambda: site.at_once > 0)
    assert (await linked.find(lea)).status_code == 200
    assert (await linked.log_in("Léa")).id == lea.id
    assert not any(asking.done() for asking in waiting)
    site.is_answering.set()
    answers = await asyncio.gather(*waiting)
    assert {answer.status_code for answer in answers} == {422}


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def is_open(gate: Gate) -> bool:
    """Tell whether a question gets through."""
    try:
        gate.check()
    except ProblemError:
        return False
    return True


def test_gate_closes_after_failures_in_a_row() -> None:
    gate = Gate(clock := Clock())
    for _ in range(MAX_FAILURES - 1):
        gate.note_failure()
    gate.note_answer()
    for _ in range(MAX_FAILURES - 1):
        gate.note_failure()
    assert is_open(gate)
    gate.note_failure()
    assert not is_open(gate)
    clock.now += REST
    assert is_open(gate)
    gate.note_failure()
    assert not is_open(gate)
    clock.now += REST
    gate.note_answer()
    for _ in range(MAX_FAILURES - 1):
        gate.note_failure()
    assert is_open(gate)


def test_gate_is_not_closed_for_days() -> None:
    gate = Gate(clock := Clock())
    gate.pause(10**9)
    assert gate.rest == MAX_PAUSE
    clock.now += MAX_PAUSE
    assert is_open(gate)


@pytest.mark.parametrize(
    ("token", "is_one"), [("abc-._~+/=", True), ("", False), ("caf\u00e9", False), ("a\r\nb", False), ("a\0", False)]
)
def test_token_that_no_header_can_have_is_no_answer(token: str, is_one: bool) -> None:
    assert (parse(TokenAnswer, json.dumps({"access_token": token}).encode()) is not None) == is_one
