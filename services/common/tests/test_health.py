"""What health answers say while the parts are asked anew."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from booksync_api_sample.service import SERVICE, SampleSettings
from booksync_common.parts import Check, Part
from booksync_service_testing.serving import PATIENCE, Serving, serve, wait_for


class Slow(Part):
    """A part whose answer a test lets through."""

    name = "slow"

    def __init__(self) -> None:
        """Begin with one that answers at once."""
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = 0
        self.is_cancelled = False

    async def check(self) -> Check:
        """Count the questions in the answer."""
        self.asked += 1
        number = self.asked
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise
        return Check("ok", str(number))


async def ask(serving: Serving) -> Mapping[str, str]:
    """Return what is said of the slow part."""
    checks = (await serving.client.get("/health")).json()["checks"]
    found: Mapping[str, str] = checks[Slow.name]
    return found


@asynccontextmanager
async def serve_slow() -> AsyncIterator[tuple[Serving, Slow]]:
    """Serve, without a database, with a part that has answered once; and holds its next answers back."""
    part = Slow()
    service = replace(SERVICE, parts=lambda _settings: [part])
    async with serve(service, SampleSettings.load()) as serving:
        assert (await ask(serving))["detail"] == "1"
        part.may_answer.clear()
        yield serving, part


async def test_an_answer_is_given_while_the_parts_are_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve_slow() as (serving, part):
        monkeypatch.setattr("booksync_common.health.FRESH", 0.0)
        monkeypatch.setattr("booksync_common.health.STALE", 3600.0)
        before = await ask(serving)
        assert await ask(serving) == before
        await wait_for(lambda: part.asked == 2)
        assert await ask(serving) == before
        part.may_answer.set()
        async with asyncio.timeout(PATIENCE):
            while (await ask(serving))["detail"] == before["detail"]:
                await asyncio.sleep(0.01)


async def test_an_answer_that_is_too_old_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve_slow() as (serving, part):
        monkeypatch.setattr("booksync_common.health.FRESH", 0.0)
        monkeypatch.setattr("booksync_common.health.STALE", 0.0)
        questions = [asyncio.create_task(ask(serving)) for _ in range(20)]
        await wait_for(lambda: part.asked == 2)
        await asyncio.sleep(0.05)
        assert not any(question.done() for question in questions)
        questions.pop(0).cancel()  # whoever asked first goes away
        part.may_answer.set()
        assert [answer["detail"] for answer in await asyncio.gather(*questions)] == 19 * ["2"]
        assert part.asked == 2


async def test_the_service_ends_while_a_part_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with asyncio.timeout(PATIENCE), serve_slow() as (serving, part):
        monkeypatch.setattr("booksync_common.health.FRESH", 0.0)
        await ask(serving)
        await wait_for(lambda: part.asked == 2)
    assert part.is_cancelled
