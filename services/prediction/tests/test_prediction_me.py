"""What is kept of a user: told to that user, deleted on request, and gone with the profile."""

from typing import Any
from uuid import uuid4

from booksync_prediction_testing.service import V1, House, open_house
from booksync_service_testing.serving import wait_for


async def predict(house: House, headers: dict[str, str]) -> dict[str, Any]:
    """Make a row."""
    answer = await house.client.post("/predict", json={"pile": [str(uuid4())], "mood": "joyeux"}, headers=headers)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_export_has_everything_and_delete_leaves_nothing() -> None:
    async with open_house() as house:
        user, other = house.sign_in(), house.sign_in()
        await house.put("series", title="Le Phare")
        made = await predict(house, user)
        await predict(house, other)
        await house.client.get(f"{V1}/recommendations", headers=user)
        exported = (await house.client.get(f"{V1}/me/export", headers=user)).json()
        assert exported["user_id"] == str(house.user_id(user))
        assert [entry["kind"] for entry in exported["recommendations"]] == ["prediction", "recommendation"]
        assert exported["recommendations"][0]["id"] == made["prediction_id"]
        assert exported["recommendations"][0]["request"]["mood"] == "joyeux"
        assert (await house.client.delete(f"{V1}/me", headers=user)).status_code == 204
        assert (await house.client.get(f"{V1}/me/export", headers=user)).json()["recommendations"] == []
        assert await house.count("recommendations", f"user_id = '{house.user_id(other)}'") == 1
        assert (await house.client.delete(f"{V1}/me")).status_code == 401


async def test_rows_of_a_deleted_profile_go() -> None:
    async with open_house() as house:
        user, other = house.sign_in(), house.sign_in()
        departures = house.serving.app.state.parts["departures"]
        await predict(house, user)
        await predict(house, other)
        house.auth.deleted.append(house.user_id(user))
        await departures._make_round(house.serving.app.state.database)
        assert await house.count("recommendations") == 1
        # a row that a token which was still good has written goes with the next round
        await predict(house, user)
        await departures._make_round(house.serving.app.state.database)

        async def is_gone() -> bool:
            return await house.count("recommendations", f"user_id = '{house.user_id(user)}'") == 0

        await wait_for(is_gone)


async def test_model_and_figures() -> None:
    async with open_house() as house:
        user, adult = house.sign_in(), house.sign_in(certify_adult=True)
        await house.put("series", title="Le Phare")
        await house.put("volume", title="Le Phare, tome 1")
        await house.put("volume", title="Interdit", adult=True)
        model = (await house.client.get(f"{V1}/models/current", headers=user)).json()
        assert (model["model"], model["dimension"], model["is_loaded"]) == ("all-MiniLM-L6-v2", 384, True)
        assert (model["backend"], model["device"]) == ("onnx", "cpu")
        stats = (await house.client.get(f"{V1}/embeddings/stats", headers=user)).json()
        assert [(row["kind"], row["rows"]) for row in stats["rows"]] == [("series", 1), ("volume", 1)]
        assert (stats["stale"], stats["index"], stats["recall"]) == (0, "none", None)
        measured = (await house.client.get(f"{V1}/embeddings/stats?recall=true", headers=adult)).json()
        assert [(row["kind"], row["rows"]) for row in measured["rows"]] == [("series", 1), ("volume", 2)]
        assert measured["recall"] == {"value": 1.0, "sample": 3}
        assert (await house.client.get(f"{V1}/embeddings/stats")).status_code == 401
