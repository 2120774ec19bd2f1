"""Where the next page begins, as an opaque word."""

import base64
import binascii
import json
from collections.abc import Sequence

from booksync_common.problems import ProblemError

MAX_LENGTH = 200


def write_cursor(values: Sequence[str]) -> str:
    """Make the word for a row's place in the order."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def read_cursor(word: str, length: int) -> list[str]:
    """Return what a word was made of.

    :raises ProblemError: 422, for one that is not of this service.
    """
    try:
        values = json.loads(base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        values = None
    if not isinstance(values, list) or len(values) != length or not all(isinstance(value, str) for value in values):
        raise refuse_cursor()
    return values


def refuse_cursor() -> ProblemError:
    """Make the 422."""
    error = {"location": ["query", "cursor"], "code": "cursor_invalid", "message": "Use a next_cursor as it came."}
    return ProblemError(422, "cursor_invalid", "The cursor is not one of this list.", errors=[error])
