"""Refresh tokens: each is good once, its retries get the same pair, and an old one ends the session."""

import asyncio

import httpx
import pytest
from sqlalchemy.engine import URL

from booksync_auth_testing.household import KEY, V1, Household, live_in, parse_person, problem

#: Instead of waiting for the grace to be over.
LATER = "UPDATE auth.sessions SET rotated_at = rotated_at - interval '11 seconds'"


async def refresh(house: Household, token: str) -> httpx.Response:
    """Ask for the next pair."""
    return await house.client.post(f"{V1}/auth/refresh", json={"refresh_token": token})


async def test_retry_gets_the_pair_of_the_first_answer(house: Household) -> None:
    ana = await house.add("Ana")
    first, second = await refresh(house, ana.refresh_token), await refresh(house, ana.refresh_token)
    assert first.status_code == 200
    assert first.json() == second.json()
    assert first.json()["refresh_token"] != ana.refresh_token
    assert first.json()["session_id"] == ana.session_id
    assert (await house.find(parse_person(first))).status_code == 200


async def test_retry_at_another_replica_gets_the_same_pair(house: Household) -> None:
    ana = await house.add("Ana")
    first = await refresh(house, ana.refresh_token)
    async with live_in(house.url) as other:
        assert (await refresh(other, ana.refresh_token)).json() == first.json()


async def test_fifty_at_once_leave_one_pair(empty_url: URL) -> None:
    async with live_in(empty_url, database_pool_timeout=60) as house:
        ana = await house.add("Ana")
        answers = await asyncio.gather(*(refresh(house, ana.refresh_token) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        (token,) = {answer.json()["refresh_token"] for answer in answers}
        assert await house.query("SELECT generation FROM auth.sessions") == 1
        assert (await refresh(house, token)).status_code == 200


async def test_old_token_after_the_grace_ends_the_session(house: Household) -> None:
    ana = await house.add("Ana")
    latest = (await refresh(house, ana.refresh_token)).json()
    await house.query(LATER)
    assert problem(await refresh(house, ana.refresh_token)) == (401, "token_revoked")
    assert problem(await refresh(house, latest["refresh_token"])) == (401, "token_revoked")
    assert problem(await house.find(ana)) == (401, "token_revoked")
    assert await house.query("SELECT revoked_reason FROM auth.sessions") == "refresh_reuse"
    again = await house.log_in("Ana")
    seen = await house.client.get(f"{V1}/auth/activity", headers=again.headers)
    assert ("refresh_reuse", False) in [(item["kind"], item["success"]) for item in seen.json()["items"]]


async def test_token_of_two_rotations_ago_ends_the_session_at_once(house: Household) -> None:
    ana = await house.add("Ana")
    second = (await refresh(house, ana.refresh_token)).json()["refresh_token"]
    await refresh(house, second)
    assert problem(await refresh(house, ana.refresh_token)) == (401, "token_revoked")


async def test_other_sessions_go_on(house: Household) -> None:
    ana = await house.add("Ana")
    other = await house.log_in("Ana")
    await refresh(house, ana.refresh_token)
    await house.query(LATER)
    await refresh(house, ana.refresh_token)
    assert (await house.find(other)).status_code == 200


async def test_session_ends_when_it_is_not_refreshed(empty_url: URL) -> None:
    async with live_in(empty_url, jwt_expire_minutes=15) as house:
        ana = await house.add("Ana")
        await house.query("UPDATE auth.sessions SET expires_at = now()")
        assert problem(await refresh(house, ana.refresh_token)) == (401, "token_expired")
        assert problem(await house.find(ana)) == (401, "token_expired")


@pytest.mark.parametrize("token", ["", "x", "a" * 64, "é" * 64, "=" * 64, "a" * 63 + "\0", "a" * 4096])
async def test_what_never_was_a_token(house: Household, token: str) -> None:
    assert problem(await refresh(house, token)) == (401, "token_invalid")


async def test_nothing_that_is_stored_is_a_token(house: Household) -> None:
    ana = await house.add("Ana")
    latest = (await refresh(house, ana.refresh_token)).json()["refresh_token"]
    stored = str(await house.query("SELECT string_agg(s::text, ' ') FROM auth.sessions s"))
    for token in (ana.refresh_token, latest):
        assert token not in stored
        # the secret part, as bytes are shown
        assert token.encode().hex() not in stored


async def test_token_that_was_derived_from_a_key_of_before_is_good_no_more(house: Household) -> None:
    ana = await house.add("Ana")
    second = (await refresh(house, ana.refresh_token)).json()["refresh_token"]
    async with live_in(house.url, jwt_secret_key=KEY[::-1]) as other:
        for token in (ana.refresh_token, second):
            assert problem(await refresh(other, token)) == (401, "token_revoked")
    assert (await refresh(house, second)).status_code == 200
