"""Put load on a server: requests over connections that stay, and what their answers took."""

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """A request to a server."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encode(self) -> bytes:
        """Write it as HTTP/1.1."""
        parts = urlsplit(self.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, **self.headers, "Content-Length": str(len(self.body))}
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class Load:
    """What a load came to."""

    requests: int
    seconds: float
    times: Sequence[float]  # s, of each, in ascending order

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds

    def quantile(self, share: float) -> float:
        """Return the time in which a share of the answers came, ms."""
        return 1000 * self.times[min(len(self.times) - 1, int(share * len(self.times)))]

    @property
    def median(self) -> float:
        """Of the times, ms."""
        return 1000 * statistics.median(self.times)


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, status: int) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if int(lines[0].split(" ")[1]) != status:
        message = f"{lines[0]}, not {status}"
        raise RuntimeError(message)
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    await reader.readexactly(int(headers.get("content-length", "0")))


async def put_load(requests: Iterator[Request], *, concurrent: int, seconds: float, status: int = 200) -> Load:
    """Ask for some time.

    :param requests: without an end; all for one server.
    :param status: that each answer has to have.
    """
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def work() -> None:
        parts = urlsplit(next(requests).url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**24)
        while (begun := time.perf_counter()) < end:
            await _ask(reader, writer, next(requests).encode(), status)
            times.append(time.perf_counter() - begun)
        writer.close()
        await writer.wait_closed()

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrent)))
    return Load(len(times), time.perf_counter() - begun, sorted(times))
