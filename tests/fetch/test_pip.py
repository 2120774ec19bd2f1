"""Wheels come by pip in batches of one architecture, each by its locked hash alone."""

import hashlib
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from booksync_fetch.cache import Cache
from booksync_fetch.errors import BootstrapError
from booksync_fetch.locks import Artifact
from booksync_fetch.progress import Progress
from booksync_fetch.pypi import (
    BATCH_BYTES,
    LARGE_BYTES,
    download_wheels,
    parse_platforms,
    parse_requirement,
    split_batches,
)
from booksync_fetch.pypi_index import list_platforms

TAGS = "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"


def wheel(
    name: str, content: bytes = b"", *, architecture: str = "amd64", tags: str = "py3-none-any", size: int = -1
) -> Artifact:
    file = f"{name}-1.0-{tags}.whl"
    entry = {
        "file": file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "version": "1.0",
        "size": len(content) if size < 0 else size,
    }
    return Artifact(f"wheels {architecture} {name}", file, entry)


class Pip:
    """What runs instead of pip: puts files where it is told to, and remembers how it was called.

    :ivar requirements: the lines of the requirements file
    """

    def __init__(self) -> None:
        self.command: list[str] = []
        self.requirements: list[str] = []
        self.environment: Mapping[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.errors = ""

    def run(
        self, command: list[str], *, env: Mapping[str, str] | None = None, **_: object
    ) -> "subprocess.CompletedProcess[str]":
        self.command, self.environment = command, env or {}
        self.requirements = Path(self.options("--requirement")[0]).read_text().splitlines()
        target = Path(self.options("--dest")[0])
        target.mkdir()
        for name, content in self.files.items():
            (target / name).write_bytes(content)
        return subprocess.CompletedProcess(command, 1 if self.errors else 0, stdout="", stderr=self.errors)

    def options(self, name: str) -> list[str]:
        """Return the values that an option was given."""
        pairs = zip(self.command, self.command[1:], strict=False)
        return [value for option, value in pairs if option == name]


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    pip = Pip()
    monkeypatch.setattr("booksync_fetch.pypi.run_program", pip.run)
    return pip


def batches(*artifacts: Artifact) -> list[list[str]]:
    return [[artifact.key for artifact in batch] for batch in split_batches(artifacts)]


def test_small_wheels_come_together() -> None:
    assert batches(wheel("b", b"12"), wheel("a", b"12"), wheel("c", b"1")) == [
        ["wheels amd64 c", "wheels amd64 a", "wheels amd64 b"]
    ]


def test_wheels_of_two_architectures_do_not_come_together() -> None:
    assert batches(wheel("a"), wheel("a", architecture="arm64"), wheel("b")) == [
        ["wheels amd64 a", "wheels amd64 b"],
        ["wheels arm64 a"],
    ]


def test_a_batch_is_full_at_its_size() -> None:
    quarter = BATCH_BYTES // 4
    assert batches(*(wheel(name, size=quarter) for name in "abcde")) == [
        [f"wheels amd64 {name}" for name in "abcd"],
        ["wheels amd64 e"],
    ]


def test_each_large_wheel_comes_alone() -> None:
    large = LARGE_BYTES + 1
    assert batches(wheel("l", size=large), wheel("a", size=LARGE_BYTES), wheel("k", size=large), wheel("b")) == [
        ["wheels amd64 b", "wheels amd64 a"],
        ["wheels amd64 k"],
        ["wheels amd64 l"],
    ]


def test_no_wheels_are_no_batch() -> None:
    assert batches() == []


@pytest.mark.parametrize(
    ("file", "platforms"),
    [
        ("six-1.16.0-py2.py3-none-any.whl", []),
        (f"numpy-2.0-{TAGS}.whl", ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]),
        ("x-1.0-1-cp312-abi3-linux_aarch64.whl", ["linux_aarch64"]),
    ],
)
def test_the_platforms_of_a_wheel_are_those_of_its_name(file: str, platforms: list[str]) -> None:
    assert parse_platforms(file) == platforms


def test_a_requirement_allows_one_file_alone() -> None:
    artifact = wheel("typing_extensions", b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    assert parse_requirement(artifact) == f"typing-extensions==1.0 --hash=sha256:{digest}"


def test_pip_is_asked_for_the_locked_files_alone(pip: Pip, cache: Cache, progress: Progress) -> None:
    artifacts = [wheel("six", b"one"), wheel("numpy", b"two", tags=TAGS)]
    pip.files = {artifacts[0].file: b"one", artifacts[1].file: b"two"}
    kept = download_wheels(artifacts, cache, progress)
    assert [path.read_bytes() for path in kept] == [b"one", b"two"]
    assert kept == [cache.path(artifact.sha256, artifact.file) for artifact in artifacts]
    assert pip.command[1:4] == ["-m", "pip", "download"]
    assert {"--require-hashes", "--no-deps", "--no-input", "--no-cache-dir"} <= set(pip.command)
    assert pip.options("--only-binary") == [":all:"]
    assert pip.options("--python-version") == ["3.12"]
    assert pip.options("--platform") == ["manylinux2014_x86_64", "manylinux_2_17_x86_64"]
    assert pip.requirements == [parse_requirement(artifact) for artifact in artifacts]
    assert (progress.done_files, progress.done_bytes) == (2, len(b"one" + b"two"))


def test_pure_wheels_are_asked_for_any_platform(pip: Pip, cache: Cache, progress: Progress) -> None:
    artifact = wheel("six", b"one")
    pip.files = {artifact.file: b"one"}
    download_wheels([artifact], cache, progress)
    assert pip.options("--platform") == ["any"]


def test_pip_has_its_temporary_files_on_the_disk_of_the_cache(pip: Pip, cache: Cache, progress: Progress) -> None:
    download_wheels([], cache, progress)
    assert Path(pip.environment["TMPDIR"]).is_relative_to(cache.root)


def test_what_pip_said_last_is_shown_when_it_fails(pip: Pip, cache: Cache, progress: Progress) -> None:
    pip.errors = "".join(f"line {number}\n\n" for number in range(1, 10))
    artifacts = [wheel(name) for name in ("a", "b", "c", "d")]
    with pytest.raises(BootstrapError) as caught:
        download_wheels(artifacts, cache, progress)
    message = str(caught.value)
    assert "a-1.0-py3-none-any.whl, b-1.0-py3-none-any.whl, c-1.0-py3-none-any.whl ...: expected the locked" in message
    assert "\n  line 5\n  line 6\n  line 7\n  line 8\n  line 9\n  Run the same command again; pip's own" in message
    assert "line 4" not in message
    assert progress.done_files == 0


def test_a_broken_connection_is_said_in_one_line(pip: Pip, cache: Cache, progress: Progress) -> None:
    broken = "NewConnectionError('<pip.HTTPSConnection object at 0x7fc887dd3550>: Failed: name resolution')"
    pip.errors = (
        f"WARNING: Retrying (Retry(total=0)) after connection broken by '{broken}': /simple/six/\n"
        "ERROR: Could not find a version that satisfies the requirement six==1.17.0 (from versions: none)\n"
        "ERROR: No matching distribution found for six==1.17.0\n"
    )
    with pytest.raises(BootstrapError) as caught:
        download_wheels([wheel("six")], cache, progress)
    assert str(caught.value) == (
        "pip download of six-1.0-py3-none-any.whl: expected the locked wheels, got no connection: "
        "NewConnectionError('Failed: name resolution'). "
        "Run the same command again; pip's own settings (pip config list) say which index it asks"
    )


def test_a_connection_that_came_back_is_not_the_reason(pip: Pip, cache: Cache, progress: Progress) -> None:
    pip.errors = "after connection broken by 'ReadTimeoutError()': /simple/six/\nERROR: DO NOT MATCH THE HASHES\n"
    with pytest.raises(BootstrapError, match="DO NOT MATCH THE HASHES"):
        download_wheels([wheel("six")], cache, progress)


def test_a_wheel_of_another_content_is_not_kept(pip: Pip, cache: Cache, progress: Progress) -> None:
    artifact = wheel("six", b"one")
    pip.files = {artifact.file: b"another"}
    with pytest.raises(BootstrapError, match=f"expected SHA-256 {artifact.sha256}"):
        download_wheels([artifact], cache, progress)
    assert not cache.path(artifact.sha256, artifact.file).exists()


def test_platforms_of_x86_64_go_back_to_manylinux1() -> None:
    tags = list_platforms("manylinux_2_28", "x86_64")
    assert tags[0] == "manylinux_2_28_x86_64"
    assert tags[-3:] == ["manylinux_2_5_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    for modern, legacy in (("manylinux_2_17", "manylinux2014"), ("manylinux_2_12", "manylinux2010")):
        assert tags.index(f"{legacy}_x86_64") == tags.index(f"{modern}_x86_64") + 1
    assert "manylinux_2_29_x86_64" not in tags
    assert len(tags) == len(set(tags))


def test_platforms_of_aarch64_have_no_older_name_than_manylinux2014() -> None:
    tags = list_platforms("manylinux_2_28", "aarch64")
    assert tags[0] == "manylinux_2_28_aarch64"
    assert [tag for tag in tags if not tag.startswith("manylinux_")] == ["manylinux2014_aarch64", "linux_aarch64"]


def test_platforms_end_at_the_newest_glibc_that_is_allowed() -> None:
    assert "manylinux2014_x86_64" not in list_platforms("manylinux_2_16", "x86_64")
