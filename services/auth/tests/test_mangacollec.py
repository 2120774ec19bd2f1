"""The link to Mangacollec: sign-in there, tokens kept encrypted and refreshed once, and what ends a link."""

import asyncio

import httpx
import pytest
from sqlalchemy.engine import URL

from booksync_api_auth.mangacollec import links
from booksync_api_auth.repositories.rate_limits import FREE_TRIES
from booksync_auth_testing.household import KEY, PASSWORD, V1, Household, Person, live_in, parse_person, problem
from booksync_auth_testing.mangacollec import ACCOUNT, EMAIL, THERE, Mangacollec
from booksync_service_testing.server import IS_WAITING
from booksync_service_testing.serving import wait_for

#: What a profile with a password sends.
LINK = {**ACCOUNT, "current_password": PASSWORD}

EXPIRE = "UPDATE auth.credentials SET token_expires_at = now() + interval '59 seconds'"


async def link(house: Household, person: Person, **changes: str) -> dict[str, object]:
    """Link a profile."""
    answer = await house.client.put(f"{V1}/mangacollec/link", json={**LINK, **changes}, headers=person.headers)
    assert answer.status_code == 200, answer.text
    shown: dict[str, object] = answer.json()
    return shown


async def test_link_gives_a_token(linked: Household, site: Mangacollec) -> None:
    lea = await linked.add("Léa")
    shown = await link(linked, lea)
    assert (shown["state"], shown["account_id"], shown["account_email"]) == ("linked", site.accounts[0].id, EMAIL)
    answer = await linked.client.get(f"{V1}/mangacollec/token", headers=lea.headers)
    token = answer.json()
    assert token["access_token"] in site.access_tokens
    assert (token["token_type"], token["account_id"]) == ("Bearer", site.accounts[0].id)
    assert not set(site.refresh_tokens) & set(answer.text.split('"'))
    assert (await linked.find(lea)).json()["id_mangacollec"] == site.accounts[0].id


async def test_nothing_of_mangacollec_is_stored_readable(linked: Household, site: Mangacollec) -> None:
    lea = await linked.add("Léa")
    await link(linked, lea)
    stored = str(await linked.query("SELECT c::text FROM auth.credentials c"))
    for secret in (THERE, *site.access_tokens, *site.refresh_tokens):
        assert secret not in stored
        assert secret.encode().hex() not in stored
    assert await linked.query("SELECT password_enc FROM auth.credentials") is None


async def test_token_is_refreshed_a_minute_before_it_ends(linked: Household, site: Mangacollec) -> None:
    lea = await linked.add("Léa")
    await link(linked, lea)

    async def find_token() -> str:
        answer = await linked.client.get(f"{V1}/mangacollec/token", headers=lea.headers)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    first = await find_token()
    assert await find_token() == first
    assert site.count("refresh_token") == 0
    await linked.query(EXPIRE)
    second = await find_token()
    assert second != first
    assert second in site.access_tokens
    await linked.query(EXPIRE)
    assert await find_token() != second
    assert site.count("refresh_token") == 2


async def test_refresh_token_that_is_not_rotated_is_kept(linked: Household, site: Mangacollec) -> None:
    site.rotates = False
    lea = await linked.add("Léa")
    await link(linked, lea)
    for _ in range(2):
        await linked.query(EXPIRE)
        assert (await linked.client.get(f"{V1}/mangacollec/token", headers=lea.headers)).status_code == 200
    assert site.count("refresh_token") == 2


async def test_one_refresh_however_many_ask_and_wherever(linked: Household, site: Mangacollec) -> None:
    lea = await linked.add("Léa")
    await link(linked, lea)
    await linked.query(EXPIRE)
    site.is_answering.clear()
    async with live_in(linked.url, **site.settings) as other:

        def ask(house: Household) -> list[asyncio.Task[httpx.Response]]:
            address = f"{V1}/mangacollec/token"
            return [asyncio.create_task(house.client.get(address, headers=lea.headers)) for _ in range(5)]

        here = ask(linked)
        await wait_for(lambda: site.at_once > 0)
        there = ask(other)

        async def is_stuck() -> bool:
            return site.at_once != 1 or bool(await linked.query(IS_WAITING))

        await wait_for(is_stuck)
        site.is_answering.set()
        answers = await asyncio.gather(*here, *there)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["access_token"] for answer in answers}) == 1
    assert site.count("refresh_token") == 1


async def test_site_is_asked_by_one_at_a_time(linked: Household, site: Mangacollec) -> None:
    lea = await linked.add("Léa")
    people = [await linked.add(f"Person {number}", by=lea) for number in range(3)]
    for number, person in enumerate(people):
        site.add(f"{number}@example.org", THERE)
        await link(linked, person, email=f"{number}@example.org")
    await linked.query(EXPIRE)
    site.delay = 0.05
    await asyncio.gather(*(linked.client.get(f"{V1}/mangacollec/token", headers=person.headers) for person in people))
    assert site.most_at_once == 1


@pytest.mark.parametrize("status", [400, 401])
async def test_bad_credentials(linked: Household, site: Mangacollec, status: int) -> None:
    site.refused_status = status
    lea = await linked.add("Léa")
    expected = (422, "mangacollec_invalid_credentials")
    wrong = {"email": EMAIL, "password": "wrong"}
    body = {**wrong, "current_password": PASSWORD}
    put = await linked.client.put(f"{V1}/mangacollec/link", json=body, headers=lea.headers)
    assert problem(put) == expected
    assert problem(await linked.client.post(f"{V1}/auth/mangacollec/login", json=wrong)) == expected
    body = {"username": "Bo", "password": PASSWORD, "email_mangacollec": EMAIL, "password_mangacollec": "wrong"}
    assert problem(await linked.client.post("/users", json=body, headers=lea.headers)) == expected
    assert await linked.query("SELECT count(*) FROM auth.users") == 1


async def test_refused_refresh_asks_for_a_new_link(linked: Household, site: Mangacollec) -> None:
    lea = await linked.add("Léa")
    await link(linked, lea)
    await linked.query(EXPIRE)
    site.refresh_tokens.clear()
    for _ in range(2):
        answer = await linked.client.get(f"{V1}/mangacollec/token", headers=lea.headers)
        assert problem(answer) == (409, "mangacollec_relink_required")
    assert site.count("refresh_token") == 1
    state = await linked.client.get(f"{V1}/mangacollec/link", headers=lea.headers)
    assert state.json()["state"] == "relink_required"
    assert (await link(linked, lea))["state"] == "linked"
    assert (await linked.client.get(f"{V1}/mangacollec/token", headers=lea.headers)).status_code == 200


async def test_password_is_kept_where_the_operator_wants_it(empty_url: URL, site: Mangacollec) -> None:
    async with live_in(empty_url, **site.settings, mangacollec_store_password=True) as house:
        lea = await house.add("Léa")
        await link(house, lea)
        await house.query(EXPIRE)
        site.refresh_tokens.clear()
        assert (await house.client.get(f"{V1}/mangacollec/token", headers=lea.headers)).status_code == 200
        assert site.count("password") == 2
        assert THERE not in str(await house.query("SELECT c::text FROM auth.credentials c"))


async def test_refresh_and_password_have_the_time_of_one_answer(
    empty_url: URL, site: Mangacollec, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live_in(empty_url, **site.settings, mangacollec_store_password=True) as house:
        lea = await house.add("Léa")
        await link(house, lea)
        await house.query(EXPIRE)
        site.refresh_tokens.clear()
        monkeypatch.setattr(links, "DEADLINE", 1.5)  # of both, while the row is locked
        site.delay = 1.0
        answer = await house.client.get(f"{V1}/mangacollec/token", headers=lea.headers)
        assert problem(answer) == (504, "mangacollec_unavailable")


async def test_account_belongs_to_one_profile(linked: Household, site: Mangacollec) -> None:
    lea = await linked.add("Léa")
    bo = await linked.add("Bo", by=lea)
    await link(linked, lea)
    answer = await linked.client.put(f"{V1}/mangacollec/link", json=LINK, headers=bo.headers)
    assert problem(answer) == (409, "mangacollec_already_linked")
    body = {"username": "Cy", "email_mangacollec": EMAIL, "password_mangacollec": THERE}
    created = await linked.client.post("/users", json=body, headers=lea.headers)
    assert problem(created) == (409, "mangacollec_already_linked")
    other = site.add("other@example.org", THERE)
    assert (await link(linked, lea, email="other@example.org"))["account_id"] == other.id
    assert (await link(linked, bo))["state"] == "linked"


@pytest.mark.parametrize("is_linked", [False, True])
async def test_token_alone_links_no_account(linked: Household, site: Mangacollec, is_linked: bool) -> None:
    """Or whoever holds one would sign in by an account of theirs from then on, whatever the owner's new password."""
    lea = await linked.add("Léa")
    if is_linked:
        await link(linked, lea)
    account = site.accounts[0].id if is_linked else None
    theirs = {"email": "other@example.org", "password": "another there"}
    site.add(**theirs)
    site.requests.clear()
    for body, expected in (
        (theirs, (422, "current_password_missing")),
        ({**theirs, "current_password": None}, (422, "current_password_missing")),
        ({**theirs, "current_password": "wrong"}, (401, "invalid_credentials")),
        ({**theirs, "current_password": theirs["password"]}, (401, "invalid_credentials")),
    ):
        answer = await linked.client.put(f"{V1}/mangacollec/link", json=body, headers=lea.headers)
        assert problem(answer) == expected
    assert site.requests == []
    assert (await linked.find(lea)).json()["id_mangacollec"] == account
    refused = await linked.client.post(f"{V1}/auth/mangacollec/login", json=theirs)
    assert problem(refused) == (403, "registration_closed")
    seen = (await linked.client.get(f"{V1}/auth/activity", headers=lea.headers)).json()["items"]
    assert [(item["kind"], item["success"]) for item in seen[:2]] == [("confirmation", False)] * 2
    assert (await link(linked, lea, **theirs))["state"] == "linked"


async def test_password_of_a_link_is_tried_as_seldom_as_at_a_sign_in(linked: Household) -> None:
    lea = await linked.add("Léa")
    wrong = {**ACCOUNT, "current_password": "wrong"}
    for _ in range(FREE_TRIES):
        answer = await linked.client.put(f"{V1}/mangacollec/link", json=wrong, headers=lea.headers)
        assert problem(answer) == (401, "invalid_credentials")
    answer = await linked.client.put(f"{V1}/mangacollec/link", json=LINK, headers=lea.headers)
    assert problem(answer) == (429, "rate_limited")


@pytest.mark.parametrize("had_password", [False, True])
async def test_password_that_changes_while_mangacollec_is_asked_makes_no_link(
    linked: Household, site: Mangacollec, had_password: bool
) -> None:
    ana = await linked.add("Ana")
    if had_password:
        lea = await linked.add("Léa", by=ana)
    else:
        body = {"username": "Léa", "email_mangacollec": EMAIL, "password_mangacollec": THERE}
        await linked.client.post("/users", json=body, headers=ana.headers)
        lea = parse_person(await linked.client.post(f"{V1}/auth/mangacollec/login", json=ACCOUNT))
    theirs = {"email": "other@example.org", "password": "another there"}
    site.add(**theirs)
    site.is_answering.clear()
    body = {**theirs, "current_password": PASSWORD}
    asking = asyncio.create_task(linked.client.put(f"{V1}/mangacollec/link", json=body, headers=lea.headers))
    await wait_for(lambda: site.at_once > 0)
    new = {"new_password": "a password of her own"}
    assert (await linked.client.put(f"/users/{lea.id}/password", json=new, headers=ana.headers)).status_code == 204
    site.is_answering.set()
    assert problem(await asking) == (409, "conflict")
    refused = await linked.client.post(f"{V1}/auth/mangacollec/login", json=theirs)
    assert problem(refused) == (403, "registration_closed")


async def test_end_of_a_link(linked: Household) -> None:
    lea = await linked.add("Léa")
    address = f"{V1}/mangacollec/link"
    assert problem(await linked.client.delete(address, headers=lea.headers)) == (404, "mangacollec_not_linked")
    await link(linked, lea)
    assert (await linked.client.delete(address, headers=lea.headers)).status_code == 204
    assert (await linked.client.get(address, headers=lea.headers)).json()["state"] == "not_linked"
    token = await linked.client.get(f"{V1}/mangacollec/token", headers=lea.headers)
    assert problem(token) == (404, "mangacollec_not_linked")
    assert await linked.query("SELECT count(*) FROM auth.credentials") == 0
    assert (await linked.find(lea)).json()["id_mangacollec"] is None


async def test_sign_in_of_the_profile_that_has_the_account(linked: Household) -> None:
    lea = await linked.add("Léa")
    await link(linked, lea)
    answer = await linked.client.post(f"{V1}/auth/mangacollec/login", json={**ACCOUNT, "device_name": "Pi"})
    assert answer.status_code == 200
    assert parse_person(answer).id == lea.id
    await linked.query("UPDATE auth.users SET is_active = false")
    refused = await linked.client.post(f"{V1}/auth/mangacollec/login", json=ACCOUNT)
    assert problem(refused) == (403, "account_disabled")


async def test_first_profile_may_come_from_mangacollec(linked: Household, site: Mangacollec) -> None:
    site.accounts[0].username = "  Léa\u200b@home "
    site.accounts[0].certify_adult = True
    await linked.query(
        "INSERT INTO auth.auth_events (kind, success, created_at) VALUES ('login', true, now() - interval '366 days')"
    )
    lea = parse_person(await linked.client.post(f"{V1}/auth/mangacollec/login", json=ACCOUNT))
    assert await linked.query("SELECT min(created_at) > now() - interval '1 day' FROM auth.auth_events") is True
    user = lea.answer["user"]
    assert (user["username"], user["role"], user["certify_adult"], user["has_password"]) == (
        "Léahome",
        "admin",
        True,
        False,
    )
    login = await linked.client.post(f"{V1}/auth/login", json={"username": lea.username, "password": THERE})
    assert problem(login) == (401, "invalid_credentials")
    other = site.add("other@example.org", THERE)
    closed = await linked.client.post(f"{V1}/auth/mangacollec/login", json={"email": other.email, "password": THERE})
    assert problem(closed) == (403, "registration_closed")


@pytest.mark.parametrize("username", [None, "", "\0", "@", "\ufdfa" * 60, "x" * 500, "Léa"])
async def test_name_from_mangacollec_is_made_to_fit(empty_url: URL, site: Mangacollec, username: str | None) -> None:
    async with live_in(empty_url, **site.settings, registration="open") as house:
        await house.add("Léa")
        site.accounts[0].username = username
        answer = await house.client.post(f"{V1}/auth/mangacollec/login", json=ACCOUNT)
        assert answer.status_code == 200, answer.text
        assert 0 < len(parse_person(answer).username) <= 50


async def test_profile_without_a_password_keeps_its_account(linked: Household, site: Mangacollec) -> None:
    """Or whoever holds its token would link an account of theirs, and set a password by that."""
    ana = await linked.add("Ana")
    body = {"username": "Léa", "email_mangacollec": EMAIL, "password_mangacollec": THERE}
    await linked.client.post("/users", json=body, headers=ana.headers)
    lea = parse_person(await linked.client.post(f"{V1}/auth/mangacollec/login", json=ACCOUNT))
    site.add("other@example.org", "another there")
    other = {"email": "other@example.org", "password": "another there"}
    taken = await linked.client.put(f"{V1}/mangacollec/link", json=other, headers=lea.headers)
    assert problem(taken) == (409, "password_missing")
    assert (await link(linked, lea))["state"] == "linked"
    new = {"old_password": THERE, "new_password": "a password of her own"}
    assert (await linked.client.put(f"/users/{lea.id}/password", json=new, headers=lea.headers)).status_code == 204
    assert (await link(linked, lea, **other, current_password="a password of her own"))["state"] == "linked"


async def test_profile_without_a_password_confirms_at_mangacollec(linked: Household) -> None:
    ana = await linked.add("Ana")
    body = {"username": "Léa", "email_mangacollec": EMAIL, "password_mangacollec": THERE}
    created = await linked.client.post("/users", json=body, headers=ana.headers)
    assert (created.status_code, created.json()["has_password"]) == (201, False)
    lea = parse_person(await linked.client.post(f"{V1}/auth/mangacollec/login", json=ACCOUNT))
    assert problem(await linked.client.delete(f"{V1}/mangacollec/link", headers=lea.headers)) == (
        409,
        "password_missing",
    )

    async def delete(password: str) -> int:
        answer = await linked.client.request(
            "DELETE", f"/users/{lea.id}", json={"password": password}, headers=lea.headers
        )
        return answer.status_code

    assert await delete("wrong") == 401
    seen = (await linked.client.get(f"{V1}/auth/activity", headers=lea.headers)).json()["items"]
    assert ("confirmation", False) in [(item["kind"], item["success"]) for item in seen]
    new = {"old_password": THERE, "new_password": "a password of her own"}
    assert (await linked.client.put(f"/users/{lea.id}/password", json=new, headers=lea.headers)).status_code == 204
    assert await delete(THERE) == 401
    assert await delete("a password of her own") == 204
    assert await linked.query("SELECT count(*) FROM auth.credentials") == 0


async def test_without_a_client_id_only_mangacollec_is_missing(house: Household) -> None:
    lea = await house.add("Léa")
    expected = (503, "mangacollec_not_configured")
    put = await house.client.put(f"{V1}/mangacollec/link", json=LINK, headers=lea.headers)
    assert problem(put) == expected
    assert problem(await house.client.post(f"{V1}/auth/mangacollec/login", json=ACCOUNT)) == expected
    body = {"username": "Bo", "email_mangacollec": EMAIL, "password_mangacollec": THERE}
    assert problem(await house.client.post("/users", json=body, headers=lea.headers)) == expected
    state = await house.client.get(f"{V1}/mangacollec/link", headers=lea.headers)
    assert state.json()["state"] == "not_linked"
    assert (await house.client.get("/health/ready")).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"mangacollec_client_secret": "not the secret at all"},
        {"mangacollec_client_id": "your-client-id", "mangacollec_client_secret": "your-client-secret"},
    ],
)
async def test_client_id_that_mangacollec_does_not_know(
    empty_url: URL, site: Mangacollec, changes: dict[str, str]
) -> None:
    async with live_in(empty_url, **{**site.settings, **changes}) as house:
        answer = await house.client.post(f"{V1}/auth/mangacollec/login", json=ACCOUNT)
        assert problem(answer) == (503, "mangacollec_not_configured")


async def test_key_is_rotated_at_the_next_start(empty_url: URL, site: Mangacollec) -> None:
    old, new = "old key of credentials " * 2, "new key of credentials " * 2
    key_id = "SELECT key_id FROM auth.credentials"
    async with live_in(empty_url, **site.settings) as house:
        lea = await house.add("Léa")
        await link(house, lea)
        token = (await house.client.get(f"{V1}/mangacollec/token", headers=lea.headers)).json()
        ids = [await house.query(key_id)]
    for keys in (old, f"{new},{old}", new):
        async with live_in(empty_url, **site.settings, credentials_key=keys) as house:
            ids.append(await house.query(key_id))
            answer = await house.client.get(f"{V1}/mangacollec/token", headers=lea.headers)
            assert answer.json() == token
    assert len(set(ids)) == 3
    assert ids[2] == ids[3]


async def test_key_that_is_gone_asks_for_a_new_link(empty_url: URL, site: Mangacollec) -> None:
    async with live_in(empty_url, **site.settings, credentials_key="old key of credentials " * 2) as house:
        lea = await house.add("Léa")
        await link(house, lea)
    async with live_in(empty_url, **site.settings, credentials_key="new key of credentials " * 2) as house:
        state = await house.client.get(f"{V1}/mangacollec/link", headers=lea.headers)
        assert state.json()["state"] == "relink_required"
        answer = await house.client.get(f"{V1}/mangacollec/token", headers=lea.headers)
        assert problem(answer) == (409, "mangacollec_relink_required")
        assert (await house.client.get("/users/me/export", headers=lea.headers)).status_code == 200
        assert (await link(house, lea))["state"] == "linked"


async def test_changed_key_of_tokens_ends_sessions_and_links_without_a_500(empty_url: URL, site: Mangacollec) -> None:
    async with live_in(empty_url, **site.settings) as house:
        lea = await house.add("Léa")
        await link(house, lea)
    async with live_in(empty_url, **site.settings, jwt_secret_key=KEY[::-1]) as house:
        assert problem(await house.find(lea)) == (401, "token_invalid")
        refreshed = await house.client.post(f"{V1}/auth/refresh", json={"refresh_token": lea.refresh_token})
        assert refreshed.status_code == 200  # its hash is stored, so it is still known
        again = await house.log_in("Léa")
        answer = await house.client.get(f"{V1}/mangacollec/token", headers=again.headers)
        assert problem(answer) == (409, "mangacollec_relink_required")
