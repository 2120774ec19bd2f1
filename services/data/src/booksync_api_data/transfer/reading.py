"""The body of an import: which format it has, and its items."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Protocol

from booksync_api_data.merging import LOCKS
from booksync_api_data.shared.models import VolumeExtra, VolumeIn
from booksync_api_data.transfer.csv_reading import CsvReader
from booksync_api_data.transfer.decoding import Utf8
from booksync_api_data.transfer.json_reading import JsonReader, NdjsonReader
from booksync_api_data.transfer.located import Located
from booksync_common.problems import ProblemError


class Reader(Protocol):
    """Takes text in pieces."""

    def feed(self, text: str) -> Iterator[Located]:
        """Yield the items that are complete."""
        ...

    def close(self) -> Iterator[Located]:
        """Yield what the end of the text completes."""
        ...


#: What an export has and an import computes anew.
IGNORED = frozenset(VolumeExtra.model_fields) - frozenset(VolumeIn.model_fields)

READERS: Mapping[str, Callable[[], Reader]] = {
    "text/csv": lambda: CsvReader(frozenset(VolumeExtra.model_fields), ignored=IGNORED, required="volume_id"),
    "application/json": lambda: JsonReader(ignored=IGNORED),
    "application/x-ndjson": lambda: NdjsonReader(ignored=IGNORED),
    "application/ndjson": lambda: NdjsonReader(ignored=IGNORED),
}


def make_reader(content_type: str | None) -> Reader:
    """Return the reader of a body.

    :param content_type: as the request has it.
    :raises ProblemError: 415 `unsupported_media_type`.
    """
    media_type, *parameters = [part.strip().lower() for part in (content_type or "").split(";")]
    charsets = [
        value.strip('"') for name, _, value in (part.partition("=") for part in parameters) if name == "charset"
    ]
    if media_type not in READERS or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        detail = f"Send one of {', '.join(READERS)}, in UTF-8, and say which as Content-Type."
        raise ProblemError(415, "unsupported_media_type", detail)
    return READERS[media_type]()


async def read_items(chunks: AsyncIterator[bytes], reader: Reader) -> AsyncIterator[Located]:
    """Yield the items of a body, as they come.

    :raises ProblemError: 422 `import_unreadable`, with the place.
    """
    text = Utf8()
    async for chunk in chunks:
        for item in reader.feed(text.feed(chunk)):
            yield item
    for item in reader.feed(text.feed(b"", is_last=True)):
        yield item
    for item in reader.close():
        yield item


def split_lists(located: Located) -> Mapping[str, object]:
    """Return the value of an item, with lists as such: CSV has them in one cell."""
    value = dict(located.value or {})
    if isinstance(locked := value.get(LOCKS), str):
        value[LOCKS] = [name.strip() for name in locked.split(",")]
    return value
