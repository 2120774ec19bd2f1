"""What to read next: of the pile, in order, as mood and history have it, and something useful with little known."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from pydantic import TypeAdapter

from booksync_api_prediction.predictions import history
from booksync_api_prediction.predictions.outcomes import RECENT
from booksync_common.cursors import build_cursor
from booksync_prediction_testing.service import V1, House, open_house
from booksync_service_testing.server import execute

FUNNY: dict[str, Any] = {"kinds": ["Comédie"], "synopsis": "des rires, de l'amitié, une comédie lumineuse"}
SAD: dict[str, Any] = {"kinds": ["Drame"], "synopsis": "un souvenir, une perte, le temps qui passe"}


class Shelf:
    """Two series of five volumes that somebody owns."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.funny = [uuid4() for _ in range(5)]
        self.sad = [uuid4() for _ in range(5)]
        self.adult = [uuid4()]

    async def fill(self) -> None:
        """Embed them."""
        items = []
        for title, facts, ids, adult in (
            ("Les Farceurs", FUNNY, self.funny, False),
            ("L'Adieu", SAD, self.sad, False),
            ("Interdit", FUNNY, self.adult, True),
        ):
            series_id = str(uuid4())
            common = {"title": title, "adult": adult, **facts}
            items.append({"kind": "series", "id": series_id, **common})
            items += [
                {"kind": "volume", "id": str(key), "series_id": series_id, "number": number, **common}
                for number, key in enumerate(ids, 1)
            ]
        await self.house.put_all(items)

    async def ask(
        self, headers: dict[str, str] | None = None, *, pile: list[UUID] | None = None, status: int = 200, **body: Any
    ) -> dict[str, Any]:
        """Ask for a prediction."""
        owned = [*self.sad, *self.funny] if pile is None else pile
        body = {"pile": [str(key) for key in owned]} | body
        answer = await self.house.client.post("/predict", json=body, headers=headers or self.house.sign_in())
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest_asyncio.fixture(scope="module")
async def shelf() -> AsyncIterator[Shelf]:
    """Run one service with a shelf for this file."""
    async with open_house() as house:
        filled = Shelf(house)
        await filled.fill()
        yield filled


async def give_feedback(shelf: Shelf, headers: dict[str, str], prediction: dict[str, Any], **body: Any) -> None:
    """Say what came of a prediction."""
    address = f"{V1}/predictions/{prediction['prediction_id']}/feedback"
    answer = await shelf.house.client.patch(address, json=body, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("mood", "expected"), [("joyeux", "funny"), ("mélancolique", "sad"), ("Happy", "funny")])
async def test_mood_decides_and_the_first_volume_comes_first(shelf: Shelf, mood: str, expected: str) -> None:
    answer = await shelf.ask(mood=mood)
    assert answer["suggested_volume_id"] == str(getattr(shelf, expected)[0])
    assert answer["number"] == 1
    assert 0 < answer["confidence"] < 1
    assert answer["pile_source"] == "request"
    assert (answer["notices"], answer["unknown"], answer["threshold_applied"]) == ([], 0, 0.7)


async def test_answers_of_the_questionnaire_decide(shelf: Shelf) -> None:
    for answer_word, expected in (("rire", shelf.funny), ("émotion", shelf.sad)):
        answers = [{"question": "envie", "answer": answer_word}, {"question": "nobody", "answer": "knows"}]
        answer = await shelf.ask(qcm_answers=answers)
        assert answer["suggested_volume_id"] == str(expected[0])
        assert answer["ignored"] == [{"mood": None, "question": "nobody", "answer": "knows"}]


async def test_reasoning_is_french_unless_english_is_preferred(shelf: Shelf) -> None:
    french = await shelf.ask(mood="joyeux")
    assert french["reasoning"] == (
        "« Les Farceurs », tome 1. Le début d'une série. Comédie : cela va avec une humeur joyeuse."
    )
    english = await shelf.ask(shelf.house.sign_in() | {"Accept-Language": "en"}, mood="joyeux")
    assert english["reasoning"].startswith("“Les Farceurs”, volume 1. The beginning of a series.")


async def test_asking_again_gives_another_one_and_in_the_end_says_that_it_repeats(shelf: Shelf) -> None:
    user = shelf.house.sign_in()
    first, second, third = [await shelf.ask(user, mood="joyeux") for _ in range(3)]
    assert [answer["suggested_volume_id"] for answer in (first, second)] == [str(shelf.funny[0]), str(shelf.sad[0])]
    assert third["notices"] == ["repeated"]
    assert third["suggested_volume_id"] == str(shelf.funny[0])


async def test_all_that_the_last_five_predictions_showed_is_repeated(shelf: Shelf) -> None:
    user = shelf.house.sign_in()
    # volumes that nobody knows, two a prediction: those that were not shown come first
    pile = [uuid4() for _ in range(12)]
    shown: list[str] = []
    for _ in range(5):
        answer = await shelf.ask(user, pile=pile, limit=2)
        assert answer["notices"] == ["not_embedded"]
        shown += [answer["suggested_volume_id"], answer["alternatives"][0]["volume_id"]]
    assert len(set(shown)) == 10
    sixth = await shelf.ask(user, pile=pile, limit=2)
    left = {sixth["suggested_volume_id"], sixth["alternatives"][0]["volume_id"]}
    assert left == {str(key) for key in pile} - set(shown)


async def test_next_volume_comes_after_what_was_read(shelf: Shelf) -> None:
    answer = await shelf.ask(mood="joyeux", read=[str(key) for key in shelf.funny[:2]])
    assert answer["suggested_volume_id"] == str(shelf.funny[2])
    assert "Vous avez lu le tome 2 : voici la suite." in answer["reasoning"]


async def test_excluded_volume_is_not_replaced_by_the_one_after_it(shelf: Shelf) -> None:
    answer = await shelf.ask(mood="joyeux", exclude=[str(shelf.funny[0])])
    assert answer["suggested_volume_id"] == str(shelf.sad[0])


async def test_volume_whose_predecessor_is_missing_comes_last(shelf: Shelf) -> None:
    pile = [shelf.funny[4], shelf.sad[0]]
    answer = await shelf.ask(mood="joyeux", pile=pile, read=[str(shelf.funny[0])], limit=2)
    assert answer["suggested_volume_id"] == str(shelf.sad[0])
    assert [item["volume_id"] for item in answer["alternatives"]] == [str(shelf.funny[4])]
    assert answer["alternatives"][0]["confidence"] <= answer["confidence"]


async def test_volumes_that_nobody_knows_make_no_gap(shelf: Shelf) -> None:
    answer = await shelf.ask(mood="joyeux", pile=[shelf.funny[2], shelf.sad[0]], read=[str(uuid4())])
    assert answer["suggested_volume_id"] == str(shelf.funny[2])


async def test_taste_decides_without_a_mood(shelf: Shelf) -> None:
    read = [
        str(await shelf.house.put("volume", title=f"Drame {n}", series_id=str(uuid4()), number=1, **SAD))
        for n in range(3)
    ]
    answer = await shelf.ask(read=read)
    assert answer["suggested_volume_id"] == str(shelf.sad[0])
    assert "Proche de « Drame" in answer["reasoning"]


async def test_feedback_changes_what_comes_later(shelf: Shelf) -> None:
    user = shelf.house.sign_in()
    first = await shelf.ask(user, mood="joyeux")
    assert first["suggested_volume_id"] == str(shelf.funny[0])
    await give_feedback(shelf, user, first, status="read", rating=9)
    # read, so the next one comes, and it was liked
    second = await shelf.ask(user)
    assert second["suggested_volume_id"] == str(shelf.funny[1])
    assert "Vous avez aimé cette série." in second["reasoning"]
    await give_feedback(shelf, user, second, status="dismissed", rating=0)
    third = await shelf.ask(user, mood="joyeux")
    assert third["suggested_volume_id"] == str(shelf.sad[0])


async def test_series_is_liked_when_it_is_rated_so(shelf: Shelf) -> None:
    user = shelf.house.sign_in()
    await give_feedback(shelf, user, await shelf.ask(user, mood="joyeux"), status="read")
    answer = await shelf.ask(user, mood="joyeux")
    assert answer["suggested_volume_id"] == str(shelf.funny[1])
    assert "aimé" not in answer["reasoning"]


async def test_rating_alone_moves_the_confidence(shelf: Shelf) -> None:
    liked, disliked = shelf.house.sign_in(), shelf.house.sign_in()
    confidences = []
    for user, rating in ((liked, 10), (disliked, 0)):
        await give_feedback(shelf, user, await shelf.ask(user, pile=shelf.funny), rating=rating)
        confidences.append((await shelf.ask(user, pile=shelf.funny))["confidence"])
    assert confidences[0] > confidences[1]


async def test_adult_volumes_are_for_those_who_may_see_them(shelf: Shelf) -> None:
    answer = await shelf.ask(pile=shelf.adult, status=404)
    assert answer["code"] == "empty_pile"
    adult = shelf.house.sign_in(certify_adult=True)
    assert (await shelf.ask(adult, pile=shelf.adult))["suggested_volume_id"] == str(shelf.adult[0])


async def test_nothing_to_choose_from_is_said(shelf: Shelf) -> None:
    assert (await shelf.ask(pile=[], status=404))["code"] == "empty_pile"
    everything = [str(key) for key in shelf.funny]
    assert (await shelf.ask(pile=shelf.funny, read=everything, status=404))["code"] == "all_read"
    assert (await shelf.ask(pile=shelf.funny, exclude=everything, status=404))["code"] == "all_excluded"


async def test_unknown_volumes_are_suggested_with_little_confidence(shelf: Shelf) -> None:
    pile = [uuid4(), uuid4()]
    answer = await shelf.ask(mood="joyeux", pile=pile)
    assert UUID(answer["suggested_volume_id"]) in pile
    assert (answer["notices"], answer["unknown"], answer["title"]) == (["not_embedded"], 2, None)
    assert answer["confidence"] < (await shelf.ask(mood="joyeux"))["confidence"]
    assert answer["reasoning"] == "Un volume de votre pile. Choisi dans votre pile, sans autre indice."


async def test_pile_may_bring_its_own_facts(shelf: Shelf) -> None:
    series_id = str(uuid4())
    pile: list[dict[str, Any]] = [
        {"id": str(uuid4()), "series_id": series_id, "number": 2, "title": "Sport", "kinds": ["Sport"]},
        {"id": str(uuid4()), "series_id": series_id, "number": 1, "title": "Sport", "kinds": ["Sport"]},
        {"id": str(uuid4()), "title": "Peur", "kinds": ["Horreur"]},
    ]
    answer = await shelf.house.client.post(
        "/predict", json={"pile": pile, "mood": "énergique"}, headers=shelf.house.sign_in()
    )
    assert answer.json()["suggested_volume_id"] == pile[1]["id"]
    assert "Sport : cela va avec une humeur énergique." in answer.json()["reasoning"]


async def test_length_that_nobody_has_counted_is_not_claimed(shelf: Shelf) -> None:
    answers = [{"question": "longueur", "answer": "courte"}]
    answer = await shelf.ask(qcm_answers=answers, pile=shelf.funny)
    assert "La série compte" not in answer["reasoning"]


async def test_both_roots_are_served(shelf: Shelf) -> None:
    user = shelf.house.sign_in()
    body = {"pile": [str(key) for key in shelf.sad]}
    for root in ("", V1):
        assert (await shelf.house.client.post(f"{root}/predict", json=body, headers=user)).status_code == 200
        history = await shelf.house.client.get(f"{root}/predictions/{shelf.house.user_id(user)}", headers=user)
        assert history.json()["items"][0]["volume_id"] == str(shelf.sad[0])


async def test_body_may_be_as_large_as_the_document_allows(shelf: Shelf) -> None:
    user = shelf.house.sign_in()
    pile = [str(shelf.sad[0]), *({"id": str(UUID(int=number)), "title": "t" * 150} for number in range(4999))]
    body = {"pile": pile, "read": [str(UUID(int=number)) for number in range(10_000, 30_000)]}
    for root in ("", V1):
        answer = await shelf.house.client.post(f"{root}/predict", json=body, headers=user)
        assert answer.status_code == 200, answer.text


async def test_history_is_newest_first_in_pages_and_private(shelf: Shelf) -> None:
    user, admin = shelf.house.sign_in(), shelf.house.sign_in(role="admin")
    user_id = shelf.house.user_id(user)
    made = [await shelf.ask(user, mood="joyeux") for _ in range(5)]
    await give_feedback(shelf, user, made[0], status="read")
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await shelf.house.client.get(f"{V1}/predictions/{user_id}?limit=2{cursor}", headers=user)
        seen += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            break
        cursor = f"&cursor={answer.json()['next_cursor']}"
    assert [item["id"] for item in seen] == [item["prediction_id"] for item in reversed(made)]
    assert [item["is_read"] for item in seen] == [False] * 4 + [True]
    assert [item["volume_id"] for item in seen] == [item["suggested_volume_id"] for item in reversed(made)]
    times = [datetime.fromisoformat(item["created_at"]) for item in seen]
    assert times == sorted(times, reverse=True)
    assert all(abs(datetime.now(UTC) - time) < timedelta(minutes=5) for time in times)
    other = await shelf.house.client.get(f"{V1}/predictions/{user_id}", headers=shelf.house.sign_in())
    assert (other.status_code, other.json()["code"]) == (403, "forbidden")
    assert len((await shelf.house.client.get(f"{V1}/predictions/{user_id}", headers=admin)).json()["items"]) == 5
    wrong = await shelf.house.client.get(f"{V1}/predictions/{user_id}?cursor=WyJhIiwiYiJd", headers=user)
    assert wrong.json()["code"] == "cursor_invalid"
    place = ("0001-01-01T00:00:00+14:00", uuid4())
    early = build_cursor(place, TypeAdapter(tuple[str, UUID]), question=f"predictions {user_id}")
    wrong = await shelf.house.client.get(f"{V1}/predictions/{user_id}?cursor={early}", headers=user)
    assert wrong.json()["code"] == "cursor_invalid"


async def test_feedback_is_its_owners(shelf: Shelf) -> None:
    user = shelf.house.sign_in()
    made = await shelf.ask(user)
    address = f"{V1}/predictions/{made['prediction_id']}/feedback"
    for other in (shelf.house.sign_in(), shelf.house.sign_in(role="admin")):
        answer = await shelf.house.client.patch(address, json={"rating": 1}, headers=other)
        assert (answer.status_code, answer.json()["code"]) == (404, "prediction_not_found")
    assert (await shelf.house.client.patch(address, json={}, headers=user)).status_code == 422
    own = await shelf.house.client.patch(address, json={"rating": 2}, headers=user)
    assert (own.json()["rating"], own.json()["status"]) == (2, "suggested")


async def test_what_was_read_or_dismissed_is_remembered_however_much_is_suggested_since(shelf: Shelf) -> None:
    user = shelf.house.sign_in()
    made = await shelf.ask(user, pile=shelf.funny[:1])
    await give_feedback(shelf, user, made, status="read")
    rated = await shelf.ask(user, pile=shelf.sad[:1])
    await give_feedback(shelf, user, rated, rating=0)
    await execute(
        shelf.house.url,
        "INSERT INTO prediction.recommendations (user_id, kind, item_id, created_at)"
        f" SELECT '{shelf.house.user_id(user)}', 'prediction', gen_random_uuid(), now() + n * interval '1 ms'"
        " FROM generate_series(1, 600) n",
    )
    answer = await shelf.ask(user, pile=[shelf.funny[0], shelf.sad[1], shelf.funny[1]])
    assert answer["suggested_volume_id"] == str(shelf.funny[1])
    assert "Vous avez lu le tome 1 : voici la suite." in answer["reasoning"]
    async with shelf.house.serving.app.state.database.session() as session:
        rows = await history.find_recent(session, shelf.house.user_id(user))
    assert len(rows) == 2 + RECENT
    assert {row["rating"] for row in rows} == {0, None}


async def test_others_are_predicted_for_by_administrators_alone(shelf: Shelf) -> None:
    user_id = str(uuid4())
    assert (await shelf.ask(user_id=user_id, status=403))["code"] == "forbidden"
    await shelf.ask(shelf.house.sign_in(role="admin"), user_id=user_id)
    assert await shelf.house.count("recommendations", f"user_id = '{user_id}'") == 1
    body = {"user_id": user_id}
    answer = await shelf.house.client.post("/predict", json=body, headers=shelf.house.sign_in(role="admin"))
    assert (answer.status_code, answer.json()["code"]) == (404, "pile_unknown")
    assert (await shelf.house.client.post("/predict", json={"pile": []})).status_code == 401


async def test_moods_are_encoded_once(shelf: Shelf) -> None:
    await shelf.ask(mood="curieux")
    known = len(shelf.house.encoder.texts)
    await asyncio.gather(*(shelf.ask(mood="curieux") for _ in range(10)))
    assert len(shelf.house.encoder.texts) == known


async def test_without_a_model_the_rest_decides() -> None:
    async with open_house() as house:
        shelf = Shelf(house)
        await shelf.fill()
        house.serving.app.state.parts["model"]._encoder = None
        answer = await shelf.ask(mood="joyeux")
        assert answer["suggested_volume_id"] == str(shelf.funny[0])


async def test_empty_library_still_has_an_answer() -> None:
    async with open_house() as house:
        shelf = Shelf(house)
        answer = await shelf.ask(mood="joyeux")
        assert answer["notices"] == ["not_embedded"]
        assert answer["unknown"] == 10


async def test_vectors_of_another_model_do_not_count() -> None:
    async with open_house() as house:
        shelf = Shelf(house)
        await shelf.fill()
        await execute(house.url, "UPDATE prediction.embeddings SET model = 'other'")
        assert (await shelf.ask(mood="joyeux"))["notices"] == ["not_embedded"]


async def test_hundred_at_once_while_a_reindex_runs() -> None:
    async with open_house(embedding_batch_size=8, database_pool_timeout=60) as house:
        shelf = Shelf(house)
        await shelf.fill()
        await execute(
            house.url,
            "INSERT INTO prediction.embeddings"
            " (kind, item_id, model, embedding, content_hash, text_version, embedded_at, title)"
            " SELECT 'volume', gen_random_uuid(), 'older', embedding, 'x', 1, now(), 'Tome ' || n"
            " FROM prediction.embeddings, generate_series(1, 50) n WHERE title = 'Interdit' AND kind = 'volume'",
            "INSERT INTO prediction.embeddings"
            " (kind, item_id, model, embedding, content_hash, text_version, embedded_at, title)"
            " SELECT 'volume', gen_random_uuid(), 'older', embedding, 'x', 1, now(), 'Autre ' || n"
            " FROM prediction.embeddings, generate_series(1, 150) n WHERE title = 'Interdit' AND kind = 'series'",
        )
        house.encoder.seconds = 0.02
        job = await house.client.post(f"{V1}/embeddings/reindex", headers=house.machine)
        users = [house.sign_in() for _ in range(10)]
        moods = ["joyeux", "mélancolique", "stressé", "curieux", "énergique", "détendu"]
        answers = await asyncio.gather(
            *(shelf.ask(users[number % 10], mood=moods[number % 6]) for number in range(100))
        )
        done = await house.wait_for_job(job.headers["location"])
        assert (done["status"], done["done"]) == ("done", 200)
        assert len({answer["prediction_id"] for answer in answers}) == 100
