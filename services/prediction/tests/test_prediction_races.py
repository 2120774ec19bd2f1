"""What is written while the model works on older texts stays, and a row's text and vector are always each other's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from booksync_prediction_testing.encoder import ROUNDING, WordEncoder, make_vector
from booksync_prediction_testing.mangacollec import FakeCollection, run_fake_mangacollec
from booksync_prediction_testing.service import V1, House, open_house
from booksync_service_testing.server import IS_WAITING, execute, make_database
from booksync_service_testing.serving import wait_for


@asynccontextmanager
async def open_transaction(url: URL) -> AsyncIterator[AsyncConnection]:
    """Open one that somebody else waits for."""
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


async def show(house: House, item_id: UUID) -> dict[str, Any]:
    """Return an item with its vector."""
    address = f"{V1}/embeddings/volume/{item_id}?vector=true"
    found: dict[str, Any] = (await house.client.get(address, headers=house.sign_in(certify_adult=True))).json()
    return found


@pytest.mark.parametrize("change", [{"adult": True}, {"title": "Neuf"}], ids=["facts", "text"])
@pytest.mark.parametrize(("stored_by", "written_by"), [("old", "new"), ("new", "new"), ("old", "old")])
async def test_reindex_leaves_what_is_written_meanwhile(
    stored_by: str, written_by: str, change: dict[str, Any]
) -> None:
    gated = WordEncoder()
    async with make_database() as url:
        await execute(url, "CREATE EXTENSION vector")
        async with open_house(url, embedding_model=stored_by) as house:
            item_id = await house.put("volume", title="Ancien")
            await execute(url, "UPDATE prediction.embeddings SET text_version = 0")
        async with open_house(url, gated, embedding_model="new") as house:
            with gated.held():
                job = await house.client.post(f"{V1}/embeddings/reindex", headers=house.machine)
                await wait_for(lambda: bool(gated.threads))
                async with open_house(url, embedding_model=written_by) as other:
                    await other.put("volume", item_id, **{"title": "Ancien"} | change)
            assert (await house.wait_for_job(job.headers["location"]))["status"] == "done"
            stored = await show(house, item_id)
    expected: dict[str, Any] = {"title": "Ancien", "adult": False} | change
    assert {name: stored[name] for name in expected} == expected
    assert stored["vector"] == pytest.approx(make_vector(expected["title"]), abs=ROUNDING)


async def test_collection_is_embedded_beside_what_is_written_meanwhile() -> None:
    encoder = WordEncoder()
    collection = FakeCollection()
    (volume,) = collection.add_series("Les Farceurs", volumes=1)
    async with run_fake_mangacollec() as site, open_house(None, encoder, mangacollec_base_url=site.address) as house:
        user = house.sign_in()
        site.collections["access"] = collection
        house.auth.mangacollec[user["Authorization"].removeprefix("Bearer ")] = "access"
        with encoder.held():
            assert (await house.client.post("/predict", json={}, headers=user)).status_code == 200
            await wait_for(lambda: bool(encoder.threads))
            async with open_house(house.url) as other:
                await other.put("volume", volume, title="Mieux su", adult=True)

        async def is_done() -> bool:
            return await house.count("jobs", "status = 'done'") == 1

        await wait_for(is_done)
        stored = await show(house, volume)
        assert await house.count("embeddings") == 2
    assert (stored["title"], stored["adult"]) == ("Mieux su", True)
    assert stored["vector"] == pytest.approx(make_vector("Mieux su"), abs=ROUNDING)


@pytest.mark.parametrize(
    "overtaking",
    [
        "UPDATE prediction.embeddings e SET (title, content_hash, embedding) = (o.title, o.content_hash, o.embedding)"
        " FROM prediction.embeddings o WHERE e.item_id = :item AND o.item_id = :other",
        "DELETE FROM prediction.embeddings WHERE item_id = :item AND item_id <> :other",
    ],
    ids=["another text", "deletion"],
)
async def test_facts_are_never_stored_beside_another_text(overtaking: str) -> None:
    async with open_house() as house:
        item, other = await house.put("volume", title="Ancien"), await house.put("volume", title="Autre")
        address = f"{V1}/embeddings/volume/{item}"
        async with open_transaction(house.url) as transaction:
            await transaction.execute(text("SELECT FROM prediction.embeddings FOR UPDATE"))
            body = {"title": "Ancien", "number": 7}
            writing = asyncio.create_task(house.client.put(address, json=body, headers=house.machine))

            async def is_waiting() -> bool:
                return bool(await execute(house.url, IS_WAITING))

            await wait_for(is_waiting)
            await transaction.execute(text(overtaking), {"item": item, "other": other})
        assert (await writing).json()["status"] == "embedded"
        stored = await show(house, item)
    assert (stored["title"], stored["number"]) == ("Ancien", 7)
    assert stored["vector"] == pytest.approx(make_vector("Ancien"), abs=ROUNDING)


async def test_two_at_once_ask_for_one_job() -> None:
    async with open_house() as house:
        with house.encoder.held():
            await house.client.post(
                f"{V1}/embeddings/bulk",
                json={"items": [{"kind": "volume", "id": str(uuid4()), "title": f"{n}"} for n in range(65)]},
                headers=house.machine,
            )
            await wait_for(lambda: bool(house.encoder.threads))
            addresses = await asyncio.gather(
                *(house.client.post(f"{V1}/embeddings/reindex", headers=house.machine) for _ in range(8))
            )
        assert len({answer.headers["location"] for answer in addresses}) == 1
