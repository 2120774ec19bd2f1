"""Which volumes of a pile may come next: of each series one, and never a volume before the one that precedes it."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Volume:
    """A volume, as far as it is known."""

    id: UUID
    series_id: UUID | None = None
    edition_id: UUID | None = None
    number: int | None = None
    title: str | None = None
    kinds: tuple[str, ...] = ()
    adult: bool = False
    series_length: int | None = None
    is_counted: bool = False  # the length: else it is the highest number that is known

    @property
    def run(self) -> UUID:
        """What its number counts in: an edition has a volume 1, and so has another of the same series."""
        return self.edition_id or self.series_id or self.id

    @property
    def work(self) -> UUID:
        """Its series; a volume whose series is unknown is one of its own."""
        return self.series_id or self.edition_id or self.id


@dataclass(frozen=True)
class Candidate:
    """The next volume of a series."""

    volume: Volume
    last_read: int | None = None  # of its run
    is_begun: bool = False
    has_gap: bool = False  # a volume before it is neither in the pile nor read


def find_next(pile: Iterable[Volume], read: Iterable[Volume], *, is_complete: bool) -> list[Candidate]:
    """Return the next volume of each series, in the order of ids.

    :param is_complete: whether `read` is all that was read, so that a volume in between that is not in it is a gap.
    """
    done = list(read)
    done_ids = {volume.id for volume in done}
    begun = {volume.work for volume in done}
    last_read: dict[UUID, int] = {}
    for volume in done:
        if volume.number is not None:
            last_read[volume.run] = max(volume.number, last_read.get(volume.run, volume.number))
    first: dict[UUID, Volume] = {}
    for volume in pile:
        if volume.id not in done_ids:
            known = first.setdefault(volume.run, volume)
            if _order(volume) < _order(known):
                first[volume.run] = volume
    best: dict[UUID, Candidate] = {}
    for volume in sorted(first.values(), key=_order):
        # what was read in an edition that is not known was read in any
        last = max((last_read[key] for key in {volume.run, volume.work} if key in last_read), default=None)
        candidate = Candidate(
            volume, last, volume.work in begun, _has_gap(volume.number, last, is_complete=is_complete)
        )
        known_candidate = best.setdefault(volume.work, candidate)
        if _preference(candidate) < _preference(known_candidate):
            best[volume.work] = candidate
    return sorted(best.values(), key=lambda candidate: candidate.volume.id)


def _order(volume: Volume) -> tuple[bool, int, UUID]:
    """Sort volumes without a number, which are extras as a rule, to the end."""
    return volume.number is None, volume.number or 0, volume.id


def _has_gap(number: int | None, last_read: int | None, *, is_complete: bool) -> bool:
    if number is None:
        return False
    if last_read is not None:
        return number > last_read + 1
    return is_complete and number > 1


def _preference(candidate: Candidate) -> tuple[bool, bool, tuple[bool, int, UUID]]:
    """Of two editions, go on with the one that was begun."""
    return candidate.has_gap, candidate.last_read is None, _order(candidate.volume)
