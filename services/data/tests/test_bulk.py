"""A batch has a result for each item, writes all or nothing where that is asked for, and is done once under one key."""

import asyncio
import uuid
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from booksync_api_data.conditions import Precondition
from booksync_api_data.shared.models import NOTHING
from booksync_api_data.shared.repository import VolumeRepository
from booksync_api_data.writes import Item, write_one
from booksync_common.bodies import MAX_UNKNOWN
from booksync_common.database import Database
from booksync_common.problems import MAX_ERRORS
from booksync_data_testing.api import MACHINE, MINE, VOLUMES, Api
from booksync_service_testing.server import IS_WAITING, execute
from booksync_service_testing.serving import wait_for


def make_items(number: int) -> list[dict[str, Any]]:
    """Make volumes."""
    return [{"volume_id": str(uuid.uuid4()), "nb_pages": position} for position in range(number)]


async def count(api: Api) -> int:
    """Count the volumes."""
    return int((await api.get(f"{VOLUMES}/stats"))["volumes"])


async def test_what_is_wrong_does_not_hold_up_the_rest(api: Api) -> None:
    first, second = make_items(2)
    wrong = {"volume_id": str(uuid.uuid4()), "nb_pages": -1, "weight": "x" * 30}
    answer = await api.bulk(first, wrong, "text", None, second, {"nb_pages": 1})
    assert answer.status_code == 200
    results = answer.json()["items"]
    assert [result["position"] for result in results] == list(range(6))
    assert [result["status"] for result in results] == [
        "created",
        "invalid",
        "invalid",
        "invalid",
        "created",
        "invalid",
    ]
    assert answer.json()["counts"] == {"created": 2, "invalid": 4}
    assert {tuple(error["location"]) for error in results[1]["errors"]} == {
        ("body", "items", 1, "nb_pages"),
        ("body", "items", 1, "weight"),
    }
    assert await count(api) == 2


async def test_atomic_writes_nothing_when_an_item_is_wrong(api: Api) -> None:
    answer = await api.bulk(*make_items(2), {"volume_id": "1"}, atomic=True)
    assert (answer.status_code, answer.json()["code"]) == (422, "batch_invalid")
    assert [error["location"] for error in answer.json()["errors"]] == [["body", "items", 2, "volume_id"]]
    assert await count(api) == 0


@pytest.mark.parametrize("atomic", [False, True])
async def test_a_batch_that_is_all_wrong_has_a_short_answer(api: Api, atomic: bool) -> None:
    (good,) = make_items(1)
    wrong = [{"volume_id": str(uuid.uuid4()), **{f"x{number}": 1 for number in range(30)}} for _ in range(10)]
    answer = (await api.bulk(*wrong, good, atomic=atomic)).json()
    if atomic:
        assert answer["detail"] == "Nothing was written: 10 of 11 items are not valid."
        assert len(answer["errors"]) == MAX_ERRORS
        return
    assert answer["counts"] == {"invalid": 10, "created": 1}
    assert [result["status"] for result in answer["items"]] == ["invalid"] * 10 + ["created"]
    assert [len(result["errors"]) for result in answer["items"]] == [MAX_UNKNOWN] * 5 + [0] * 6


async def test_dry_run_says_what_would_be_and_writes_nothing(api: Api) -> None:
    volume = await api.put(nb_pages=1)
    items = [{"volume_id": volume["volume_id"], "nb_pages": 2}, *make_items(2)]
    tried = (await api.bulk(*items, dry_run=True)).json()
    assert (await api.get(VOLUMES))["items"] == [volume]
    await api.wait_for_feed()
    assert [item["volume_id"] for item in (await api.get(f"{VOLUMES}/changes"))["items"]] == [volume["volume_id"]]
    done = (await api.bulk(*items)).json()
    assert tried == done | {"dry_run": True}


@pytest.mark.parametrize("address", [VOLUMES, MINE])
async def test_an_option_in_the_address_is_refused(api: Api, address: str) -> None:
    """Where it would be ignored, somebody who wants to try would write."""
    headers = api.sign_in(role="admin")
    content = {"items": [{"volume_id": str(uuid.uuid4())}]}
    answer = await api.client.post(f"{address}/bulk", params={"dry_run": "true"}, json=content, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["location"]) == (422, ["query", "dry_run"])
    assert (await api.get(address, headers))["items"] == []


async def test_a_thousand_at_most(api: Api) -> None:
    items = make_items(1001)
    assert (await api.bulk(*items)).status_code == 422
    assert (await api.bulk(*items[:1000])).json()["counts"] == {"created": 1000}
    assert (await api.bulk(*items[:1000])).json()["counts"] == {"unchanged": 1000}


async def test_batches_that_make_the_same_volumes_at_once(api: Api) -> None:
    """Each volume is made once, and each batch finds what the other has made, in whatever order they name them."""
    items = make_items(50)
    batches = [items, items[::-1], items[25:] + items[:25], items[::2] + items[1::2]]
    answers = await asyncio.gather(*(api.bulk(*batch) for batch in batches))
    assert [answer.status_code for answer in answers] == [200] * 4
    counts = [answer.json()["counts"] for answer in answers]
    assert sum(found.get("created", 0) for found in counts) == 50
    assert sum(found.get("unchanged", 0) for found in counts) == 150
    assert {volume["version"] for volume in await api.get_all(VOLUMES)} == {1}


async def test_a_batch_plans_again_for_what_came_meanwhile(api: Api) -> None:
    """Another transaction has made one of its volumes, and commits while the batch waits for it."""
    early, late = make_items(2)
    database: Database = api.serving.app.state.database
    async with database.session() as other:
        item = Item(UUID(late["volume_id"]), {**NOTHING, "object_id": "BBD-1"})
        await write_one(VolumeRepository(other), item, Precondition())
        batch = asyncio.create_task(api.bulk(early, late))
        async with database.reader() as connection:

            async def is_waiting() -> bool:
                assert not batch.done()
                return bool(await connection.scalar(text(IS_WAITING)))

            await wait_for(is_waiting)
    results = (await batch).json()["items"]
    assert [(result["status"], result["version"]) for result in results] == [("created", 1), ("updated", 2)]
    stored = await api.get(f"{VOLUMES}/{late['volume_id']}")
    assert (stored["object_id"], stored["nb_pages"], stored["version"]) == ("BBD-1", late["nb_pages"], 2)


def with_key(key: str) -> dict[str, str]:
    """Return a machine's headers, with an idempotency key."""
    return {**MACHINE, "Idempotency-Key": key}


async def test_a_key_replays_the_answer(api: Api) -> None:
    items, headers = make_items(3), with_key("first")
    done = await api.bulk(*items, headers=headers)
    again = await api.bulk(*items, headers=headers)
    assert (again.status_code, again.content) == (200, done.content)
    assert again.json()["counts"] == {"created": 3}
    assert [answer.headers.get("idempotent-replayed") for answer in (done, again)] == [None, "true"]


async def test_a_key_is_of_one_request(api: Api) -> None:
    items, headers = make_items(3), with_key("first")
    await api.bulk(*items, headers=headers)
    for answer in (
        await api.bulk(*items[:2], headers=headers),
        await api.bulk(*items, headers=headers, mode="replace"),
        await api.upload("volume_id\n", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_key_is_of_one_caller(api: Api) -> None:
    items = make_items(1)
    await api.bulk(*items, headers=with_key("first"))
    administrator = {**api.sign_in(role="admin"), "Idempotency-Key": "first"}
    answer = await api.bulk(*items, headers=administrator)
    assert answer.json()["counts"] == {"unchanged": 1}


async def test_requests_with_one_key_at_once_are_one(api: Api) -> None:
    items, headers = make_items(20), with_key("first")
    answers = await asyncio.gather(*(api.bulk(*items, headers=headers) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["counts"] == {"created": 20}


async def test_a_request_that_failed_may_come_again(api: Api) -> None:
    items, headers = make_items(2), with_key("first")
    refused = await api.bulk(*items, {"volume_id": "1"}, atomic=True, headers=headers)
    done = await api.bulk(*items, atomic=True, headers=headers)
    assert (refused.status_code, done.status_code) == (422, 200)


async def test_old_keys_go(api: Api) -> None:
    await api.bulk(*make_items(1), headers=with_key("old"))
    await execute(api.url, "UPDATE data.idempotency_keys SET created_at = now() - interval '25 hours'")
    await api.bulk(*make_items(1), headers=with_key("new"))
    assert await execute(api.url, "SELECT string_agg(key, ',') FROM data.idempotency_keys") == "new"


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
async def test_keys_that_are_refused(api: Api, key: str) -> None:
    headers = httpx.Headers({**MACHINE, "Idempotency-Key": key}, encoding="utf-8")
    answer = await api.client.post(f"{VOLUMES}/bulk", json={"items": []}, headers=headers)
    assert answer.status_code == 422


async def test_personal_batch_has_the_same_rules(api: Api) -> None:
    user = api.sign_in()
    headers = {**user, "Idempotency-Key": "mine"}
    items = [{"volume_id": str(uuid.uuid4()), "rating": 7, "tags": ["b", "a"]}, {"volume_id": "1"}]
    done = await api.client.post(f"{MINE}/bulk", json={"items": items}, headers=headers)
    again = await api.client.post(f"{MINE}/bulk", json={"items": items}, headers=headers)
    assert done.json()["counts"] == {"created": 1, "invalid": 1}
    assert again.content == done.content
    (volume,) = await api.get_all(MINE, user)
    assert (volume["rating"], volume["tags"]) == (7, ["a", "b"])


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("POST", f"{VOLUMES}/bulk", 401),
        ("POST", f"{MINE}/bulk", 401),
        ("POST", f"{VOLUMES}/import", 401),
        ("PUT", f"{VOLUMES}/import", 413),
        ("PATCH", f"{VOLUMES}/bulk", 413),
        ("POST", f"{VOLUMES}/lookup", 413),
    ],
)
async def test_nobody_has_a_large_body_read(api: Api, method: str, address: str, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.client.request(method, address, content=b"[" + b"[]," * 1024**2, headers=headers)
    assert answer.status_code == status


async def test_a_large_batch_of_somebody_is_read(api: Api) -> None:
    items = [{**item, "extra_info": "x" * 4000} for item in make_items(1000)]
    assert (await api.bulk(*items)).json()["counts"] == {"created": 1000}
