"""Cells of CSV: a spreadsheet must not run what is in one.

A text that a spreadsheet would take for a formula gets an apostrophe before it, as people write it there. So does one
that has the apostrophe already, so that every text comes back as it was.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

#: Between the elements of a list; no element has it.
COMMA = ","

_ESCAPED = re.compile(r"'*[=+\-@\t\r]")
_RESTORED = re.compile(r"'+[=+\-@\t\r]")


def escape_cell(text: str) -> str:
    """Make a text one that no spreadsheet runs."""
    return f"'{text}" if _ESCAPED.match(text) else text


def restore_cell(cell: str) -> str:
    """Return the text that was escaped."""
    return cell[1:] if _RESTORED.match(cell) else cell


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
