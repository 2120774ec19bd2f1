"""What the tests of bootstrap stand on: a mirror on loopback that fails on demand, a cache, and packages made here."""

import hashlib
import http.server
import io
import lzma
import socket
import struct
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from booksync_fetch.cache import Cache, open_cache
from booksync_fetch.locks import Artifact
from booksync_fetch.progress import Progress
from booksync_fetch.project import Project

SHORT_BACKOFF = 0.001  # s
OK, PARTIAL_CONTENT, NOT_FOUND, ALREADY_WHOLE = 200, 206, 404, 416


@dataclass
class Resource:
    """A file of the mirror.

    :param statuses: answered to the first requests instead of the file, one each
    :param cuts: after so many bytes the next answers end, one each, though they have said to be whole
    :param stalls: after so many bytes the next answers wait until :attr:`Mirror.flow` is set, one each
    :param reset: cut by a reset instead of an orderly end
    :param ranges: whether Range is understood
    :param length: what Content-Length says instead of the truth; empty: there is none
    :param kind: what Content-Type says; empty: there is none
    """

    content: bytes
    statuses: list[int]
    cuts: list[int]
    stalls: list[int]
    reset: bool
    ranges: bool
    length: str | None
    kind: str


class Mirror:
    """A Debian mirror, and what it was asked.

    :ivar ranges: the Range header of each request, None where there was none
    :ivar flow: lets answers that have stalled go on
    """

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.paths: list[str] = []
        self.ranges: list[str | None] = []
        self.lock = threading.Lock()
        self.flow = threading.Event()
        self._server = _Server(self)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def bases(self) -> dict[str, str]:
        return {archive: f"{self.address}/{archive}" for archive in ("debian", "debian-security")}

    def add(
        self,
        name: str,
        content: bytes,
        *,
        locked: bytes | None = None,
        statuses: Sequence[int] = (),
        cuts: Sequence[int] = (),
        stalls: Sequence[int] = (),
        reset: bool = False,
        ranges: bool = True,
        length: str | None = None,
        kind: str = "",
    ) -> Artifact:
        """Serve a package and return it as it is locked.

        :param locked: the content that the lock has, if another
        :param statuses: as for :meth:`serve`, like all that follow
        """
        artifact = self.lock_package(name, content if locked is None else locked)
        self.serve(
            f"/debian/{artifact.entry['path']}",
            content,
            statuses=statuses,
            cuts=cuts,
            stalls=stalls,
            reset=reset,
            ranges=ranges,
            length=length,
            kind=kind,
        )
        return artifact

    def serve(
        self,
        path: str,
        content: bytes,
        *,
        statuses: Sequence[int] = (),
        cuts: Sequence[int] = (),
        stalls: Sequence[int] = (),
        reset: bool = False,
        ranges: bool = True,
        length: str | None = None,
        kind: str = "",
    ) -> None:
        """Serve a file; the parameters are those of Resource."""
        self.resources[path] = Resource(
            content,
            statuses=[*statuses],
            cuts=[*cuts],
            stalls=[*stalls],
            reset=reset,
            ranges=ranges,
            length=length,
            kind=kind,
        )

    def lock_package(self, name: str, content: bytes) -> Artifact:
        """Return a package that is locked, and not served."""
        path = f"pool/main/{name[0]}/{name}/{name}_1.0_amd64.deb"
        sha256 = hashlib.sha256(content).hexdigest()
        entry = {"archive": "debian", "path": path, "sha256": sha256, "size": len(content), "version": "1.0"}
        return Artifact(f"debian amd64 {name}", Path(path).name, entry)

    def stop(self) -> None:
        """Refuse connections from now on; again is no harm."""
        self.flow.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """A client that goes away is part of these tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        with self.server.mirror.lock:
            self.server.mirror.paths.append(self.path)
            self.server.mirror.ranges.append(asked)
        resource = self.server.mirror.resources.get(self.path)
        if resource is None or resource.statuses:
            self.answer(resource.statuses.pop(0) if resource else NOT_FOUND, b"a page that is no package")
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and resource.ranges else 0
        if start and start >= len(resource.content):
            self.answer(ALREADY_WHOLE, b"")
            return
        body = resource.content[start:]
        cut = resource.cuts.pop(0) if resource.cuts else len(body)
        stall = resource.stalls.pop(0) if resource.stalls else 0
        length = str(len(body)) if resource.length is None else resource.length
        self.answer(PARTIAL_CONTENT if start else OK, body[: stall or cut], length=length, kind=resource.kind)
        if stall:
            self.wfile.flush()
            self.server.mirror.flow.wait()
            self.wfile.write(body[stall:cut])
        if resource.reset and cut < len(body):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def answer(self, status: int, body: bytes, *, length: str | None = None, kind: str = "") -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        if length != "":
            self.send_header("Content-Length", str(len(body)) if length is None else length)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The tests read what was asked from the mirror."""


def build_deb(files: Mapping[str, bytes]) -> bytes:
    """Return a Debian package (deb(5)) with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    # three bytes: the member after it is padded to an even place
    members = {"debian-binary": b"2.0", "data.tar.xz": lzma.compress(buffer.getvalue())}
    parts = [b"!<arch>\n"]
    for name, content in members.items():
        parts += [f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode(), content]
        parts += [b"\n"] * (len(content) % 2)
    return b"".join(parts)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy nor a mirror of this machine, and no waiting between attempts."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("DEBIAN_MIRROR", raising=False)
    monkeypatch.setattr("booksync_fetch.download.BACKOFF", SHORT_BACKOFF)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    server = Mirror()
    yield server
    server.stop()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with open_cache(tmp_path / "cache") as opened:
        yield opened


@pytest.fixture
def progress() -> Progress:
    return Progress(files=1, total=0)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def busybox_deb() -> bytes:
    """The package busybox-static, as it is made."""
    return build_deb({"./usr/share/doc/busybox": b"read me", "./usr/bin/busybox": b"the program"})


@pytest.fixture
def empty_deb() -> bytes:
    """A package without a program."""
    return build_deb({"./usr/share/doc/busybox": b"read me"})
