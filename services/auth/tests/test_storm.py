"""Many sign-ins at once: bcrypt is on threads of its own, few wait, and the others are told when to come back."""

import asyncio
import os
import threading

import bcrypt
import httpx
import pytest
from sqlalchemy.engine import URL

from booksync_api_auth.passwords import MAX_THREADS, NICENESS, QUEUE_PER_THREAD, RETRY_SECONDS, Passwords
from booksync_auth_testing.household import PASSWORD, V1, Household, live_in, problem
from booksync_service_testing.serving import PATIENCE, wait_for

PEOPLE = 50


async def test_storm_is_turned_away_in_part(empty_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[str] = set()
    niceness: set[int] = set()
    may_hash = threading.Event()
    may_hash.set()
    hashpw = bcrypt.hashpw
    own = os.getpriority(os.PRIO_PROCESS, 0)

    def note_thread(password: bytes, salt: bytes) -> bytes:
        threads.add(threading.current_thread().name)
        niceness.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        may_hash.wait(PATIENCE)
        return hashpw(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", note_thread)
    async with live_in(empty_url, bcrypt_rounds=8, database_pool_timeout=60) as house:
        await house.add("Ana")
        may_hash.clear()
        threads.clear()

        async def log_in(number: int) -> httpx.Response:
            body = {"username": "Ana" if number == 0 else f"Nobody {number}", "password": PASSWORD}
            return await house.client.post(f"{V1}/auth/login", json=body)

        storm = asyncio.gather(*(log_in(number) for number in range(PEOPLE)))
        try:
            await wait_for(lambda: bool(threads))
            # while none of them has an answer
            assert (await house.client.get("/health/live")).status_code == 200
        finally:
            may_hash.set()
        answers = await storm
    turned_away = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 200  # who was first is served
    assert len(turned_away) >= PEOPLE - MAX_THREADS * (1 + QUEUE_PER_THREAD)
    for answer in turned_away:
        assert problem(answer) == (429, "rate_limited")
        assert int(answer.headers["retry-after"]) >= 1
    assert all(name.startswith("bcrypt") for name in threads)
    assert own < NICENESS, "nicer than bcrypt's threads would be, so this cannot be seen here"
    assert niceness == {NICENESS}  # the event loop goes first


async def test_who_finds_no_place_is_not_read(house: Household, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.add("Ana")
    passwords = house.serving.app.state.parts[Passwords.name]
    monkeypatch.setattr(passwords, "_places", 0)
    for path in ("login", "token"):
        answer = await house.client.post(f"{V1}/auth/{path}", content=b"neither JSON nor a form")
        assert problem(answer) == (429, "rate_limited")
        assert answer.headers["retry-after"] == str(RETRY_SECONDS)
    assert 'route="/api/v1/auth/login",status="429"' in (await house.client.get("/metrics")).text
    # whoever is in already notices nothing
    monkeypatch.undo()
    member = await house.log_in("Ana")
    monkeypatch.setattr(passwords, "_places", 0)
    assert (await house.client.get(f"{V1}/users/me", headers=member.headers)).status_code == 200


async def test_places_are_given_back(house: Household) -> None:
    await house.add("Ana")
    for _ in range(20):
        await asyncio.gather(*(house.log_in("Ana") for _ in range(3)))
