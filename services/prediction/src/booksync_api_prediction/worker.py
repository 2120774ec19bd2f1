"""One thread for work that takes a while, which never keeps the process from ending.

A ThreadPoolExecutor would: the interpreter waits for its threads at exit, and loading a model on a Raspberry Pi takes
longer than the ten seconds that a container is given to stop.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]


class Worker:
    """A daemon thread that does one thing after the other."""

    def __init__(self, name: str) -> None:
        """Name the thread, which starts with the first work."""
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._begun = False

    async def run[T](self, work: Callable[[], T]) -> T:
        """Do something in the thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: Callable[[], None]) -> None:
            # nobody may be waiting any more, and the loop may be closed
            if not loop.is_closed():
                loop.call_soon_threadsafe(lambda: None if future.done() else result())

        def job() -> None:
            if future.cancelled():
                return
            try:
                value = work()
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                failure = error
                settle(lambda: future.set_exception(failure))
            else:
                settle(lambda: future.set_result(value))

        if not self._begun:
            self._begun = True
            self._thread.start()
        self._jobs.put(job)
        return await future

    def stop(self) -> None:
        """Let the thread end after what it is doing."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
