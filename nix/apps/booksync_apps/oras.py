"""Run oras, and read from its output what it does to each blob.

oras prints one line a step when its output is no terminal (oras 1.3, internal/display/status/text.go):
``Copied  8e604f7c669a application/...``, with the first twelve hex digits of the digest. Its exit code is 1 for
every error.
"""

import contextlib
import queue
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from booksync_apps.progress import read_positions
from booksync_apps.transport import Transport

type Step = Literal["Copying", "Copied", "Exists", "Skipped", "Mounted"]

STEP = re.compile(r"(Copying|Copied|Exists|Skipped|Mounted) +([0-9a-f]{12}) ")
SHORT_DIGEST_LENGTH = 12

TICK_S = 0.25
#: No step and no byte for so long is the end: oras itself waits for ever. A registry may need minutes to store a layer.
STALL_LIMIT_S = 600.0

#: Plain HTTP is always said explicitly: oras would choose it by itself for a host called localhost.
FLAGS: dict[Transport, tuple[str, ...]] = {
    "tls": ("{}plain-http=false",),
    "tls-unverified": ("{}plain-http=false", "{}insecure"),
    "plain": ("{}plain-http",),
}


class OrasError(Exception):
    """oras ended with an error; the text is what it said."""


@dataclass(frozen=True)
class Oras:
    """The oras program, for one registry.

    :param stall_limit: seconds
    """

    program: Path
    transport: Transport
    environment: Mapping[str, str]
    stall_limit: float = STALL_LIMIT_S

    def copy(
        self,
        *,
        layout: Path,
        digest: str,
        repository: str,
        blobs: Collection[Path],
        on_step: Callable[[Step, str], None],
        on_tick: Callable[[int], None],
        force: bool = False,
    ) -> None:
        """Copy an index by its digest, with all below it and its referrers.

        :param repository: with the registry
        :param blobs: the layout's files, to see how far each has been read
        :param on_step: called with the step and a short digest
        :param on_tick: called with the number of bytes of unfinished blobs that have been read
        :param force: send manifests that are there too, as oras lists a referrer when it has sent it
        :raises OrasError: it did not end well
        """
        command = ["cp", "--recursive", *(["--force"] if force else []), "--from-oci-layout", *self._flags("--to-")]
        for line in self._run([*command, f"{layout}@{digest}", f"{repository}@{digest}"], blobs=blobs, on_tick=on_tick):
            if match := STEP.match(line):
                step, short = match.groups()
                on_step(step, short)  # type: ignore[arg-type]  # the expression has exactly the steps

    def copy_tagged(self, *, layout: Path, digest: str, target: str) -> None:
        """Copy one manifest and what it names to a tag; blobs that the registry has may be missing here.

        :raises OrasError: it did not end well
        """
        for _ in self._run(["cp", "--from-oci-layout", *self._flags("--to-"), f"{layout}@{digest}", target]):
            pass

    def tag(self, *, repository: str, digest: str, tags: Sequence[str]) -> None:
        """Give a digest that the registry has its tags.

        :raises OrasError: it did not end well
        """
        for _ in self._run(["tag", *self._flags("--"), f"{repository}@{digest}", *tags]):
            pass

    def fetch_manifest(self, reference: str) -> bytes:
        """Return a manifest as the registry gives it.

        :raises OrasError: it did not end well
        """
        with tempfile.TemporaryDirectory(prefix="booksync-oras-") as folder:
            path = Path(folder, "manifest")
            for _ in self._run(["manifest", "fetch", *self._flags("--"), "--output", str(path), reference]):
                pass
            return path.read_bytes()

    def fetch_blob(self, reference: str, path: Path, *, size: int) -> None:
        """Write a blob to a path, compared with its digest.

        :param size: bytes that it has, of which no more are waited for
        :raises OrasError: it did not end well
        """

        def on_tick(position: int) -> None:
            if position > size:
                raise OrasError(f"more than the {size} bytes that the manifest announces")

        command = ["blob", "fetch", *self._flags("--"), "--output", str(path), reference]
        for _ in self._run(command, blobs={path}, on_tick=on_tick):
            pass
        on_tick(path.stat().st_size)

    def _flags(self, prefix: str) -> list[str]:
        return [flag.format(prefix) for flag in FLAGS[self.transport]]

    def _run(
        self,
        arguments: Sequence[str],
        *,
        blobs: Collection[Path] = (),
        on_tick: Callable[[int], None] = lambda _: None,
    ) -> Iterator[str]:
        """Yield the lines of its output as they come."""
        with (
            subprocess.Popen(
                [self.program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(self.environment),
                text=True,
                errors="replace",
            ) as process,
            _ended(process),
        ):
            lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
            complaints: list[str] = []
            threads = [
                threading.Thread(target=_read_lines, args=(process.stdout, lines.put), daemon=True),
                threading.Thread(target=_read_lines, args=(process.stderr, complaints.append), daemon=True),
            ]
            for thread in threads:
                thread.start()
            position: int | None = 0
            alive = time.monotonic()
            while True:
                try:
                    line = lines.get(timeout=TICK_S)
                    if line is None:
                        break
                    alive = time.monotonic()
                    yield line
                except queue.Empty:
                    before, position = position, read_positions(process.pid, blobs)
                    if position is None or position != before:
                        alive = time.monotonic()
                    if time.monotonic() - alive > self.stall_limit:
                        raise OrasError(f"timeout: not a byte for {self.stall_limit:.0f} s") from None
                    on_tick(position or 0)
            for thread in threads:
                thread.join()
            if process.wait() != 0:
                said = "".join(filter(None, complaints)).strip()
                raise OrasError(said or f"oras ended with {process.returncode} and said nothing")


@contextlib.contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Leave no oras behind, whatever happens here (^C, a stall)."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


def _read_lines(stream: IO[str] | None, take: Callable[[str | None], None]) -> None:
    """Hand on every line, then None."""
    for line in stream or ():
        take(line)
    take(None)
