"""Embeddings: written by machines, encoded only when their text is new, shown to those who may see them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from pydantic import TypeAdapter

from booksync_api_prediction.embeddings.routes import DIRECT_ITEMS
from booksync_common.cursors import build_cursor
from booksync_prediction_testing.encoder import ROUNDING, make_vector
from booksync_prediction_testing.service import V1, House, open_house

ITEM: dict[str, Any] = {
    "title": "Le Phare",
    "kinds": ["Drame", "Seinen"],
    "authors": ["A. Morin"],
    "publisher": "Éditions du Quai",
    "synopsis": "<p>Une gardienne de phare &amp; son fr&egrave;re.</p>",
}


@pytest_asyncio.fixture(scope="module")
async def house() -> AsyncIterator[House]:
    """Run one service for this file."""
    async with open_house(similarity_threshold=0.7) as running:
        yield running


def address(kind: str, item_id: UUID) -> str:
    """Return an item's address."""
    return f"{V1}/embeddings/{kind}/{item_id}"


async def test_item_is_stored_with_its_text_as_a_vector(house: House) -> None:
    item_id = await house.put("volume", series_id=str(uuid4()), number=3, **ITEM)
    answer = await house.client.get(f"{address('volume', item_id)}?vector=true", headers=house.sign_in())
    body = answer.json()
    text = "Le Phare\nDrame, Seinen\nA. Morin\nÉditions du Quai\nUne gardienne de phare & son frère."
    assert body["vector"] == pytest.approx(make_vector(text), abs=ROUNDING)
    assert (body["model"], body["dimension"], body["number"]) == ("all-MiniLM-L6-v2", 384, 3)
    assert (body["kinds"], body["publisher"], body["stale"]) == (["Drame", "Seinen"], "Éditions du Quai", False)


async def test_only_a_new_text_is_encoded(house: House) -> None:
    item_id = uuid4()
    known = len(house.encoder.texts)
    statuses = []
    for values in (ITEM, ITEM, ITEM | {"adult": True}, ITEM | {"adult": True, "title": "Le Phare 2"}):
        answer = await house.client.put(address("series", item_id), json=values, headers=house.machine)
        statuses.append(answer.json()["status"])
    assert statuses == ["embedded", "unchanged", "updated", "embedded"]
    assert len(house.encoder.texts) == known + 2
    stored = await house.client.get(address("series", item_id), headers=house.sign_in(certify_adult=True))
    assert (stored.json()["title"], stored.json()["adult"]) == ("Le Phare 2", True)
    assert stored.json()["series_id"] == str(item_id)


async def test_requests_at_the_same_time_share_calls_of_the_model(house: House) -> None:
    known = len(house.encoder.calls)
    house.encoder.seconds = 0.05
    await asyncio.gather(*(house.put("volume", title=f"Ensemble {number}") for number in range(20)))
    house.encoder.seconds = 0
    assert len(house.encoder.calls) - known < 15
    assert max(len(call) for call in house.encoder.calls[known:]) > 1


async def test_bulk_answers_for_each_in_order(house: House) -> None:
    one, other = uuid4(), uuid4()
    items = [
        {"kind": "series", "id": str(one), "title": "Un"},
        {"kind": "volume", "id": str(other), "title": "Deux"},
        {"kind": "series", "id": str(one), "title": "Un, autrement"},
    ]
    answer = await house.client.post(f"{V1}/embeddings/bulk", json={"items": items}, headers=house.machine)
    assert [item["id"] for item in answer.json()["items"]] == [str(one), str(other), str(one)]
    stored = await house.client.get(address("series", one), headers=house.sign_in())
    assert stored.json()["title"] == "Un, autrement"


@pytest.mark.parametrize("count", [1, DIRECT_ITEMS + 1])
async def test_nul_is_left_out(house: House, count: int) -> None:
    title = str(uuid4())
    named = {"name": "\0Dra\0me"}
    facts = {"kinds": [named, "Dra\0me"], "authors": [named], "publisher": named, "type": named, "synopsis": "\0"}
    items = [{"kind": "volume", "id": str(uuid4()), "title": f"{title}\0", **facts} for _ in range(count)]
    answer = await house.client.post(f"{V1}/embeddings/bulk", json={"items": items}, headers=house.machine)
    assert answer.status_code == (200 if count == 1 else 202), answer.text
    if count > 1:
        assert (await house.wait_for_job(answer.headers["location"]))["status"] == "done"
    condition = f"title = '{title}' AND kind_names = '{{Drame}}' AND type_name = 'Drame' AND publisher_name = 'Drame'"
    assert await house.count("embeddings", condition) == count


async def test_half_of_a_character_is_refused(house: House) -> None:
    body = b'{"title": "\\ud83d"}'
    headers = house.machine | {"Content-Type": "application/json"}
    answer = await house.client.put(address("volume", uuid4()), content=body, headers=headers)
    assert answer.status_code == 422


async def test_bulk_is_refused_as_a_whole(house: House) -> None:
    items = [{"kind": "series", "id": str(uuid4()), "title": "Un"}, {"kind": "volume", "id": str(uuid4())}]
    before = await house.count("embeddings")
    answer = await house.client.post(f"{V1}/embeddings/bulk", json={"items": items}, headers=house.machine)
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_text")
    assert items[1]["id"] in answer.json()["detail"]
    assert await house.count("embeddings") == before


async def test_writers_of_the_same_items_do_not_block_each_other(house: House) -> None:
    async def write(*items: dict[str, Any]) -> int:
        bulk = {"items": [{"kind": "volume", **item} for item in items]}
        answer = await house.client.post(f"{V1}/embeddings/bulk", json=bulk, headers=house.machine)
        return answer.status_code

    pairs = [(str(await house.put("volume", title="X")), str(await house.put("volume", title="Y"))) for _ in range(8)]
    # each changes the text of one item and a fact of the other, crosswise
    writers = [
        write({"id": own, "title": f"new {own}"}, {"id": other, "title": title, "number": 1})
        for x, y in pairs
        for own, other, title in ((x, y, "Y"), (y, x, "X"))
    ]
    assert set(await asyncio.gather(*writers)) == {200}


async def test_adult_items_are_for_those_who_may_see_them(house: House) -> None:
    item_id = await house.put("series", title="Pour adultes", adult=True)
    child, adult = house.sign_in(), house.sign_in(certify_adult=True)
    assert (await house.client.get(address("series", item_id), headers=child)).status_code == 404
    assert (await house.client.get(address("series", item_id), headers=adult)).status_code == 200
    for headers, is_listed in ((child, False), (adult, True)):
        page = await house.client.get(f"{V1}/embeddings?series_id={item_id}", headers=headers)
        assert bool(page.json()["items"]) == is_listed


async def test_pages_show_everything_once(house: House) -> None:
    series_id = str(uuid4())
    written = {str(await house.put("volume", title=f"{n}", series_id=series_id)) for n in range(7)}
    user = house.sign_in()
    found: list[str] = []
    cursor = ""
    while True:
        query = f"series_id={series_id}&limit=3{cursor}"
        page = (await house.client.get(f"{V1}/embeddings?{query}", headers=user)).json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(found) == 7
    assert set(found) == written
    other = await house.client.get(f"{V1}/embeddings?series_id={uuid4()}{cursor}", headers=user)
    assert (other.status_code, other.json()["code"]) == (400, "cursor_invalid")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "W10",
        "WyJ2b2x1bWUiLCAieCJd",
        "é",
    ],
)
async def test_foreign_cursor_is_refused(house: House, cursor: str) -> None:
    answer = await house.client.get(f"{V1}/embeddings", params={"cursor": cursor}, headers=house.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


@pytest.mark.parametrize("kind", ["film", "\0"])
async def test_made_up_place_is_refused(house: House, kind: str) -> None:
    question = f"embeddings {house.settings.model_name} None None"
    cursor = build_cursor((kind, UUID(int=1)), TypeAdapter(tuple[str, UUID]), question=question)
    answer = await house.client.get(f"{V1}/embeddings", params={"cursor": cursor}, headers=house.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
    real = build_cursor(("series", UUID(int=1)), TypeAdapter(tuple[str, UUID]), question=question)
    answer = await house.client.get(f"{V1}/embeddings", params={"cursor": real}, headers=house.sign_in())
    assert answer.status_code == 200


async def test_deleted_item_is_gone(house: House) -> None:
    item_id = await house.put("volume", title="Adieu")
    assert (await house.client.delete(address("volume", item_id), headers=house.machine)).status_code == 204
    answer = await house.client.delete(address("volume", item_id), headers=house.machine)
    assert (answer.status_code, answer.json()["code"]) == (404, "embedding_not_found")


async def test_writing_is_for_machines_and_administrators(house: House) -> None:
    item = address("volume", uuid4())
    scoped = {"X-API-Key": house.auth.add_key("embeddings:write")}
    foreign = {"X-API-Key": house.auth.add_key("data:write")}
    expected = [
        ({}, 401),
        (house.sign_in(), 403),
        (foreign, 403),
        (scoped, 200),
        (house.sign_in(role="admin"), 200),
        (house.machine, 200),
    ]
    for headers, status in expected:
        assert (await house.client.put(item, json={"title": "Qui"}, headers=headers)).status_code == status
    assert (await house.client.get(item)).status_code == 401


@pytest.mark.parametrize(
    "values",
    [
        {"title": "x" * 501},
        {"number": -1},
        {"number": 2**31},
        {"kinds": [{"id": "x", "name": "y"}]},
        {"kinds": [""]},
        {"kinds": ["\0"]},
        {"lang": "french, mostly"},
        {"unknown": 1},
    ],
)
async def test_wrong_fields_are_named(house: House, values: dict[str, Any]) -> None:
    answer = await house.client.put(address("volume", uuid4()), json=ITEM | values, headers=house.machine)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"][1] in values


async def test_without_a_model_writing_waits_and_reading_works() -> None:
    async with open_house() as house:
        await house.put("volume", title="Avant")
        model = house.serving.app.state.parts["model"]
        model._encoder = None
        answer = await house.client.put(address("volume", uuid4()), json={"title": "Après"}, headers=house.machine)
        assert (answer.status_code, answer.json()["code"]) == (503, "model_unavailable")
        assert len((await house.client.get(f"{V1}/embeddings", headers=house.sign_in())).json()["items"]) == 1


async def test_zero_vector_is_never_stored() -> None:
    async with open_house() as house:
        house.encoder.encode = lambda texts: [[0.0] * 384 for _ in texts]  # type: ignore[method-assign]
        answer = await house.client.put(address("volume", uuid4()), json={"title": "Rien"}, headers=house.machine)
        assert answer.status_code == 500
        assert await house.count("embeddings") == 0
