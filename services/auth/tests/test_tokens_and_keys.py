"""Introspection (RFC 7662): what the Data and Prediction APIs learn of a token, from whoever has it."""

import time

import pytest

from booksync_auth_testing.household import V1, Household, Person, problem


async def make_key(house: Household, admin: Person, **more: object) -> dict[str, str]:
    """Make an API key."""
    body = {"name": "scraper", "scopes": ["data:write"], **more}
    answer = await house.client.post(f"{V1}/api-keys", json=body, headers=admin.headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


async def test_access_token(house: Household) -> None:
    ana = await house.add("Ana", certify_adult=True)
    seen = await house.introspect(ana.access_token)
    assert seen.pop("iat") == pytest.approx(time.time(), abs=60)
    assert seen.pop("jti")
    assert seen == {
        "active": True,
        "sub": ana.id,
        "sid": ana.session_id,
        "username": "Ana",
        "role": "admin",
        "certify_adult": True,
        "token_type": "Bearer",
        "iss": "booksync-api-auth",
        "aud": "booksync",
    }


async def test_only_who_has_a_token_may_ask_about_it(house: Household) -> None:
    ana = await house.add("Ana")
    form = {"token": ana.access_token}
    for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": f"Basic {ana.access_token}"}):
        answer = await house.client.post(f"{V1}/auth/introspect", data=form, headers=headers)
        assert problem(answer) == (401, "token_missing")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["x", "bsk_", "bsk_" + "x" * 43, "a.b.c", "x" * 8000])
async def test_what_is_no_token_is_not_active(house: Household, token: str) -> None:
    assert await house.introspect(token) == {"active": False}


async def test_refresh_token_is_no_access_token(house: Household) -> None:
    ana = await house.add("Ana")
    assert await house.introspect(ana.refresh_token) == {"active": False}


async def test_api_key(house: Household) -> None:
    ana = await house.add("Ana")
    made = await make_key(house, ana, scopes=["embeddings:write", "data:write"])
    assert made["key"].startswith("bsk_")
    assert len(made["key"]) == 47
    seen = await house.introspect(made["key"])
    assert {name: seen[name] for name in ("active", "sub", "client_id", "scope", "token_type")} == {
        "active": True,
        "sub": made["id"],
        "client_id": "scraper",
        "scope": "data:write embeddings:write",
        "token_type": "api_key",
    }
    assert "exp" not in seen
    assert "role" not in seen
    # it is no token of a person
    refused = await house.client.get(f"{V1}/users/me", headers={"Authorization": f"Bearer {made['key']}"})
    assert problem(refused) == (401, "token_invalid")


async def test_api_key_is_kept_as_a_hash_and_shown_by_its_prefix(house: Household) -> None:
    ana = await house.add("Ana")
    made = await make_key(house, ana)
    listed = await house.client.get(f"{V1}/api-keys", headers=ana.headers)
    (item,) = listed.json()
    assert (item["name"], item["prefix"], item["created_by"]) == ("scraper", made["key"][:8], ana.id)
    assert made["key"] not in listed.text
    assert made["key"] not in str(await house.query("SELECT k::text FROM auth.api_keys k"))


async def test_use_of_an_api_key_is_noted_once_a_minute(house: Household) -> None:
    ana = await house.add("Ana")
    made = await make_key(house, ana)
    used = "SELECT last_used_at FROM auth.api_keys"
    assert await house.query(used) is None
    await house.introspect(made["key"])
    first = await house.query(used)
    assert first is not None
    await house.introspect(made["key"])
    assert await house.query(used) == first


async def test_api_key_ends_at_its_time_and_when_it_is_deleted(house: Household) -> None:
    ana = await house.add("Ana")
    made = await make_key(house, ana, expires_at="2100-01-01T00:00:00Z")
    assert (await house.introspect(made["key"]))["exp"] == 4102444800
    await house.query("UPDATE auth.api_keys SET expires_at = now()")
    assert await house.introspect(made["key"]) == {"active": False}
    await house.query("UPDATE auth.api_keys SET expires_at = NULL")
    assert (await house.introspect(made["key"]))["active"] is True
    for expected in (204, 404):
        gone = await house.client.delete(f"{V1}/api-keys/{made['id']}", headers=ana.headers)
        assert gone.status_code == expected
    assert await house.introspect(made["key"]) == {"active": False}


async def test_api_keys_are_the_administrators(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    made = await make_key(house, ana)
    body = {"name": "other", "scopes": ["data:write"]}
    for answer in (
        await house.client.get(f"{V1}/api-keys", headers=bo.headers),
        await house.client.post(f"{V1}/api-keys", json=body, headers=bo.headers),
        await house.client.delete(f"{V1}/api-keys/{made['id']}", headers=bo.headers),
    ):
        assert problem(answer) == (403, "forbidden")
    assert problem(await house.client.get(f"{V1}/api-keys")) == (401, "token_missing")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "scraper", "scopes": ["data:write"]}, (409, "api_key_name_taken")),
        ({"name": "x", "scopes": []}, (422, "validation_failed")),
        ({"name": "x", "scopes": ["everything"]}, (422, "validation_failed")),
        ({"name": "", "scopes": ["data:write"]}, (422, "validation_failed")),
        ({"name": "a\0b", "scopes": ["data:write"]}, (422, "validation_failed")),
        ({"name": "x", "scopes": ["data:write"], "expires_at": "2100-01-01T00:00:00"}, (422, "validation_failed")),
        ({"name": "x", "scopes": ["data:write"], "expires_at": "2026-01-01T00:00:00Z"}, (422, "validation_failed")),
    ],
)
async def test_api_key_that_cannot_be(house: Household, body: dict[str, object], expected: tuple[int, str]) -> None:
    ana = await house.add("Ana")
    await make_key(house, ana)
    assert problem(await house.client.post(f"{V1}/api-keys", json=body, headers=ana.headers)) == expected


@pytest.mark.parametrize("expires_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_api_key_that_would_end_out_of_the_calendar(house: Household, expires_at: str) -> None:
    ana = await house.add("Ana")
    body = {"name": "scraper", "scopes": ["data:write"], "expires_at": expires_at}
    answer = await house.client.post(f"{V1}/api-keys", json=body, headers=ana.headers)
    assert problem(answer) == (422, "validation_failed")
