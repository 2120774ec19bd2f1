"""What turns texts into vectors, whatever runs it."""

import atexit
import os
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

from booksync_common.failures import FatalError

Backend = Literal["torch", "onnx"]

#: More threads than this make a batch of a family's library no faster, and starve everything else on a Raspberry Pi.
MAX_THREADS = 4
#: How long the end of the process waits for a batch: less than a container is given to stop.
EXIT_SECONDS = 8


class ModelMissingError(FatalError):
    """There is no model, or nothing to run it with."""


class DeviceMissingError(FatalError):
    """The device is not there."""


class Encoder(Protocol):
    """A model that is loaded."""

    @property
    def backend(self) -> Backend:
        """What runs it."""

    @property
    def dimension(self) -> int:
        """The length of its vectors."""

    @property
    def device(self) -> str:
        """Where it runs: cpu, cuda or cuda:N."""

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector of length 1 for each text. Takes a while: not for the event loop's thread."""


class LoadEncoder(Protocol):
    """What loads a model, as each back end does it."""

    def __call__(self, path: Path, *, device: str, batch_size: int) -> Encoder:
        """Load the model of a folder.

        :raises ModelMissingError: it is not there, is broken, or there is nothing to run it with.
        :raises DeviceMissingError: the device is not there.
        """


def count_threads() -> int:
    """Return how many threads a batch may take."""
    return min(MAX_THREADS, len(os.sched_getaffinity(0)))


@cache
def computing() -> threading.Lock:
    """Return what is held while a library computes, so that the end of the process waits for it.

    A daemon thread that comes back to Python after the interpreter's end is ended where it is. Inside a library's C++
    that aborts the whole process; where it waits for this lock it does no harm.
    """
    lock = threading.Lock()
    atexit.register(lock.acquire, timeout=EXIT_SECONDS)
    return lock


def describe(error: Exception) -> str:
    """Return the first line of what a library says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
