"""Whoever follows the feed of changes has in the end what the database has, however late its writers commit."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_data.conditions import Precondition
from booksync_api_data.service import SERVICE
from booksync_api_data.settings import DataSettings
from booksync_api_data.shared.changes import MARK, QUESTION
from booksync_api_data.shared.models import NOTHING
from booksync_api_data.shared.repository import VolumeRepository
from booksync_api_data.writes import Item, write_one
from booksync_common.cursors import build_cursor, parse_cursor
from booksync_common.database import Database
from booksync_common.migrations import migrate
from booksync_data_testing.api import MACHINE, VOLUMES, Api, run_api
from booksync_service_testing.server import execute, load_server, make_database, render

CHANGES = f"{VOLUMES}/changes"


async def follow(
    api: Api, since: str | None = None, *, limit: int = 100, is_patient: bool = True
) -> tuple[list[Any], str]:
    """Read the feed to its end and return what it had, and the mark.

    :param is_patient: wait for transactions that are still running.
    """
    if is_patient:
        await api.wait_for_feed()
    headers, items = api.sign_in(), []
    while True:
        parameters = {"limit": limit} | ({} if since is None else {"since": since})
        page = await api.get(CHANGES, headers, **parameters)
        items += page["items"]
        since = page["next"]
        if not page["has_more"]:
            return items, since


async def write(session: AsyncSession, volume_id: UUID, **facts: object) -> None:
    """Write a volume in a transaction of the test's own."""
    await write_one(VolumeRepository(session), Item(volume_id, {**NOTHING, **facts}), Precondition())


async def test_upserts_and_deletions(api: Api) -> None:
    kept, deleted = await api.put(nb_pages=1), await api.put(nb_pages=2)
    await api.client.delete(f"{VOLUMES}/{deleted['volume_id']}", headers=MACHINE)
    items, mark = await follow(api)
    assert [(item["volume_id"], item["kind"], item["version"], item["volume"]) for item in items] == [
        (kept["volume_id"], "upsert", 1, kept),
        (deleted["volume_id"], "delete", 2, None),
    ]
    assert await follow(api, mark) == ([], mark)
    back = await api.put(UUID(deleted["volume_id"]), nb_pages=3)
    items, _ = await follow(api, mark)
    assert [item["volume"] for item in items] == [back]


async def test_a_volume_is_there_once_at_its_last_change(api: Api) -> None:
    first, second = await api.put(nb_pages=1), await api.put(nb_pages=2)
    changed = await api.put(UUID(first["volume_id"]), nb_pages=3)
    items, _ = await follow(api)
    assert [item["volume"] for item in items] == [second, changed]


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
async def test_pages_have_everything_once(api: Api, limit: int) -> None:
    volumes = [await api.put(nb_pages=number) for number in range(3)]
    await api.bulk(*({"volume_id": str(uuid.uuid4()), "nb_pages": number} for number in range(10)))
    items, _ = await follow(api, limit=limit)
    assert len(items) == len({item["volume_id"] for item in items}) == 13
    assert [item["volume"] for item in items[:3]] == volumes


async def test_what_commits_late_is_not_missed(api: Api) -> None:
    database: Database = api.serving.app.state.database
    early, late = uuid.uuid4(), uuid.uuid4()
    async with database.session() as slow:
        await write(slow, late, nb_pages=1)  # its place in the feed is before the other's
        async with database.session() as fast:
            await write(fast, early, nb_pages=2)
        seen, mark = await follow(api, is_patient=False)
    after, _ = await follow(api, mark)
    # the one that had committed may wait for the other, and neither may be missed
    assert [item["volume_id"] for item in seen + after] == [str(late), str(early)]


async def test_what_is_rolled_back_never_shows(api: Api) -> None:
    database: Database = api.serving.app.state.database
    async with database.sessions() as session:
        await write(session, uuid.uuid4(), nb_pages=1)
        await session.rollback()
    assert (await follow(api))[0] == []


async def test_a_copy_is_complete_under_writers_that_overlap(api: Api) -> None:
    """Copy while many write, and compare."""
    ids = [uuid.uuid4() for _ in range(20)]
    database: Database = api.serving.app.state.database

    async def work(worker: int) -> None:
        for turn in range(10):
            async with database.sessions() as session:
                # on a machine that is busy, the ones wait long for the others
                await session.execute(text("SELECT set_config('lock_timeout', '0', true)"))
                for volume_id in ids[(worker * 3 + turn) % 16 :][:5]:
                    await write(session, volume_id, nb_pages=1000 * worker + turn)
                    await asyncio.sleep(0.001 * (worker % 3))
                await (session.rollback() if turn % 4 == 3 else session.commit())

    copy: dict[str, Any] = {}
    mark: str | None = None
    writers = [asyncio.create_task(work(worker)) for worker in range(6)]
    while not all(writer.done() for writer in writers):
        items, mark = await follow(api, mark, limit=3, is_patient=False)
        copy |= {item["volume_id"]: item["volume"] for item in items}
    await asyncio.gather(*writers)
    items, _ = await follow(api, mark)
    copy |= {item["volume_id"]: item["volume"] for item in items}
    stored = await api.get_all(VOLUMES)
    assert copy == {volume["volume_id"]: volume for volume in stored}
    assert len(copy) == 20


async def test_mark_of_before_a_restore_has_to_begin_again(api: Api) -> None:
    """A database made from another has its rows, as a dump has, and is another one."""
    volume = await api.put(nb_pages=1)
    _, mark = await follow(api)
    database: Database = api.serving.app.state.database
    await database.engine.dispose()
    restored = api.url.set(database=f"restored_{uuid.uuid4().hex}")
    await execute(load_server(), f'CREATE DATABASE "{restored.database}" TEMPLATE "{api.url.database}"')
    try:
        async with run_api(restored) as other:
            answer = await other.client.get(CHANGES, params={"since": mark}, headers=other.sign_in())
            assert (answer.status_code, answer.json()["code"]) == (410, "resync")
            added = await other.put(nb_pages=2)
            items, new_mark = await follow(other, limit=1)
            assert [item["volume"] for item in items] == [volume, added]
            changed = await other.put(UUID(volume["volume_id"]), nb_pages=3)
            items, _ = await follow(other, new_mark)
            assert [item["volume"] for item in items] == [changed]
    finally:
        await execute(load_server(), f'DROP DATABASE "{restored.database}" WITH (FORCE)')


async def test_mark_of_a_transaction_to_come_has_to_begin_again(api: Api) -> None:
    """That is what a mark looks like after files of the database were put back."""
    await api.put(nb_pages=1)
    _, mark = await follow(api)
    place = parse_cursor(mark, MARK, question=QUESTION)
    future = build_cursor(replace(place, transaction_id=place.transaction_id + 10**6), MARK, question=QUESTION)
    answer = await api.client.get(CHANGES, params={"since": future}, headers=api.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (410, "resync")


async def test_mark_that_is_none(api: Api) -> None:
    answer = await api.client.get(CHANGES, params={"since": "nonsense"}, headers=api.sign_in())
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


async def test_mark_of_an_empty_feed_is_good(api: Api) -> None:
    items, mark = await follow(api)
    volume = await api.put(nb_pages=1)
    assert (items, [item["volume"] for item in (await follow(api, mark))[0]]) == ([], [volume])


async def test_feed_of_a_table_of_its_own_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until revision 0002 a change was a row beside its volume."""
    deleted, kept, by_hand = (uuid.UUID(int=number) for number in range(3))
    async with make_database() as url:
        with monkeypatch.context() as patch:
            upgrade = ScriptDirectory._upgrade_revs
            patch.setattr(ScriptDirectory, "_upgrade_revs", lambda self, _to, since: upgrade(self, "0001", since))
            settings = DataSettings.load(database_url=render(url))
            await migrate(Database(url, application="test", schema="data"), SERVICE.migrations(settings))
        await execute(
            url,
            f"INSERT INTO data.volume_extra (volume_id, version, deleted_at) VALUES ('{deleted}', 2, now()),"
            f" ('{kept}', 3, NULL), ('{by_hand}', 1, NULL)",
            # whatever the order in which they lie there
            "INSERT INTO data.changes (feed, transaction_id, volume_id, kind, version)"
            f" VALUES (0, 7, '{kept}', 'upsert', 3), (0, 5, '{deleted}', 'delete', 2)",
        )
        async with run_api(url) as api:
            items, mark = await follow(api, limit=1)
            assert [(item["volume_id"], item["kind"], item["version"]) for item in items] == [
                (str(deleted), "delete", 2),
                (str(kept), "upsert", 3),
            ]
            changed = await api.put(kept, nb_pages=3)
            items, _ = await follow(api, mark)
            assert [item["volume"] for item in items] == [changed]
            # numbers go on where they were
            assert await execute(url, f"SELECT sequence > 2 FROM data.volume_extra WHERE volume_id = '{kept}'")
