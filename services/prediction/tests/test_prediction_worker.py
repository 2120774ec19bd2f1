"""The worker's thread does one thing after the other, hands failures on, and never holds the process up."""

import asyncio
import subprocess
import sys
import threading

import pytest

from booksync_api_prediction.worker import Worker
from booksync_service_testing.processes import build_environment
from booksync_service_testing.serving import PATIENCE


async def test_one_thread_does_everything_in_order() -> None:
    worker = Worker("test")
    done: list[tuple[int, str]] = []

    def note(number: int) -> int:
        done.append((number, threading.current_thread().name))
        return number

    results = await asyncio.gather(*(worker.run(lambda number=number: note(number)) for number in range(9)))  # type: ignore[misc]
    worker.stop()
    assert results == list(range(9))
    assert done == [(number, "test") for number in range(9)]


async def test_failure_is_raised_where_it_is_waited_for() -> None:
    worker = Worker("test")
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 // 0)
    assert await worker.run(lambda: 1) == 1
    worker.stop()


async def test_work_that_nobody_waits_for_any_more_is_left_out() -> None:
    worker = Worker("test")
    gate = threading.Event()
    done: list[str] = []
    first = asyncio.create_task(worker.run(gate.wait))
    second = asyncio.create_task(worker.run(lambda: done.append("second")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await first
    await worker.run(lambda: done.append("third"))
    worker.stop()
    assert done == ["third"]


def test_process_ends_while_the_thread_is_busy() -> None:
    script = """
import asyncio, time
from booksync_api_prediction.worker import Worker

async def main():
    task = asyncio.create_task(Worker("busy").run(lambda: time.sleep(600)))
    await asyncio.sleep(0.1)
    task.cancel()

asyncio.run(main())
"""
    # within its time, which is shorter than the thread's sleep
    result = subprocess.run([sys.executable, "-c", script], env=build_environment({}), check=False, timeout=PATIENCE)
    assert result.returncode == 0
