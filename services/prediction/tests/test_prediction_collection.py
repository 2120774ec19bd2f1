"""The pile from Mangacollec: fetched with the Auth API's token, kept for minutes, read however dirty it is."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response, StreamingResponse

from booksync_api_prediction.collection import client, ingesting
from booksync_api_prediction.collection.parsing import Collection, parse_collection
from booksync_common.problems import unavailable
from booksync_prediction_testing.mangacollec import FakeCollection, FakeMangacollec, run_fake_mangacollec
from booksync_prediction_testing.service import V1, House, open_house
from booksync_service_testing.server import execute
from booksync_service_testing.serving import PATIENCE, wait_for

FOR_EVER = 3600.0  # s


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[House, FakeMangacollec, dict[str, str], FakeCollection]]:
    """Run the service for somebody with a collection on Mangacollec."""
    async with run_fake_mangacollec() as site, open_house(mangacollec_base_url=site.address) as house:
        user = house.sign_in()
        collection = FakeCollection()
        site.collections["access"] = collection
        house.auth.mangacollec[user["Authorization"].removeprefix("Bearer ")] = "access"
        yield house, site, user, collection


async def ask(house: House, user: dict[str, str], status: int = 200, **body: Any) -> dict[str, Any]:
    """Ask for a prediction without a pile."""
    answer = await house.client.post("/predict", json=body, headers=user)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_next_volume_of_the_collection_is_suggested() -> None:
    async with linked() as (house, _site, user, collection):
        funny = collection.add_series("Les Farceurs", "Comédie", volumes=4, read=2)
        collection.add_series("L'Adieu", "Drame", volumes=2)
        collection.add_series("Interdit", "Comédie", volumes=1, adult=True)
        answer = await ask(house, user, mood="joyeux")
        assert answer["suggested_volume_id"] == str(funny[2])
        assert (answer["title"], answer["number"], answer["pile_source"]) == ("Les Farceurs", 3, "mangacollec")
        assert "Vous avez lu le tome 2 : voici la suite." in answer["reasoning"]
        assert answer["notices"] == ["not_embedded"]


async def test_suggestion_that_the_collection_alone_knows_to_be_for_adults_stays_so() -> None:
    async with linked() as (house, _site, user, collection):
        token = user["Authorization"].removeprefix("Bearer ")
        collection.add_series("Interdit", "Comédie", volumes=1, adult=True)
        house.auth.known[token]["certify_adult"] = True
        grown = house.sign_in(certify_adult=True, user_id=house.user_id(user))
        child = house.sign_in(user_id=house.user_id(user))
        made = await ask(house, user)

        async def is_embedded() -> bool:
            return await house.count("jobs", "status = 'done'") == 1

        # what is embedded after the answer tells it too, as long as it is there
        await wait_for(is_embedded)
        await execute(house.url, "DELETE FROM prediction.embeddings")
        address = f"{V1}/predictions/{house.user_id(user)}"
        assert (await house.client.get(address, headers=child)).json()["items"] == []
        assert [item["id"] for item in (await house.client.get(address, headers=grown)).json()["items"]] == [
            made["prediction_id"]
        ]
        for headers, title in ((child, None), (grown, made["title"])):
            (entry,) = (await house.client.get(f"{V1}/me/export", headers=headers)).json()["recommendations"]
            assert (entry["title"], bool(entry["reasoning"])) == (title, title is not None)


async def ask_as_four(house: House, site: FakeMangacollec, collection: FakeCollection) -> list[int]:
    """Let four profiles, each with a link of its own, ask at once, and return the statuses."""
    users = []
    for number in range(4):
        users.append(house.sign_in())
        site.collections[f"access {number}"] = collection
        house.auth.mangacollec[users[-1]["Authorization"].removeprefix("Bearer ")] = f"access {number}"
    site.seconds = 0.05
    answers = await asyncio.gather(*(house.client.post("/predict", json={}, headers=user) for user in users))
    return [answer.status_code for answer in answers]


async def test_site_is_asked_for_one_collection_at_a_time() -> None:
    async with linked() as (house, site, _user, collection):
        collection.add_series("Les Farceurs", volumes=2)
        assert await ask_as_four(house, site, collection) == [200] * 4
        assert (site.questions, site.most_at_once) == (4, 1)


async def test_who_waits_for_a_turn_leaves_alone_a_site_that_asked_for_it() -> None:
    async with linked() as (house, site, _user, collection):
        site.misbehaviour = Response(status_code=429, headers={"Retry-After": "60"})
        assert await ask_as_four(house, site, collection) == [502] * 4
        assert site.questions == 1


async def test_what_the_collection_names_is_embedded_in_the_background() -> None:
    async with linked() as (house, _site, user, collection):
        funny = collection.add_series("Les Farceurs", "Comédie", volumes=4, read=2)
        collection.add_series("Interdit", volumes=1, adult=True)
        kept = await house.put("volume", funny[3], title="Mieux su")
        assert (await ask(house, user))["unknown"] == 2

        async def is_done() -> bool:
            return await house.count("jobs", "status = 'done'") == 1

        await wait_for(is_done)
        # four volumes and their series, one and its own
        assert await house.count("embeddings") == 7
        assert await house.count("embeddings", "adult") == 2
        assert await house.count("embeddings", f"title = 'Mieux su' AND item_id = '{kept}'") == 1
        # the one for adults, which is no reason to look again
        answer = await ask(house, user)
        assert (answer["unknown"], answer["notices"]) == (1, ["repeated"])
        assert await house.count("jobs") == 1


async def test_volume_that_feedback_says_is_read_leads_to_the_next_of_its_edition() -> None:
    async with linked() as (house, _site, user, collection):
        funny = collection.add_series("Les Farceurs", "Comédie", volumes=3)
        collection.add_series("L'Adieu", "Drame", volumes=2)
        first = await ask(house, user, mood="joyeux")
        assert first["suggested_volume_id"] == str(funny[0])
        address = f"/predictions/{first['prediction_id']}/feedback"
        assert (await house.client.patch(address, json={"status": "read"}, headers=user)).status_code == 200
        second = await ask(house, user, mood="joyeux")
        assert second["suggested_volume_id"] == str(funny[1])
        assert "Vous avez lu le tome 1 : voici la suite." in second["reasoning"]
        # as where the request says it
        third = await ask(house, user, mood="joyeux", read=[str(funny[1])])
        assert third["suggested_volume_id"] == str(funny[2])


async def test_length_is_claimed_where_the_site_counts_the_volumes() -> None:
    async with linked() as (house, _site, user, collection):
        collection.add_series("Les Farceurs", volumes=2)
        answers = [{"question": "longueur", "answer": "courte"}]
        assert "La série compte" not in (await ask(house, user, qcm_answers=answers))["reasoning"]
        collection.document["editions"][0]["volumes_count"] = 3
        house.serving.app.state.parts["collections"].forget(house.user_id(user))
        answer = await ask(house, user, qcm_answers=answers)
        assert "La série compte 3 tomes, comme vous le souhaitez." in answer["reasoning"]


async def test_halves_of_characters_are_left_out() -> None:
    async with linked() as (house, _site, user, collection):
        collection.add_series("Farceurs \ud83d", "Com\udc00édie", volumes=1)
        assert (await ask(house, user))["title"] == "Farceurs"

        async def is_done() -> bool:
            return await house.count("jobs", "status = 'done'") == 1

        await wait_for(is_done)
        assert await house.count("embeddings", "kind_names = '{Comédie}'") == 2


async def test_hang_is_not_waited_for_in_turn() -> None:
    async with linked() as (house, site, user, collection):
        collection.add_series("Les Farceurs", volumes=2)
        site.misbehaviour = Response("no", 500)
        site.seconds = 0.3
        await asyncio.gather(*(ask(house, user, 502) for _ in range(5)))
        assert site.questions == 1
        # nor is it asked by who comes a moment later
        await ask(house, user, 502)
        assert site.questions == 1
        house.serving.app.state.parts["collections"]._rests_until = 0
        await ask(house, user, 502)
        assert site.questions == 2


async def test_hang_costs_a_moment_where_an_older_collection_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT", None)
    monkeypatch.setattr(client, "DEADLINE", FOR_EVER)
    async with asyncio.timeout(PATIENCE), linked() as (house, site, user, collection):
        collection.add_series("Les Farceurs", volumes=2)
        await ask(house, user)
        monkeypatch.setattr(client, "FRESH", 0)
        site.seconds = FOR_EVER
        await asyncio.gather(*(ask(house, user) for _ in range(5)))
        await ask(house, user)
        # one question for all of them, which goes on until the service ends
        assert site.questions == 2
        (fetch,) = house.serving.app.state.parts["collections"]._fetches.values()
    assert fetch.cancelled()


async def test_answer_that_comes_late_is_there_for_who_asks_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0)
    async with linked() as (house, site, user, collection):
        collection.add_series("Les Farceurs", volumes=1)
        await ask(house, user)
        (other,) = collection.add_series("L'Adieu", volumes=1)
        monkeypatch.setattr(client, "FRESH", 0)
        site.seconds = 0.3
        await ask(house, user)
        fetches = house.serving.app.state.parts["collections"]._fetches
        await wait_for(lambda: not fetches)
        monkeypatch.setattr(client, "FRESH", 300)
        assert (await ask(house, user))["suggested_volume_id"] == str(other)
        assert site.questions == 2


async def test_collection_on_its_way_is_not_kept_of_who_is_deleted_meanwhile() -> None:
    async with linked() as (house, site, user, collection):
        collection.add_series("Les Farceurs", volumes=1)
        is_deleted = asyncio.Event()

        async def answer_late() -> AsyncIterator[bytes]:
            await is_deleted.wait()
            yield json.dumps(collection.document).encode()

        site.misbehaviour = StreamingResponse(answer_late())
        first = asyncio.create_task(ask(house, user))
        await wait_for(lambda: site.questions == 1)
        assert (await house.client.delete(f"{V1}/me", headers=user)).status_code == 204
        is_deleted.set()
        assert (await first)["title"] == "Les Farceurs"
        site.misbehaviour = None
        await ask(house, user)
        assert site.questions == 2
        # and that one is kept
        await ask(house, user)
        assert site.questions == 2


async def test_collection_of_a_deleted_profile_is_kept_no_longer() -> None:
    async with linked() as (house, _site, user, collection):
        collection.add_series("Les Farceurs", volumes=1)
        await ask(house, user)
        parts = house.serving.app.state.parts
        assert parts["collections"]._known
        house.auth.deleted.append(house.user_id(user))
        await parts["departures"]._make_round(house.serving.app.state.database)
        assert not parts["collections"]._known


async def test_nothing_is_prepared_while_a_job_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async with linked() as (house, _site, user, collection):
        collection.add_series("Les Farceurs", volumes=1)
        with monkeypatch.context() as patched:
            patched.setattr(ingesting, "find_active", lambda *_: asyncio.sleep(0, {"id": "a job"}))
            patched.setattr(ingesting, "_make_item", None)
            await ask(house, user)
        assert await house.count("jobs") == 0
        # the next one does it
        await ask(house, user)
        assert await house.count("jobs") == 1


@pytest.mark.parametrize("is_kept", [False, True])
async def test_answer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch, is_kept: bool) -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    async with asyncio.timeout(PATIENCE), linked() as (house, site, user, collection):
        collection.add_series("Les Farceurs", volumes=2)
        if is_kept:
            await ask(house, user)
        monkeypatch.setattr(client, "FRESH", 0)
        monkeypatch.setattr(client, "DEADLINE", 0.5)
        site.misbehaviour = StreamingResponse(drip())
        if is_kept:
            await ask(house, user)
            fetches = house.serving.app.state.parts["collections"]._fetches
            await wait_for(lambda: not fetches)
        else:
            assert (await ask(house, user, 504))["code"] == "mangacollec_unavailable"


async def test_site_that_asks_for_a_pause_has_it_from_everybody() -> None:
    async with linked() as (house, site, user, _collection):
        site.misbehaviour = Response("no", 429, {"Retry-After": "999999"})
        other = house.sign_in()
        house.auth.mangacollec[other["Authorization"].removeprefix("Bearer ")] = "access"
        for somebody in (user, other):
            assert (await ask(house, somebody, 502))["code"] == "mangacollec_unavailable"
        assert site.questions == 1
        rest = house.serving.app.state.parts["collections"]._rests_until - time.monotonic()
        assert client.REST < rest <= client.MAX_REST


async def test_refusal_of_one_is_none_of_others() -> None:
    async with linked() as (house, site, user, collection):
        collection.add_series("Les Farceurs", volumes=2)
        other = house.sign_in()
        house.auth.mangacollec[other["Authorization"].removeprefix("Bearer ")] = "unknown"
        await ask(house, other, 502)
        await ask(house, user)
        assert site.questions == 2


async def test_large_collection_is_embedded_part_by_part_with_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingesting, "LIMIT", 3)
    async with linked() as (house, _site, user, collection):
        collection.add_series("Les Farceurs", volumes=4, read=3)
        # one without a title, which nobody can embed
        collection.add_series("", volumes=1)
        for number in range(1, 4):
            await ask(house, user)

            async def is_done(number: int = number) -> bool:
                return await house.count("jobs", "status = 'done'") == min(number, 2)

            await wait_for(is_done)
        assert await house.count("embeddings") == 5

        def fail(_collection: Collection) -> None:
            raise AssertionError

        # nobody looks again
        monkeypatch.setattr(ingesting, "_find_entries", fail)
        await ask(house, user)


@pytest.mark.parametrize(("address", "status"), [("/predict", 404), ("/api/v1/recommendations", 200)])
async def test_collection_is_embedded_whatever_is_asked_and_answered(address: str, status: int) -> None:
    async with linked() as (house, _site, user, collection):
        collection.add_series("Les Farceurs", volumes=2, read=2)
        if address == "/predict":
            answer = await house.client.post(address, json={}, headers=user)
        else:
            answer = await house.client.get(address, headers=user)
        assert answer.status_code == status

        async def is_done() -> bool:
            return await house.count("jobs", "status = 'done'") == 1

        await wait_for(is_done)
        assert await house.count("embeddings") == 3


async def test_prediction_is_not_lost_when_nothing_can_be_queued(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with linked() as (house, _site, user, collection):
        collection.add_series("Les Farceurs", volumes=2)

        async def refuse(*_arguments: object, **_values: object) -> None:
            raise unavailable("database_unavailable", "Not now.")

        monkeypatch.setattr(house.serving.app.state.parts["jobs"], "enqueue", refuse)
        assert (await ask(house, user))["notices"] == ["not_embedded"]
        assert "what is missing of a collection is not queued" in caplog.text


async def test_adult_series_of_the_collection_is_hidden() -> None:
    async with linked() as (house, _site, user, collection):
        collection.add_series("Interdit", "Comédie", volumes=1, adult=True)
        assert (await ask(house, user, 404))["code"] == "empty_pile"


async def test_collection_is_kept_for_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with linked() as (house, site, user, collection):
        collection.add_series("Les Farceurs", volumes=2)
        await ask(house, user)
        await ask(house, user)
        assert site.questions == 1
        monkeypatch.setattr(client, "FRESH", 0)
        await ask(house, user)
        assert site.questions == 2


async def test_older_collection_is_better_than_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async with linked() as (house, site, user, collection):
        collection.add_series("Les Farceurs", volumes=2)
        await ask(house, user)
        monkeypatch.setattr(client, "FRESH", 0)
        site.misbehaviour = Response("no", 500)
        await ask(house, user)
        monkeypatch.setattr(client, "KEPT", 0)
        assert (await ask(house, user, 502))["code"] == "mangacollec_unavailable"


@pytest.mark.parametrize(
    "misbehaviour",
    [
        Response("no", 500),
        Response("no", 429),
        JSONResponse({"errors": ["unauthorized"]}, 401),
        Response("<html>", 200),
        JSONResponse([]),
        JSONResponse({"volumes": None}),
        Response("[" * 100_000, 200),
    ],
)
async def test_bad_answer_is_502_with_the_way_out(misbehaviour: Response) -> None:
    async with linked() as (house, site, user, _collection):
        site.misbehaviour = misbehaviour
        problem = await ask(house, user, 502)
        assert problem["code"] == "mangacollec_unavailable"
        assert "send the pile" in problem["detail"]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (502, "mangacollec_unavailable", 502),
        (504, "mangacollec_unavailable", 504),
        (503, "mangacollec_not_configured", 502),
        (503, "database_unavailable", 502),
    ],
)
async def test_auth_that_cannot_reach_mangacollec_is_told_apart_from_one_that_is_away(
    status: int, code: str, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with linked() as (house, _site, user, _collection):
        await house.client.get("/api/v1/embeddings", headers=user)
        house.auth.misbehaviour = JSONResponse({"code": code}, status)
        assert (await ask(house, user, expected))["code"] == "mangacollec_unavailable"
        state = (await house.client.get("/health")).json()["checks"]["auth"]
        assert state["answering"] is code.startswith("mangacollec_")
        assert ("no usable answer" in caplog.text) is not state["answering"]
        assert (f"status {status}, {code}" in caplog.text) is state["answering"]


async def test_too_large_an_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with linked() as (house, _site, user, collection):
        collection.add_series("Les Farceurs", volumes=50)
        monkeypatch.setattr(client, "MAX_ANSWER", 1000)
        assert (await ask(house, user, 502))["code"] == "mangacollec_unavailable"


async def test_profile_without_a_link_is_told_what_to_do() -> None:
    async with open_house() as house:
        problem = await ask(house, house.sign_in(), 404)
        assert problem["code"] == "pile_unknown"
        assert "link the profile" in problem["detail"]


def test_read_editions_are_read() -> None:
    collection = FakeCollection()
    ids = collection.add_series("Lue", volumes=3)
    edition = collection.document["editions"][0]["id"]
    collection.document["read_editions"].append({"edition_id": edition, "created_at": "2026-02-01T00:00:00.000Z"})
    parsed = parse_collection(collection.document)
    assert parsed.pile == []
    assert {entry.volume.id for entry in parsed.read} == set(ids)


def test_read_edition_without_an_id_reads_no_volume() -> None:
    collection = FakeCollection()
    collection.add_series("Sans édition", volumes=2)
    for volume in collection.document["volumes"]:
        volume["edition_id"] = None
    collection.document["read_editions"].append({"edition_id": None, "created_at": "2026-02-01T00:00:00.000Z"})
    assert len(parse_collection(collection.document).pile) == 2


def test_latest_read_comes_first_and_facts_are_joined() -> None:
    collection = FakeCollection()
    ids = collection.add_series("Le Phare", "Drame", "Seinen", volumes=3, read=2)
    parsed = parse_collection(collection.document)
    assert [entry.volume.id for entry in parsed.read] == [ids[1], ids[0]]
    (left,) = parsed.pile
    assert left.synopsis == "Le Phare, le résumé"
    volume = replace(left.volume, edition_id=None, series_id=None)
    assert (volume.title, volume.number, volume.kinds, volume.series_length) == ("Le Phare", 3, ("Drame", "Seinen"), 3)


@pytest.mark.parametrize(
    ("number", "read"),
    [
        ("7", 7),
        (7.0, 7),
        (7.5, None),
        (None, None),
        (-1, None),
        (True, None),
        ("x", None),
        (1e300, None),
        ("nan", None),
    ],
)
def test_numbers_are_read_or_left_out(number: object, read: int | None) -> None:
    key = str(uuid4())
    document = {"volumes": [{"id": key, "number": number}], "possessions": [{"volume_id": key}]}
    (entry,) = parse_collection(document).pile
    assert entry.volume.number == read


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.uuids().map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "volume_id", "number", "title", "edition_id", "kinds_ids", "content"]), inner
        )
    ),
    max_leaves=20,
)


@given(
    st.fixed_dictionaries(
        {"volumes": st.lists(JSON)},
        optional=dict.fromkeys([name for name in FakeCollection().document if name != "volumes"], JSON),
    )
)
def test_dirty_collections_are_read_somehow(document: dict[str, Any]) -> None:
    parsed = parse_collection(json.loads(json.dumps(document)))
    assert all(isinstance(entry.volume.id, UUID) for entry in (*parsed.owned, *parsed.read))
