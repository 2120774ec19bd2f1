"""What is for adults, itself or by its series, is in no answer and no count of those who may not see it."""

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select

from booksync_api_prediction.embeddings.repository import is_for
from booksync_api_prediction.tables import EMBEDDINGS
from booksync_prediction_testing.service import V1, House, open_house
from booksync_service_testing.server import execute

SEA: dict[str, Any] = {"synopsis": "une mer, un phare, une tempête, des marins", "kinds": ["Drame"]}


@pytest_asyncio.fixture(scope="module")
async def house() -> AsyncIterator[House]:
    """Run one service for this file."""
    async with open_house() as running:
        yield running


class Work:
    """A series for adults with a volume that does not say so, and one for all beside it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.series, self.volume, self.harmless = uuid4(), uuid4(), uuid4()

    async def fill(self, *, volume_first: bool = False) -> None:
        """Store them."""
        steps = [self.put_series, self.put_volume]
        for step in reversed(steps) if volume_first else steps:
            await step()
        await self.house.put("series", self.harmless, title="Les Marins", **SEA)

    async def put_series(self, *, adult: bool = True) -> None:
        """Store the series."""
        await self.house.put("series", self.series, title="Interdite", adult=adult, **SEA)

    async def put_volume(self, *, adult: bool = False) -> None:
        """Store the volume."""
        facts = {"title": "Interdite", "series_id": str(self.series), "number": 1}
        await self.house.put("volume", self.volume, adult=adult, **facts, **SEA)

    async def change_model(self) -> None:
        """Let all that is stored be another model's, as after a change of EMBEDDING_MODEL."""
        await execute(self.house.url, "UPDATE prediction.embeddings SET model = 'older'")

    async def is_shown(self, headers: dict[str, str]) -> bool:
        """Tell whether the volume is, where all answers agree."""
        shown = set()
        for method, address, body in (
            ("GET", f"/embeddings/volume/{self.volume}", None),
            ("GET", f"/embeddings?series_id={self.series}&kind=volume", None),
            ("GET", f"/similar/series/{self.harmless}?min_similarity=0&limit=50", None),
            ("POST", "/embeddings/search", {"text": SEA["synopsis"], "kind": "volume", "limit": 100}),
        ):
            answer = await self.house.client.request(method, f"{V1}{address}", json=body, headers=headers)
            shown.add(str(self.series) in answer.text or '"Interdite"' in answer.text)
        (is_shown,) = shown
        return is_shown


@pytest_asyncio.fixture
async def work(house: House) -> Work:
    """Store a work of a test's own."""
    await execute(house.url, "DELETE FROM prediction.embeddings")
    return Work(house)


async def test_planner_knows_that_most_is_for_all(work: Work) -> None:
    """Otherwise it walks no index where that pays."""
    await work.fill()
    others = [{"kind": "series", "id": str(uuid4()), "title": f"Les Marins {number}", **SEA} for number in range(40)]
    await work.house.put_all(others)
    await execute(work.house.url, "ANALYZE prediction.embeddings")
    statement = select(EMBEDDINGS.c.id).where(is_for(adult=False))
    query = statement.compile(dialect=work.house.url.get_dialect()(), compile_kwargs={"literal_binds": True})
    plan = str(await execute(work.house.url, f"EXPLAIN {query}"))
    estimate = re.search(r"rows=(\d+)", plan)
    assert estimate is not None, plan
    assert 38 <= int(estimate[1]) <= 43


@pytest.mark.parametrize("volume_first", [False, True])
async def test_flag_of_a_series_covers_its_volumes(work: Work, volume_first: bool) -> None:
    await work.fill(volume_first=volume_first)
    assert not await work.is_shown(work.house.sign_in())
    assert await work.is_shown(work.house.sign_in(certify_adult=True))


async def test_volume_is_shown_again_when_its_series_turns_out_to_be_for_all(work: Work) -> None:
    await work.fill()
    await work.put_series(adult=False)
    assert await work.is_shown(work.house.sign_in())


async def test_flag_of_a_volume_outlasts_that_of_its_series(work: Work) -> None:
    await work.fill()
    await work.put_volume(adult=True)
    await work.put_series(adult=False)
    address = f"{V1}/embeddings/volume/{work.volume}"
    assert (await work.house.client.get(address, headers=work.house.sign_in())).status_code == 404


async def test_covered_volumes_are_not_counted(work: Work) -> None:
    await work.fill()
    for headers, expected in ((work.house.sign_in(), 0), (work.house.sign_in(certify_adult=True), 1)):
        figures = (await work.house.client.get(f"{V1}/embeddings/stats", headers=headers)).json()
        assert sum(row["rows"] for row in figures["rows"] if row["kind"] == "volume") == expected


async def test_covered_volume_is_no_reason_to_recommend(work: Work) -> None:
    await work.fill()
    body = {"read": [str(work.volume)]}
    for headers, expected in (
        (work.house.sign_in(), ("no_taste", None, 1)),
        (work.house.sign_in(certify_adult=True), (None, "Interdite", 0)),
    ):
        answer = (await work.house.client.post(f"{V1}/recommendations", json=body, headers=headers)).json()
        (item,) = answer["items"]
        assert (answer["notice"], item["because_of"], answer["unknown"]) == expected


async def predict(house: House, headers: dict[str, str], pile: list[UUID], **body: Any) -> dict[str, Any]:
    """Ask what to read."""
    body |= {"pile": [str(key) for key in pile]}
    answer = await house.client.post("/predict", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("adult", [False, True])
async def test_reason_names_nothing_for_adults_as_others_may_read_it_later(work: Work, *, adult: bool) -> None:
    await work.fill()
    pile = [await work.house.put("volume", title="Les Marins", series_id=str(work.harmless), number=1, **SEA)]
    await work.put_series(adult=adult)
    made = await predict(work.house, work.house.sign_in(certify_adult=True), pile, read=[str(work.volume)])
    assert ("Proche de « Interdite »" in made["reasoning"]) is not adult


async def test_what_is_for_adults_is_unknown_like_what_is_not_there(work: Work) -> None:
    await work.fill()
    pile = [work.volume, uuid4()]
    assert (await predict(work.house, work.house.sign_in(), pile))["unknown"] == 2
    assert (await predict(work.house, work.house.sign_in(certify_adult=True), pile))["unknown"] == 1


async def test_series_that_a_request_names_hides_no_flag_of_the_one_that_is_known(work: Work) -> None:
    await work.fill()
    body = {"pile": [{"id": str(work.volume), "series_id": str(uuid4()), "number": 1}]}
    answer = await work.house.client.post("/predict", json=body, headers=work.house.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (404, "empty_pile")
    answer = await work.house.client.post("/predict", json=body, headers=work.house.sign_in(certify_adult=True))
    assert answer.json()["suggested_volume_id"] == str(work.volume)


async def test_history_leaves_out_what_turns_out_to_be_for_adults(work: Work) -> None:
    await work.fill()
    await work.put_series(adult=False)
    user = work.house.sign_in()
    made = await predict(work.house, user, [work.volume])
    address = f"/predictions/{work.house.user_id(user)}"

    async def list_ids(headers: dict[str, str]) -> list[str]:
        page = await work.house.client.get(address, headers=headers)
        return [item["id"] for item in page.json()["items"]]

    assert await list_ids(user) == [made["prediction_id"]]
    await work.put_series()
    assert await list_ids(user) == []
    assert await list_ids(work.house.sign_in(role="admin", certify_adult=True)) == [made["prediction_id"]]


async def test_history_leaves_out_what_only_another_models_rows_say_is_for_adults(work: Work) -> None:
    await work.fill()
    await work.put_series(adult=False)
    user = work.house.sign_in()
    await predict(work.house, user, [work.volume])
    await work.put_series()
    await work.change_model()
    address = f"/predictions/{work.house.user_id(user)}"
    assert (await work.house.client.get(address, headers=user)).json()["items"] == []


async def test_what_another_model_knows_to_be_for_adults_is_in_no_prediction(work: Work) -> None:
    await work.fill()
    alone = await work.house.put("volume", title="Seule", adult=True, **SEA)
    await work.change_model()
    bodies: list[list[Any]] = [
        [str(work.volume)],
        [str(alone)],
        [{"id": str(uuid4()), "series_id": str(work.series), "number": 2, "title": "Interdite"}],
    ]
    for pile in bodies:
        for headers, status in ((work.house.sign_in(), 404), (work.house.sign_in(certify_adult=True), 200)):
            answer = await work.house.client.post("/predict", json={"pile": pile}, headers=headers)
            assert answer.status_code == status, answer.text


async def test_series_that_another_model_knows_to_be_for_adults_covers_volumes_of_this_one(work: Work) -> None:
    await work.fill()
    await work.change_model()
    await work.put_volume()
    await work.house.put("series", work.harmless, title="Les Marins", **SEA)
    child = work.house.sign_in()
    assert not await work.is_shown(child)
    assert await work.is_shown(work.house.sign_in(certify_adult=True))
    answer = await work.house.client.post(f"{V1}/predict", json={"pile": [str(work.volume)]}, headers=child)
    assert (answer.status_code, answer.json()["code"]) == (404, "empty_pile")
    body = {"read": [str(work.volume)]}
    answer = await work.house.client.post(f"{V1}/recommendations", json=body, headers=child)
    assert (answer.json()["notice"], answer.json()["unknown"]) == ("no_taste", 1)


async def test_what_turns_out_to_be_for_all_is_so_for_every_model(work: Work) -> None:
    await work.fill()
    await work.put_volume(adult=True)
    await work.change_model()
    times = f"SELECT updated_at FROM prediction.embeddings WHERE item_id = '{work.series}' AND model = 'older'"
    before = await execute(work.house.url, times)
    await work.put_series(adult=False)
    await work.put_volume()
    await work.house.put("series", work.harmless, title="Les Marins", **SEA)
    assert await work.is_shown(work.house.sign_in())
    assert (await predict(work.house, work.house.sign_in(), [work.volume]))["number"] == 1
    # when its text was written, which a reindex goes by
    assert await execute(work.house.url, times) == before


async def test_export_keeps_what_turns_out_to_be_for_adults_without_its_name(work: Work) -> None:
    await work.fill()
    await work.put_series(adult=False)
    user = work.house.sign_in()
    await predict(work.house, user, [work.volume])

    async def export() -> dict[str, Any]:
        (entry,) = (await work.house.client.get("/api/v1/me/export", headers=user)).json()["recommendations"]
        kept: dict[str, Any] = entry
        return kept

    before = await export()
    assert before["title"]
    assert before["reasoning"]
    await work.put_series()
    assert await export() == {**before, "title": None, "reasoning": None}


async def test_feedback_shows_nothing_that_the_history_leaves_out(work: Work) -> None:
    await work.fill()
    await work.put_series(adult=False)
    user = work.house.sign_in()
    made = await predict(work.house, user, [work.volume])
    await work.put_series()
    address = f"/predictions/{made['prediction_id']}/feedback"
    answer = await work.house.client.patch(address, json={"status": "read"}, headers=user)
    assert (answer.status_code, answer.json()["code"]) == (404, "prediction_not_found")
    grown = work.house.sign_in(certify_adult=True, user_id=work.house.user_id(user))
    answer = await work.house.client.patch(address, json={"rating": 1}, headers=grown)
    assert (answer.status_code, answer.json()["status"]) == (200, "suggested")
