"""Trying passwords becomes slow, for whoever tries and for nobody else; no account is ever closed."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy.engine import URL

from booksync_api_auth.repositories.rate_limits import ADDRESS_TRIES, FREE_TRIES, make_address_key
from booksync_auth_testing.household import PASSWORD, V1, Household, live_in, problem

WRONG = "not the password"


def client_at(house: Household, address: str) -> httpx.AsyncClient:
    """Talk to the Auth API from an address."""
    transport = httpx.ASGITransport(app=house.serving.app, client=(address, 40000), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


async def try_password(client: httpx.AsyncClient, password: str = WRONG, name: str = "Ana") -> httpx.Response:
    """Try to sign in."""
    return await client.post(f"{V1}/auth/login", json={"username": name, "password": password})


async def wear_out(house: Household, client: httpx.AsyncClient, name: str = "Ana") -> None:
    """Use up the tries that are free, and have the delay last: it begins with a second, which may be over at once."""
    for _ in range(FREE_TRIES):
        assert problem(await try_password(client, name=name)) == (401, "invalid_credentials")
    await house.query("UPDATE auth.rate_limits SET blocked_until = blocked_until + interval '1 hour'")


@pytest.mark.parametrize("name", ["Ana", "Nobody"])
async def test_delay_grows_and_says_how_long_it_is(house: Household, name: str) -> None:
    await house.add("Ana")
    await wear_out(house, house.client, name)
    delays: list[int] = []
    for _ in range(4):
        answer = await try_password(house.client, name=name)
        assert problem(answer) == (429, "rate_limited")
        assert 3500 < int(answer.headers["retry-after"]) <= 3600 + sum(delays, start=1)
        await house.query("UPDATE auth.rate_limits SET blocked_until = now()")
        assert problem(await try_password(house.client, name=name)) == (401, "invalid_credentials")
        delay = await house.query("SELECT blocked_until - updated_at FROM auth.rate_limits WHERE key LIKE 'account %'")
        assert isinstance(delay, timedelta)
        delays.append(round(delay.total_seconds()))
        await house.query("UPDATE auth.rate_limits SET blocked_until = blocked_until + interval '1 hour'")
    assert delays == [2, 4, 8, 16]


async def test_right_password_is_refused_during_the_delay_and_ends_it_after(house: Household) -> None:
    await house.add("Ana")
    await wear_out(house, house.client)
    assert problem(await try_password(house.client, PASSWORD)) == (429, "rate_limited")
    await house.query("UPDATE auth.rate_limits SET blocked_until = now()")
    assert (await try_password(house.client, PASSWORD)).status_code == 200
    await wear_out(house, house.client)


async def test_child_does_not_lock_a_parent_out(house: Household) -> None:
    await house.add("Ana")
    async with client_at(house, "192.168.1.30") as child, client_at(house, "192.168.1.20") as parent:
        await wear_out(house, child)
        assert problem(await try_password(child, PASSWORD)) == (429, "rate_limited")
        assert (await try_password(parent, PASSWORD)).status_code == 200
        assert problem(await try_password(child, PASSWORD)) == (429, "rate_limited")


async def test_delay_holds_at_every_replica(house: Household) -> None:
    await house.add("Ana")
    async with live_in(house.url) as other:
        await wear_out(house, house.client)
        assert problem(await try_password(other.client)) == (429, "rate_limited")


async def test_many_at_once_do_not_get_past_it(empty_url: URL) -> None:
    async with live_in(empty_url, database_pool_timeout=60) as house:
        await house.add("Ana")
        await house.query("DELETE FROM auth.rate_limits")
        answers = await asyncio.gather(*(try_password(house.client) for _ in range(30)))
        assert sum(answer.status_code == 401 for answer in answers) <= FREE_TRIES
        assert {answer.status_code for answer in answers} == {401, 429}


async def test_address_has_many_tries_and_not_all(house: Household) -> None:
    await house.add("Ana")
    key = f"address {make_address_key('127.0.0.1')}"
    await house.query(f"UPDATE auth.rate_limits SET count = {ADDRESS_TRIES} WHERE key = '{key}'")
    answer = await try_password(house.client, PASSWORD)
    assert problem(answer) == (429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 300
    async with client_at(house, "10.0.0.9") as elsewhere:
        assert (await try_password(elsewhere, PASSWORD)).status_code == 200
    await house.query("UPDATE auth.rate_limits SET window_start = now() - interval '6 minutes'")
    assert (await try_password(house.client, PASSWORD)).status_code == 200


async def test_sign_ins_that_succeed_use_up_nothing(house: Household) -> None:
    await house.add("Ana")
    for _ in range(3):
        await house.log_in("Ana")
    assert await house.query("SELECT coalesce(sum(count), 0) FROM auth.rate_limits") == 1  # of making the profile


async def test_name_that_was_typed_is_not_stored(house: Household) -> None:
    await try_password(house.client, name="typed the password here")
    stored = await house.query(
        "SELECT string_agg(l::text, ' ') || (SELECT string_agg(e::text, ' ') FROM auth.auth_events e)"
        " FROM auth.rate_limits l"
    )
    assert "account" in str(stored)
    assert "typed" not in str(stored)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.168.1.20", "192.168.1.20"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.168.1.20", "192.168.1.20"),
        (None, "unknown"),
    ],
)
def test_house_has_one_key(address: str | None, key: str) -> None:
    assert make_address_key(address) == key


async def test_confirming_is_limited_as_signing_in_is(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    codes = []
    for _ in range(FREE_TRIES + 1):
        answer = await house.client.request(
            "DELETE", f"{V1}/users/{bo.id}", json={"password": "wrong"}, headers=bo.headers
        )
        codes.append(problem(answer)[1])
    assert codes == [*["invalid_credentials"] * FREE_TRIES, "rate_limited"]
