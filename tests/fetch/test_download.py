"""A package arrives whole from a mirror that cuts, forgets, is busy or lies, or the error names what to do."""

from __future__ import annotations

import concurrent.futures
import errno
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from booksync_fetch.cache import CHUNK_BYTES, Cache
from booksync_fetch.debian import SupersededError, download_package
from booksync_fetch.download import ATTEMPTS, AUTHORITIES, create_context
from booksync_fetch.errors import BootstrapError
from booksync_fetch.progress import Progress
from booksync_testing.waiting import wait_until

if TYPE_CHECKING:
    from tests.fetch.conftest import Mirror

CONTENT = bytes(range(256)) * 1000
HALF = len(CONTENT) // 2
WAIT_LIMIT_S = 10


def wait_until_kept(partial: Path, count: int) -> None:
    """Wait until a file that is coming has so many bytes."""
    wait_until(
        lambda: partial.exists() and partial.stat().st_size == count,
        what=f"{count} bytes are in {partial.name}",
        seconds=WAIT_LIMIT_S,
    )


def test_a_file_arrives_whole_and_under_its_hash(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.add("hello", CONTENT)
    path = download_package(artifact, cache, progress, bases=mirror.bases)
    assert path == cache.path(artifact.sha256, "hello_1.0_amd64.deb")
    assert path.read_bytes() == CONTENT
    assert mirror.paths == [f"/debian/{artifact.entry['path']}"]
    assert mirror.ranges == [None]
    assert (progress.done_files, progress.done_bytes) == (1, len(CONTENT))


def test_a_path_is_quoted_as_an_address(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.lock_package("hello", CONTENT)
    artifact.entry["path"] = "pool/main/h/hello_1%3a2 3.deb"
    with pytest.raises(SupersededError):
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert mirror.paths == ["/debian/pool/main/h/hello_1%253a2%203.deb"]


def test_a_cut_download_goes_on_where_it_ended(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.add("hello", CONTENT, cuts=[HALF, 1000])
    path = download_package(artifact, cache, progress, bases=mirror.bases)
    assert path.read_bytes() == CONTENT
    assert mirror.ranges == [None, f"bytes={HALF}-", f"bytes={HALF + 1000}-"]
    assert progress.done_bytes == len(CONTENT)


def test_an_answer_without_a_length_that_was_cut_goes_on_too(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.add("hello", CONTENT, length="", cuts=[HALF])
    path = download_package(artifact, cache, progress, bases=mirror.bases)
    assert path.read_bytes() == CONTENT
    assert mirror.ranges == [None, f"bytes={HALF}-"]


def test_a_portal_s_page_does_not_take_the_place_of_what_has_come(
    mirror: Mirror, cache: Cache, progress: Progress
) -> None:
    artifact = mirror.add("hello", b"Please sign in", locked=CONTENT, ranges=False)
    partial = cache.partial(artifact.sha256)
    partial.write_bytes(CONTENT[:HALF])
    with pytest.raises(BootstrapError, match=rf"expected the rest of {len(CONTENT)} bytes, got an answer of 14"):
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert partial.read_bytes() == CONTENT[:HALF]


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", ""])
def test_a_portal_s_page_without_a_length_does_not_take_its_place_either(
    mirror: Mirror, cache: Cache, progress: Progress, kind: str
) -> None:
    artifact = mirror.add("hello", b"Please sign in", locked=CONTENT, ranges=False, length="", kind=kind)
    partial = cache.partial(artifact.sha256)
    partial.write_bytes(CONTENT[:HALF])
    with pytest.raises(BootstrapError, match=rf"{ATTEMPTS} times: .* {len(CONTENT)} bytes"):
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert [(path, path.read_bytes()) for path in partial.parent.iterdir()] == [(partial, CONTENT[:HALF])]
    assert progress.done_bytes == 0


@pytest.mark.parametrize("length", [None, ""])
def test_a_portal_s_page_is_not_the_beginning_of_a_file(
    mirror: Mirror, cache: Cache, progress: Progress, length: str | None
) -> None:
    artifact = mirror.add("hello", b"Please sign in", locked=CONTENT, length=length, kind="text/html")
    with pytest.raises(BootstrapError, match=rf"expected {len(CONTENT)} bytes, got a page \(text/html\)"):
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert not cache.partial(artifact.sha256).exists()
    mirror.add("hello", CONTENT)
    assert download_package(artifact, cache, progress, bases=mirror.bases).read_bytes() == CONTENT
    assert progress.done_bytes == len(CONTENT)


def test_a_file_that_is_called_a_page_is_taken(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.add("hello", CONTENT, cuts=[HALF], kind="text/html")
    assert download_package(artifact, cache, progress, bases=mirror.bases).read_bytes() == CONTENT


def test_a_file_of_unknown_size_begins_anew_where_a_mirror_gives_no_rest(
    mirror: Mirror, cache: Cache, progress: Progress
) -> None:
    artifact = mirror.add("hello", CONTENT, ranges=False)
    artifact = replace(artifact, entry={**artifact.entry, "size": 0})
    cache.partial(artifact.sha256).write_bytes(CONTENT[:HALF])
    assert download_package(artifact, cache, progress, bases=mirror.bases).read_bytes() == CONTENT


def test_a_connection_that_brings_little_by_little_is_not_given_up(
    mirror: Mirror, cache: Cache, progress: Progress
) -> None:
    content = bytes(CHUNK_BYTES * (ATTEMPTS + 3))
    artifact = mirror.add("hello", content, cuts=[CHUNK_BYTES] * (ATTEMPTS + 2))
    path = download_package(artifact, cache, progress, bases=mirror.bases)
    assert path.read_bytes() == content
    assert len(mirror.ranges) == ATTEMPTS + 3


@pytest.mark.parametrize("come", [100, HALF])
def test_what_comes_slowly_is_kept_at_once(mirror: Mirror, cache: Cache, progress: Progress, come: int) -> None:
    artifact = mirror.add("hello", CONTENT, stalls=[come])
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(download_package, artifact, cache, progress, bases=mirror.bases)
        partial = cache.partial(artifact.sha256)
        wait_until_kept(partial, come)
        assert not running.done()
        mirror.flow.set()
        assert running.result(WAIT_LIMIT_S).read_bytes() == CONTENT
    assert mirror.ranges == [None]


def test_an_interrupted_download_ends_though_nothing_comes_and_keeps_what_has_come(
    mirror: Mirror, cache: Cache, progress: Progress
) -> None:
    artifact = mirror.add("hello", CONTENT, stalls=[HALF])
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(download_package, artifact, cache, progress, bases=mirror.bases)
        partial = cache.partial(artifact.sha256)
        wait_until_kept(partial, HALF)
        progress.cancelled.set()
        try:
            with pytest.raises(concurrent.futures.CancelledError):
                running.result(WAIT_LIMIT_S)
        finally:
            mirror.stop()  # what had not ended would wait for the rest
    assert partial.stat().st_size == HALF
    assert not cache.path(artifact.sha256, artifact.file).exists()


def test_an_interrupted_download_does_not_wait_for_a_server_that_never_answers(
    cache: Cache, mirror: Mirror, progress: Progress
) -> None:
    artifact = mirror.lock_package("hello", CONTENT)
    with socket.create_server(("127.0.0.1", 0)) as silent, concurrent.futures.ThreadPoolExecutor(1) as pool:
        bases = {"debian": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        running = pool.submit(download_package, artifact, cache, progress, bases=bases)
        connection, _ = silent.accept()
        with connection:
            progress.cancelled.set()
            with pytest.raises(concurrent.futures.CancelledError):
                running.result(WAIT_LIMIT_S)


def test_an_interrupt_ends_the_waiting_between_attempts(
    mirror: Mirror, cache: Cache, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("booksync_fetch.download.BACKOFF", 10 * WAIT_LIMIT_S)
    artifact = mirror.add("hello", CONTENT, statuses=[503])
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(download_package, artifact, cache, progress, bases=mirror.bases)
        wait_until(lambda: bool(mirror.paths), what="the mirror was asked", seconds=WAIT_LIMIT_S)
        progress.cancelled.set()
        with pytest.raises(concurrent.futures.CancelledError):
            running.result(WAIT_LIMIT_S)
    assert len(mirror.paths) == 1


def test_a_reset_connection_counts_no_byte_twice(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    # what the kernel has not handed over when the reset comes is lost, so a lot stands before it
    content = CONTENT * 20
    artifact = mirror.add("hello", content, cuts=[len(content) - 1000], reset=True)
    path = download_package(artifact, cache, progress, bases=mirror.bases)
    assert path.read_bytes() == content
    assert len(mirror.ranges) == len(("reset", "whole"))
    assert progress.done_bytes == len(content)


def test_the_next_run_goes_on_from_what_an_earlier_one_has(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.add("hello", CONTENT)
    cache.partial(artifact.sha256).write_bytes(CONTENT[:HALF])
    path = download_package(artifact, cache, progress, bases=mirror.bases)
    assert path.read_bytes() == CONTENT
    assert mirror.ranges == [f"bytes={HALF}-"]
    assert progress.done_bytes == len(CONTENT)


def test_a_mirror_without_ranges_is_read_from_the_start(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.add("hello", CONTENT, cuts=[HALF], ranges=False)
    path = download_package(artifact, cache, progress, bases=mirror.bases)
    assert path.read_bytes() == CONTENT
    assert mirror.ranges == [None, f"bytes={HALF}-"]
    assert progress.done_bytes == len(CONTENT)


def test_a_mirror_without_ranges_and_lengths_is_read_from_the_start_too(
    mirror: Mirror, cache: Cache, progress: Progress
) -> None:
    artifact = mirror.add("hello", CONTENT, cuts=[HALF, 1000], ranges=False, length="")
    path = download_package(artifact, cache, progress, bases=mirror.bases)
    assert path.read_bytes() == CONTENT
    assert mirror.ranges == [None, f"bytes={HALF}-", f"bytes={HALF}-"]
    assert progress.done_bytes == len(CONTENT)
    assert not [*cache.partial(artifact.sha256).parent.iterdir()]


def test_a_file_that_had_come_whole_is_taken(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.add("hello", CONTENT)
    cache.partial(artifact.sha256).write_bytes(CONTENT)
    path = download_package(artifact, cache, progress, bases=mirror.bases)
    assert path.read_bytes() == CONTENT
    assert (progress.done_files, progress.done_bytes) == (1, len(CONTENT))


def test_a_busy_mirror_is_asked_again(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.add("hello", CONTENT, statuses=[503, 503])
    path = download_package(artifact, cache, progress, bases=mirror.bases)
    assert path.read_bytes() == CONTENT
    assert len(mirror.paths) == len((503, 503, 200))


def test_waiting_doubles_between_attempts_and_ends_with_the_last(
    mirror: Mirror, cache: Cache, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("booksync_fetch.download.BACKOFF", 1.0)
    monkeypatch.setattr(progress, "wait", waits.append)
    artifact = mirror.add("hello", CONTENT, statuses=[503] * ATTEMPTS)
    with pytest.raises(BootstrapError, match=f"got {ATTEMPTS} times: 503 Service Unavailable"):
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert waits == [1.0, 2.0, 4.0, 8.0]
    assert len(mirror.paths) == ATTEMPTS


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_has_left_the_pool_is_superseded(
    mirror: Mirror, cache: Cache, progress: Progress, status: int
) -> None:
    artifact = mirror.add("hello", CONTENT, statuses=[status])
    with pytest.raises(SupersededError, match=artifact.entry["path"]) as caught:
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert not caught.value.pinned
    assert len(mirror.paths) == 1
    assert progress.done_files == 0


def test_a_file_that_inputs_name_is_superseded_as_such(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = replace(mirror.lock_package("pgvector", CONTENT), key="pgvector")
    with pytest.raises(SupersededError) as caught:
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert caught.value.pinned


@pytest.mark.parametrize("have", [b"", b"an earlier half"])
def test_other_content_than_locked_leaves_nothing(
    mirror: Mirror, cache: Cache, progress: Progress, have: bytes
) -> None:
    artifact = mirror.add("hello", b"a login page of a proxy", locked=CONTENT)
    if have:
        cache.partial(artifact.sha256).write_bytes(have)
    with pytest.raises(BootstrapError, match=rf"hello_1\.0_amd64\.deb: expected SHA-256 {artifact.sha256}, got"):
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert not cache.path(artifact.sha256, artifact.file).exists()
    assert not cache.partial(artifact.sha256).exists()
    assert progress.done_files == 0


@pytest.mark.parametrize("length", [None, ""])
@pytest.mark.parametrize("have", [b"", CONTENT[:HALF]])
def test_an_answer_longer_than_locked_is_not_read_to_its_end(
    mirror: Mirror, cache: Cache, progress: Progress, monkeypatch: pytest.MonkeyPatch, length: str | None, have: bytes
) -> None:
    counts: list[int] = []
    monkeypatch.setattr(progress, "add_bytes", counts.append)
    artifact = mirror.add("hello", CONTENT + bytes(20 * CHUNK_BYTES), locked=CONTENT, length=length)
    if have:
        cache.partial(artifact.sha256).write_bytes(have)
    with pytest.raises(BootstrapError, match=rf"hello_1\.0_amd64\.deb: expected SHA-256 {artifact.sha256}, got"):
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert sum(count for count in counts if count > 0) <= len(CONTENT) + CHUNK_BYTES
    assert sum(counts) == 0
    assert not cache.partial(artifact.sha256).exists()
    assert len(mirror.paths) == 1


@pytest.mark.parametrize("length", ["", "12abc", "-1"])
def test_a_length_that_is_none_is_no_obstacle(mirror: Mirror, cache: Cache, progress: Progress, length: str) -> None:
    artifact = mirror.add("hello", CONTENT, length=length)
    assert download_package(artifact, cache, progress, bases=mirror.bases).read_bytes() == CONTENT
    assert (progress.done_files, progress.done_bytes) == (1, len(CONTENT))


def test_a_mirror_without_a_scheme_is_named_with_the_way_out(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.lock_package("hello", CONTENT)
    with pytest.raises(BootstrapError, match=r"expected it from mirror/debian/pool.*unknown url type.*DEBIAN_MIRROR="):
        download_package(artifact, cache, progress, bases={"debian": "mirror/debian"})


def test_a_mirror_that_refuses_is_named_with_the_way_out(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.add("hello", CONTENT)
    mirror.stop()
    with pytest.raises(BootstrapError) as caught:
        download_package(artifact, cache, progress, bases=mirror.bases)
    message = str(caught.value)
    assert f"{mirror.address}/debian/{artifact.entry['path']}" in message
    assert "Connection refused" in message
    assert "DEBIAN_MIRROR=URL ./bootstrap" in message


def test_what_came_before_all_attempts_failed_is_kept(mirror: Mirror, cache: Cache, progress: Progress) -> None:
    artifact = mirror.add("hello", CONTENT, cuts=[1000] * ATTEMPTS)
    with pytest.raises(BootstrapError, match="the connection ended after 1000 of"):
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert cache.partial(artifact.sha256).read_bytes() == CONTENT[: 1000 * ATTEMPTS]
    assert progress.done_bytes == 0


def test_a_full_disk_is_not_tried_again(
    mirror: Mirror, cache: Cache, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = mirror.add("hello", CONTENT)

    def fail(path: Path, mode: str) -> None:
        raise OSError(errno.ENOSPC, f"No space left on device: {mode}", str(path))

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(OSError, match="No space left") as caught:
        download_package(artifact, cache, progress, bases=mirror.bases)
    assert caught.value.errno == errno.ENOSPC
    assert len(mirror.paths) == 1


def test_the_authorities_that_pip_is_told_of_are_trusted_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in AUTHORITIES:
        monkeypatch.delenv(name, raising=False)
    before = len(create_context().get_ca_certs())
    monkeypatch.setenv("PIP_CERT", str(Path(__file__).with_name("authority.pem")))
    context = create_context()
    assert len(context.get_ca_certs()) == before + 1
    assert context.check_hostname
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError):
        create_context()


def test_a_bundle_that_is_not_there_is_no_harm_where_none_is_needed(
    mirror: Mirror, cache: Cache, progress: Progress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "nothing"))
    artifact = mirror.add("hello", CONTENT)
    assert download_package(artifact, cache, progress, bases=mirror.bases).read_bytes() == CONTENT
