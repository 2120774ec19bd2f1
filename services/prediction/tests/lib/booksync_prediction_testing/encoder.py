"""A model that knows no language: texts with the same words are alike."""

import math
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from booksync_api_prediction.encoder import Backend, Encoder
from booksync_api_prediction.model import Load
from booksync_api_prediction.names import make_key
from booksync_api_prediction.settings import PredictionSettings

DIMENSION = 384
#: Places of the vector that a word moves.
SPREAD = 4
#: How far a number below 1 may be from itself in half precision, which is what is stored (IEEE 754, binary16).
ROUNDING = 2**-12


def make_vector(text: str, dimension: int = DIMENSION) -> list[float]:
    """Return a bag of words as a vector of length 1, the same on every machine."""
    vector = [0.0] * dimension
    # never nothing, however few words there are
    for word in ["", *make_key(text).split()]:
        for turn in range(SPREAD):
            code = zlib.crc32(f"{turn}:{word}".encode())
            vector[code % dimension] += 1 if code & 0x10000 else -1
    length = math.hypot(*vector)
    return [value / length for value in vector]


@dataclass
class WordEncoder:
    """Encodes, and remembers what it was asked."""

    dimension: int = DIMENSION
    device: str = "cpu"
    backend: Backend = "onnx"
    seconds: float = 0  # a call
    calls: list[list[str]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    gate: threading.Event | None = None

    @property
    def texts(self) -> list[str]:
        """All that it was asked to encode."""
        return [text for call in self.calls for text in call]

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let whoever asks wait, until the end of the block in any case."""
        gate = self.gate = threading.Event()
        try:
            yield
        finally:
            gate.set()

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a unit vector for each text."""
        self.threads.add(threading.current_thread().name)
        if self.gate is not None:
            self.gate.wait()
        time.sleep(self.seconds)
        self.calls.append(list(texts))
        return [make_vector(text, self.dimension) for text in texts]


def load_words(settings: PredictionSettings, device: str) -> Encoder:
    """Load one that fits."""
    return WordEncoder(settings.vector_dimension, device)


def load_this(encoder: Encoder) -> Load:
    """Make what loads an encoder that is there."""
    return lambda _settings, _device: encoder
