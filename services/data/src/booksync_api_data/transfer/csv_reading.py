"""CSV that comes in pieces (RFC 4180): with commas, or with semicolons, as spreadsheets write it in French.

The text is cut behind the last line end that is not within quotation marks, and what is before goes to Python's reader.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from booksync_api_data.transfer.cells import restore_cell
from booksync_api_data.transfer.located import MAX_ITEM, Issue, Located, unreadable

DELIMITERS = (",", ";", "\t")

# of the whole process; what is too long for its column is wrong with one item alone
csv.field_size_limit(MAX_ITEM)


class CsvReader:
    """Reads items, by the names in the first line; an empty cell says nothing."""

    def __init__(self, columns: frozenset[str], *, ignored: frozenset[str], required: str) -> None:
        """Begin.

        :param columns: that are known.
        :param ignored: known columns that say nothing to an import.
        :param required: the one that may not be missing.
        """
        self._columns = columns
        self._ignored = ignored
        self._required = required
        self._header: Sequence[str] = ()
        self._delimiter = ","
        self._text = ""
        self._scanned = 0  # up to where quotation marks were counted
        self._is_quoted = False
        self._line = 1

    def feed(self, text: str) -> Iterator[Located]:
        """Yield the items that are complete.

        :raises ProblemError: 422 `import_unreadable`.
        """
        self._text += text
        cut = self._find_cut()
        block, self._text = self._text[:cut], self._text[cut:]
        self._scanned -= cut
        yield from self._read(block)
        if len(self._text) > MAX_ITEM:
            raise unreadable(self._line, None, "a row does not end; is a quotation mark missing?")

    def close(self) -> Iterator[Located]:
        """Yield the last item, which may have no line end."""
        if self._is_quoted ^ (self._text.count('"', self._scanned) % 2 == 1):
            raise unreadable(self._line, None, "a quotation mark is not closed")
        yield from self._read(self._text)
        if not self._header:
            raise unreadable(1, None, "the first line has to name the columns")

    def _find_cut(self) -> int:
        cut = 0
        while (end := self._text.find("\n", self._scanned)) >= 0:
            self._is_quoted ^= self._text.count('"', self._scanned, end) % 2 == 1
            self._scanned = end + 1
            if not self._is_quoted:
                cut = self._scanned
        return cut

    def _read(self, block: str) -> Iterator[Located]:
        if block and not self._header:
            # one of the names has no delimiter in it, so the first line says which it is
            first = block.partition("\n")[0]
            self._delimiter = max(DELIMITERS, key=first.count)
        reader = csv.reader(io.StringIO(block, newline=""), delimiter=self._delimiter, strict=True)
        begun, line = self._line, self._line
        try:
            for row in reader:
                if any(row):
                    yield from self._read_row(line, row)
                line = begun + reader.line_num
        except csv.Error as error:
            raise unreadable(line, None, f"it is not CSV: {error}") from None
        self._line = line

    def _read_row(self, line: int, row: Sequence[str]) -> Iterator[Located]:
        if not self._header:
            self._header = self._check_header(line, row)
        elif len(row) != len(self._header):
            message = f"the row has {len(row)} cells, the first line has {len(self._header)}"
            yield Located(line, issue=Issue(line=line, column=None, code="cells", message=message))
        else:
            cells = zip(self._header, row, strict=True)
            value = {name: restore_cell(cell) for name, cell in cells if cell.strip() and name not in self._ignored}
            yield Located(line, value)

    def _check_header(self, line: int, row: Sequence[str]) -> Sequence[str]:
        names = [name.strip().lower() for name in row]
        for position, name in enumerate(names):
            if name not in self._columns:
                raise unreadable(
                    line, position + 1, f"there is no such column; known are {', '.join(sorted(self._columns))}"
                )
            if name in names[:position]:
                raise unreadable(line, position + 1, f"column {name} is there twice")
        if self._required not in names:
            raise unreadable(line, None, f"column {self._required} is missing")
        return names
