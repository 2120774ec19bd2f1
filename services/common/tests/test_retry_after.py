"""Retry-After may be seconds, a date, or anything else."""

from datetime import UTC, datetime

import pytest

from booksync_common.retry_after import parse_retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30),
        (" 5 ", 5),
        ("\u00a0" * 9 + "5", 5),
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("9" * 400, 999_999_999),
        ("Wed, 25 Nov 2026 10:00:30 GMT", 30),
        ("Wed, 25 Nov 2026 10:00:30", 30),
        ("Wed, 25 Nov 2020 10:00:30 GMT", 0),
        ("Wed, 99 Nov 2026 10:00:30 GMT", None),
        ("Wed, 25 Nov 99999999999 10:00:30 GMT", None),
        ("Wed, 25 Nov 2026 10:00:30 +99999999999999", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, datetime(2026, 11, 25, 10, tzinfo=UTC)) == seconds
