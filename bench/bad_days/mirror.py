"""A Debian mirror and a package index on loopback that serve what a cache has, and fail as they are told to."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from booksync_fetch.locks import Artifact
from booksync_fetch.pypi import parse_name

CHUNK_BYTES = 1 << 16
OK, PARTIAL_CONTENT, NOT_FOUND, ALREADY_WHOLE = 200, 206, 404, 416


@dataclass
class Faults:
    """What goes wrong.

    :param rate: bytes a second at most, of each connection; 0 for no limit
    :param cut: the first answer for each file ends after this part of it
    :param gone: files that are not there
    :param wrong: files of which a byte is another one
    :param budget: bytes after which every connection ends; -1 for none
    """

    rate: int = 0
    cut: float = 1.0
    gone: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()
    budget: int = -1


@dataclass
class Mirror:
    """What is served, and what was asked for.

    :param files: path of an address -> file
    :param pages: path of an address -> page of the index
    :ivar sent: bytes of files that were sent
    :ivar resumed: requests for the rest of a file
    """

    files: dict[str, Path]
    pages: dict[str, bytes]
    faults: Faults = field(default_factory=Faults)
    address: str = ""
    sent: int = 0
    resumed: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make ``./bootstrap`` ask here."""
        return {"DEBIAN_MIRROR": self.address, "PIP_INDEX_URL": f"{self.address}/simple", "NO_PROXY": "127.0.0.1"}

    def begin(self, faults: Faults) -> None:
        """Fail in another way from now on, and count anew."""
        self.faults, self.sent, self.resumed = faults, 0, 0
        self.seen.clear()


class Server(http.server.ThreadingHTTPServer):
    """Serves one mirror."""

    daemon_threads = True

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        super().__init__(("127.0.0.1", 0), Handler)
        mirror.address = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """A client that goes away is part of a bad day."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one connection."""

    server: Server

    def do_GET(self) -> None:
        mirror = self.server.mirror
        path = unquote(self.path)
        file = mirror.files.get(path)
        if page := mirror.pages.get(path):
            self.begin(OK, length=len(page))
            self.wfile.write(page)
        elif file is None or file.name in mirror.faults.gone:
            self.begin(NOT_FOUND, length=0)
        else:
            self.send_file(path, file)

    def send_file(self, path: str, file: Path) -> None:
        """Send a file, or the rest of it that is asked for, as far as the faults let it."""
        mirror, size = self.server.mirror, file.stat().st_size
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if start >= size:
            self.begin(ALREADY_WHOLE, length=0)
            return
        mirror.resumed += bool(start)
        end = size if path in mirror.seen else int(size * mirror.faults.cut)
        mirror.seen.add(path)
        self.begin(PARTIAL_CONTENT if start else OK, length=size - start)
        with file.open("rb") as source:
            source.seek(start)
            while start < end and (chunk := source.read(min(CHUNK_BYTES, end - start))):
                if 0 <= mirror.faults.budget < mirror.sent + len(chunk):
                    return
                if file.name in mirror.faults.wrong and start == 0:
                    chunk = bytes([chunk[0] ^ 1]) + chunk[1:]
                self.wfile.write(chunk)
                start += len(chunk)
                mirror.sent += len(chunk)
                if mirror.faults.rate:
                    time.sleep(len(chunk) / mirror.faults.rate)

    def begin(self, status: int, *, length: int) -> None:
        """Send the head of an answer, after which the connection ends."""
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header(
            "Content-Type", "text/html" if self.path.startswith("/simple/") else "application/octet-stream"
        )
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """What counts is counted by the mirror."""


@contextmanager
def serve(artifacts: Iterable[Artifact], cache: Path) -> Iterator[Mirror]:
    """Serve the packages and wheels among artifacts from a cache until the block ends."""
    files: dict[str, Path] = {}
    links: dict[str, str] = {}
    for artifact in artifacts:
        file = cache / "files" / artifact.sha256 / artifact.file
        if artifact.kind in ("debian", "pgvector"):
            files[f"/{artifact.entry['archive']}/{artifact.entry['path']}"] = file
        elif artifact.kind in ("wheels", "model"):
            files[f"/files/{artifact.file}"] = file
            page = f"/simple/{parse_name(artifact.file).lower()}/"
            links[page] = links.get(page, "") + f'<a href="/files/{artifact.file}">{artifact.file}</a>\n'
    pages = {path: f"<!DOCTYPE html><html><body>\n{text}</body></html>\n".encode() for path, text in links.items()}
    mirror = Mirror(files, pages)
    server = Server(mirror)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield mirror
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
