"""Wait for what a process or a thread beside the test is about to do."""

import time
from collections.abc import Callable

PAUSE_SECONDS = 0.05


def wait_until(condition: Callable[[], bool], *, what: str | Callable[[], str], seconds: float) -> None:
    """Ask again and again until a condition holds.

    :param what: is awaited; a function is called when it has not come, for what is known only then, like a log.
    :raises AssertionError: it has not come after so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not after {seconds:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(PAUSE_SECONDS)
