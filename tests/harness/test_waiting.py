"""What has not come in time is named, with how long it was waited for."""

import threading

import pytest

from booksync_testing.waiting import wait_until


def test_what_comes_is_waited_for() -> None:
    event = threading.Event()
    timer = threading.Timer(0.1, event.set)
    timer.start()
    wait_until(event.is_set, what="the timer", seconds=60)
    timer.join()


def test_what_does_not_come_is_named() -> None:
    with pytest.raises(AssertionError, match=r"^not after 0\.1 s: a green light$"):
        wait_until(lambda: False, what="a green light", seconds=0.1)


def test_a_log_is_read_when_it_is_over() -> None:
    said: list[str] = []

    def ask() -> bool:
        said.append("asked")
        return False

    with pytest.raises(AssertionError, match="asked, asked"):
        wait_until(ask, what=lambda: ", ".join(said), seconds=0.1)
