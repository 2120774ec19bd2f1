"""Sessions: what ends one ends its tokens at once, though they never expire."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import asyncpg
import httpx
import pytest

from booksync_api_auth import issuing
from booksync_auth_testing.household import PASSWORD, V1, Household, problem
from booksync_service_testing.server import IS_WAITING, render
from booksync_service_testing.serving import wait_for


async def test_logout_ends_this_session(house: Household) -> None:
    ana = await house.add("Ana")
    other = await house.log_in("Ana")
    assert (await house.client.post(f"{V1}/auth/logout", headers=ana.headers)).status_code == 204
    assert problem(await house.find(ana)) == (401, "token_revoked")
    assert (await house.introspect(ana.access_token)) == {"active": False}
    assert (await house.find(other)).status_code == 200


async def test_logout_all_ends_every_session_of_the_profile(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    other = await house.log_in("Ana")
    assert (await house.client.post(f"{V1}/auth/logout-all", headers=ana.headers)).status_code == 204
    for person in (ana, other):
        assert problem(await house.find(person)) == (401, "token_revoked")
    assert (await house.find(bo)).status_code == 200


async def test_sessions_are_shown_and_ended_one_by_one(house: Household) -> None:
    ana = await house.add("Ana")
    other = await house.log_in("Ana", device_name="Raspberry Pi")
    shown = (await house.client.get(f"{V1}/auth/sessions", headers=ana.headers)).json()
    assert {item["id"]: item["is_current"] for item in shown} == {ana.session_id: True, other.session_id: False}
    assert {item["device_name"] for item in shown} == {None, "Raspberry Pi"}
    assert "refresh_hash" not in shown[0]
    ended = await house.client.delete(f"{V1}/auth/sessions/{other.session_id}", headers=ana.headers)
    assert ended.status_code == 204
    assert problem(await house.find(other)) == (401, "token_revoked")
    again = await house.client.delete(f"{V1}/auth/sessions/{other.session_id}", headers=ana.headers)
    assert problem(again) == (404, "session_not_found")


async def test_session_of_somebody_else_is_nobodys_business(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    answer = await house.client.delete(f"{V1}/auth/sessions/{bo.session_id}", headers=ana.headers)
    assert problem(answer) == (404, "session_not_found")
    assert (await house.find(bo)).status_code == 200


async def test_use_is_noted_once_a_minute(house: Household) -> None:
    ana = await house.add("Ana")
    used = "SELECT last_used_at FROM auth.sessions"
    before = await house.query(used)
    await asyncio.gather(*(house.find(ana) for _ in range(5)))
    assert await house.query(used) == before
    await house.query("UPDATE auth.sessions SET last_used_at = last_used_at - interval '61 seconds'")
    await house.find(ana)
    assert await house.query(f"SELECT ({used}) >= now() - interval '30 seconds'") is True


async def test_of_very_many_sessions_the_last_used_go_on(house: Household, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuing, "MAX_SESSIONS", 3)
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    others = [await house.log_in("Ana") for _ in range(2)]
    await house.query(
        f"UPDATE auth.sessions SET last_used_at = now() - interval '1 day' WHERE id = '{others[0].session_id}'"
    )
    last = await house.log_in("Ana")
    assert problem(await house.find(others[0])) == (401, "token_revoked")
    for person in (ana, bo, others[1], last):
        assert (await house.find(person)).status_code == 200


async def test_session_of_another_profile_does_not_make_a_token_good(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    await house.query(f"UPDATE auth.sessions SET user_id = '{bo.id}' WHERE id = '{ana.session_id}'")
    assert problem(await house.find(ana)) == (401, "token_revoked")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revocation_of_either_token_ends_the_session(house: Household, kind: str) -> None:
    ana = await house.add("Ana")
    answer = await house.client.post(f"{V1}/auth/revoke", data={"token": getattr(ana, kind)})
    assert answer.status_code == 200
    assert problem(await house.find(ana)) == (401, "token_revoked")


async def test_revocation_of_nothing_is_fine(house: Household) -> None:
    assert (await house.client.post(f"{V1}/auth/revoke", data={"token": "nothing"})).status_code == 200


async def test_password_change_ends_the_other_sessions(house: Household) -> None:
    ana = await house.add("Ana")
    other = await house.log_in("Ana")
    body = {"old_password": PASSWORD, "new_password": "another long sentence"}
    answer = await house.client.put(f"{V1}/users/{ana.id}/password", json=body, headers=ana.headers)
    assert answer.status_code == 204
    assert (await house.find(ana)).status_code == 200
    assert problem(await house.find(other)) == (401, "token_revoked")
    assert (await house.log_in("Ana", "another long sentence")).id == ana.id
    old = await house.client.post(f"{V1}/auth/login", json={"username": "Ana", "password": PASSWORD})
    assert problem(old) == (401, "invalid_credentials")


async def test_deletion_ends_every_session(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    answer = await house.client.request(
        "DELETE", f"{V1}/users/{bo.id}", json={"password": PASSWORD}, headers=ana.headers
    )
    assert answer.status_code == 204
    assert problem(await house.find(bo)) == (401, "token_revoked")
    assert (await house.introspect(bo.access_token)) == {"active": False}


async def wait_for_profile(
    house: Household, request: Coroutine[Any, Any, httpx.Response], statement: str
) -> httpx.Response:
    """Let a request wait for profiles that somebody else changes, who then changes what hangs on them.

    :param statement: at which the two would wait for each other, if the request held what it changes.
    """
    connection = await asyncpg.connect(render(house.url.set(drivername="postgresql")))
    try:
        async with connection.transaction():
            await connection.execute("SELECT FROM auth.users FOR UPDATE")
            asking = asyncio.create_task(request)

            async def is_waiting() -> bool:
                return bool(await house.query(IS_WAITING))

            await wait_for(is_waiting)
            await connection.execute(statement)
        return await asking
    finally:
        await connection.close()


async def test_a_device_is_signed_out_in_the_order_in_which_a_profile_is_changed(house: Household) -> None:
    ana, other = await house.add("Ana"), await house.log_in("Ana")
    ending = house.client.delete(f"{V1}/auth/sessions/{other.session_id}", headers=ana.headers)
    answer = await wait_for_profile(house, ending, "UPDATE auth.sessions SET device_name = 'phone'")
    assert answer.status_code == 204


async def test_an_old_refresh_token_ends_its_session_in_the_same_order(house: Household) -> None:
    ana = await house.add("Ana")
    token = ana.refresh_token
    for _ in range(2):
        body = {"refresh_token": token}
        token = (await house.client.post(f"{V1}/auth/refresh", json=body)).json()["refresh_token"]
    reuse = house.client.post(f"{V1}/auth/refresh", json={"refresh_token": ana.refresh_token})
    answer = await wait_for_profile(house, reuse, "UPDATE auth.sessions SET device_name = 'phone'")
    assert problem(answer) == (401, "token_revoked")
    assert await house.query("SELECT revoked_reason FROM auth.sessions") == "refresh_reuse"


async def test_an_api_key_is_deleted_in_the_same_order(house: Household) -> None:
    ana = await house.add("Ana")
    body = {"name": "scraper", "scopes": ["data:write"]}
    key = (await house.client.post(f"{V1}/api-keys", json=body, headers=ana.headers)).json()
    deletion = house.client.delete(f"{V1}/api-keys/{key['id']}", headers=ana.headers)
    answer = await wait_for_profile(house, deletion, "UPDATE auth.api_keys SET created_by = NULL")
    assert answer.status_code == 204
    assert await house.query("SELECT count(*) FROM auth.api_keys") == 0
