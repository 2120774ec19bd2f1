"""Texts of many requests are encoded together, each gets its own vector, and the line has an end."""

import asyncio
from collections.abc import Sequence

import pytest

from booksync_api_prediction.batching import Batches
from booksync_common.problems import ProblemError
from booksync_service_testing.serving import PATIENCE


class Slow:
    """Encodes when it is let."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.gate = asyncio.Event()

    async def encode(self, texts: Sequence[str]) -> list[list[float]]:
        """Wait, then give each text its number."""
        self.calls.append(list(texts))
        await self.gate.wait()
        if "bad" in texts:
            raise ZeroDivisionError
        return [[float(text)] for text in texts]


async def begin(batches: Batches, *groups: list[str]) -> list[asyncio.Task[list[list[float]]]]:
    """Ask for groups of texts, one after the other."""
    tasks = []
    for group in groups:
        tasks.append(asyncio.create_task(batches.encode(group)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return tasks


async def test_what_comes_meanwhile_is_one_batch() -> None:
    slow = Slow()
    tasks = await begin(Batches(slow.encode, size=4), ["1"], ["2", "3"], ["4"], ["5", "6"])
    slow.gate.set()
    assert await asyncio.gather(*tasks) == [[[1.0]], [[2.0], [3.0]], [[4.0]], [[5.0], [6.0]]]
    assert slow.calls == [["1"], ["2", "3", "4", "5"], ["6"]]


async def test_full_line_is_503_with_a_time_to_come_back() -> None:
    slow = Slow()
    batches = Batches(slow.encode, size=1, capacity=2)
    tasks = await begin(batches, ["1"], ["2"], ["3"])
    with pytest.raises(ProblemError) as caught:
        await asyncio.wait_for(batches.encode(["4"]), PATIENCE)
    assert (caught.value.status, caught.value.code) == (503, "encoder_busy")
    assert int(caught.value.headers["Retry-After"]) > 0
    slow.gate.set()
    await asyncio.gather(*tasks)
    assert await batches.encode(["4"]) == [[4.0]]


async def test_more_than_the_line_is_taken_when_nobody_waits() -> None:
    slow = Slow()
    slow.gate.set()
    assert len(await Batches(slow.encode, size=2, capacity=3).encode(["1"] * 9)) == 9


async def test_failure_is_that_of_its_batch_alone() -> None:
    slow = Slow()
    slow.gate.set()
    batches = Batches(slow.encode, size=2)
    with pytest.raises(ZeroDivisionError):
        await batches.encode(["1", "bad", "3"])
    assert await batches.encode(["4"]) == [[4.0]]


async def test_what_nobody_waits_for_is_not_encoded() -> None:
    slow = Slow()
    first, second, third = await begin(Batches(slow.encode, size=1), ["1"], ["2"], ["3"])
    second.cancel()
    slow.gate.set()
    assert list(await asyncio.gather(first, third)) == [[[1.0]], [[3.0]]]
    assert slow.calls == [["1"], ["3"]]


async def test_end_lets_everybody_go() -> None:
    slow = Slow()
    batches = Batches(slow.encode, size=1)
    tasks = await begin(batches, ["1"], ["2"])
    batches.stop()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 2
