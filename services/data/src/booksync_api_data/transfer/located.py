"""What was read of an import, and where."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from booksync_common.problems import ProblemError

#: Characters of one item; what is longer is a file that is not what it seems.
MAX_ITEM = 1_000_000


class Issue(BaseModel):
    """What is wrong with an item."""

    line: int = Field(description="from 1")
    column: int | str | None = Field(description="the character, from 1, or the name of the column or field")
    code: str
    message: str


@dataclass(frozen=True)
class Located:
    """An item, or what is wrong with it."""

    line: int
    value: Mapping[str, Any] | None = None
    issue: Issue | None = None


def unreadable(line: int, column: int | str | None, message: str) -> ProblemError:
    """Make the answer to a file that cannot be read on from some place."""
    where = f"line {line}" if column is None else f"line {line}, column {column}"
    location = ["body", line] if column is None else ["body", line, column]
    error = {"location": location, "code": "unreadable", "message": message}
    return ProblemError(422, "import_unreadable", f"The file cannot be read from {where} on: {message}", errors=[error])
