"""A list has each row that stays as it is once, whatever is written meanwhile, and a cursor opens no other list."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from booksync_common.cursors import MAX_LENGTH
from booksync_data_testing.api import MACHINE, VOLUMES, Api


async def fill(api: Api, *facts: Mapping[str, object]) -> list[Any]:
    """Write volumes and return them in the order of their ids."""
    return sorted([await api.put(None, **fact) for fact in facts], key=lambda volume: str(volume["volume_id"]))


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
@pytest.mark.parametrize(
    "sort", ["volume_id", "-volume_id", "nb_pages", "-nb_pages", "weight_g", "-weight_g", "-updated_at"]
)
async def test_pages_are_the_whole_list_in_order(api: Api, sort: str, limit: int) -> None:
    facts: list[dict[str, object]] = [{"nb_pages": 3}, {"nb_pages": 1}, {}, {"nb_pages": 3}, {}, {"nb_pages": 2}]
    weights = ["0,3 kg", None, "17,25 g", "heavy", "300", "1 kg"]
    await fill(api, *({**fact, "weight": weight} for fact, weight in zip(facts, weights, strict=True)))
    listed = await api.get_all(VOLUMES, sort=sort, limit=limit)
    name = sort.removeprefix("-")
    known = [item for item in listed if item[name] is not None]
    by_key = sorted(known, key=lambda item: (item[name], item["volume_id"]), reverse=sort.startswith("-"))
    assert known == by_key
    assert listed[len(known) :] == [item for item in listed if item[name] is None]
    assert len({item["volume_id"] for item in listed}) == len(listed) == 6


@pytest.mark.parametrize("sort", ["volume_id", "nb_pages", "-nb_pages", "updated_at", "-updated_at"])
async def test_rows_that_stay_are_met_once_while_others_are_written(api: Api, sort: str) -> None:
    staying = await fill(api, *({"nb_pages": number % 4 or None} for number in range(9)))
    changing = await fill(api, *({"nb_pages": number % 4 or None} for number in range(10)))
    user, met, parameters = api.sign_in(), [], {"sort": sort, "limit": 2}
    while True:
        page = await api.get(VOLUMES, user, **parameters)
        met += [item["volume_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
        if changing:
            await api.client.delete(f"{VOLUMES}/{changing.pop()['volume_id']}", headers=MACHINE)
            await api.put(UUID(changing.pop()["volume_id"]), nb_pages=7)
            await api.put(nb_pages=2)
    kept = {volume["volume_id"] for volume in staying}
    assert sorted(volume_id for volume_id in met if volume_id in kept) == sorted(kept)


async def test_a_cursor_is_of_its_list_alone(api: Api) -> None:
    await fill(api, {"nb_pages": 1}, {"nb_pages": 1}, {"nb_pages": 1})
    user = api.sign_in()
    cursor = (await api.get(VOLUMES, user, limit=1))["next_cursor"]
    for changed in ({"sort": "-volume_id"}, {"has": "nb_pages"}, {"q": "x"}):
        answer = await api.client.get(VOLUMES, params={"cursor": cursor, **changed}, headers=user)
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
    # how long a page is, is no part of the question
    assert len((await api.get(VOLUMES, user, limit=2, cursor=cursor))["items"]) == 2


async def test_a_cursor_that_somebody_made_is_refused(api: Api) -> None:
    await fill(api, {"nb_pages": 1}, {"nb_pages": 2})
    cursor = (await api.get(VOLUMES, limit=1))["next_cursor"]
    changed = ["A" + cursor[1:], cursor[:-1], cursor + "A", cursor + "=", cursor + "%0A", "", "é", "AAAA", cursor[::-1]]
    for value in [*changed, "A" * (MAX_LENGTH + 1)]:
        for address, name in ((VOLUMES, "cursor"), (f"{VOLUMES}/changes", "since")):
            answer = await api.client.get(address, params={name: value}, headers=api.sign_in())
            assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), (address, value)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"has": "nb_pages"}, {"a", "b"}),
        ({"has": "nb_pages,extra_info"}, {"a"}),
        ({"missing": "nb_pages"}, {"c"}),
        ({"has": "extra_info", "missing": "nb_pages"}, {"c"}),
        ({"object_id": "b"}, {"b"}),
        ({"q": "ÉDITION"}, {"a"}),
        ({"q": "%"}, {"c"}),
        ({"q": "_"}, set()),
        ({"updated_since": "2000-01-01T00:00:00Z"}, {"a", "b", "c"}),
        ({"updated_since": "2100-01-01T00:00:00+02:00"}, set()),
        ({"ids": ""}, set()),
    ],
)
async def test_filters(api: Api, parameters: Mapping[str, Any], expected: set[str]) -> None:
    await fill(
        api,
        {"object_id": "a", "nb_pages": 1, "extra_info": "première édition"},
        {"object_id": "b", "nb_pages": 2},
        {"object_id": "c", "extra_info": "100 % cotton"},
    )
    assert {item["object_id"] for item in await api.get_all(VOLUMES, **parameters, limit=1)} == expected


async def test_filter_by_ids_in_either_spelling(api: Api) -> None:
    volumes = await fill(api, {}, {}, {})
    ids = [volume["volume_id"] for volume in volumes[:2]]
    for parameter in (",".join(ids), ids):
        assert [item["volume_id"] for item in await api.get_all(VOLUMES, ids=parameter)] == ids


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"sort": "extra_info"},
        {"has": "version"},
        {"ids": "1"},
        {"ids": ",".join(str(uuid.uuid4()) for _ in range(501))},
        {"q": "\0"},
        {"updated_since": "2000-01-01T00:00:00"},
        {"updated_since": "0001-01-01T00:00:00+14:00"},
        {"page": "2"},
    ],
)
async def test_questions_that_are_refused(api: Api, parameters: Mapping[str, str]) -> None:
    answer = await api.client.get(VOLUMES, params=parameters, headers=api.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_updated_since_takes_a_time_as_it_was_given(api: Api) -> None:
    first, second = await api.put(), await api.put()
    listed = await api.get(VOLUMES, updated_since=second["updated_at"])
    assert [item["volume_id"] for item in listed["items"]] == [second["volume_id"]]
    assert datetime.fromisoformat(first["updated_at"]) < datetime.fromisoformat(second["updated_at"])
