"""Conditional requests (RFC 9110, section 13): a client that says which version it has in mind.

Conditions are parsed at the edge and passed on as a value; the repository evaluates them on the row that it has locked.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated

from fastapi import Depends, Header

from booksync_common.problems import ProblemError

ETAG = re.compile(r'\s*((?:W/)?"[\x21\x23-\x7e]*")\s*(?:,|$)')
ANY = "*"


def build_etag(version: int, updated_at: datetime) -> str:
    """Make the strong entity tag of a version.

    Versions begin anew in a row that was deleted and comes back, and come again in a database that was restored.
    """
    return f'"{version}-{int(updated_at.timestamp() * 1_000_000)}"'


def parse_etags(header: str | None) -> frozenset[str] | None:
    """Parse the value of If-Match or If-None-Match; None where there is none.

    :raises ProblemError: 400, for what is no list of entity tags.
    """
    if header is None:
        return None
    if header.strip() == ANY:
        return frozenset({ANY})
    found, position = set(), 0
    while position < len(header):
        match = ETAG.match(header, position)
        if match is None:
            raise ProblemError(400, "etag_invalid", "An entity tag is as the answer had it, with its quotes.")
        found.add(match[1])
        position = match.end()
    return frozenset(found)


@dataclass(frozen=True)
class Precondition:
    """What must be so for a write to happen."""

    if_match: frozenset[str] | None = None
    if_none_match: frozenset[str] | None = None

    def check(self, etag: str | None) -> None:
        """Compare with what is stored.

        :param etag: None when nothing is.
        :raises ProblemError: 412 `precondition_failed`.
        """
        matches = self.if_match is None or (etag is not None and not self.if_match.isdisjoint({ANY, etag}))
        differs = self.if_none_match is None or etag is None or self.if_none_match.isdisjoint({ANY, etag, f"W/{etag}"})
        if not (matches and differs):
            now = "there is none" if etag is None else f"it is {etag} now"
            headers = {} if etag is None else {"ETag": etag}
            detail = f"It is not the version that you named: {now}."
            raise ProblemError(412, "precondition_failed", detail, headers=headers)


async def read_precondition(
    if_match: Annotated[str | None, Header(description="Write only this version.")] = None,
    if_none_match: Annotated[str | None, Header(description="`*`: write only what is not there yet.")] = None,
) -> Precondition:
    """Read the conditions of a write."""
    return Precondition(parse_etags(if_match), parse_etags(if_none_match))


@dataclass(frozen=True)
class Freshness:
    """What a client has already."""

    if_none_match: frozenset[str] | None = None
    if_modified_since: datetime | None = None

    def is_current(self, *, etag: str, updated_at: datetime) -> bool:
        """Tell whether the client's copy will do, which is worth a 304; the date counts only without a tag."""
        if self.if_none_match is not None:
            return not self.if_none_match.isdisjoint({ANY, etag, f"W/{etag}"})
        return self.if_modified_since is not None and updated_at.replace(microsecond=0) <= self.if_modified_since


def _parse_date(value: str | None) -> datetime | None:
    """Return the time; None for what is not one, as section 13.1.3 wants it."""
    try:
        parsed = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


async def read_freshness(
    if_none_match: Annotated[str | None, Header()] = None, if_modified_since: Annotated[str | None, Header()] = None
) -> Freshness:
    """Read what a client has."""
    return Freshness(parse_etags(if_none_match), _parse_date(if_modified_since))


def build_headers(*, etag: str, updated_at: datetime) -> dict[str, str]:
    """Make the headers that a client sends back; a copy may be kept, and is asked about each time."""
    modified = format_datetime(updated_at.astimezone(UTC), usegmt=True)
    return {"ETag": etag, "Last-Modified": modified, "Cache-Control": "private, no-cache", "Vary": "Authorization"}


IfMatch = Annotated[Precondition, Depends(read_precondition)]
IfChanged = Annotated[Freshness, Depends(read_freshness)]
