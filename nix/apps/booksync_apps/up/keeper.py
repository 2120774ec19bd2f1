"""One service's life: started, listened to, started again when it dies, ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from booksync_apps.container import Container, Words
from booksync_apps.up.log import Log
from booksync_apps.up.services import Service

#: Seconds before a start after a death: doubled each time, begun anew by one that has lived.
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
LIVED_S = 60.0

#: Bytes of a line; the rest of a longer one is the next.
LONGEST_LINE = 1 << 16


class Keeper:
    """Keeps a service running until it is told to end."""

    def __init__(self, service: Service, *, bubblewrap: Sequence[str], log: Log) -> None:
        self.service = service
        self._bubblewrap = bubblewrap
        self._log = log
        self._ending = asyncio.Event()
        self._container: Container | None = None
        self._life: asyncio.Task[None] | None = None

    def begin(self, words: Words) -> None:
        """Start the service."""
        self._life = asyncio.create_task(self._live(words))

    async def end(self, hurry: asyncio.Event) -> None:
        """End the service in order; at once when ``hurry`` is set."""
        self._ending.set()
        while self._life is not None and not self._life.done():
            if self._container is not None:
                await self._container.end(limit=self.service.limit, hurry=hurry)
            await asyncio.wait({self._life}, timeout=0.05)

    async def _live(self, words: Words) -> None:
        pause = FIRST_PAUSE_S
        while not self._ending.is_set():
            begun = asyncio.get_running_loop().time()
            how = await self._run(words)
            if self._ending.is_set():
                return
            if asyncio.get_running_loop().time() - begun >= LIVED_S:
                pause = FIRST_PAUSE_S
            self._log.say(f"{self.service.name} {how}; it is started again in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _run(self, words: Words) -> str:
        """Run the service once, and return how it ended."""
        try:
            container = await Container.start(
                words,
                bubblewrap=self._bubblewrap,
                stop_signal=self.service.image.stop_signal,
                output=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            return f"could not be started ({error})"
        self._container = container
        assert container.process.stdout is not None
        async for line in read_lines(container.process.stdout):
            self._log.line(self.service.name, line)
        code = await container.process.wait()
        self._container = None
        # as a shell has it
        return f"was killed by signal {code - 128}" if code > 128 else f"ended with status {code}"


async def read_lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Yield lines until the end, whatever is in them."""
    rest = b""
    while chunk := await stream.read(LONGEST_LINE):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) >= LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
