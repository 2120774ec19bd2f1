"""What happens at the same time: one profile is the first, one the last, one has a name; and commit before answer."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from booksync_api_auth.repositories.users import _CENSUS_LOCK
from booksync_auth_testing.household import PASSWORD, V1, Household, live_in, problem
from booksync_auth_testing.mangacollec import Account, run_mangacollec
from booksync_service_testing.server import execute
from booksync_service_testing.serving import PATIENCE, wait_for

#: What the others are told when somebody's profile has become the first.
LOST = (409, "profile_exists")

#: How many in this database wait for a lock.
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

Asking = asyncio.Task[httpx.Response]


@asynccontextmanager
async def hold(url: URL, statement: str) -> AsyncIterator[None]:
    """Execute a statement, and commit it after the block."""
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(statement))
            yield
    finally:
        await engine.dispose()


async def wait_until_stuck(url: URL, *asking: Asking) -> None:
    """Wait until each request waits for a lock, or has been answered without."""
    async with asyncio.timeout(PATIENCE):
        while await execute(url, WAITING) != sum(not task.done() for task in asking):
            await asyncio.sleep(0.01)


async def race(url: URL, *requests: Coroutine[Any, Any, httpx.Response]) -> list[httpx.Response]:
    """Let no request store a profile before all of them are about to."""
    async with hold(url, "LOCK TABLE auth.users IN SHARE MODE"):
        asking = [asyncio.create_task(request) for request in requests]
        await wait_until_stuck(url, *asking)
    return await asyncio.gather(*asking)


async def log_in(house: Household, account: Account) -> httpx.Response:
    """Sign in with an account of Mangacollec."""
    body = {"email": account.email, "password": account.password}
    return await house.client.post(f"{V1}/auth/mangacollec/login", json=body)


async def create(house: Household, number: int) -> httpx.Response:
    """Make a profile, as nobody."""
    return await house.client.post("/users", json={"username": f"Person {number}", "password": PASSWORD})


async def test_one_profile_is_the_first(house: Household) -> None:
    answers = await race(house.url, *(create(house, number) for number in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    assert {problem(answer) for answer in answers if answer.status_code != 201} == {LOST}
    assert await house.query("SELECT count(*) FROM auth.users") == 1


async def test_one_profile_is_the_first_also_at_two_replicas(house: Household) -> None:
    async with live_in(house.url) as other:
        answers = await race(house.url, *(create((house, other)[number % 2], number) for number in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    assert await house.query("SELECT count(*) FROM auth.users WHERE role = 'admin'") == 1


async def test_one_profile_of_mangacollec_is_the_first(empty_url: URL) -> None:
    async with run_mangacollec() as site, live_in(empty_url, **site.settings) as house:
        accounts = [site.add(f"{number}@example.org", PASSWORD) for number in range(3)]
        answers = await race(empty_url, *(log_in(house, account) for account in accounts))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
        assert {problem(answer) for answer in answers if answer.status_code != 200} == {LOST}
        # whoever comes later is told what the rule is
        assert problem(await log_in(house, site.add("late@example.org", PASSWORD))) == (403, "registration_closed")


async def test_first_profile_is_made_while_mangacollec_is_asked(empty_url: URL) -> None:
    async with run_mangacollec() as site, live_in(empty_url, **site.settings) as house:
        site.is_answering.clear()
        asking = asyncio.create_task(log_in(house, site.add("lea@example.org", PASSWORD)))
        await wait_for(lambda: site.at_once > 0)
        assert (await create(house, 1)).status_code == 201
        site.is_answering.set()
        assert problem(await asking) == LOST


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE auth.users SET is_active = false", (403, "account_disabled")),
        ("UPDATE auth.users SET id_mangacollec = NULL", (403, "registration_closed")),
        ("DELETE FROM auth.users", (403, "registration_closed")),
    ],
)
async def test_sign_in_at_mangacollec_is_to_the_profile_as_it_is_then(
    empty_url: URL, statement: str, expected: tuple[int, str]
) -> None:
    async with run_mangacollec() as site, live_in(empty_url, **site.settings) as house:
        await house.add("Ana")
        lea = await house.add("Léa", by=await house.log_in("Ana"))
        account = site.add("lea@example.org", PASSWORD)
        body = {"email": account.email, "password": account.password}
        link = {**body, "current_password": PASSWORD}
        linked = await house.client.put(f"{V1}/mangacollec/link", json=link, headers=lea.headers)
        assert linked.status_code == 200
        async with hold(empty_url, f"{statement} WHERE id = '{lea.id}'"):
            asking = asyncio.create_task(log_in(house, account))
            await wait_until_stuck(empty_url, asking)
        assert problem(await asking) == expected


async def test_account_that_signs_in_twice_at_once_has_one_profile(empty_url: URL) -> None:
    async with run_mangacollec() as site, live_in(empty_url, registration="open", **site.settings) as house:
        await house.add("Ana")
        account = site.add("lea@example.org", PASSWORD)
        answers = await race(empty_url, *(log_in(house, account) for _ in range(3)))
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert len({answer.json()["user"]["id"] for answer in answers}) == 1


async def test_accounts_of_one_name_that_sign_in_at_once_have_two(empty_url: URL) -> None:
    async with run_mangacollec() as site, live_in(empty_url, registration="open", **site.settings) as house:
        await house.add("Ana")
        accounts = [site.add(f"{number}@example.org", PASSWORD, username="Léa") for number in range(3)]
        answers = await race(empty_url, *(log_in(house, account) for account in accounts))
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert {answer.json()["user"]["username"] for answer in answers} == {"Léa", "Léa 2", "Léa 3"}


async def test_sign_in_that_waits_for_its_profile_holds_up_no_other(house: Household) -> None:
    ana = await house.add("Ana")
    await house.add("Bo", by=ana)
    body = {"username": "Ana", "password": PASSWORD}
    async with hold(house.url, f"SELECT FROM auth.users WHERE id = '{ana.id}' FOR UPDATE"):
        asking = asyncio.create_task(house.client.post(f"{V1}/auth/login", json=body))
        await wait_until_stuck(house.url, asking)
        async with asyncio.timeout(PATIENCE):
            await house.log_in("Bo")
        assert not asking.done()
    assert (await asking).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", f"{V1}/users", {"username": "Cy", "password": PASSWORD, "role": "admin"}, "registration_closed"),
        ("DELETE", f"{V1}/users/{{id}}", {"password": PASSWORD}, "forbidden"),
        ("PUT", f"{V1}/users/{{id}}/password", {"new_password": "another password"}, "forbidden"),
        ("PATCH", f"{V1}/users/{{id}}", {"role": "admin"}, "forbidden"),
    ],
)
async def test_administrator_who_is_none_any_more_changes_nothing(
    house: Household, method: str, path: str, body: dict[str, object], code: str
) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana, role="admin")
    cleo = await house.add("Cleo", by=ana)
    async with hold(house.url, f"SELECT pg_advisory_xact_lock({_CENSUS_LOCK})"):
        asking = asyncio.create_task(
            house.client.request(method, path.format(id=cleo.id), json=body, headers=bo.headers)
        )
        await wait_until_stuck(house.url, asking)
        await house.query(f"UPDATE auth.users SET role = 'user' WHERE id = '{bo.id}'")
    assert problem(await asking) == (403, code)
    assert await house.query("SELECT string_agg(username || role, ' ' ORDER BY username) FROM auth.users") == (
        "Anaadmin Bouser Cleouser"
    )


async def test_open_registration_makes_one_administrator(empty_url: URL) -> None:
    async with live_in(empty_url, registration="open") as house:
        answers = await asyncio.gather(*(create(house, number) for number in range(8)))
        made = [answer.json() for answer in answers if answer.status_code == 201]
        assert sum(user["role"] == "admin" for user in made) == 1
        assert {answer.status_code for answer in answers} <= {201, 409}


async def test_last_profile_stays_when_all_leave_at_once(house: Household) -> None:
    ana = await house.add("Ana")
    everybody = [ana, *[await house.add(f"Person {number}", by=ana, role="admin") for number in range(3)]]
    answers = await asyncio.gather(
        *(
            house.client.request("DELETE", f"/users/{one.id}", json={"password": PASSWORD}, headers=one.headers)
            for one in everybody
        )
    )
    assert sorted(answer.status_code for answer in answers) == [204, 204, 204, 409]
    assert await house.query("SELECT count(*) FROM auth.users WHERE role = 'admin'") == 1
    assert await house.query("SELECT count(*) FROM auth.deleted_users") == 3


async def test_last_administrator_stays_when_all_step_down_at_once(house: Household) -> None:
    ana = await house.add("Ana")
    everybody = [ana, *[await house.add(f"Person {number}", by=ana, role="admin") for number in range(3)]]
    await asyncio.gather(
        *(house.client.patch(f"/users/{one.id}", json={"role": "user"}, headers=one.headers) for one in everybody)
    )
    assert await house.query("SELECT count(*) FROM auth.users WHERE role = 'admin'") == 1


async def test_name_has_one_owner(house: Household) -> None:
    ana = await house.add("Ana")
    names = ["Zoé", "ZOÉ", "zoé", "Zoe\u0301"]
    answers = await asyncio.gather(
        *(
            house.client.post("/users", json={"username": name, "password": PASSWORD}, headers=ana.headers)
            for name in names
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {problem(answer)[1] for answer in answers if answer.status_code == 409} == {"username_taken"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/users"),
        ("PATCH", "/users/{id}"),
        ("DELETE", f"{V1}/users/{{id}}"),
        ("POST", f"{V1}/auth/login"),
        ("POST", f"{V1}/api-keys"),
    ],
)
async def test_commit_that_fails_is_never_answered_as_done(house: Household, method: str, path: str) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    # a trigger that is checked at COMMIT, when every statement has succeeded
    await house.query(
        "CREATE FUNCTION auth.refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = '23514'; END $$"
    )
    await house.query(
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON auth.auth_events DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION auth.refuse()"
    )
    try:
        body: dict[str, object] = {"username": "Bo" if path.endswith("login") else "Cy", "password": PASSWORD}
        body |= {"name": "scraper", "scopes": ["data:write"]}
        answer = await house.client.request(method, path.format(id=bo.id), json=body, headers=ana.headers)
        assert problem(answer) == (409, "conflict")
        assert await house.query("SELECT string_agg(username, ' ' ORDER BY username) FROM auth.users") == "Ana Bo"
        assert await house.query("SELECT count(*) FROM auth.sessions") == 2
    finally:
        await house.query("DROP FUNCTION auth.refuse CASCADE")
