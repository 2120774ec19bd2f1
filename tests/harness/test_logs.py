"""What a container has said is read past what a power cut has done to its engine's file."""

from datetime import UTC, datetime

from booksync_stack.services import parse_log


def line(second: int, said: str) -> str:
    """Return a line of Docker's json-file log."""
    return f'{{"log":"{said}\\n","stream":"stderr","time":"2026-11-26T10:00:{second:02}.123456789Z"}}'


def at(second: int) -> datetime:
    """Return the time of such a line."""
    return datetime(2026, 11, 26, 10, 0, second, 123456, tzinfo=UTC)


def test_lines_have_times_and_texts() -> None:
    assert list(parse_log(f"{line(1, 'a')}\n{line(2, 'b')}\n")) == [(at(1), "a\n"), (at(2), "b\n")]


def test_half_a_line_is_left_out() -> None:
    assert list(parse_log(f"{line(1, 'a')}\n{line(2, 'b')[:-30]}\n{line(3, 'c')[40:]}\n\n{line(4, 'd')}\n")) == [
        (at(1), "a\n"),
        (at(4), "d\n"),
    ]
