"""^C, `kill`, a terminal that is closed: the first one asks for an orderly end, the next one for an end."""

import asyncio
import signal

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """What the person at the terminal has asked for so far."""

    def __init__(self) -> None:
        """Listen from now on, in the running loop."""
        self.end = asyncio.Event()
        self.hurry = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, self._note)

    def _note(self) -> None:
        (self.hurry if self.end.is_set() else self.end).set()
