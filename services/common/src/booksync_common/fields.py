"""Types of values that come in at several services."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime
from pydantic_core import PydanticCustomError


def check_text(value: str) -> str:
    """Refuse NUL, which PostgreSQL does not store.

    :raises PydanticCustomError: for pydantic.
    """
    if "\0" in value:
        code, message = "nul", "There is a NUL character in it."
        raise PydanticCustomError(code, message)
    return value


def to_utc(value: datetime) -> datetime:
    """Return the same time in UTC, where PostgreSQL's driver wants to have it.

    :raises PydanticCustomError: for pydantic; it is out of the calendar there.
    """
    try:
        return value.astimezone(UTC)
    except OverflowError:
        code, message = "time_out_of_range", "The time is out of range."
        raise PydanticCustomError(code, message) from None


Instant = Annotated[AwareDatetime, AfterValidator(to_utc)]
