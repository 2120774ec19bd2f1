"""UTF-8 that comes in pieces, with a byte order mark at its beginning or without."""

import codecs

from booksync_api_data.transfer.located import unreadable


class Utf8:
    """Turns bytes into text, and knows the place of those that are none."""

    def __init__(self) -> None:
        """Begin."""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._line, self._column = 1, 1

    def feed(self, chunk: bytes, *, is_last: bool = False) -> str:
        """Return the text of a piece.

        :raises ProblemError: 422 `import_unreadable`.
        """
        try:
            text = self._decoder.decode(chunk, is_last)
        except UnicodeDecodeError as error:
            good = error.object[: error.start]
            line = self._line + good.count(b"\n")
            begun = 1 if b"\n" in good else self._column
            column = begun + len(good[good.rfind(b"\n") + 1 :].decode(errors="replace"))
            raise unreadable(line, column, "it is not UTF-8 there; save the file as CSV UTF-8") from None
        self._line += text.count("\n")
        self._column = len(text) - text.rfind("\n") + (0 if "\n" in text else self._column - 1)
        return text
