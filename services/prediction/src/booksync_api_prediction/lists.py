"""Lists of ids as one parameter, so that a statement is the same, and prepared once, however long a list is."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, literal


def any_of(values: Sequence[UUID]) -> ColumnElement[bool]:
    """Return what an id is equal to when it is in a list."""
    return any_(literal(list(values), ARRAY(Uuid)))
