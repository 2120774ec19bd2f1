"""A cursor comes back as it was made, and opens nothing but the list that it came from."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from booksync_common.cursors import build_cursor, parse_cursor
from booksync_common.problems import ProblemError

PLACE = TypeAdapter(tuple[int | None, UUID])


@given(st.tuples(st.none() | st.integers(), st.uuids()), st.text(), st.data())
def test_cursors_come_back_and_show_every_change(
    place: tuple[int | None, UUID], question: str, data: st.DataObject
) -> None:
    cursor = build_cursor(place, PLACE, question=question)
    assert parse_cursor(cursor, PLACE, question=question) == place
    with pytest.raises(ProblemError):
        parse_cursor(cursor, PLACE, question=question + "?")
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProblemError):
        parse_cursor(base64.urlsafe_b64encode(raw).decode().rstrip("="), PLACE, question=question)


def test_a_cursor_of_another_kind_is_refused() -> None:
    cursor = build_cursor("x", TypeAdapter(str), question="q")
    with pytest.raises(ProblemError):
        parse_cursor(cursor, PLACE, question="q")
