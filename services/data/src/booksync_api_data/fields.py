"""Types of values that come in."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from booksync_common.fields import check_text

#: PostgreSQL's integer ends there.
MAX_INTEGER = 2**31 - 1


def clean_text(value: str) -> str | None:
    """Take the space round a text away; nothing left is no text, so that CSV can say it too.

    :raises PydanticCustomError: for pydantic; there is a NUL in it.
    """
    return check_text(value).strip() or None


def clean_optional(value: str | None) -> str | None:
    """Do the same where there may be no text."""
    return None if value is None else clean_text(value)


def split_commas(value: object) -> object:
    """Split what a query gives as `a,b`, as `a&…=b` or as both."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        return [part.strip() for item in value for part in str(item).split(",") if part.strip()]
    return value


def sort_unique[T: (str, UUID)](values: Iterable[T]) -> list[T]:
    """Return each value once, in order."""
    return sorted(set(values))


Text20 = Annotated[str | None, Field(max_length=20), AfterValidator(clean_optional)]
Text50 = Annotated[str | None, Field(max_length=50), AfterValidator(clean_optional)]
Text200 = Annotated[str | None, Field(max_length=200), AfterValidator(clean_optional)]
Text5000 = Annotated[str | None, Field(max_length=5000), AfterValidator(clean_optional)]
Text20000 = Annotated[str | None, Field(max_length=20_000), AfterValidator(clean_optional)]

#: In a query: up to 500 ids.
Ids = Annotated[list[UUID], BeforeValidator(split_commas), Field(max_length=500)]
Search = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
