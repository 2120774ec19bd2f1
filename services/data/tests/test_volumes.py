"""A volume is read, written, changed and deleted, and nobody overwrites what somebody else has written meanwhile."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from booksync_api_data.conditions import Precondition, build_etag
from booksync_api_data.personal.repository import PersonalRepository
from booksync_api_data.shared import lookups
from booksync_api_data.shared.repository import VolumeRepository
from booksync_api_data.writes import Item, Repository, write_one
from booksync_common.database import Database
from booksync_data_testing.api import MACHINE, MINE, VOLUMES, Api
from booksync_service_testing.server import execute

FACTS: dict[str, Any] = {
    "object_id": "object-1",
    "nb_pages": 192,
    "length": "17,5",
    "height": "175mm",
    "width": "1,2 cm",
    "weight": "0,3 kg",
    "extra_info": "première édition\n=1+1",
    "source": "a shop",
    "locked_fields": ["weight", "nb_pages"],
}


def tag_of(volume: Mapping[str, Any]) -> str:
    """Return the entity tag of a version."""
    return build_etag(volume["version"], datetime.fromisoformat(volume["updated_at"]))


def about(volume: Mapping[str, Any], condition: Mapping[str, str]) -> dict[str, str]:
    """Return a condition in which the tag of this volume's version stands for "1"."""
    return {name: value.replace('"1"', tag_of(volume)) for name, value in condition.items()}


async def test_put_then_get(api: Api) -> None:
    volume_id = uuid.uuid4()
    created = await api.client.put(f"{VOLUMES}/{volume_id}", json=FACTS, headers=MACHINE)
    assert created.status_code == 201
    read = await api.client.get(f"{VOLUMES}/{volume_id}", headers=api.sign_in())
    assert read.status_code == 200
    assert read.json() == created.json()
    expected = FACTS | {
        "volume_id": str(volume_id),
        "locked_fields": ["nb_pages", "weight"],
        "length_cm": 17.5,
        "height_cm": 17.5,
        "width_cm": 1.2,
        "weight_g": 300,
        "version": 1,
    }
    assert {name: value for name, value in read.json().items() if not name.endswith("_at")} == expected
    assert read.headers["etag"] == created.headers["etag"] == tag_of(read.json())
    updated = datetime.fromisoformat(read.json()["updated_at"]).replace(microsecond=0)
    assert parsedate_to_datetime(read.headers["last-modified"]) == updated
    assert read.headers["cache-control"] == "private, no-cache"


async def test_put_replaces_and_says_nothing_twice(api: Api) -> None:
    volume = await api.put(**FACTS)
    address = f"{VOLUMES}/{volume['volume_id']}"
    replaced = await api.client.put(address, json={"nb_pages": 10}, headers=MACHINE)
    assert (replaced.status_code, replaced.json()["version"]) == (200, 2)
    assert (replaced.json()["nb_pages"], replaced.json()["length"], replaced.json()["length_cm"]) == (10, None, None)
    assert replaced.json()["created_at"] == volume["created_at"]
    again = await api.client.put(address, json={"nb_pages": 10}, headers=MACHINE)
    assert again.json() == replaced.json()


async def test_patch_leaves_what_is_not_said_and_null_clears(api: Api) -> None:
    volume = await api.put(**FACTS)
    address = f"{VOLUMES}/{volume['volume_id']}"
    headers = {**MACHINE, "Content-Type": "application/merge-patch+json"}
    body = b'{"weight": "310 g", "length": null, "locked_fields": null}'
    changed = (await api.client.patch(address, content=body, headers=headers)).json()
    expected = volume | {"weight": "310 g", "weight_g": 310, "length": None, "length_cm": None, "locked_fields": []}
    assert changed == expected | {"version": 2, "updated_at": changed["updated_at"]}
    nothing = await api.client.patch(address, json={}, headers=MACHINE)
    assert nothing.json() == changed


async def test_head_is_get_without_a_body(api: Api) -> None:
    volume = await api.put(**FACTS)
    user = api.sign_in()
    got = await api.client.get(f"{VOLUMES}/{volume['volume_id']}", headers=user)
    head = await api.client.head(f"{VOLUMES}/{volume['volume_id']}", headers=user)
    names = ("etag", "last-modified", "content-type", "content-length")
    assert [head.headers[name] for name in names] == [got.headers[name] for name in names]


async def test_unknown_volume(api: Api) -> None:
    address = f"{VOLUMES}/{uuid.uuid4()}"
    answers = [
        await api.client.get(address, headers=api.sign_in()),
        await api.client.patch(address, json={"nb_pages": 1}, headers=MACHINE),
        await api.client.delete(address, headers=MACHINE),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "volume_unknown")] * 3


async def test_a_deleted_volume_comes_back_with_another_tag(api: Api) -> None:
    volume = await api.put(**FACTS)
    address = f"{VOLUMES}/{volume['volume_id']}"
    assert (await api.client.delete(address, headers=MACHINE)).status_code == 204
    assert (await api.client.get(address, headers=api.sign_in())).status_code == 404
    assert (await api.get(VOLUMES))["items"] == []
    again = await api.client.put(address, json={}, headers=MACHINE)
    assert (again.status_code, again.json()["version"], again.headers["etag"]) == (201, 3, tag_of(again.json()))
    assert {again.json()[name] for name in FACTS if name != "locked_fields"} == {None}
    assert again.json()["created_at"] > volume["created_at"]


async def test_version_that_comes_again_after_a_restore_has_another_tag(api: Api) -> None:
    first = await api.put(nb_pages=1)
    await execute(api.url, f"DELETE FROM data.volume_extra WHERE volume_id = '{first['volume_id']}'")
    again = await api.put(uuid.UUID(first["volume_id"]), nb_pages=2)
    assert again["version"] == first["version"]
    assert tag_of(again) != tag_of(first)
    stale = {**api.sign_in(), "If-None-Match": tag_of(first)}
    assert (await api.client.get(f"{VOLUMES}/{first['volume_id']}", headers=stale)).json()["nb_pages"] == 2


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"If-None-Match": '"1"'}, 304),
        ({"If-None-Match": 'W/"1"'}, 304),
        ({"If-None-Match": '"7", "1"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"2"'}, 200),
        ({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304),
        ({"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 +99999999999999"}, 200),
        # the date counts for nothing beside a tag
        ({"If-None-Match": '"2"', "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200),
        ({"If-None-Match": "1"}, 400),
    ],
)
async def test_conditions_of_reading(api: Api, condition: Mapping[str, str], status: int) -> None:
    volume = await api.put()
    headers = {**api.sign_in(), **about(volume, condition)}
    answer = await api.client.get(f"{VOLUMES}/{volume['volume_id']}", headers=headers)
    assert answer.status_code == status
    if status == 304:
        assert (answer.content, answer.headers["etag"]) == (b"", tag_of(volume))


@pytest.mark.parametrize(
    ("condition", "is_there", "status"),
    [
        ({"If-Match": '"1"'}, True, 200),
        ({"If-Match": '"4", "1"'}, True, 200),
        ({"If-Match": "*"}, True, 200),
        ({"If-Match": '"2"'}, True, 412),
        ({"If-Match": 'W/"1"'}, True, 412),  # RFC 9110, 13.1.1: compared strongly
        ({"If-Match": "*"}, False, 412),
        ({"If-Match": '"1"'}, False, 412),
        ({"If-None-Match": "*"}, True, 412),
        ({"If-None-Match": "*"}, False, 201),
        ({"If-Match": "nonsense"}, True, 400),
    ],
)
async def test_conditions_of_writing(api: Api, condition: Mapping[str, str], is_there: bool, status: int) -> None:
    volume_id = uuid.uuid4()
    if is_there:
        condition = about(await api.put(volume_id, nb_pages=1), condition)
    answer = await api.client.put(f"{VOLUMES}/{volume_id}", json={"nb_pages": 2}, headers={**MACHINE, **condition})
    assert answer.status_code == status
    if is_there:
        stored = await api.get(f"{VOLUMES}/{volume_id}")
        assert stored["nb_pages"] == (2 if status == 200 else 1)
    if status == 412:
        assert answer.json()["code"] == "precondition_failed"


async def test_delete_of_another_version_is_refused(api: Api) -> None:
    volume = await api.put()
    address = f"{VOLUMES}/{volume['volume_id']}"
    refused = await api.client.delete(address, headers={**MACHINE, "If-Match": '"9"'})
    assert refused.status_code == 412
    assert (await api.client.delete(address, headers={**MACHINE, "If-Match": tag_of(volume)})).status_code == 204


@pytest.mark.parametrize("condition", [{"If-Match": '"1"'}, {"If-None-Match": "*"}])
async def test_of_fifty_writers_with_one_condition_one_wins(api: Api, condition: Mapping[str, str]) -> None:
    volume_id = uuid.uuid4()
    if "If-Match" in condition:
        condition = about(await api.put(volume_id, nb_pages=1000), condition)
    answers = await asyncio.gather(
        *(
            api.client.put(f"{VOLUMES}/{volume_id}", json={"nb_pages": number}, headers={**MACHINE, **condition})
            for number in range(50)
        )
    )
    statuses = [answer.status_code for answer in answers]
    (winner,) = (answer for answer in answers if answer.is_success)
    assert statuses.count(412) == 49
    assert (await api.get(f"{VOLUMES}/{volume_id}"))["nb_pages"] == winner.json()["nb_pages"]


async def test_fifty_writers_without_a_condition_lose_no_version(api: Api) -> None:
    volume_id = uuid.uuid4()
    answers = await asyncio.gather(*(api.put(volume_id, nb_pages=number) for number in range(50)))
    assert sorted(answer["version"] for answer in answers) == list(range(1, 51))


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"nb_pages": -1}, "nb_pages"),
        ({"nb_pages": 2**31}, "nb_pages"),
        ({"nb_pages": "many"}, "nb_pages"),
        ({"length": "x" * 21}, "length"),
        ({"object_id": "nul\0"}, "object_id"),
        ({"locked_fields": ["version"]}, "locked_fields"),
        ({"pages": 1}, "pages"),
        ({"version": 7}, "version"),
    ],
)
async def test_what_is_refused(api: Api, facts: Mapping[str, object], field: str) -> None:
    answer = await api.client.put(f"{VOLUMES}/{uuid.uuid4()}", json=facts, headers=MACHINE)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["errors"][0]["location"][:2] == ["body", field]


async def test_lookup_says_what_is_missing(api: Api) -> None:
    ids = [str((await api.put(nb_pages=number))["volume_id"]) for number in range(3)]
    unknown = str(uuid.uuid4())
    body = {"ids": [ids[2], unknown, ids[0], ids[2]]}
    found = (await api.client.post(f"{VOLUMES}/lookup", json=body, headers=api.sign_in())).json()
    assert [item["volume_id"] for item in found["items"]] == [ids[2], ids[0]]
    assert found["missing"] == [unknown]


async def test_lookup_takes_a_thousand(api: Api) -> None:
    for number, status in [(1000, 200), (1001, 422)]:
        body = {"ids": [str(uuid.uuid4()) for _ in range(number)]}
        answer = await api.client.post(f"{VOLUMES}/lookup", json=body, headers=api.sign_in())
        assert answer.status_code == status


async def test_stats_count_what_is_known(api: Api) -> None:
    await api.put(length="17,5", source="a", locked_fields=["length"])
    await api.put(length="tall", source="a")
    await api.put(nb_pages=3)
    deleted = await api.put(nb_pages=4)
    await api.client.delete(f"{VOLUMES}/{deleted['volume_id']}", headers=MACHINE)
    stats = await api.get(f"{VOLUMES}/stats")
    assert (stats["volumes"], stats["locked"], stats["sources"]) == (3, 1, {"a": 2})
    assert stats["fields"]["length"] == {"known": 2, "share": 0.6667}
    assert stats["fields"]["length_cm"]["known"] == 1
    assert stats["fields"]["nb_pages"]["known"] == 1


async def test_a_connection_that_ends_in_the_middle_is_503_and_made_anew(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = await api.put()
    address, user = f"{VOLUMES}/{volume['volume_id']}", api.sign_in()
    with monkeypatch.context() as patched:
        patched.setattr(lookups, "_FIND", "SELECT pg_terminate_backend(pg_backend_pid()), $1::uuid[]")
        answer = await api.client.get(address, headers=user)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert (await api.client.get(address, headers=user)).json() == volume


@pytest.mark.parametrize(("address", "is_deleted"), [(VOLUMES, False), (VOLUMES, True), (MINE, False), (MINE, True)])
async def test_what_is_written_last_has_the_last_time(api: Api, address: str, is_deleted: bool) -> None:
    """Another transaction began before, and writes after."""
    volume_id, user_id = uuid.uuid4(), uuid.uuid4()
    user = api.sign_in(user_id=user_id)
    writer = MACHINE if address == VOLUMES else user
    database: Database = api.serving.app.state.database
    async with database.session() as early:
        await early.execute(select(func.now()))
        before = (await api.client.put(f"{address}/{volume_id}", json={}, headers=writer)).json()
        if is_deleted:
            await api.client.delete(f"{address}/{volume_id}", headers=writer)
        shared = address == VOLUMES
        repository: Repository = VolumeRepository(early) if shared else PersonalRepository(early, user_id)
        fact = {"nb_pages": 1} if shared else {"rating": 1}
        await write_one(repository, Item(volume_id, {**repository.nothing, **fact}), Precondition())
    after = await api.get(f"{address}/{volume_id}", user)
    assert datetime.fromisoformat(after["updated_at"]) > datetime.fromisoformat(before["updated_at"])
    if shared:
        await api.wait_for_feed()
        (change,) = (await api.get(f"{VOLUMES}/changes"))["items"]
        assert change["changed_at"] == after["updated_at"]
