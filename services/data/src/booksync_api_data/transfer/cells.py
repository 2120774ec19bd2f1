"""Cells of CSV: a spreadsheet must not run what is in one.

A text that a spreadsheet would take for a formula gets an apostrophe before it, as people write it there. So does one
that has the apostrophe already, so that every text comes back as it was.

A spreadsheet that takes semicolons or tabs for what is between cells, as French ones do, sees no quotation marks round
ours: what is behind those, or on a line of its own, is a cell there, and gets its apostrophe too.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

#: Between the elements of a list; no element has it.
COMMA = ","

_CELL = r"(?:^|(?<=[;\t\r\n]))"  # where one may begin
_ESCAPED = re.compile(rf"{_CELL}(?='*[=+\-@\t\r])")
_RESTORED = re.compile(rf"{_CELL}'(?='*[=+\-@\t\r])")


def escape_cell(text: str) -> str:
    """Make a text one that no spreadsheet runs."""
    return _ESCAPED.sub("'", text)


def restore_cell(cell: str) -> str:
    """Return the text that was escaped."""
    return _RESTORED.sub("", cell)


def build_cell(value: Any) -> str:
    """Write a value."""
    if value is None:
        return ""
    if isinstance(value, str):
        return escape_cell(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list):
        return escape_cell(COMMA.join(value))
    return str(value)


def build_row(values: Iterable[Any]) -> list[str]:
    """Write the values of a row."""
    return [build_cell(value) for value in values]
