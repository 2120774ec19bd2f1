"""Parts of a scenario, as nixpkgs' driver tells them apart."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def subtest(name: str) -> Iterator[None]:
    """Say what is being tested, how long it took, and of a failure in which part it was."""
    started = time.monotonic()
    try:
        yield
    except BaseException as error:
        error.add_note(f"in the part: {name}")
        raise
    print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr)  # noqa: T201 - a log of the test
