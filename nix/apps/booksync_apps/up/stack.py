"""The stack's life: what is missing is unpacked, services are begun one after the other, and ended the other way."""

import asyncio
import time
from collections.abc import Callable, Sequence

from booksync_apps.container import Words, build_words
from booksync_apps.interrupts import Interrupts
from booksync_apps.progress import format_bytes
from booksync_apps.roots import Roots
from booksync_apps.up.keeper import Keeper
from booksync_apps.up.log import Log
from booksync_apps.up.readiness import ask
from booksync_apps.up.services import DATABASE, Service

POLL_S = 0.25


class Stack:
    """The services on this machine."""

    def __init__(
        self,
        services: Sequence[Service],
        *,
        roots: Roots,
        bubblewrap: Sequence[str],
        log: Log,
        on_ready: Callable[[], None],
    ) -> None:
        """Plan; nothing is started yet.

        :param on_ready: called when all can do their work
        """
        self._roots = roots
        self._log = log
        self._on_ready = on_ready
        self._keepers = [Keeper(service, bubblewrap=bubblewrap, log=log) for service in services]
        self._begun = time.monotonic()

    async def run(self) -> None:
        """Run until ^C.

        :raises OSError: an image could not be unpacked
        """
        interrupts = Interrupts()
        begin = asyncio.create_task(self._begin())
        interrupted = asyncio.create_task(interrupts.end.wait())
        await asyncio.wait({begin, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if begin.done():
                await begin
                await interrupted
        except OSError as error:
            self._log.say(str(error))
            raise
        finally:
            begin.cancel()
            interrupted.cancel()
            await self._end(interrupts.hurry)

    async def _begin(self) -> None:
        """Start everything, and wait until it is ready."""
        try:
            async with asyncio.TaskGroup() as waiting:
                for keeper in self._keepers:
                    await self._unpack(keeper.service)
                    keeper.begin(self._words(keeper.service))
                    waiting.create_task(self._wait_until_ready(keeper.service))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        self._on_ready()
        await asyncio.to_thread(self._roots.remove_others, [keeper.service.image for keeper in self._keepers])

    def _words(self, service: Service) -> Words:
        return build_words(
            service.image,
            self._roots.root(service.image),
            variables=service.variables,
            binds=service.binds,
            arguments=service.arguments,
        )

    async def _unpack(self, service: Service) -> None:
        missing = list(self._roots.missing(service.image))
        if missing:
            size = format_bytes(sum(blob.stat().st_size for blob in missing))
            self._log.say(f"unpacking {service.name} ({size})")
        # a layer at a time, so that ^C waits for one at most
        for blob in missing:
            await asyncio.to_thread(self._roots.write_layer, blob)
        await asyncio.to_thread(self._roots.write_root, service.image)

    async def _wait_until_ready(self, service: Service) -> None:
        while await ask(service.name, service.port) != "ready":  # noqa: ASYNC110 - of another process
            await asyncio.sleep(POLL_S)
        self._log.say(f"{service.name} is ready after {time.monotonic() - self._begun:.1f} s")

    async def _end(self, hurry: asyncio.Event) -> None:
        self._log.say("ending, in order; ^C once more kills")
        # the database has answered what the APIs were asked last
        await asyncio.gather(*(keeper.end(hurry) for keeper in self._keepers if keeper.service.name != DATABASE))
        await asyncio.gather(*(keeper.end(hurry) for keeper in self._keepers))
        self._log.say("ended")
