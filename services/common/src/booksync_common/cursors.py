"""Opaque places in a list: where a page ended, and in which list.

A cursor is a keyset and no offset, so rows that come or go meanwhile shift nothing. It is bound to the question it came
from by a code over both, which also shows a changed one. The code keeps no secret, since a cursor opens nothing: every
page is asked with the rights of who asks.
"""

import base64
import hashlib
import hmac

from pydantic import TypeAdapter, ValidationError

from booksync_common.problems import ProblemError

CODE_BYTES = 12
MAX_LENGTH = 1024


def _build_code(payload: bytes, question: str) -> bytes:
    return hashlib.blake2b(payload, key=hashlib.sha256(question.encode()).digest(), digest_size=CODE_BYTES).digest()


def build_cursor[T](place: T, kind: TypeAdapter[T], *, question: str) -> str:
    """Make a cursor.

    :param place: the values of the columns by which the list is sorted, in the last row.
    :param kind: how they are written.
    :param question: the list: what it is of, its filters and its order.
    """
    payload = kind.dump_json(place)
    return base64.urlsafe_b64encode(_build_code(payload, question) + payload).decode().rstrip("=")


def parse_cursor[T](cursor: str, kind: TypeAdapter[T], *, question: str) -> T:
    """Return the place that a cursor names.

    :raises ProblemError: 400 `cursor_invalid`, for one that was changed or comes from another question.
    """
    problem = ProblemError(400, "cursor_invalid", "The cursor is not one of this list: begin again without.")
    if len(cursor) > MAX_LENGTH or not cursor.isascii():
        raise problem
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise problem from None
    code, payload = raw[:CODE_BYTES], raw[CODE_BYTES:]
    # base64 has several spellings of one value where its last character has bits to spare
    is_ours = hmac.compare_digest(code, _build_code(payload, question))
    if not is_ours or base64.urlsafe_b64encode(raw).decode().rstrip("=") != cursor:
        raise problem
    try:
        return kind.validate_json(payload)
    except ValidationError:  # the code keeps no secret: somebody may have made one
        raise problem from None
