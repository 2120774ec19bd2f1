"""Signing in: what a client gets, what it is told, and that unknown names cannot be told from wrong passwords."""

import asyncio
from datetime import UTC, datetime
from unittest.mock import Mock

import bcrypt
import pytest
from passlib.context import CryptContext
from sqlalchemy.engine import URL

from booksync_api_auth.repositories.rate_limits import FREE_TRIES
from booksync_auth_testing.household import PASSWORD, V1, Household, live_in, problem


async def test_never_expiring_token_says_so(house: Household) -> None:
    ana = await house.add("Ana")
    assert ana.answer["token_type"] == "Bearer"
    assert (ana.answer["expires_in"], ana.answer["expires_at"]) == (None, None)
    assert ana.answer["user"]["username"] == "Ana"
    assert (await house.find(ana)).json()["id"] == ana.id
    assert "exp" not in await house.introspect(ana.access_token)


async def test_expiring_token_says_when(empty_url: URL) -> None:
    async with live_in(empty_url, jwt_expire_minutes=15) as house:
        ana = await house.add("Ana")
        assert 890 <= ana.answer["expires_in"] <= 900
        left = datetime.fromisoformat(ana.answer["expires_at"]) - datetime.now(UTC)
        assert 880 <= left.total_seconds() <= 901
        seen = await house.introspect(ana.access_token)
        assert seen["exp"] - seen["iat"] == 900


async def test_token_from_before_tokens_expired_is_refused(empty_url: URL) -> None:
    async with live_in(empty_url) as house:
        ana = await house.add("Ana")
    async with live_in(empty_url, jwt_expire_minutes=15) as house:
        assert problem(await house.find(ana)) == (401, "token_expired")
        refreshed = await house.client.post(f"{V1}/auth/refresh", json={"refresh_token": ana.refresh_token})
        assert refreshed.json()["expires_in"] > 0


@pytest.mark.parametrize("name", ["Léa", "LÉA", "  léa ", "Le\u0301a", "LEA@Example.org"])
async def test_name_is_the_same_to_a_person(house: Household, name: str) -> None:
    lea = await house.add("Léa", email="lea@example.org")
    assert (await house.log_in(name)).id == lea.id


async def test_wrong_password_is_told_what_would_do(house: Household) -> None:
    """RFC 9110, section 15.5.2: every 401 has WWW-Authenticate."""
    ana = await house.add("Ana")
    login = await house.client.post(f"{V1}/auth/login", json={"username": "Ana", "password": "wrong"})
    body = {"password": "wrong"}
    confirmation = await house.client.request("DELETE", f"/users/{ana.id}", json=body, headers=ana.headers)
    for answer in (login, confirmation):
        assert problem(answer) == (401, "invalid_credentials")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_form_does_the_same(house: Household) -> None:
    await house.add("Ana")
    form = {"grant_type": "password", "username": "Ana", "password": PASSWORD, "client_id": "", "scope": ""}
    answer = await house.client.post(f"{V1}/auth/token", data=form)
    assert answer.status_code == 200
    assert answer.json()["access_token"]
    wrong = await house.client.post(f"{V1}/auth/token", data={**form, "password": "wrong"})
    assert problem(wrong) == (401, "invalid_credentials")
    assert wrong.headers["www-authenticate"] == "Bearer"
    assert problem(await house.client.post(f"{V1}/auth/token", json=form)) == (415, "unsupported_media_type")
    assert problem(await house.client.post(f"{V1}/auth/token", data={"username": "Ana"})) == (422, "validation_failed")
    assert problem(await house.client.post(f"{V1}/auth/token", data={"username": "x" * 20_000})) == (
        413,
        "content_too_large",
    )


async def test_unknown_name_is_answered_as_a_wrong_password_is(house: Household) -> None:
    await house.add("Ana")
    answers = []
    for name in ("Ana", "Nobody"):
        body = {"username": name, "password": "not the password"}
        answer = await house.client.post(f"{V1}/auth/login", json=body)
        assert problem(answer) == (401, "invalid_credentials")
        answers.append({**answer.json(), "request_id": None})
    assert answers[0] == answers[1]


@pytest.mark.parametrize("rounds", [4, 5, 6])
async def test_unknown_name_costs_as_much_as_a_wrong_password(
    empty_url: URL, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    async with live_in(empty_url) as house:
        await house.add("Ana")
    async with live_in(empty_url, bcrypt_rounds=rounds) as house:
        hashpw = Mock(wraps=bcrypt.hashpw)
        monkeypatch.setattr(bcrypt, "hashpw", hashpw)
        costs = []
        for name in ("Ana", "Nobody"):
            hashpw.reset_mock()
            await house.client.post(f"{V1}/auth/login", json={"username": name, "password": "not the password"})
            costs.append(sum(2 ** int(call.args[1].split(b"$")[2]) for call in hashpw.call_args_list))
        assert costs == [2**rounds, 2**rounds]


async def test_hash_that_is_stronger_than_today_s_stays_and_tells_no_name(
    empty_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live_in(empty_url, bcrypt_rounds=6) as house:
        ana = await house.add("Ana")
    async with live_in(empty_url, bcrypt_rounds=4) as house:
        await house.add("Bo", by=ana)
        hashpw = Mock(wraps=bcrypt.hashpw)
        monkeypatch.setattr(bcrypt, "hashpw", hashpw)
        costs = []
        for name in ("Ana", "Bo", "Nobody"):
            hashpw.reset_mock()
            await house.client.post(f"{V1}/auth/login", json={"username": name, "password": "not the password"})
            costs.append(sum(2 ** int(call.args[1].split(b"$")[2]) for call in hashpw.call_args_list))
        assert costs == [2**6] * 3
        await house.log_in("Ana")
        hashes = "SELECT string_agg(left(password_hash, 7), ' ' ORDER BY username) FROM auth.users"
        assert await house.query(hashes) == "$2b$06$ $2b$04$"


async def test_two_who_sign_in_while_the_hash_is_made_stronger_are_both_let_in(empty_url: URL) -> None:
    async with live_in(empty_url) as house:
        await house.add("Ana")
    async with live_in(empty_url, bcrypt_rounds=6) as house:
        body = {"username": "Ana", "password": PASSWORD}
        # no more than may be tried before the first of them is known to be right
        answers = await asyncio.gather(*(house.client.post(f"{V1}/auth/login", json=body) for _ in range(FREE_TRIES)))
        assert [answer.status_code for answer in answers] == [200] * FREE_TRIES
        assert str(await house.query("SELECT password_hash FROM auth.users")).startswith("$2b$06$")


async def test_profile_that_is_turned_off_is_told_so_only_with_its_password(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    changed = await house.client.patch(f"{V1}/users/{bo.id}", json={"is_active": False}, headers=ana.headers)
    assert changed.json()["is_active"] is False
    login = {"username": "Bo", "password": PASSWORD}
    assert problem(await house.client.post(f"{V1}/auth/login", json=login)) == (403, "account_disabled")
    wrong = await house.client.post(f"{V1}/auth/login", json={**login, "password": "wrong"})
    assert problem(wrong) == (401, "invalid_credentials")
    assert problem(await house.find(bo)) == (401, "token_revoked")
    refused = await house.client.post(f"{V1}/auth/refresh", json={"refresh_token": bo.refresh_token})
    assert problem(refused) == (401, "token_revoked")


async def test_weaker_hash_is_made_anew_at_the_next_sign_in(empty_url: URL) -> None:
    async with live_in(empty_url) as house:
        ana = await house.add("Ana")
        assert str(await house.query("SELECT password_hash FROM auth.users")).startswith("$2b$04$")
    async with live_in(empty_url, bcrypt_rounds=5) as house:
        await house.log_in("Ana")
        assert str(await house.query("SELECT password_hash FROM auth.users")).startswith("$2b$05$")
        assert (await house.find(ana)).status_code == 200


async def test_hash_of_another_kind_is_a_failed_sign_in(house: Household) -> None:
    await house.add("Ana")
    await house.query("UPDATE auth.users SET password_hash = '$argon2id$v=19$something'")
    answer = await house.client.post(f"{V1}/auth/login", json={"username": "Ana", "password": PASSWORD})
    assert problem(answer) == (401, "invalid_credentials")


async def test_hash_of_72_bytes_is_the_whole_password(house: Household) -> None:
    password = "é" * 36
    await house.add("Ana", password=password)
    other = await house.client.post(f"{V1}/auth/login", json={"username": "Ana", "password": "é" * 35 + "ê"})
    assert problem(other) == (401, "invalid_credentials")
    stored = str(await house.query("SELECT password_hash FROM auth.users"))
    assert CryptContext(["bcrypt"]).verify(password, stored)


async def test_without_a_key_nobody_signs_in_and_health_is_up(empty_url: URL) -> None:
    async with live_in(empty_url, jwt_secret_key=None) as house:
        body = {"username": "Ana", "password": PASSWORD}
        assert (await house.client.post(f"{V1}/users", json=body)).status_code == 201
        answer = await house.client.post(f"{V1}/auth/login", json=body)
        assert problem(answer) == (503, "signing_key_missing")
        assert (await house.client.get("/health/ready")).status_code == 200
        listed = await house.client.get("/users")
        assert [user["username"] for user in listed.json()] == ["Ana"]


async def test_activity_shows_sign_ins_and_failures(house: Household) -> None:
    ana = await house.add("Ana")
    await house.client.post(f"{V1}/auth/login", json={"username": "Ana", "password": "wrong"})
    first = (await house.client.get(f"{V1}/auth/activity?limit=2", headers=ana.headers)).json()
    assert [(item["kind"], item["success"]) for item in first["items"]] == [("login", False), ("login", True)]
    rest = await house.client.get(f"{V1}/auth/activity?before={first['next_before']}", headers=ana.headers)
    assert [item["kind"] for item in rest.json()["items"]] == ["profile_created"]
    assert rest.json()["next_before"] is None


async def test_activity_ends_on_a_page_that_is_just_full(house: Household) -> None:
    ana = await house.add("Ana")
    page = (await house.client.get(f"{V1}/auth/activity?limit=2", headers=ana.headers)).json()
    assert [item["kind"] for item in page["items"]] == ["login", "profile_created"]
    assert page["next_before"] is None


async def test_token_does_not_say_that_it_outlives_its_session(empty_url: URL) -> None:
    async with live_in(empty_url, jwt_expire_minutes=3 * 24 * 60, refresh_expire_days=2) as house:
        ana = await house.add("Ana")
        assert 2 * 86400 - 60 <= ana.answer["expires_in"] <= 2 * 86400
        assert (await house.introspect(ana.access_token))["exp"] == datetime.fromisoformat(
            ana.answer["expires_at"]
        ).timestamp()


@pytest.mark.parametrize("password", [PASSWORD, "not the password"])
async def test_what_is_old_goes_with_the_next_try(house: Household, password: str) -> None:
    await house.add("Ana")
    await house.query("UPDATE auth.auth_events SET created_at = now() - interval '366 days'")
    await house.client.post(f"{V1}/auth/login", json={"username": "Ana", "password": password})
    assert await house.query("SELECT count(*) FROM auth.auth_events") == 1
