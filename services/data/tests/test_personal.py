"""What a user says of volumes is the user's own: kept, listed, added up, exported and deleted, as nobody else sees."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from booksync_data_testing.api import MINE, Api

ME = "/api/v1/me"

SAID = {
    "price_cents": 795,
    "currency": "eur",
    "purchased_on": "2026-03-01",
    "store": "the corner",
    "condition": "good",
    "location": "shelf 2",
    "notes": "signed",
    "rating": 9,
    "tags": ["shonen", "gift", "gift "],
}


async def say(api: Api, user: Mapping[str, str], volume_id: object = None, **facts: Any) -> Any:
    """Say something of a volume."""
    answer = await api.client.put(f"{MINE}/{volume_id or uuid.uuid4()}", json=facts, headers=user)
    assert answer.is_success, answer.text
    return answer.json()


async def test_say_read_change_delete(api: Api) -> None:
    user = api.sign_in()
    address = f"{MINE}/{uuid.uuid4()}"
    created = await api.client.put(address, json=SAID, headers=user)
    assert created.status_code == 201
    said = created.json()
    expected = SAID | {"currency": "EUR", "tags": ["gift", "shonen"], "version": 1}
    assert {name: said[name] for name in expected} == expected
    read = await api.client.get(address, headers=user)
    assert (read.json(), read.headers["etag"]) == (said, created.headers["etag"])
    fresh = await api.client.get(address, headers={**user, "If-None-Match": read.headers["etag"]})
    assert fresh.status_code == 304
    changed = await api.client.patch(address, json={"rating": None, "tags": None, "notes": "lent"}, headers=user)
    assert {name: changed.json()[name] for name in ("rating", "tags", "notes", "store")} == {
        "rating": None, "tags": [], "notes": "lent", "store": "the corner",
    }  # fmt: skip
    stale = {**user, "If-Match": created.headers["etag"]}
    for answer in (
        await api.client.put(address, json={}, headers=stale),
        await api.client.patch(address, json={}, headers=stale),
        await api.client.delete(address, headers=stale),
    ):
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
    assert (await api.client.delete(address, headers=user)).status_code == 204
    assert (await api.client.get(address, headers=user)).status_code == 404


async def test_what_comes_back_has_another_tag(api: Api) -> None:
    user = api.sign_in()
    address = f"{MINE}/{uuid.uuid4()}"
    tags = []
    for _ in range(2):
        tags.append((await api.client.put(address, json={}, headers=user)).headers["etag"])
        await api.client.delete(address, headers=user)
    assert tags[0] != tags[1]


@pytest.mark.parametrize(
    "facts",
    [
        {"rating": 11}, {"rating": -1}, {"price_cents": -1}, {"price_cents": 2**31}, {"currency": "euro"},
        {"currency": "1AB"}, {"purchased_on": "2026-02-30"}, {"notes": "é" * 5001}, {"tags": ["a,b"]}, {"tags": [""]},
        {"tags": ["a\x1fb"]}, {"tags": ["x" * 51]}, {"tags": [str(number) for number in range(51)]}, {"store": "\0"},
        {"user_id": str(uuid.uuid4())},
    ],
)  # fmt: skip
async def test_what_is_refused(api: Api, facts: Mapping[str, object]) -> None:
    answer = await api.client.put(f"{MINE}/{uuid.uuid4()}", json=facts, headers=api.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_notes_may_have_five_thousand_characters(api: Api) -> None:
    assert len((await say(api, api.sign_in(), notes="é" * 5000))["notes"]) == 5000


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"tags": "a"}, {1, 2}),
        ({"tags": "a,b"}, {2}),
        ({"missing": "tags"}, {3}),
        ({"has": "tags,rating"}, {1}),
        ({"condition": "good"}, {1}),
        ({"location": "attic"}, {3}),
        ({"store": "shop"}, {2}),
        ({"q": "FRAGILE"}, {3}),
        ({"updated_since": "2100-01-01T00:00:00Z"}, set()),
    ],
)
async def test_filters(api: Api, parameters: Mapping[str, str], expected: set[int]) -> None:
    user = api.sign_in()
    await say(api, user, price_cents=1, tags=["a"], rating=3, condition="good")
    await say(api, user, price_cents=2, tags=["a", "b"], store="shop")
    await say(api, user, price_cents=3, location="attic", notes="fragile!")
    assert {item["price_cents"] for item in await api.get_all(MINE, user, **parameters, limit=1)} == expected


@pytest.mark.parametrize("sort", ["purchased_on", "-purchased_on", "-price_cents", "rating", "created_at"])
async def test_pages_are_the_whole_list_in_order(api: Api, sort: str) -> None:
    user = api.sign_in()
    for number in range(5):
        known = {"purchased_on": f"2026-01-0{1 + number % 2}", "price_cents": number % 2, "rating": number}
        await say(api, user, **(known if number else {}))
    listed = await api.get_all(MINE, user, sort=sort, limit=2)
    name = sort.removeprefix("-")
    known_items = [item for item in listed if item[name] is not None]
    assert known_items == sorted(known_items, key=lambda item: (item[name], item["volume_id"]), reverse=sort[0] == "-")
    assert len({item["volume_id"] for item in listed}) == len(listed) == 5


async def test_stats_add_up(api: Api) -> None:
    user = api.sign_in()
    await say(api, user, price_cents=795, currency="EUR", rating=9, purchased_on="2025-05-01", tags=["a", "b"])
    await say(api, user, price_cents=805, currency="EUR", rating=6, condition="good", location="attic", tags=["a"])
    await say(api, user, price_cents=100, purchased_on="2025-06-01")
    assert await api.get(f"{ME}/stats", user) == {
        "volumes": 3,
        "rated": 2,
        "average_rating": 7.5,
        "spent": [
            {"currency": "EUR", "volumes": 2, "cents": 1600},
            {"currency": None, "volumes": 1, "cents": 100},
        ],
        "years": {"2025": 2},
        "conditions": {"good": 1},
        "locations": {"attic": 1},
        "tags": {"a": 2, "b": 1},
    }
    assert (await api.get(f"{ME}/stats", api.sign_in()))["average_rating"] is None


async def test_batch_changes_of_each_volume_what_it_says(api: Api) -> None:
    """One statement writes all of them."""
    user = api.sign_in()
    before = [await say(api, user, **SAID) for _ in range(3)]
    changes: list[dict[str, Any]] = [{"rating": 3}, {"notes": None, "tags": ["read"]}, {"price_cents": 0}]
    items = [{"volume_id": said["volume_id"], **change} for said, change in zip(before, changes, strict=True)]
    answer = await api.client.post(f"{MINE}/bulk", json={"items": items}, headers=user)
    assert answer.json()["counts"] == {"updated": 3}
    for said, change in zip(before, changes, strict=True):
        after = await api.get(f"{MINE}/{said['volume_id']}", user)
        assert after == said | change | {"version": 2, "updated_at": after["updated_at"]}


async def test_export_of_my_volumes(api: Api) -> None:
    user = api.sign_in()
    said = await say(api, user, **SAID)
    exported = await api.client.get(f"{MINE}/export", params={"format": "json"}, headers=user)
    assert exported.json() == [said]
    as_csv = await api.client.get(f"{MINE}/export", params={"store": "nowhere"}, headers=user)
    assert as_csv.text.splitlines() == [",".join(said)]


async def test_export_and_deletion_of_everything(api: Api) -> None:
    user = api.sign_in()
    said = [await say(api, user, rating=number) for number in range(3)]
    await api.client.post(f"{MINE}/bulk", json={"items": []}, headers={**user, "Idempotency-Key": "mine"})
    exported = json.loads((await api.client.get(f"{ME}/export", headers=user)).content)
    assert exported["user_id"] == str(api.auth.user_id(user["Authorization"].removeprefix("Bearer ")))
    assert sorted(exported["volumes"], key=lambda item: item["rating"]) == said
    assert (await api.client.delete(ME, headers=user)).status_code == 204
    assert (await api.client.get(f"{ME}/export", headers=user)).json()["volumes"] == []
    assert await api.count_rows("data.idempotency_keys") == 0
