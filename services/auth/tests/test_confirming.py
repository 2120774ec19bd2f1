"""Confirming who one is: bcrypt's rules are for passwords of this service, and Mangacollec has its own."""

import httpx
import pytest

from booksync_auth_testing.household import PASSWORD, V1, Household, Person, parse_person, problem
from booksync_auth_testing.mangacollec import EMAIL, Mangacollec

NEW = "another long sentence"
#: In JSON, half of a pair; a client of Python could not encode it.
LONE_SURROGATE = b"\\ud800 in a long password"
JSON = {"Content-Type": "application/json"}


async def delete(house: Household, person: Person, password: str) -> httpx.Response:
    """Delete one's profile."""
    body = {"password": password}
    return await house.client.request("DELETE", f"/users/{person.id}", json=body, headers=person.headers)


async def change(house: Household, person: Person, old: str) -> httpx.Response:
    """Change one's password."""
    body = {"old_password": old, "new_password": NEW}
    return await house.client.put(f"/users/{person.id}/password", json=body, headers=person.headers)


@pytest.mark.parametrize("there", ["é" * 60, "with a \0 in it"])
async def test_password_there_may_be_what_none_here_may_be(linked: Household, site: Mangacollec, there: str) -> None:
    ana = await linked.add("Ana")
    site.accounts[0].password = there
    for act in (change, delete):
        body = {"username": f"Léa {act.__name__}", "email_mangacollec": EMAIL, "password_mangacollec": there}
        assert (await linked.client.post("/users", json=body, headers=ana.headers)).status_code == 201
        account = {"email": EMAIL, "password": there}
        lea = parse_person(await linked.client.post(f"{V1}/auth/mangacollec/login", json=account))
        assert problem(await act(linked, lea, "wrong")) == (401, "invalid_credentials")
        assert (await act(linked, lea, there)).status_code == 204
        await linked.query(f"DELETE FROM auth.users WHERE id = '{lea.id}'")


@pytest.mark.parametrize("wrong", ["é" * 36 + "and more", "with a \0 in it"])
async def test_what_no_password_here_can_be_is_a_wrong_one(house: Household, wrong: str) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana, password="é" * 36)
    for act in (change, delete):
        assert problem(await act(house, bo, wrong)) == (401, "invalid_credentials")
    assert (await change(house, bo, "é" * 36)).status_code == 204
    assert (await delete(house, bo, NEW)).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", f"{V1}/auth/login", b'{"username": "Ana", "password": "%s"}'),
        ("POST", f"{V1}/auth/mangacollec/login", b'{"email": "lea@example.org", "password": "%s"}'),
        ("POST", f"{V1}/auth/mangacollec/login", b'{"email": "%s", "password": "her password there"}'),
        ("PUT", f"{V1}/mangacollec/link", b'{"email": "lea@example.org", "password": "%s"}'),
        (
            "PUT",
            f"{V1}/mangacollec/link",
            b'{"email": "lea@example.org", "password": "her password there", "current_password": "%s"}',
        ),
        (
            "POST",
            "/users",
            b'{"username": "Bo", "email_mangacollec": "lea@example.org", "password_mangacollec": "%s"}',
        ),
        ("POST", "/users", b'{"username": "Bo", "password": "%s"}'),
        ("DELETE", "/users/{id}", b'{"password": "%s"}'),
        ("PUT", "/users/{id}/password", b'{"old_password": "%s", "new_password": "another long sentence"}'),
        ("PUT", "/users/{id}/password", b'{"old_password": "another long sentence", "new_password": "%s"}'),
    ],
)
async def test_lone_surrogate_is_refused(linked: Household, method: str, path: str, content: bytes) -> None:
    ana = await linked.add("Ana", password=PASSWORD)
    body = content.replace(b"%s", LONE_SURROGATE)
    answer = await linked.client.request(method, path.format(id=ana.id), content=body, headers={**JSON, **ana.headers})
    assert problem(answer) == (422, "validation_failed")
    assert "ud800" not in answer.text


async def test_hash_that_is_half_of_one_is_a_failed_confirmation(house: Household) -> None:
    ana = await house.add("Ana")
    await house.query("UPDATE auth.users SET password_hash = '$2b$04$half'")
    assert problem(await change(house, ana, PASSWORD)) == (401, "invalid_credentials")
