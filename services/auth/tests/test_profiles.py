"""Profiles: who may make, see, change and delete them; and a household always has one, and somebody who manages."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.engine import URL

from booksync_api_auth.names import make_key
from booksync_auth_testing.household import PASSWORD, V1, Household, live_in, problem

ROOTS = ("", V1)


async def test_first_profile_is_an_administrator_and_the_next_is_made_by_one(house: Household) -> None:
    ana = await house.add("Ana", role="user")
    assert ana.answer["user"]["role"] == "admin"
    body = {"username": "Bo", "password": PASSWORD}
    assert problem(await house.client.post("/users", json=body)) == (403, "registration_closed")
    bo = await house.add("Bo", by=ana)
    assert bo.answer["user"]["role"] == "user"
    refused = await house.client.post("/users", json={**body, "username": "Cy"}, headers=bo.headers)
    assert problem(refused) == (403, "registration_closed")


async def test_open_registration_makes_users_whatever_they_ask_for(empty_url: URL) -> None:
    async with live_in(empty_url, registration="open") as house:
        await house.add("Ana")
        bo = await house.add("Bo", role="admin")
        assert bo.answer["user"]["role"] == "user"


@pytest.mark.parametrize("root", ROOTS)
async def test_both_roots(house: Household, root: str) -> None:
    created = await house.client.post(f"{root}/users", json={"username": "Ana", "password": PASSWORD})
    assert created.headers["location"] == f"{V1}/users/{created.json()['id']}"
    ana = await house.log_in("Ana")
    address = f"{root}/users/{ana.id}"
    for path in (address, f"{root}/users/me"):
        assert (await house.client.get(path, headers=ana.headers)).json()["username"] == "Ana"
    assert (await house.client.get(f"{root}/users/me/export", headers=ana.headers)).status_code == 200
    assert (await house.client.patch(address, json={"avatar": "owl"}, headers=ana.headers)).json()["avatar"] == "owl"
    put = await house.client.put(address, json={"username": "Anna"}, headers=ana.headers)
    assert (put.json()["username"], put.json()["avatar"]) == ("Anna", None)


async def test_body_of_the_app_with_its_empty_fields(house: Household) -> None:
    body = {
        "username": "Ana",
        "email": "",
        "password": PASSWORD,
        "certify_adult": True,
        "email_mangacollec": "",
        "password_mangacollec": "",
    }
    created = await house.client.post("/users", json=body)
    assert (created.status_code, created.json()["email"], created.json()["certify_adult"]) == (201, None, True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"username": "ANA"}, "username_taken"),
        ({"username": "\uff21na"}, "username_taken"),  # a full-width A
        ({"username": "Ana\ufe0f"}, "username_taken"),  # as a coloured A would have it
        ({"username": "Bo", "email": "ANA@example.org"}, "email_taken"),
    ],
)
async def test_what_looks_the_same_is_taken(house: Household, body: dict[str, str], code: str) -> None:
    ana = await house.add("Ana", email="ana@example.org")
    answer = await house.client.post("/users", json={"password": PASSWORD, **body}, headers=ana.headers)
    assert problem(answer) == (409, code)
    bo = await house.add("Robert", by=ana)
    changed = await house.client.patch(f"/users/{bo.id}", json=body, headers=ana.headers)
    assert problem(changed) == (409, code)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("username", "", "username_length"),
        ("username", "x" * 51, "username_length"),
        ("username", "\ufdfa" * 50, "username_length"),  # 18 characters each, once it is normalised
        ("username", "a\0b", "username_characters"),
        ("username", "a\u200bb", "username_characters"),
        ("username", "a\u034fb", "username_characters"),
        ("username", "\u3164", "username_characters"),  # nothing is to be seen of it
        ("username", "\u0301", "username_characters"),  # an accent of nothing
        ("username", "ana@home", "username_characters"),
        ("username", None, "string_type"),
        ("password", "short", "password_too_short"),
        ("password", "motdepasse", "password_too_common"),
        ("password", "é" * 37, "password_too_long"),
        ("password", "with a \0 in it", "password_has_nul"),
        ("email", "nobody", "email"),
        ("avatar", "javascript:alert(1)", "avatar"),
        ("role", "root", "literal_error"),
        ("certify_adult", "perhaps", "bool_parsing"),
    ],
)
async def test_what_is_refused_is_named(house: Household, field: str, value: object, code: str) -> None:
    answer = await house.client.post("/users", json={"username": "Ana", "password": PASSWORD, field: value})
    assert problem(answer) == (422, "validation_failed")
    assert [(error["location"][:2], error["code"]) for error in answer.json()["errors"]] == [(["body", field], code)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"username": "Ana"}, "password_missing"),
        ({"username": "Ana", "password": PASSWORD, "email_mangacollec": "a@b.c"}, "mangacollec_incomplete"),
    ],
)
async def test_profile_has_some_way_to_sign_in(house: Household, body: dict[str, str], code: str) -> None:
    answer = await house.client.post("/users", json=body)
    assert [error["code"] for error in answer.json()["errors"]] == [code]


async def test_lone_surrogate_is_refused(house: Household) -> None:
    content = b'{"username": "\\ud800", "password": "\\ud800long enough"}'
    headers = {"Content-Type": "application/json"}
    answer = await house.client.post("/users", content=content, headers=headers)
    assert problem(answer)[0] == 422


@pytest.mark.parametrize(("name", "same"), [("Straße", "STRASSE"), ("\uff21na", "ana"), ("ﬁn", "FIN")])
def test_key_of_names_that_look_the_same(name: str, same: str) -> None:
    assert make_key(name) == make_key(same)


async def test_picker_shows_names_and_avatars_to_everybody(house: Household) -> None:
    ana = await house.add("Ana", email="ana@example.org", avatar="owl")
    bo = await house.add("Bo", by=ana)
    await house.client.patch(f"/users/{bo.id}", json={"is_active": False}, headers=ana.headers)
    expected = [{"id": ana.id, "username": "Ana", "avatar": "owl"}]
    assert (await house.client.get("/users")).json() == expected
    full = (await house.client.get("/users", headers=ana.headers)).json()
    assert [(user["username"], user["email"]) for user in full] == [("Ana", "ana@example.org"), ("Bo", None)]


async def test_picker_can_be_turned_off(empty_url: URL) -> None:
    async with live_in(empty_url, profile_picker=False) as house:
        ana = await house.add("Ana")
        bo = await house.add("Bo", by=ana)
        assert problem(await house.client.get("/users")) == (401, "token_missing")
        assert problem(await house.client.get("/users", headers=bo.headers)) == (403, "forbidden")
        assert len((await house.client.get("/users", headers=ana.headers)).json()) == 2


async def test_profile_is_its_owners_and_the_administrators(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    for method, body in (("GET", None), ("PATCH", {}), ("PUT", {"username": "X"}), ("DELETE", {"password": PASSWORD})):
        answer = await house.client.request(method, f"/users/{ana.id}", json=body, headers=bo.headers)
        assert problem(answer) == (403, "forbidden"), method
    assert (await house.client.get(f"/users/{bo.id}", headers=ana.headers)).json()["username"] == "Bo"
    unknown = "00000000-0000-4000-8000-000000000000"
    assert problem(await house.client.get(f"/users/{unknown}", headers=ana.headers)) == (404, "user_not_found")
    assert problem(await house.client.get(f"/users/{bo.id}")) == (401, "token_missing")


async def test_only_administrators_decide_who_is_one(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    for change in ({"role": "admin"}, {"is_active": False}):
        answer = await house.client.patch(f"/users/{bo.id}", json=change, headers=bo.headers)
        assert problem(answer) == (403, "forbidden")
    # what a client has read, it may send back
    same = await house.client.put(f"/users/{bo.id}", json=bo.answer["user"], headers=bo.headers)
    assert same.status_code == 200
    promoted = await house.client.patch(f"/users/{bo.id}", json={"role": "admin"}, headers=ana.headers)
    assert promoted.json()["role"] == "admin"
    assert (await house.introspect(bo.access_token))["role"] == "admin"


async def test_last_administrator_stays(house: Household) -> None:
    ana = await house.add("Ana")
    await house.add("Bo", by=ana)
    for change in ({"role": "user"}, {"is_active": False}):
        answer = await house.client.patch(f"/users/{ana.id}", json=change, headers=ana.headers)
        assert problem(answer) == (409, "last_admin")
    gone = await house.client.request("DELETE", f"/users/{ana.id}", json={"password": PASSWORD}, headers=ana.headers)
    assert problem(gone) == (409, "last_admin")


async def test_last_profile_stays(house: Household) -> None:
    ana = await house.add("Ana")
    gone = await house.client.request("DELETE", f"/users/{ana.id}", json={"password": PASSWORD}, headers=ana.headers)
    assert problem(gone) == (409, "last_profile")
    assert (await house.find(ana)).status_code == 200


async def test_deletion_asks_for_the_password_of_who_deletes(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana, password="the password of Bo")

    async def delete(body: dict[str, str], headers: dict[str, str]) -> tuple[int, str]:
        return problem(await house.client.request("DELETE", f"/users/{bo.id}", json=body, headers=headers))

    assert await delete({}, ana.headers) == (422, "validation_failed")
    assert await delete({"password": "the password of Bo"}, ana.headers) == (401, "invalid_credentials")
    assert await delete({"password": PASSWORD}, bo.headers) == (401, "invalid_credentials")
    answer = await house.client.request(
        "DELETE", f"/users/{bo.id}", json={"password": "the password of Bo"}, headers=bo.headers
    )
    assert answer.status_code == 204
    assert problem(await house.client.get(f"/users/{bo.id}", headers=ana.headers)) == (404, "user_not_found")


@pytest.mark.parametrize("by_admin", [False, True])
async def test_deletion_leaves_no_trace_of_the_devices(house: Household, by_admin: bool) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    device = {"User-Agent": "the phone of Bo"}
    for password in ("wrong", PASSWORD):
        await house.client.post(f"{V1}/auth/login", json={"username": "Bo", "password": password}, headers=device)
    left = "SELECT count(*) FROM auth.auth_events WHERE user_agent = 'the phone of Bo'"
    assert await house.query(left) == 2
    headers = ana.headers if by_admin else {**bo.headers, **device}
    gone = await house.client.request("DELETE", f"/users/{bo.id}", json={"password": PASSWORD}, headers=headers)
    assert gone.status_code == 204
    assert await house.query(left) == 0
    assert await house.query("SELECT count(*) FROM auth.sessions WHERE user_agent = 'the phone of Bo'") == 0
    # that it happened is known: of an administrator by name, and of somebody who is no more without a place
    who = await house.query("SELECT user_id::text FROM auth.auth_events WHERE kind = 'profile_deleted'")
    where = await house.query("SELECT concat(ip, user_agent) FROM auth.auth_events WHERE kind = 'profile_deleted'")
    assert (who, where != "") == ((ana.id, True) if by_admin else (None, False))
    seen = (await house.client.get(f"{V1}/auth/activity", headers=ana.headers)).json()["items"]
    assert {item["kind"] for item in seen} >= {"login", "profile_created"}


async def test_deleted_profiles_are_in_the_feed_the_latest_first(house: Household) -> None:
    ana = await house.add("Ana")
    gone = [await house.add(name, by=ana) for name in ("Bo", "Cy")]
    for person in gone:
        await house.client.request("DELETE", f"/users/{person.id}", json={"password": PASSWORD}, headers=person.headers)
    items = (await house.client.get(f"{V1}/auth/deleted-users")).json()["items"]
    assert [item["user_id"] for item in items] == [gone[1].id, gone[0].id]
    assert all(item["deleted_at"].endswith("Z") for item in items)
    again = await house.add("Bo", by=ana)
    assert again.id != gone[0].id


async def test_password_of_another_is_set_by_an_administrator_alone(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    new = {"new_password": "another long sentence"}
    assert problem(await house.client.put(f"/users/{ana.id}/password", json=new, headers=bo.headers)) == (
        403,
        "forbidden",
    )
    assert problem(await house.client.put(f"/users/{bo.id}/password", json=new, headers=bo.headers)) == (
        422,
        "old_password_missing",
    )
    wrong = await house.client.put(
        f"/users/{bo.id}/password", json={**new, "old_password": "wrong"}, headers=bo.headers
    )
    assert problem(wrong) == (401, "invalid_credentials")
    assert (await house.client.put(f"/users/{bo.id}/password", json=new, headers=ana.headers)).status_code == 204
    assert problem(await house.find(bo)) == (401, "token_revoked")
    await house.log_in("Bo", "another long sentence")


async def test_export_has_everything_but_secrets(house: Household) -> None:
    ana = await house.add("Ana", email="ana@example.org")
    await house.log_in("Ana", device_name="Raspberry Pi")
    wrong = {"username": "Ana", "password": "not this one"}
    assert (await house.client.post(f"{V1}/auth/login", json=wrong)).status_code == 401
    body = {"name": "scraper", "scopes": ["data:write"]}
    key = (await house.client.post(f"{V1}/api-keys", json=body, headers=ana.headers)).json()
    answer = await house.client.get("/users/me/export", headers=ana.headers)
    content = answer.json()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert content["user"]["email"] == "ana@example.org"
    assert {item["device_name"] for item in content["sessions"]} == {None, "Raspberry Pi"}
    kinds = ["api_key_created", "login", "login", "login", "profile_created"]
    assert [item["kind"] for item in content["activity"]] == kinds
    assert content["failed_logins"] == 1
    assert content["password_changed_at"] is not None
    assert [item["prefix"] for item in content["api_keys"]] == [key["prefix"]]
    assert content["mangacollec"]["state"] == "not_linked"
    for secret in ("$2b$", ana.access_token, ana.refresh_token, key["key"]):
        assert secret not in answer.text
    bo = await house.add("Robert", by=ana)
    assert (await house.client.get("/users/me/export", headers=bo.headers)).json()["api_keys"] == []


@pytest.mark.parametrize("path", ["/users", f"{V1}/auth/login", f"{V1}/auth/logout"])
async def test_body_that_nobody_means_is_a_problem(house: Household, path: str) -> None:
    content = b'{"username": "' + b"x" * 300_000 + b'"}'

    async def send_in_parts() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 50_000):
            yield content[start : start + 50_000]

    headers = {"Content-Type": "application/json"}
    declared = await house.client.post(path, content=content, headers=headers)
    assert problem(declared) == (413, "content_too_large")
    if not path.endswith("logout"):  # which reads no body
        undeclared = await house.client.post(path, content=send_in_parts(), headers=headers)
        assert problem(undeclared) == (413, "content_too_large")
