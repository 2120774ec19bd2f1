"""Jobs: done once however often they are begun, resumed after kill -9, shared by replicas, cancelled when told to."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.engine import URL

from booksync_api_prediction.embeddings import repository as embeddings
from booksync_api_prediction.jobs import repository, runner
from booksync_common import database
from booksync_common.problems import unavailable
from booksync_prediction_testing.encoder import WordEncoder
from booksync_prediction_testing.service import SECRET, V1, House, open_house
from booksync_service_testing import processes
from booksync_service_testing.fake_auth import run_fake_auth
from booksync_service_testing.server import execute, load_server, make_database, render
from booksync_service_testing.serving import wait_for


def make_items(count: int) -> list[dict[str, Any]]:
    """Make items that differ."""
    return [{"kind": "volume", "id": str(uuid4()), "title": f"Tome numéro {number}"} for number in range(count)]


async def begin_bulk(house: House, items: list[dict[str, Any]]) -> str:
    """Send a bulk that is a job's, and return the job's address."""
    answer = await house.client.post(f"{V1}/embeddings/bulk", json={"items": items}, headers=house.machine)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    return answer.headers["location"]


async def begin_reindex(house: House, **body: Any) -> str:
    """Ask for a reindex."""
    answer = await house.client.post(f"{V1}/embeddings/reindex", json=body, headers=house.machine)
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


async def test_large_bulk_is_a_job() -> None:
    async with open_house() as house:
        items = make_items(100)
        job = await house.wait_for_job(await begin_bulk(house, items))
        assert (job["status"], job["done"], job["total"], job["error"]) == ("done", 100, 100, None)
        assert await house.count("embeddings") == 100
        assert await house.count("job_items") == 0
        assert sorted(house.encoder.texts) == sorted(item["title"] for item in items)
        # and again: nothing is new
        again = await house.wait_for_job(await begin_bulk(house, items))
        assert (again["status"], again["done"]) == ("done", 100)
        assert len(house.encoder.texts) == 100


async def test_reindex_embeds_what_another_model_or_recipe_has_embedded() -> None:
    async with make_database() as url:
        await execute(url, "CREATE EXTENSION vector")
        async with open_house(url, embedding_model="old") as house:
            await house.put_all(make_items(40))
        async with open_house(url, embedding_model="new") as house:
            user = house.sign_in()
            assert (await house.client.get(f"{V1}/embeddings", headers=user)).json()["items"] == []
            job = await house.wait_for_job(await begin_reindex(house))
            assert (job["status"], job["done"], job["total"]) == ("done", 40, 40)
            assert await house.count("embeddings") == 80
            assert len((await house.client.get(f"{V1}/embeddings", headers=user)).json()["items"]) == 40
            await execute(
                url, "UPDATE prediction.embeddings SET text_version = 0 WHERE model = 'new' AND title < 'Tome numéro 2'"
            )
            older = await house.count("embeddings", "text_version = 0")
            assert older > 0
            job = await house.wait_for_job(await begin_reindex(house, prune=True))
            assert (job["status"], job["done"], len(house.encoder.texts)) == ("done", older, 40 + older)
            assert await house.count("embeddings") == await house.count("embeddings", "model = 'new'") == 40


async def test_reindex_goes_on_where_its_last_batch_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[tuple[Any, list[Any]]] = []
    find_stale = embeddings.find_stale

    async def note(*arguments: Any, after: Any = None, **more: Any) -> Any:
        rows = await find_stale(*arguments, **more) if after is None else await find_stale(*arguments, after=after)
        if len(arguments) == 3:  # not those that are looked at again
            batches.append((after, [(row["kind"], row["item_id"]) for row in rows]))
        return rows

    monkeypatch.setattr(embeddings, "find_stale", note)
    early = {"kind": "series", "id": str(UUID(int=1)), "title": "Avant tout"}
    async with make_database() as url:
        await execute(url, "CREATE EXTENSION vector")
        encoder = WordEncoder()
        async with (
            open_house(url, embedding_model="old") as old,
            open_house(url, encoder, embedding_model="new", embedding_batch_size=8) as new,
        ):
            await old.put_all(make_items(20))
            with encoder.held():
                address = await begin_reindex(new)
                await wait_for(lambda: bool(encoder.threads))
                # before all that is done by now
                await old.put_all([early])
            assert (await new.wait_for_job(address))["status"] == "done"
            assert await new.count("embeddings", "model = 'new'") == 21
    lasts = [keys[-1] if keys else None for _, keys in batches]
    assert [after for after, _ in batches] == [None, *lasts[:-1]]
    # from the start until nothing is found there
    assert [len(keys) for _, keys in batches] == [8, 8, 4, 0, 1, 0, 0]


async def test_item_that_is_deleted_meanwhile_does_not_come_back() -> None:
    encoder = WordEncoder()
    async with make_database() as url:
        await execute(url, "CREATE EXTENSION vector")
        async with open_house(url, embedding_model="old") as house:
            await house.put_all(items := make_items(3))
        async with open_house(url, encoder, embedding_model="new") as house:
            with encoder.held():
                address = await begin_reindex(house)
                await wait_for(lambda: bool(encoder.threads))
                await house.client.delete(f"{V1}/embeddings/volume/{items[0]['id']}", headers=house.machine)
            job = await house.wait_for_job(address)
            assert job["status"] == "done"
            assert await house.count("embeddings", "model = 'new'") == 2


async def test_reindex_that_is_under_way_is_returned() -> None:
    async with open_house() as house:
        with house.encoder.held():
            await begin_bulk(house, make_items(65))
            first, second = await begin_reindex(house), await begin_reindex(house)
        assert first == second
        await house.wait_for_job(first)
        assert await begin_reindex(house) != first


async def test_reindex_that_does_not_prune_does_not_stand_for_one_that_does() -> None:
    async with open_house() as house:
        with house.encoder.held():
            await begin_bulk(house, make_items(65))
            plain, pruning = await begin_reindex(house), await begin_reindex(house, prune=True)
            assert plain != pruning
            # one that prunes does all that the other does
            await house.client.delete(plain, headers=house.machine)
            assert await begin_reindex(house) == await begin_reindex(house, prune=True) == pruning
            await execute(
                house.url,
                "INSERT INTO prediction.embeddings"
                " (kind, item_id, model, embedding, content_hash, text_version, embedded_at, title)"
                " SELECT 'volume', item_id, 'older', embedding, 'x', 1, now(), title FROM prediction.embeddings",
            )
        assert (await house.wait_for_job(pruning))["status"] == "done"
        assert await house.count("embeddings", "model = 'older'") == 0


async def test_job_is_done_by_replicas_of_its_model() -> None:
    async with make_database() as url:
        await execute(url, "CREATE EXTENSION vector")
        async with (
            open_house(url, embedding_model="new") as new,
            open_house(url, WordEncoder(), embedding_model="old") as old,
        ):
            with new.encoder.held():
                first = await begin_bulk(new, make_items(65))
                await wait_for(lambda: bool(new.encoder.threads))
                second, pruning = await begin_bulk(new, make_items(65)), await begin_reindex(new, prune=True)
                # younger than those that are not its own
                assert await begin_reindex(old) != pruning
                assert (await old.wait_for_job(await begin_bulk(old, make_items(65))))["status"] == "done"
                for address in (second, pruning):
                    answer = await old.client.get(address, headers=old.machine)
                    assert answer.json()["status"] == "queued"
            for address in (first, second, pruning):
                assert (await new.wait_for_job(address))["status"] == "done"
            assert await new.count("embeddings", "model = 'new'") == 195
            # one from before jobs had a model is anybody's
            before = await old.serving.app.state.parts["jobs"].enqueue(old.serving.app.state.database, "reindex")
            assert (await old.wait_for_job(f"{V1}/jobs/{before['id']}"))["status"] == "done"


async def test_cancel_ends_what_waits_at_once_and_what_runs_after_its_step() -> None:
    async with open_house() as house:
        with house.encoder.held():
            running, waiting = await begin_bulk(house, make_items(100)), await begin_bulk(house, make_items(100))
            await wait_for(lambda: bool(house.encoder.threads))
            answer = await house.client.delete(waiting, headers=house.machine)
            assert answer.json()["status"] == "cancelled"
            assert (await house.client.delete(running, headers=house.machine)).json()["cancel_requested"]
        job = await house.wait_for_job(running)
        assert job["status"] == "cancelled"
        assert await house.count("embeddings") < 100
        # finished is finished
        assert (await house.client.delete(running, headers=house.machine)).json()["status"] == "cancelled"


async def test_job_that_waits_leaves_nothing_when_it_is_cancelled() -> None:
    async with open_house() as house:
        with house.encoder.held():
            running, waiting = await begin_bulk(house, make_items(65)), await begin_bulk(house, make_items(70))
            await wait_for(lambda: bool(house.encoder.threads))
            assert (await house.client.delete(waiting, headers=house.machine)).json()["status"] == "cancelled"
            assert await house.count("job_items") == 65
        assert (await house.wait_for_job(running))["status"] == "done"


@pytest.mark.parametrize("code", ["model_unavailable", "encoder_busy"])
async def test_job_that_waits_for_the_model_can_be_cancelled(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    async with open_house() as house:
        asked = asyncio.Event()

        async def refuse(_texts: Sequence[str]) -> list[list[float]]:
            asked.set()
            raise unavailable(code, "Not now.")

        monkeypatch.setattr(house.serving.app.state.parts["model"], "encode", refuse)
        address = await begin_bulk(house, make_items(65))
        await wait_for(asked.is_set)
        await house.client.delete(address, headers=house.machine)
        async with asyncio.timeout(30):
            assert (await house.wait_for_job(address))["status"] == "cancelled"


async def test_job_that_a_replica_has_no_model_for_is_done_by_another() -> None:
    async with open_house() as house:
        house.serving.app.state.parts["model"]._encoder = None
        address = await begin_bulk(house, make_items(65))

        async def is_begun() -> bool:
            return await house.count("jobs", "started_at IS NOT NULL") == 1

        await wait_for(is_begun)
        async with open_house(house.url) as other, asyncio.timeout(40):
            assert (await other.wait_for_job(address))["status"] == "done"


async def test_failure_is_told_without_its_message() -> None:
    async with open_house() as house:

        def fail(texts: Sequence[str]) -> list[list[float]]:
            message = f"a secret of {len(texts)}"
            raise RuntimeError(message)

        house.encoder.encode = fail  # type: ignore[method-assign]
        job = await house.wait_for_job(await begin_bulk(house, make_items(65)))
        assert (job["status"], job["error"], job["done"]) == ("failed", "RuntimeError", 0)


async def test_database_that_goes_away_is_no_failure_of_a_job() -> None:
    async with open_house() as house:
        with house.encoder.held():
            address = await begin_bulk(house, make_items(70))
            await wait_for(lambda: bool(house.encoder.threads))
            others = f"datname = '{house.url.database}' AND pid <> pg_backend_pid()"
            await execute(load_server(), f'ALTER DATABASE "{house.url.database}" ALLOW_CONNECTIONS false')
            await execute(load_server(), f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        await asyncio.sleep(0.5)
        await execute(load_server(), f'ALTER DATABASE "{house.url.database}" ALLOW_CONNECTIONS true')
        # as if the lease were over, in case that it could not be given back
        await execute(house.url, "UPDATE prediction.jobs SET heartbeat_at = now() - interval '1 hour'")
        job = await house.wait_for_job(address)
        assert (job["status"], job["done"]) == ("done", 70)


async def have_refused(url: URL, *, event: str, body: str) -> None:
    """Have PostgreSQL run something before it writes a row of the embeddings."""
    await execute(
        url,
        f"CREATE FUNCTION interfere() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$",
        f"CREATE TRIGGER interferes BEFORE {event} ON prediction.embeddings FOR EACH ROW EXECUTE FUNCTION interfere()",
    )


@pytest.mark.parametrize(
    ("state", "error"),
    [("57014", "QueryCanceledError"), ("53100", "DiskFullError"), ("53200", "OutOfMemoryError")],
)
async def test_job_whose_failure_does_not_pass_lets_others_go_first_and_is_given_up(
    monkeypatch: pytest.MonkeyPatch, state: str, error: str
) -> None:
    monkeypatch.setattr(runner, "PATIENCE", 0.01)
    async with open_house() as house:
        jobs: runner.Runner = house.serving.app.state.parts["jobs"]
        jobs._poll = 0.01
        raising = f"IF NEW.title = 'Trop' THEN RAISE 'no' USING ERRCODE = '{state}'; END IF; RETURN NEW"
        await have_refused(house.url, event="INSERT", body=raising)
        with house.encoder.held():
            failing = await begin_bulk(
                house, [*make_items(64), {"kind": "volume", "id": str(uuid4()), "title": "Trop"}]
            )
            others = [await begin_bulk(house, make_items(65)) for _ in range(2)]
        async with asyncio.timeout(30):
            failed = await house.wait_for_job(failing)
            done = [await house.wait_for_job(address) for address in others]
        assert (failed["status"], failed["error"]) == ("failed", error)
        assert [job["status"] for job in done] == ["done", "done"]
        assert all(job["finished_at"] < failed["finished_at"] for job in done)


async def test_prune_may_take_longer_than_a_statement_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async with make_database() as url:
        await execute(url, "CREATE EXTENSION vector")
        async with open_house(url, embedding_model="old") as house:
            await house.put_all(make_items(4))
        monkeypatch.setitem(database.TIMEOUTS, "statement_timeout", "1s")
        async with open_house(url, embedding_model="new") as house:
            await have_refused(url, event="DELETE", body="PERFORM pg_sleep(0.5); RETURN OLD")
            async with asyncio.timeout(30):
                job = await house.wait_for_job(await begin_reindex(house, prune=True))
            assert (job["status"], job["error"]) == ("done", None)
            assert await house.count("embeddings") == await house.count("embeddings", "model = 'new'") == 4


async def test_jobs_are_for_machines_and_administrators() -> None:
    async with open_house() as house:
        address = f"{V1}/jobs/{uuid4()}"
        assert (await house.client.get(address)).status_code == 401
        assert (await house.client.get(address, headers=house.sign_in())).status_code == 403
        for method in ("GET", "DELETE"):
            answer = await house.client.request(method, address, headers=house.machine)
            assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
        assert (await house.client.post(f"{V1}/embeddings/reindex", headers=house.sign_in())).status_code == 403


def variables(url: URL, auth: str, **more: str) -> dict[str, str]:
    """Return the environment of a replica."""
    return {"DATABASE_URL": render(url), "AUTH_API_URL": auth, "APP_SECRET_KEY": SECRET, **more}


async def test_job_is_resumed_after_kill_9_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    async with make_database() as url, run_fake_auth() as auth:
        await execute(url, "CREATE EXTENSION vector")
        slow = variables(url, auth.address, FAKE_SECONDS="0.3", EMBEDDING_BATCH_SIZE="8")
        with processes.start("fake_prediction", log_path=tmp_path / "first", **slow) as first:
            await asyncio.to_thread(first.wait_for, "/health/ready", 200)
            async with httpx.AsyncClient(base_url=first.address, headers={"X-API-Key": SECRET}) as client:
                answer = await client.post(f"{V1}/embeddings/bulk", json={"items": make_items(100)})
            assert answer.status_code == 202

            async def is_half_way() -> bool:
                return int(str(await execute(url, "SELECT count(*) FROM prediction.embeddings"))) >= 24

            await wait_for(is_half_way)
            first.process.kill()
            first.process.wait()
        stored = int(str(await execute(url, "SELECT count(*) FROM prediction.embeddings")))
        assert 24 <= stored < 100
        assert await execute(url, "SELECT status FROM prediction.jobs") == "running"
        assert await execute(url, "SELECT done FROM prediction.jobs") == stored
        # as if the lease were over
        await execute(url, "UPDATE prediction.jobs SET heartbeat_at = now() - interval '1 hour'")
        async with open_house(url, embedding_batch_size=8) as house:
            job_id = await execute(url, "SELECT id FROM prediction.jobs")
            job = await house.wait_for_job(f"{V1}/jobs/{job_id}")
            assert (job["status"], job["done"], job["total"]) == ("done", 100, 100)
            assert await house.count("embeddings") == 100
            # the rest, and not what the first had stored
            assert len(house.encoder.texts) == 100 - stored


async def test_replicas_share_jobs_and_none_is_done_twice() -> None:
    async with make_database() as url:
        await execute(url, "CREATE EXTENSION vector")
        one, other = WordEncoder(seconds=0.02), WordEncoder(seconds=0.02)
        async with open_house(url, one) as first, open_house(url, other) as second:
            addresses = [await begin_bulk(house, make_items(70)) for house in (first, second, first, second)]
            jobs = [await first.wait_for_job(address) for address in addresses]
            assert {job["status"] for job in jobs} == {"done"}
            assert await first.count("embeddings") == 280
        assert len(one.texts) + len(other.texts) == 280
        assert one.texts
        assert other.texts


async def test_job_of_somebody_who_is_not_heard_of_is_taken_over_and_the_first_can_store_nothing_more() -> None:
    async with open_house() as house:
        with house.encoder.held():
            address = await begin_bulk(house, make_items(70))
            await wait_for(lambda: bool(house.encoder.threads))
            await execute(house.url, f"UPDATE prediction.jobs SET owner = '{uuid4()}'")
        await asyncio.sleep(0.5)
        assert await house.count("embeddings") == 0
        await execute(house.url, "UPDATE prediction.jobs SET heartbeat_at = now() - interval '1 hour'")
        job = await house.wait_for_job(address)
        assert (job["status"], job["done"]) == ("done", 70)


async def test_stop_lets_go_of_a_job() -> None:
    encoder = WordEncoder()
    async with make_database() as url:
        await execute(url, "CREATE EXTENSION vector")
        with encoder.held():
            async with open_house(url, encoder) as house:
                await begin_bulk(house, make_items(70))
                await wait_for(lambda: bool(encoder.threads))
        assert await execute(url, "SELECT status FROM prediction.jobs") == "queued"
        assert await execute(url, "SELECT attempts FROM prediction.jobs") == 0


async def test_job_that_brings_its_replica_down_is_given_up() -> None:
    async with open_house() as house:
        statement = (
            "INSERT INTO prediction.jobs (kind, status, heartbeat_at, attempts)"
            f" VALUES ('reindex', 'running', now() - interval '1 hour', {repository.MAX_ATTEMPTS}) RETURNING id"
        )
        job_id = await execute(house.url, statement)
        await house.serving.app.state.parts["jobs"].enqueue(house.serving.app.state.database, "reindex")
        job = await house.wait_for_job(f"{V1}/jobs/{job_id}")
        assert (job["status"], job["error"]) == ("failed", repository.LOST)


async def test_lease_is_renewed_while_a_step_takes_long() -> None:
    async with open_house() as house:
        jobs: runner.Runner = house.serving.app.state.parts["jobs"]
        jobs._lease = 0.3

        async def is_renewed() -> bool:
            return await house.count("jobs", "heartbeat_at > started_at + interval '400 ms'") == 1

        with house.encoder.held():
            await begin_bulk(house, make_items(70))
            await wait_for(lambda: bool(house.encoder.threads))
            await wait_for(is_renewed)
