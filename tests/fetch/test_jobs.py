"""Downloads run side by side: superseded files are named all at once, any other error ends the fetch."""

import time
from collections.abc import Callable
from functools import partial

import pytest

from booksync_fetch.debian import SupersededError
from booksync_fetch.errors import BootstrapError
from booksync_fetch.fetch import NAMED, run_jobs
from booksync_fetch.progress import Progress

JOB_TIME = 0.02  # s


def fail(error: Exception) -> None:
    raise error


def test_all_superseded_files_are_named_at_once_after_the_others_have_come(progress: Progress) -> None:
    done: list[str] = []
    jobs: list[Callable[[], object]] = [
        lambda: fail(SupersededError("pool/z_1.deb", mirror="http://m/debian")),
        lambda: done.append("other"),
        lambda: fail(SupersededError("pool/a_1.deb", mirror="http://m/debian")),
    ]
    with pytest.raises(BootstrapError) as caught:
        run_jobs(jobs, progress)
    assert str(caught.value).startswith("http://m/debian: expected what the locks name")
    assert "  pool/a_1.deb\n  pool/z_1.deb\nrun: ./bootstrap update debian" in str(caught.value)
    assert done == ["other"]


def test_what_update_cannot_find_anew_is_not_left_to_update_alone(progress: Progress) -> None:
    jobs = [
        lambda: fail(SupersededError("pool/z_1.deb", mirror="http://m/debian")),
        lambda: fail(SupersededError("pool/pgvector_1.orig.tar.gz", mirror="http://s/debian", pinned=True)),
    ]
    with pytest.raises(BootstrapError) as caught:
        run_jobs(jobs, progress)
    assert (
        "  pool/pgvector_1.orig.tar.gz\n  pool/z_1.deb\n"
        "set pgvector's path, version and sha256 in nix/inputs.json to those of a file that the mirror has, then "
        "run: ./bootstrap update debian; or name a mirror that keeps history"
    ) in str(caught.value)


def test_a_mirror_that_has_nothing_is_named_in_a_few_lines(progress: Progress) -> None:
    jobs = [partial(fail, SupersededError(f"pool/{number:03}.deb", mirror="http://m/debian")) for number in range(100)]
    with pytest.raises(BootstrapError) as caught:
        run_jobs(jobs, progress)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 + NAMED + 2
    assert lines[-2] == f"  and {100 - NAMED} more"


def test_another_error_wins_over_superseded_files(progress: Progress) -> None:
    with pytest.raises(BootstrapError, match=r"^no network$"):
        run_jobs(
            [
                lambda: fail(SupersededError("pool/a_1.deb", mirror="http://m/debian")),
                lambda: fail(BootstrapError("no network")),
            ],
            progress,
        )


def test_after_an_error_nothing_new_is_begun_and_what_runs_comes_to_its_end(
    progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("booksync_fetch.fetch.JOBS", 2)
    begun: list[int] = []
    ended: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(JOB_TIME)
        ended.append(number)

    jobs = [partial(fail, BootstrapError("no network")), *(partial(work, number) for number in range(200))]
    with pytest.raises(BootstrapError, match=r"^no network$"):
        run_jobs(jobs, progress)
    assert len(begun) < len(jobs) // 2
    assert not progress.cancelled.is_set()
    assert sorted(begun) == sorted(ended)


def test_an_interrupted_fetch_begins_nothing_new_and_tells_what_runs(
    progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("booksync_fetch.fetch.JOBS", 1)
    begun: list[int] = []

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    def work(number: int) -> None:
        begun.append(number)
        time.sleep(JOB_TIME)

    monkeypatch.setattr("booksync_fetch.fetch.concurrent.futures.as_completed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_jobs([partial(work, number) for number in range(100)], progress)
    assert len(begun) < 50
    assert progress.cancelled.is_set()
