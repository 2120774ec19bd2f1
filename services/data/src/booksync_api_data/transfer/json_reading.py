"""JSON that comes in pieces: an array of objects, or one object a line (NDJSON)."""

import json
import re
from collections.abc import Iterator

from booksync_api_data.transfer.located import MAX_ITEM, Issue, Located, unreadable

#: A text, or its beginning where its end is yet to come; or a bracket.
TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
SPACE = " \t\r\n"


def _parse(text: str, *, line: int, column: int = 1, ignored: frozenset[str]) -> Located:
    """Parse one item, which begins at a place."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        place = (line + error.lineno - 1, error.colno + (column - 1 if error.lineno == 1 else 0))
        return Located(line, issue=Issue(line=place[0], column=place[1], code="json", message=error.msg))
    except (ValueError, RecursionError):
        message = "a number is too long, or brackets are too deep"
        return Located(line, issue=Issue(line=line, column=column, code="json", message=message))
    if not isinstance(value, dict):
        return Located(line, issue=Issue(line=line, column=column, code="json", message="an object is expected"))
    return Located(line, {name: item for name, item in value.items() if name not in ignored})


class NdjsonReader:
    """Reads one item a line."""

    def __init__(self, *, ignored: frozenset[str]) -> None:
        """Begin.

        :param ignored: names that say nothing to an import.
        """
        self._ignored = ignored
        self._text = ""
        self._line = 1

    def feed(self, text: str) -> Iterator[Located]:
        """Yield the items that are complete.

        :raises ProblemError: 422 `import_unreadable`.
        """
        *lines, self._text = (self._text + text).split("\n")
        for line in lines:
            yield from self._read(line)
        if len(self._text) > MAX_ITEM:
            raise unreadable(self._line, None, "the line does not end")

    def close(self) -> Iterator[Located]:
        """Yield the last item, which may have no line end."""
        yield from self._read(self._text)

    def _read(self, text: str) -> Iterator[Located]:
        if text.strip(SPACE):
            yield _parse(text, line=self._line, ignored=self._ignored)
        self._line += 1


class JsonReader:
    """Reads the items of an array, each when its last bracket is there."""

    def __init__(self, *, ignored: frozenset[str]) -> None:
        """Begin.

        :param ignored: names that say nothing to an import.
        """
        self._ignored = ignored
        self._text = ""
        self._scanned = 0
        self._done = 0  # up to where everything was given out
        self._depth = 0
        self._expected = ""  # between two items
        self._is_ended = False
        self._line, self._column = 1, 1  # of the beginning of the text

    def feed(self, text: str) -> Iterator[Located]:
        """Yield the items that are complete.

        :raises ProblemError: 422 `import_unreadable`.
        """
        self._text += text
        while match := TOKEN.search(self._text, self._scanned):
            if match[0] == '"':  # the rest of it is yet to come
                break
            if self._depth == 0:
                self._open(match)
            elif match[0] in {"{", "["}:
                self._begin(match)
            elif match[0] in {"}", "]"}:
                yield from self._end(match)
            elif self._depth == 1:
                raise self._refuse(match.start(), "an object is expected")
            self._scanned = match.end()
        if len(self._text) - self._done > MAX_ITEM:
            raise self._refuse(self._done, "an item does not end")
        self._drop()

    def close(self) -> Iterator[Located]:
        """Make sure that this was all.

        :raises ProblemError: 422 `import_unreadable`.
        """
        if not self._is_ended:
            raise self._refuse(len(self._text), "the array is not closed" if self._depth else "an array is expected")
        self._check_between(len(self._text), "")
        yield from ()

    def _open(self, match: re.Match[str]) -> None:
        self._check_between(match.start(), "")
        if match[0] != "[" or self._is_ended:
            raise self._refuse(match.start(), "one array of objects is expected")
        self._depth, self._done = 1, match.end()

    def _begin(self, match: re.Match[str]) -> None:
        if self._depth == 1:
            self._check_between(match.start(), self._expected)
            self._done = match.start()
        self._depth += 1

    def _end(self, match: re.Match[str]) -> Iterator[Located]:
        self._depth -= 1
        if self._depth == 0:
            self._check_between(match.start(), "")
            if match[0] != "]":
                raise self._refuse(match.start(), "the array is not closed")
            self._is_ended, self._done = True, match.end()
        elif self._depth == 1:
            line, column = self._place(self._done)
            item = self._text[self._done : match.end()]
            yield _parse(item, line=line, column=column, ignored=self._ignored)
            self._done, self._expected = match.end(), ","

    def _check_between(self, end: int, expected: str) -> None:
        if self._text[self._done : end].strip(SPACE) != expected:
            raise self._refuse(self._done, f"{'a comma' if expected else 'nothing'} is expected")

    def _drop(self) -> None:
        """Forget what was given out, and keep the place."""
        self._line, self._column = self._place(self._done)
        self._text = self._text[self._done :]
        self._scanned -= self._done
        self._done = 0

    def _place(self, position: int) -> tuple[int, int]:
        lines = self._text.count("\n", 0, position)
        column = position - self._text.rfind("\n", 0, position) if lines else self._column + position
        return self._line + lines, column

    def _refuse(self, position: int, message: str) -> Exception:
        line, column = self._place(position)
        return unreadable(line, column, message)
