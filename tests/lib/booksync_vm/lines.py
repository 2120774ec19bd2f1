"""A conversation in lines of JSON over a socket, as QEMU's monitor and its guest agent have it."""

import json
import socket
import time
from pathlib import Path
from typing import Any

CONNECT_SECONDS = 120
SEND_SECONDS = 120
CHUNK = 1 << 16


class LineError(Exception):
    """The other side has gone, or did not answer in time."""


class Lines:
    """A connection that sends and receives JSON objects."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._buffer = b""
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                self._socket.connect(str(path))
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise LineError(f"{path}: nobody listens") from None
                time.sleep(0.05)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send(self, message: object, *, prefix: bytes = b"") -> None:
        """Send one object.

        :param prefix: bytes before it
        """
        self._socket.settimeout(SEND_SECONDS)
        try:
            self._socket.sendall(prefix + json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise LineError(str(error)) from error

    def receive(self, timeout: float) -> dict[str, Any]:
        """Return the next object.

        :param timeout: seconds
        :raises LineError: none came
        """
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                received = self._socket.recv(CHUNK)
            except OSError as error:  # TimeoutError is one
                raise LineError(f"no answer within {timeout:g} s: {error}") from error
            if not received:
                raise LineError("the other side has hung up")
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        # the agent marks the beginning of its answer to a synchronisation with 0xFF
        answer: dict[str, Any] = json.loads(line.lstrip(b"\xff"))
        return answer
