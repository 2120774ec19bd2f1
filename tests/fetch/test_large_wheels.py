"""A large wheel is downloaded from where pip says it is, and goes on where it was cut; else pip downloads it."""

from __future__ import annotations

import hashlib
import subprocess
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from booksync_fetch.cache import Cache
from booksync_fetch.download import ATTEMPTS
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import Artifact
from booksync_fetch.progress import Progress
from booksync_fetch.pypi import LARGE_BYTES, download_wheels, find_address

if TYPE_CHECKING:
    from tests.fetch.conftest import Mirror

CONTENT = bytes(LARGE_BYTES + 1)
HALF = len(CONTENT) // 2
FILE = "torch-2.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl"
PLACE = "/packages/torch-2.0%2Bcpu-cp312-cp312-manylinux_2_28_x86_64.whl"


def wheel(content: bytes = CONTENT) -> Artifact:
    entry = {"file": FILE, "sha256": hashlib.sha256(content).hexdigest(), "version": "2.0+cpu", "size": len(content)}
    return Artifact("wheels amd64 torch", FILE, entry)


class Pip:
    """What runs instead of pip.

    :ivar log: what it says of the addresses of a package's files
    :ivar content: what it downloads; None when it cannot
    :ivar commands: the first word of each call
    """

    def __init__(self) -> None:
        self.log = ""
        self.content: bytes | None = None
        self.commands: list[str] = []
        self.words: list[str] = []

    def run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.words = command
        self.commands.append(command[3])
        if command[3] == "index":
            return subprocess.CompletedProcess(command, 0, stdout=self.log)
        if self.content is None:
            return subprocess.CompletedProcess(command, 1, stdout="", stderr="pip has no network either")
        folder = Path(command[command.index("--dest") + 1])
        folder.mkdir()
        (folder / FILE).write_bytes(self.content)
        return subprocess.CompletedProcess(command, 0, stdout="", stderr="")


@pytest.fixture
def pip(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Pip:
    pip = Pip()
    pip.log = f"  Found link {mirror.address}{PLACE} (from http://index.example/torch/), version: 2.0+cpu\n"
    monkeypatch.setattr("booksync_fetch.pypi.run_program", pip.run)
    return pip


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (f"https://files.example{PLACE}", f"https://files.example{PLACE}"),
        (f"https://files.example{PLACE}#sha256=aa", f"https://files.example{PLACE}"),
        (f"https://files.example{PLACE}?token=1#sha256=aa", f"https://files.example{PLACE}?token=1"),
        (f"https://me:****@files.example{PLACE}", None),
        (f"file:///opt/wheels{PLACE}", None),
        ("https://files.example/torch-2.0-cp312-cp312-manylinux_2_28_x86_64.whl", None),
        (f"https://files.example{PLACE}.metadata", None),
    ],
)
def test_an_address_is_that_of_the_locked_file(pip: Pip, progress: Progress, address: str, found: str | None) -> None:
    pip.log = (
        "Fetched page http://index.example/torch/ as text/html\n"
        "  Found link http://index.example/other.whl (from http://index.example/torch/), version: 1\n"
        f"  Found link {address} (from http://index.example/torch/) (requires-python:>=3.10), version: 2.0+cpu\n"
        "torch (2.0+cpu)\n"
    )
    assert find_address(wheel(), progress) == found


def test_pip_is_asked_for_files_of_the_images_platform(pip: Pip, progress: Progress) -> None:
    find_address(wheel(), progress)
    assert pip.words[3:6] == ["index", "versions", "torch"]
    asked = " ".join(pip.words)
    assert "--python-version 3.12" in asked
    assert "--platform manylinux_2_28_x86_64" in asked
    assert "-vvv" in pip.words


def test_a_pip_that_says_nothing_gives_no_address(pip: Pip, progress: Progress) -> None:
    pip.log = "ERROR: unknown command"
    assert find_address(wheel(), progress) is None


def test_a_cut_wheel_goes_on_where_it_ended(pip: Pip, mirror: Mirror, cache: Cache, progress: Progress) -> None:
    mirror.serve(PLACE, CONTENT, cuts=[HALF])
    assert [path.read_bytes() for path in download_wheels([wheel()], cache, progress)] == [CONTENT]
    assert mirror.ranges == [None, f"bytes={HALF}-"]
    assert pip.commands == ["index"]
    assert (progress.done_files, progress.done_bytes) == (1, len(CONTENT))


def test_the_next_run_goes_on_too(pip: Pip, mirror: Mirror, cache: Cache, progress: Progress) -> None:
    cache.partial(wheel().sha256).write_bytes(CONTENT[:HALF])
    mirror.serve(PLACE, CONTENT)
    download_wheels([wheel()], cache, progress)
    assert mirror.ranges == [f"bytes={HALF}-"]
    assert pip.commands == ["index"]


@pytest.mark.parametrize("reason", ["no address", "gone", "refused", "another content"])
def test_pip_downloads_what_cannot_be_had_without_it(
    pip: Pip, mirror: Mirror, cache: Cache, progress: Progress, reason: str
) -> None:
    pip.content = CONTENT
    if reason == "no address":
        pip.log = ""
    if reason == "refused":
        mirror.stop()
    if reason == "another content":
        mirror.serve(PLACE, b"a login page of a proxy")
    assert [path.read_bytes() for path in download_wheels([wheel()], cache, progress)] == [CONTENT]
    assert pip.commands == ["index", "download"]
    assert (progress.done_files, progress.done_bytes) == (1, len(CONTENT))


def test_what_had_come_is_not_kept_beside_the_whole(pip: Pip, cache: Cache, progress: Progress) -> None:
    cache.partial(wheel().sha256).write_bytes(CONTENT[:HALF])
    pip.log, pip.content = "", CONTENT
    download_wheels([wheel()], cache, progress)
    assert not cache.partial(wheel().sha256).exists()


def test_what_has_come_is_kept_when_pip_fails_too(pip: Pip, mirror: Mirror, cache: Cache, progress: Progress) -> None:
    cache.partial(wheel().sha256).write_bytes(CONTENT[:HALF])
    mirror.serve(PLACE, CONTENT, statuses=[503] * ATTEMPTS)
    with pytest.raises(BootstrapError, match="pip has no network either"):
        download_wheels([wheel()], cache, progress)
    assert pip.commands == ["index", "download"]
    assert cache.partial(wheel().sha256).read_bytes() == CONTENT[:HALF]
    assert progress.done_bytes == 0


def test_an_interrupted_fetch_does_not_begin_again_with_pip(
    pip: Pip, cache: Cache, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> Path:
        progress.cancelled.set()
        raise BootstrapError("cut")

    monkeypatch.setattr("booksync_fetch.pypi.download", interrupt)
    with pytest.raises(CancelledError):
        download_wheels([wheel()], cache, progress)
    assert pip.commands == ["index"]


def test_a_small_wheel_is_left_to_pip(pip: Pip, cache: Cache, progress: Progress) -> None:
    pip.content = b"small"
    download_wheels([wheel(b"small")], cache, progress)
    assert pip.commands == ["download"]
