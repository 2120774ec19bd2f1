"""Recommendations: new to the user, close to what was read, different from each other, and dismissed for good."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import RowMapping, select

from booksync_api_prediction.recommendations import recommending, repository
from booksync_api_prediction.recommendations.diversity import diversify
from booksync_api_prediction.similarity.finding import find_nearest_series
from booksync_api_prediction.tables import RECOMMENDATIONS
from booksync_prediction_testing.mangacollec import FakeCollection, run_fake_mangacollec
from booksync_prediction_testing.service import V1, House, open_house
from booksync_service_testing.server import execute
from booksync_service_testing.serving import wait_for

COUNT_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

ADDRESS = f"{V1}/recommendations"

THEMES: dict[str, dict[str, Any]] = {
    "mer": {"kinds": ["Aventure"], "synopsis": "une mer, un phare, une tempête, des marins"},
    "amour": {"kinds": ["Romance"], "synopsis": "un lycée, un secret, un premier amour, des lettres"},
    "match": {"kinds": ["Sport"], "synopsis": "un ballon, une équipe, un entraîneur, un tournoi"},
}


class Library:
    """Four series of each theme."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.series = {theme: [uuid4() for _ in range(4)] for theme in THEMES}
        self.adult = uuid4()

    async def fill(self) -> None:
        """Store them."""
        for theme, ids in self.series.items():
            for number, key in enumerate(ids):
                await self.house.put("series", key, title=f"{theme.title()} {number}", **THEMES[theme])
        await self.house.put("series", self.adult, title="Mer interdite", adult=True, **THEMES["mer"])

    async def ask(self, headers: dict[str, str], **body: Any) -> dict[str, Any]:
        """Ask for recommendations."""
        answer = await self.house.client.post(ADDRESS, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest_asyncio.fixture(scope="module")
async def library() -> AsyncIterator[Library]:
    """Run one service with a library for this file."""
    async with open_house() as house:
        filled = Library(house)
        await filled.fill()
        yield filled


def ids(answer: dict[str, Any]) -> list[UUID]:
    """Return the series of an answer."""
    return [UUID(item["series_id"]) for item in answer["items"]]


async def test_closest_to_what_was_read_comes_first_and_nothing_that_is_owned(library: Library) -> None:
    read, owned = library.series["mer"][0], library.series["mer"][1]
    answer = await library.ask(library.house.sign_in(), read=[str(read)], owned=[str(owned)], limit=3, diversity=0)
    assert set(ids(answer)[:2]) == set(library.series["mer"][2:])
    first = answer["items"][0]
    assert first["because_of"] == "Mer 0"
    assert first["reasoning"].startswith("Parce que vous avez lu « Mer 0 » : même genre : Aventure")
    assert (first["is_close"], answer["notice"], answer["source"]) == (True, None, "request")
    assert answer["best_similarity"] == max(item["similarity"] for item in answer["items"])
    assert answer["considered"] == 10
    assert 0 < answer["below_threshold"] < 10


async def test_two_tastes_are_both_served(library: Library) -> None:
    read = [str(library.series[theme][0]) for theme in ("mer", "match")]
    answer = await library.ask(library.house.sign_in(), read=read, limit=2, diversity=0.5)
    themes = [next(theme for theme, keys in library.series.items() if key in keys) for key in ids(answer)]
    assert set(themes) == {"mer", "match"}


async def test_recommendation_keeps_its_id_until_it_is_dismissed(library: Library) -> None:
    user = library.house.sign_in()
    body = {"read": [str(library.series["amour"][0])], "limit": 1}
    first, again = await library.ask(user, **body), await library.ask(user, **body)
    key = first["items"][0]["id"]
    assert again["items"][0]["id"] == key
    other = await library.house.client.delete(f"{ADDRESS}/{key}", headers=library.house.sign_in())
    assert (other.status_code, other.json()["code"]) == (404, "recommendation_not_found")
    assert (await library.house.client.delete(f"{ADDRESS}/{key}", headers=user)).status_code == 204
    assert first["items"][0]["series_id"] not in str(await library.ask(user, **body | {"limit": 50}))


async def test_adult_series_are_for_those_who_may_see_them(library: Library) -> None:
    body = {"read": [str(library.series["mer"][0])], "limit": 50}
    assert library.adult not in ids(await library.ask(library.house.sign_in(), **body))
    assert library.adult in ids(await library.ask(library.house.sign_in(certify_adult=True), **body))
    # nor is it told by what it resembles
    hidden = await library.ask(library.house.sign_in(), read=[str(library.adult)])
    assert hidden["notice"] == "no_taste"
    assert "interdite" not in str(hidden)


async def test_nul_in_a_name_is_left_out(library: Library) -> None:
    answer = await library.ask(library.house.sign_in(), kinds=["spo\0rt"], limit=50)
    assert set(ids(answer)) == set(library.series["match"])


async def test_least_similarity_and_kinds_are_filters(library: Library) -> None:
    body = {"read": [str(library.series["mer"][0])], "limit": 50}
    close = await library.ask(library.house.sign_in(), min_similarity=0.8, **body)
    assert set(ids(close)) == set(library.series["mer"][1:])
    assert close["threshold_applied"] == 0.8
    sport = await library.ask(library.house.sign_in(), kinds=["sport"], **body)
    assert set(ids(sport)) == set(library.series["match"])


async def test_nothing_known_of_the_user_is_said_and_answered(library: Library) -> None:
    answer = (await library.house.client.get(ADDRESS, headers=library.house.sign_in())).json()
    assert (answer["notice"], answer["source"], answer["best_similarity"]) == ("no_taste", "history", None)
    assert len(answer["items"]) == 10
    nobody = await library.ask(library.house.sign_in(), read=[str(uuid4())], owned=[str(uuid4())])
    assert (nobody["notice"], nobody["unknown"]) == ("no_taste", 2)


async def test_history_is_a_taste(library: Library) -> None:
    user = library.house.sign_in()
    body = {
        "pile": [str(await library.house.put("volume", series_id=str(library.series["match"][0]), number=1, title="V"))]
    }
    made = (await library.house.client.post("/predict", json=body, headers=user)).json()
    feedback = f"{V1}/predictions/{made['prediction_id']}/feedback"
    await library.house.client.patch(feedback, json={"status": "read"}, headers=user)
    answer = (await library.house.client.get(f"{ADDRESS}?limit=3&diversity=0", headers=user)).json()
    assert set(ids(answer)) == set(library.series["match"][1:])


@pytest.mark.parametrize("is_read", [True, False])
async def test_long_series_leaves_room_for_others(is_read: bool) -> None:
    async with open_house() as house:
        library = Library(house)
        await library.fill()
        long = {"title": "Mer sans fin", "series_id": str(uuid4()), **THEMES["mer"]}
        await house.put_all(
            [{"kind": "volume", "id": str(uuid4()), "number": number, **long} for number in range(1, 251)]
        )
        read = [str(library.series["mer"][0])] if is_read else []
        answer = await library.ask(house.sign_in(), read=read, limit=50)
        # all but what was read, and what is for adults
        assert answer["considered"] == len(answer["items"]) == 13 - len(read)


async def test_what_is_deleted_meanwhile_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_house() as house:
        library = Library(house)
        await library.fill()
        read, *others = library.series["mer"]
        compare = repository.compare
        deleted = iter([others[0], others[1]])

        async def compare_late(*arguments: Any) -> Mapping[tuple[UUID, UUID], float]:
            await execute(house.url, f"DELETE FROM prediction.embeddings WHERE item_id = '{next(deleted)}'")
            return await compare(*arguments)

        monkeypatch.setattr(repository, "compare", compare_late)
        answer = await library.ask(house.sign_in(), read=[str(read)], limit=50)
        assert next(deleted, None) is None
        assert answer["considered"] == 10
        assert set(ids(answer)) == {key for keys in library.series.values() for key in keys} - {read, *others[:2]}


async def test_seed_that_is_deleted_meanwhile_has_no_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_house() as house:
        library = Library(house)
        await library.fill()
        (read, *others), (gone, *_) = library.series["mer"], library.series["match"]

        async def find_late(*arguments: Any, **values: Any) -> Sequence[RowMapping]:
            await execute(house.url, f"DELETE FROM prediction.embeddings WHERE item_id = '{gone}'")
            return await find_nearest_series(*arguments, **values)

        monkeypatch.setattr(recommending, "find_nearest_series", find_late)
        answer = await library.ask(house.sign_in(), read=[str(gone), str(read)], limit=3, diversity=0)
        assert set(ids(answer)) == set(others)


async def test_two_requests_that_store_the_same_wait_in_a_line() -> None:
    async with open_house() as house:
        database, user_id = house.serving.app.state.database, uuid4()
        rows = [{"user_id": user_id, "item_id": key} for key in sorted(uuid4() for _ in range(3))]

        async def store(rows: list[dict[str, UUID]]) -> None:
            async with database.session() as session:
                filled = dict.fromkeys(
                    ("series_id", "title", "score", "similarity", "reasoning", "model", "threshold")
                ) | {"request": {}}
                await repository.store(session, [filled | row for row in rows])

        async def are_waiting() -> bool:
            return int(str(await execute(house.url, COUNT_WAITING))) == 2

        await store(rows)
        async with database.session() as session:
            middle = RECOMMENDATIONS.c.item_id == rows[1]["item_id"]
            await session.execute(select(RECOMMENDATIONS.c.id).where(middle).with_for_update())
            storing = [asyncio.create_task(store(some)) for some in (rows, rows[::-1])]
            await wait_for(are_waiting)
        await asyncio.gather(*storing)


async def test_as_many_ids_as_the_document_allows_are_read(library: Library) -> None:
    numbers = [str(UUID(int=number)) for number in range(40_000)]
    answer = await library.ask(library.house.sign_in(), owned=numbers[:20_000], read=numbers[20_000:])
    assert answer["unknown"] == 40_000


async def test_empty_library_is_said() -> None:
    async with open_house() as house:
        answer = (await house.client.get(ADDRESS, headers=house.sign_in())).json()
        assert (answer["notice"], answer["items"]) == ("no_embeddings", [])


async def test_collection_is_asked_when_there_is_one() -> None:
    async with run_fake_mangacollec() as site, open_house(mangacollec_base_url=site.address) as house:
        library = Library(house)
        await library.fill()
        user = house.sign_in()
        collection = FakeCollection()
        collection.add_series("Amour 0", "Romance", volumes=2, read=1)
        # the series is the library's
        collection.document["series"][0]["id"] = str(library.series["amour"][0])
        collection.document["editions"][0]["series_id"] = str(library.series["amour"][0])
        site.collections["access"] = collection
        house.auth.mangacollec[user["Authorization"].removeprefix("Bearer ")] = "access"
        answer = (await house.client.get(f"{ADDRESS}?limit=3&diversity=0", headers=user)).json()
        assert answer["source"] == "mangacollec"
        assert set(ids(answer)) == set(library.series["amour"][1:])


# no subnormal numbers: half of the smallest is nothing
SCORES = st.lists(st.floats(0, 1, allow_subnormal=False), max_size=8)


def never_alike(_one: int, _other: int) -> float:
    return 0.0


@given(SCORES, st.integers(0, 10), st.just(0.0) | st.floats(0.1, 1))
def test_diversity_picks_each_once(scores: list[float], limit: int, relevance: float) -> None:
    numbers = list(range(len(scores)))
    picked = diversify(
        numbers, score=scores.__getitem__, alike=lambda a, b: abs(a - b) / 8, relevance=relevance, limit=limit
    )
    assert len(picked) == len(set(picked)) == min(limit, len(numbers))
    if picked and relevance:
        assert scores[picked[0]] == max(scores)


@given(SCORES)
def test_without_likeness_the_scores_decide(scores: list[float]) -> None:
    picked = diversify(
        list(range(len(scores))), score=scores.__getitem__, alike=never_alike, relevance=0.5, limit=len(scores)
    )
    assert [scores[number] for number in picked] == sorted(scores, reverse=True)


def test_one_of_a_kind_comes_before_the_second_of_another() -> None:
    kinds, scores = "aab", [0.9, 0.85, 0.6]
    picked = diversify(
        [0, 1, 2],
        score=scores.__getitem__,
        alike=lambda one, other: float(kinds[one] == kinds[other]),
        relevance=0.6,
        limit=2,
    )
    assert picked == [0, 2]
