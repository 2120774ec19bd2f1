"""Requests as fast as a server answers them: plain HTTP/1.1 over kept connections, so that the client costs little.

`run_load` is a closed loop: each client sends its next request when it has its answer. Its latencies are those of a
server that is as busy as so many clients can make it. `probe` keeps to a schedule, and counts from when a request was
due.
"""

import asyncio
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

#: In which a server takes connections that its kernel has taken already.
ACCEPTED_SECONDS = 0.05


@dataclass
class Load:
    """What a server has done: seconds of each answer, by status, and of all together."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def expect(self, *statuses: int) -> None:
        """Refuse to be measured when there were other answers, or none.

        :raises SystemExit: there were.
        """
        if not self.statuses or not self.statuses.keys() <= set(statuses):
            message = f"answers that mean nothing was measured: {self.statuses}"
            raise SystemExit(message)

    def percentile(self, percent: float) -> float:
        """Return the time (ms) that so many of a hundred answers took at most."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def make_request(method: str, path: str, *, headers: Sequence[str] = (), body: bytes = b"") -> bytes:
    """Write a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class Client:
    """One connection, opened by `open` or the first request, and kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open the connection, if it is not, or if the server has closed it, as it does after some idle seconds."""
        if self._streams is not None and self._streams[0].at_eof():
            self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        return self._streams

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return the answer's status and body."""
        reader, writer = await self.open()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        lower = head.lower()
        start = lower.find(b"content-length:")
        length = int(lower[start + 15 : lower.index(b"\r", start)]) if start >= 0 else 0
        return status, await reader.readexactly(length)

    async def ask(self, request: bytes, *, status: int) -> bytes:
        """Send a request and return the body of its answer.

        :raises SystemExit: the answer has another status.
        """
        found, body = await self.send(request)
        if found != status:
            message = f"expected {status}, got {found}: {body[:1000]!r}"
            raise SystemExit(message)
        return body

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def pool(loads: Sequence[Load]) -> Load:
    """Return the answers of all turns as one, for percentiles."""
    return Load(
        seconds=sum(load.seconds for load in loads),
        latencies=[latency for load in loads for latency in load.latencies],
    )


def compare(loads: Sequence[Load], others: Sequence[Load]) -> float:
    """Return one rate to another: the median of turns, as the machine is not always equally fast."""
    return statistics.median(load.rate / other.rate for load, other in zip(loads, others, strict=True))


async def run_load(
    port: int,
    requests: Sequence[bytes],
    *,
    concurrent: int,
    seconds: float = 0,
    count: int = 0,
    rests: Mapping[int, float] = MappingProxyType({}),
) -> Load:
    """Send requests, in turn, for some seconds or until there were so many, over connections that are there before.

    :param rests: seconds that a client rests after an answer, by its status.
    """
    load = Load()
    clients = [Client(port) for _ in range(concurrent)]
    for client in clients:
        await client.open()
    await asyncio.sleep(ACCEPTED_SECONDS)
    begun = time.perf_counter()
    sent = 0

    def is_over() -> bool:
        return sent >= count if count else time.perf_counter() - begun >= seconds

    async def work(client: Client) -> None:
        nonlocal sent
        try:
            while not is_over():
                request = requests[sent % len(requests)]
                sent += 1
                started = time.perf_counter()
                status, _ = await client.send(request)
                load.latencies.append(time.perf_counter() - started)
                load.statuses[status] = load.statuses.get(status, 0) + 1
                if rest := rests.get(status):
                    await asyncio.sleep(rest)
        finally:
            client.close()

    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(work(client))
    load.seconds = time.perf_counter() - begun
    return load


async def probe(port: int, request: bytes, *, every: float, until: Callable[[], bool]) -> Load:
    """Send a request every so many seconds, whether those before it have an answer or not."""
    load = Load()
    idle: list[Client] = []

    async def ask(due: float) -> None:
        client = idle.pop() if idle else Client(port)
        status, _ = await client.send(request)
        load.latencies.append(time.perf_counter() - due)
        load.statuses[status] = load.statuses.get(status, 0) + 1
        idle.append(client)

    begun = due = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        while not until():
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(ask(due))
            due += every
    load.seconds = time.perf_counter() - begun
    for client in idle:
        client.close()
    return load
