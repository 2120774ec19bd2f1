"""Mangacollec's collection, which is flat arrays joined by ids, made into volumes.

The data is dirty: what cannot be read is left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from booksync_api_prediction.embeddings.bodies import MAX_INTEGER
from booksync_api_prediction.predictions.candidates import Volume
from booksync_api_prediction.texts import clean, strip_html

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Collected:
    """A volume with what can be embedded of it."""

    volume: Volume
    synopsis: str
    type: str | None
    publisher: str | None


@dataclass
class Collection:
    """What somebody owns, and has read; the latest read first."""

    owned: tuple[Collected, ...] = ()
    read: tuple[Collected, ...] = ()
    #: Whether all of it was found to be embedded, so that nobody has to look again.
    is_embedded: bool = False

    @property
    def pile(self) -> list[Collected]:
        """What is owned and not read."""
        done = {entry.volume.id for entry in self.read}
        return [entry for entry in self.owned if entry.volume.id not in done]


def parse_collection(document: object) -> Collection:
    """Read the answer of `/v2/users/me/collection`.

    :raises ValueError: it is nothing of the kind.
    """
    if not isinstance(document, dict) or not isinstance(document.get("volumes"), list):
        message = "there are no volumes in it"
        raise ValueError(message)
    volumes = _read_volumes(document)
    owned = {key for record in _records(document, "possessions") if (key := _id(record, "volume_id"))}
    times: dict[UUID, str] = {}
    editions = {
        key: _time(record) for record in _records(document, "read_editions") if (key := _id(record, "edition_id"))
    }
    for key, entry in volumes.items():
        if entry.volume.edition_id in editions:
            times[key] = editions[entry.volume.edition_id]
    for record in _records(document, "reads"):
        if (key := _id(record, "volume_id")) is not None:
            times[key] = max(_time(record), times.get(key, ""))
    latest_first = sorted((key for key in times if key in volumes), key=lambda key: (times[key], key), reverse=True)
    return Collection(
        owned=tuple(volumes[key] for key in sorted(owned) if key in volumes),
        read=tuple(volumes[key] for key in latest_first),
    )


def _read_volumes(document: Record) -> dict[UUID, Collected]:
    kinds = _names(document, "kinds")
    types = _names(document, "types")
    publishers = _names(document, "publishers")
    series = {key: record for record in _records(document, "series") if (key := _id(record, "id"))}
    editions = {key: record for record in _records(document, "editions") if (key := _id(record, "id"))}
    records = [(key, record) for record in _records(document, "volumes") if (key := _id(record, "id"))]
    lengths: dict[UUID, int] = {}
    for _, record in records:
        edition_id, number = _id(record, "edition_id"), _number(record.get("number"))
        if edition_id is not None and number is not None:
            lengths[edition_id] = max(number, lengths.get(edition_id, 0))
    found: dict[UUID, Collected] = {}
    for key, record in records:
        edition_id = _id(record, "edition_id")
        edition: Record = editions.get(edition_id, {}) if edition_id else {}
        series_id = _id(edition, "series_id") or _id(record, "series_id")
        work: Record = series.get(series_id, {}) if series_id else {}
        counted = _number(edition.get("volumes_count"))
        volume = Volume(
            id=key,
            series_id=series_id,
            edition_id=edition_id,
            number=_number(record.get("number")),
            title=_text(work.get("title")) or _text(record.get("title")) or None,
            kinds=tuple(kinds[kind] for kind in _ids(work.get("kinds_ids")) if kind in kinds),
            adult=work.get("adult_content") is True,
            series_length=max(counted or 0, lengths.get(edition_id, 0)) or None if edition_id else None,
            is_counted=bool(counted),
        )
        found[key] = Collected(
            volume,
            synopsis=strip_html(_text(record.get("content"), 50_000)),
            type=types.get(_id(work, "type_id") or key),
            publisher=publishers.get(_id(edition, "publisher_id") or key),
        )
    return found


def _records(document: Record, name: str) -> Iterator[Record]:
    values = document.get(name)
    yield from (value for value in values if isinstance(value, dict)) if isinstance(values, list) else ()


def _names(document: Record, name: str) -> dict[UUID, str]:
    found = {_id(record, "id"): _text(record.get("title") or record.get("name")) for record in _records(document, name)}
    return {key: value for key, value in found.items() if key is not None and value}


def _ids(values: object) -> Iterator[UUID]:
    for value in values if isinstance(values, list) else ():
        if (key := _as_id(value)) is not None:
            yield key


def _id(record: Record, name: str) -> UUID | None:
    return _as_id(record.get(name))


def _as_id(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _number(value: object) -> int | None:
    """Return a volume's number; one with a fraction, or none, is an extra without a place in the order."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        return None
    return int(number) if 0 <= number <= MAX_INTEGER and number.is_integer() else None


def _text(value: object, length: int = 500) -> str:
    return clean(value)[:length] if isinstance(value, str) else ""


def _time(record: Record) -> str:
    """ISO 8601 in UTC, as Mangacollec writes it, sorts as text."""
    return str(record.get("created_at") or "")
