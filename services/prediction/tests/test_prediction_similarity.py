"""What is similar: nearest by text and facts, once a series, cut at a threshold that is told, nothing hidden shown."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, NoReturn
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import RowMapping, select, text

from booksync_api_prediction.index import NAME, Indexing, find_state, measure_recall
from booksync_api_prediction.languages import choose_language
from booksync_api_prediction.similarity import repository
from booksync_api_prediction.similarity.fusion import Facts, compare, fuse, merge
from booksync_api_prediction.similarity.repository import SEARCH, Filter, Mean, find_nearest
from booksync_api_prediction.tables import EMBEDDINGS
from booksync_common.problems import unavailable
from booksync_prediction_testing.encoder import make_vector
from booksync_prediction_testing.service import V1, House, open_house
from booksync_service_testing.server import execute
from booksync_service_testing.serving import wait_for

SEA = "une mer, un phare, une tempête, des marins"


class Library:
    """A small library, with the ids of its series."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.series = {name: uuid4() for name in ("phare", "marins", "cuisine", "adulte", "longue")}
        self.kind, self.type, self.publisher = (uuid4() for _ in range(3))

    async def fill(self) -> None:
        """Store it."""
        facts: dict[str, dict[str, Any]] = {
            "phare": {"title": "Le Phare", "synopsis": SEA, "kinds": ["Drame", "Seinen"], "authors": ["Morin"]},
            "marins": {"title": "Les Marins", "synopsis": SEA, "kinds": ["drame", "Seinen"], "authors": ["A. Autre"]},
            "cuisine": {"title": "Ma cuisine", "synopsis": "des recettes, du riz, un four"},
            "adulte": {"title": "Le Phare interdit", "synopsis": SEA, "kinds": ["Drame"], "adult": True},
        }
        facts["cuisine"]["kinds"] = [{"id": str(self.kind), "name": "Cuisine"}]
        facts["marins"]["type"] = {"id": str(self.type), "name": "Manga"}
        for name, values in facts.items():
            await self.house.put("series", self.series[name], **{"type": "Manga", **values})
        await self.house.put_all(
            [
                {
                    "kind": "volume",
                    "id": str(uuid4()),
                    "series_id": str(self.series["longue"]),
                    "number": number,
                    "title": "La Longue Mer",
                    "synopsis": f"{SEA} {number}",
                    "publisher": {"id": str(self.publisher), "name": "Quai"},
                }
                for number in range(1, 251)
            ]
        )

    async def ask(self, name: str, headers: dict[str, str] | None = None, **query: Any) -> dict[str, Any]:
        """Ask what is similar to a series."""
        answer = await self.house.client.get(
            f"{V1}/similar/series/{self.series[name]}", params=query, headers=headers or self.house.sign_in()
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest_asyncio.fixture(scope="module")
async def library() -> AsyncIterator[Library]:
    """Run one service with a library for this file."""
    async with open_house() as house:
        filled = Library(house)
        await filled.fill()
        yield filled


def ids(answer: dict[str, Any], key: str = "items") -> list[UUID]:
    """Return the series of an answer."""
    return [UUID(item["series_id"]) for item in answer[key]]


async def test_series_come_once_and_the_most_similar_first(library: Library) -> None:
    answer = await library.ask("phare", min_similarity=0)
    # 250 volumes of one series are nearer than what comes after them
    assert ids(answer) == [library.series[name] for name in ("marins", "longue", "cuisine")]
    scores = [item["similarity"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)


async def test_answer_says_threshold_and_what_fell_below(library: Library) -> None:
    answer = await library.ask("phare")
    assert (answer["threshold_applied"], answer["considered"]) == (0.7, 3)
    assert answer["below_threshold"] == 3 - len(answer["items"])
    assert answer["best_similarity"] == answer["items"][0]["similarity"] >= 0.7
    assert answer["model"] == "all-MiniLM-L6-v2"


async def test_nothing_similar_is_said_with_what_came_closest(library: Library) -> None:
    answer = await library.ask("cuisine", min_similarity=0.99)
    assert (answer["items"], answer["notice"]) == ([], "none_similar")
    assert len(answer["nearest"]) == 3
    assert answer["below_threshold"] == answer["considered"] == 3


async def test_reasons_are_facts_in_the_language_that_is_asked_for(library: Library) -> None:
    french = (await library.ask("phare"))["items"][0]["reasons"]
    assert french[0] == {"code": "kinds", "text": "mêmes genres : Drame, Seinen", "values": ["Drame", "Seinen"]}
    assert {reason["code"] for reason in french} == {"kinds", "type", "text"}
    english = await library.ask("phare", headers=library.house.sign_in() | {"Accept-Language": "en-GB, fr;q=0.5"})
    assert english["items"][0]["reasons"][0]["text"] == "same kinds: Drame, Seinen"


async def test_adult_series_are_not_shown_and_not_counted(library: Library) -> None:
    adult = library.house.sign_in(certify_adult=True)
    assert library.series["adulte"] not in ids(await library.ask("phare", min_similarity=0))
    shown = await library.ask("phare", headers=adult, min_similarity=0)
    assert library.series["adulte"] in ids(shown)
    assert shown["considered"] == 4
    assert (await library.ask("phare", headers=adult, adult="false"))["considered"] == 3
    hidden = f"{V1}/similar/series/{library.series['adulte']}"
    answer = await library.house.client.get(hidden, headers=library.house.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (404, "not_embedded")
    body = {"text": SEA, "min_similarity": 0}
    text = await library.house.client.post(f"{V1}/similar", json=body, headers=library.house.sign_in())
    assert library.series["adulte"] not in ids(text.json())
    search = await library.house.client.post(
        f"{V1}/embeddings/search", json={"text": SEA, "kind": "series"}, headers=library.house.sign_in()
    )
    assert str(library.series["adulte"]) not in search.text


@pytest.mark.parametrize("name", ["kinds", "types", "publisher"])
async def test_nul_in_a_name_is_left_out(library: Library, name: str) -> None:
    value = {"kinds": "Cuisine", "types": "Manga", "publisher": "Quai"}[name]
    for sent, is_found in ((f"\0{value}", True), ("\0", False)):
        query: dict[str, Any] = {"min_similarity": 0, name: sent}
        assert bool((await library.ask("phare", **query))["items"]) == is_found


async def test_filters(library: Library) -> None:
    assert ids(await library.ask("phare", min_similarity=0, kinds="CUISINE")) == [library.series["cuisine"]]
    assert ids(await library.ask("phare", min_similarity=0, publisher="quai")) == [library.series["longue"]]
    assert set(ids(await library.ask("phare", min_similarity=0, types="manga"))) == {
        library.series["marins"],
        library.series["cuisine"],
    }
    assert (await library.ask("phare", kinds="Inconnu"))["notice"] == "no_embeddings"
    by_ids: list[tuple[dict[str, Any], str]] = [
        ({"kinds": library.kind}, "cuisine"),
        ({"types": library.type}, "marins"),
        ({"publisher": library.publisher}, "longue"),
    ]
    for query, name in by_ids:
        assert ids(await library.ask("phare", min_similarity=0, **query)) == [library.series[name]]


async def test_volumes_own_series_is_left_out_when_asked_to(library: Library) -> None:
    user = library.house.sign_in()
    query = f"series_id={library.series['longue']}&limit=1"
    (volume,) = (await library.house.client.get(f"{V1}/embeddings?{query}", headers=user)).json()["items"]
    address = f"{V1}/similar/volume/{volume['id']}?min_similarity=0"
    with_own = (await library.house.client.get(address, headers=user)).json()
    without = (await library.house.client.get(f"{address}&exclude_same_series=true", headers=user)).json()
    assert library.series["longue"] in ids(with_own)
    assert volume["id"] not in [item["id"] for item in with_own["items"]]
    assert library.series["longue"] not in ids(without)


async def test_series_without_a_row_is_its_volumes(library: Library) -> None:
    answer = await library.ask("longue", min_similarity=0)
    assert library.series["longue"] not in ids(answer)
    assert len(answer["items"]) == 3


async def test_several_items_and_those_that_are_unknown(library: Library) -> None:
    nobody = str(uuid4())
    items = [{"kind": "series", "id": str(library.series[name])} for name in ("phare", "marins")]
    body = {"items": [*items, {"kind": "volume", "id": nobody}], "min_similarity": 0}
    answer = (await library.house.client.post(f"{V1}/similar", json=body, headers=library.house.sign_in())).json()
    assert answer["unknown"] == [{"kind": "volume", "id": nobody}]
    assert not {library.series["phare"], library.series["marins"]} & set(ids(answer))
    assert ids(answer)[0] == library.series["longue"]


async def test_what_is_deleted_meanwhile_is_not_embedded(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = await library.house.put("series", title="Le Phare", synopsis=SEA)
    find = repository.find_seeds

    async def find_early(*arguments: Any, **values: Any) -> Sequence[RowMapping]:
        rows = await find(*arguments, **values)
        await execute(library.house.url, f"DELETE FROM prediction.embeddings WHERE item_id = '{gone}'")
        return rows

    monkeypatch.setattr(repository, "find_seeds", find_early)
    answer = await library.house.client.get(f"{V1}/similar/series/{gone}", headers=library.house.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (404, "not_embedded")


async def test_wrong_questions_are_refused(library: Library) -> None:
    user = library.house.sign_in()
    questions: list[tuple[str, dict[str, Any], str]] = [
        ("similar", {}, "validation_failed"),
        ("similar", {"text": "a", "items": [{"kind": "series", "id": str(uuid4())}]}, "validation_failed"),
        ("similar", {"text": "<p></p>"}, "empty_text"),
        ("similar", {"text": "a", "min_similarity": 2}, "validation_failed"),
        ("embeddings/search", {"vector": [1.0]}, "wrong_dimension"),
        ("embeddings/search", {"vector": [0.0] * 384}, "no_direction"),
        ("embeddings/search", {"vector": [1e300] * 384}, "no_direction"),
    ]
    for path, body, code in questions:
        answer = await library.house.client.post(f"{V1}/{path}", json=body, headers=user)
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text


async def test_search_by_a_vector_is_by_the_cosine_alone(library: Library) -> None:
    body = {"vector": make_vector("des recettes du riz un four"), "limit": 3, "min_cosine": 0.7}
    answer = await library.house.client.post(f"{V1}/embeddings/search", json=body, headers=library.house.sign_in())
    (hit,) = answer.json()["items"]
    assert hit["id"] == str(library.series["cuisine"])
    assert 0.7 <= hit["cosine"] < 1


async def test_empty_library_is_said() -> None:
    async with open_house() as house:
        answer = await house.client.post(f"{V1}/similar", json={"text": "la mer"}, headers=house.sign_in())
        assert answer.json()["notice"] == "no_embeddings"
        assert answer.json()["best_similarity"] is None


async def test_vectors_of_another_model_are_never_compared() -> None:
    async with open_house() as house:
        item_id = await house.put("series", title="Phare", synopsis=SEA)
        await house.put("series", title="Marins", synopsis=SEA)
        await execute(house.url, f"UPDATE prediction.embeddings SET model = 'other' WHERE item_id <> '{item_id}'")
        answer = await house.client.get(f"{V1}/similar/series/{item_id}?min_similarity=0", headers=house.sign_in())
        assert answer.json()["notice"] == "no_embeddings"
        await execute(house.url, "UPDATE prediction.embeddings SET model = 'other'")
        answer = await house.client.get(f"{V1}/similar/series/{item_id}", headers=house.sign_in())
        assert answer.json()["code"] == "not_embedded"


async def test_index_is_made_by_a_job_when_there_are_rows_enough_and_finds_the_same() -> None:
    async with open_house(hnsw_min_rows=300) as house:
        filled = Library(house)
        await filled.fill()
        database = house.serving.app.state.database
        assert await house.count("jobs") == 0
        before = await filled.ask("phare", min_similarity=0)
        await house.put_all([{"kind": "series", "id": str(uuid4()), "title": f"Autre {n}"} for n in range(60)])

        async def is_made() -> bool:
            async with database.reader() as connection:
                return await find_state(connection) == "hnsw"

        # the service's own has looked at the empty table a moment ago
        indexing = Indexing(house.settings, house.serving.app.state.parts["jobs"], interval=0.1)
        task = asyncio.create_task(indexing.attend(database))
        await wait_for(is_made)
        task.cancel()
        assert await house.count("jobs", "kind = 'index'") == 1
        async with database.session() as session:
            recall = await measure_recall(session, "all-MiniLM-L6-v2", adult=True)
        assert recall is not None
        assert recall.value >= 0.95
        after = await filled.ask("phare", min_similarity=0)
        assert ids(after)[:2] == ids(before)[:2]


async def test_index_is_walked_past_all_that_a_filter_refuses() -> None:
    async with open_house() as house:
        seed = await house.put("series", title="Phare", synopsis=SEA)
        hidden = [
            {"kind": "series", "id": str(uuid4()), "title": f"Phare {n}", "synopsis": SEA, "adult": True}
            for n in range(2 * int(SEARCH["hnsw.ef_search"]))
        ]
        shown = [{"kind": "series", "id": str(uuid4()), "title": "Ma cuisine", "synopsis": "du riz"} for _ in range(3)]
        await house.put_all(hidden + shown)
        database = house.serving.app.state.database
        job = await house.serving.app.state.parts["jobs"].enqueue(database, "index")
        assert (await house.wait_for_job(f"{V1}/jobs/{job['id']}"))["status"] == "done"
        async with database.session() as session:
            # the one index that needs no sorting
            await session.execute(text("SET LOCAL enable_sort = off"))
            query = Mean([await session.scalar(select(EMBEDDINGS.c.id).where(EMBEDDINGS.c.item_id == seed))])
            found = await find_nearest(session, query, Filter("all-MiniLM-L6-v2", adult=False), 4)
        assert {str(row["item_id"]) for row in found} == {str(seed), *(item["id"] for item in shown)}


async def test_database_that_is_away_for_a_while_is_looked_at_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = library.house.serving.app.state.database
    questions = 0

    def refuse() -> NoReturn:
        nonlocal questions
        questions += 1
        raise unavailable("database_unavailable", "Not now.")

    monkeypatch.setattr(database, "reader", refuse)
    indexing = Indexing(library.house.settings, library.house.serving.app.state.parts["jobs"], interval=0)
    task = asyncio.create_task(indexing.attend(database))
    await wait_for(lambda: questions > 1 or task.done())
    assert not task.done()
    task.cancel()


async def test_half_made_index_is_made_again() -> None:
    async with open_house() as house:
        await house.put("series", title="Phare")
        database = house.serving.app.state.database
        await execute(
            house.url,
            f"CREATE INDEX {NAME} ON prediction.embeddings USING hnsw (embedding halfvec_cosine_ops)",
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'prediction.{NAME}'::regclass",
        )
        async with database.reader() as connection:
            assert await find_state(connection) == "broken"
        job = await house.serving.app.state.parts["jobs"].enqueue(database, "index")
        assert (await house.wait_for_job(f"{V1}/jobs/{job['id']}"))["status"] == "done"
        async with database.reader() as connection:
            assert await find_state(connection) == "hnsw"


NAMES = st.lists(st.sampled_from(["Drame", "drame", "Seinen", "Comédie", "Sport"]), max_size=4)
FACTS = st.builds(Facts, NAMES, NAMES, st.sampled_from(["Manga", "BD", None]))
COSINE = st.floats(-1, 1)


@given(COSINE, FACTS, FACTS)
def test_similarity_is_from_0_to_1_and_the_same_both_ways(cosine: float, one: Facts, other: Facts) -> None:
    similarity = fuse(cosine, compare(one, other))
    assert 0 <= similarity <= 1
    assert similarity == fuse(cosine, compare(other, one))


@given(COSINE, COSINE, FACTS, FACTS)
def test_closer_texts_are_never_less_similar(cosine: float, other_cosine: float, one: Facts, other: Facts) -> None:
    low, high = sorted((cosine, other_cosine))
    overlap = compare(one, other)
    assert fuse(low, overlap) <= fuse(high, overlap)


@given(FACTS)
def test_equal_facts_never_lower_the_similarity_of_equal_texts(facts: Facts) -> None:
    assert fuse(1, compare(facts, facts)) == pytest.approx(1)


@given(st.lists(FACTS, min_size=1, max_size=5), FACTS)
def test_shared_names_are_on_both_sides(seeds: list[Facts], other: Facts) -> None:
    merged = merge(seeds)
    overlap = compare(merged, other)
    known = {name for facts in seeds for name in facts.kinds}
    assert set(overlap.shared_kinds) <= known


def test_what_is_unknown_is_left_out() -> None:
    known = Facts(["Drame"], ["Morin"], "Manga")
    assert fuse(0.5, compare(known, Facts())) == pytest.approx(0.5)
    assert compare(known, replace(known, kinds=[])).kinds is None


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "fr"),
        ("", "fr"),
        ("en", "en"),
        ("en-US,en;q=0.9,fr;q=0.8", "en"),
        ("de, en;q=0.2, fr;q=0.7", "fr"),
        ("en;q=0", "fr"),
        ("en;q=nan", "fr"),
        ("en;q=9", "fr"),
        ("*", "fr"),
        (";;,,=", "fr"),
    ],
)
def test_language(header: str | None, language: str) -> None:
    assert choose_language(header) == language


@given(st.text(max_size=50))
def test_any_header_is_understood_somehow(header: str) -> None:
    assert choose_language(header) in {"fr", "en"}
