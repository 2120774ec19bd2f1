"""Run one server in bubblewrap until ^C, which shuts it down in order."""

import asyncio
from collections.abc import Sequence

from booksync_apps.container import Container, Words
from booksync_apps.image import Image
from booksync_apps.interrupts import Interrupts


def serve(words: Words, *, image: Image, bubblewrap: Sequence[str]) -> int:
    """Run a server until it ends, and return its exit code; a second ^C kills it."""
    return asyncio.run(run_server(words, image=image, bubblewrap=bubblewrap))


async def run_server(words: Words, *, image: Image, bubblewrap: Sequence[str]) -> int:
    """Do what `serve` does."""
    interrupts = Interrupts()
    container = await Container.start(words, bubblewrap=bubblewrap, stop_signal=image.stop_signal)
    ended = asyncio.create_task(container.process.wait())
    interrupted = asyncio.create_task(interrupts.end.wait())
    await asyncio.wait({ended, interrupted}, return_when=asyncio.FIRST_COMPLETED)
    interrupted.cancel()
    await container.end(limit=None, hurry=interrupts.hurry)
    return await ended
