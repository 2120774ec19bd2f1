"""What happens at the same time: one profile is the first, one the last, one has a name; and commit before answer."""

import asyncio

import httpx
import pytest
from sqlalchemy.engine import URL

from booksync_auth_testing.household import PASSWORD, V1, Household, live_in, problem


async def create(house: Household, number: int) -> httpx.Response:
    """Make a profile, as nobody."""
    return await house.client.post("/users", json={"username": f"Person {number}", "password": PASSWORD})


async def test_one_profile_is_the_first(house: Household) -> None:
    answers = await asyncio.gather(*(create(house, number) for number in range(8)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 201
    assert set(statuses[1:]) <= {403, 409}
    for answer in answers:
        if answer.status_code != 201:
            assert problem(answer) in {(409, "profile_exists"), (403, "registration_closed")}
    assert await house.query("SELECT count(*) FROM auth.users") == 1


async def test_one_profile_is_the_first_also_at_two_replicas(house: Household) -> None:
    async with live_in(house.url) as other:
        answers = await asyncio.gather(*(create((house, other)[number % 2], number) for number in range(8)))
    assert sum(answer.status_code == 201 for answer in answers) == 1
    assert await house.query("SELECT count(*) FROM auth.users WHERE role = 'admin'") == 1


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
        ("DELETE", "/users/{id}"),
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
