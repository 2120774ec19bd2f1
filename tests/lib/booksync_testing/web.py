"""Just enough HTTP to ask a service that is starting, serving or going away."""

import http.client
import json
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from booksync_testing.sandbox import Process

LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """One HTTP response."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """Parse the body."""
        return json.loads(self.body)


def get(port: int, path: str) -> Answer | None:
    """Ask a server on the loopback; None when nobody answers there (yet)."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return Answer(response.status, response.headers.get_content_type(), response.read())
    except (ConnectionError, http.client.RemoteDisconnected):
        return None
    finally:
        connection.close()


def ask(process: Process, port: int, path: str) -> Answer:
    """Ask a service that must answer.

    :raises SandboxError: it does not; shows its log.
    """
    answer = get(port, path)
    if answer is None:
        raise process.error(f"no answer on {path}")
    return answer


def wait_for_status(process: Process, port: int, path: str, *, status: int, timeout: float) -> None:
    """Ask a service until it answers with a status.

    :param timeout: seconds on a native processor.
    """
    process.wait_until(
        lambda: (answer := get(port, path)) is not None and answer.status == status,
        what=f"{status} from {path}",
        timeout=timeout,
    )


def free_port() -> int:
    """Find a port of the loopback that nobody listens on."""
    (port,) = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """Find several, which differ."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
