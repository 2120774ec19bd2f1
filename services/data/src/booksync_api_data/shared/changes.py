"""The feed of changes, from which a client keeps a copy of its own.

A client comes back with the mark of the last change it was given. A sequence alone makes no mark: a number is drawn
before its transaction commits, so that number 7 may become visible after number 8 was given out, and would be missed.
Changes are therefore in the order of their transactions and given out only below the oldest one that is still running
(`pg_snapshot_xmin`): under it nothing can appear any more.

Transactions are counted anew in a database restored from a backup, and changes made since the backup are gone. A change
says which database it was written in, its `feed`, and so does a mark: one of another database, or of a transaction that
has yet to be, is refused, and the client reads the feed from its beginning. There the changes of former databases come
first, as their transactions are older than all of this one's. (Restored here means by dump and restore, or by a
recovery to a point in time. A copy of files put back shows only until its transactions are as many as the mark's.)

Rejected: a log with a row for each write, which somebody would have to clear, and which is no more use to a copy; and a
table of last changes beside the volumes, whose second row and index were a quarter of what a write takes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_data.shared.models import VolumeExtra
from booksync_common.cursors import build_cursor, parse_cursor
from booksync_common.problems import ProblemError

#: Which database this is: its cluster, that one's line of history, and the database in it.
FEED = """(SELECT hashtextextended(concat_ws('/', system_identifier, timeline_id, oid), 0)
    FROM pg_control_system(), pg_control_checkpoint(), pg_database WHERE datname = current_database())"""

QUESTION = "changes"

_CHANGE = ", ".join(("feed", "transaction_id", "sequence", "deleted_at", *VolumeExtra.model_fields))
_ORDER = "ORDER BY feed, transaction_id, sequence LIMIT :limit"
_PLACE = "(CAST(:feed AS bigint), CAST(:transaction_id AS bigint), CAST(:sequence AS bigint))"
_FORMER = f"""(SELECT {_CHANGE}, 0 AS part FROM data.volume_extra
    WHERE :is_former AND feed {{}} :current AND (feed, transaction_id, sequence) > {_PLACE} {_ORDER})"""  # noqa: S608

_STATE = text(f"SELECT {FEED} AS feed, (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint AS running")
_PAGE = text(f"""
    {_FORMER.format("<")} UNION ALL {_FORMER.format(">")} UNION ALL
    (SELECT {_CHANGE}, 1 AS part FROM data.volume_extra
        WHERE feed = :current AND transaction_id < (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint
        AND (:is_former OR (feed, transaction_id, sequence) > {_PLACE}) {_ORDER})
    ORDER BY part, feed, transaction_id, sequence LIMIT :limit
""")  # noqa: S608 - of constants


class Change(BaseModel):
    """The last that happened to a volume."""

    volume_id: UUID
    kind: Literal["upsert", "delete"]
    version: int
    changed_at: datetime
    volume: VolumeExtra | None = Field(description="As it is now; null when it was deleted.")


class Changes(BaseModel):
    """A part of the feed."""

    items: list[Change]
    next: str = Field(description="Ask with it for what follows, at once or later.")
    has_more: bool


Bigint = Annotated[int, Field(ge=-(2**63), lt=2**63)]


@dataclass(frozen=True)
class Mark:
    """A place in the feed."""

    current: Bigint  # the database that gave it out
    feed: Bigint = -(2**63)
    transaction_id: Bigint = 0
    sequence: Bigint = 0


MARK = TypeAdapter(Mark)


async def read_changes(connection: AsyncConnection, since: str | None, *, limit: int) -> Changes:
    """Return what follows a mark.

    :raises ProblemError: 400 `cursor_invalid`; 410 `resync`.
    """
    state = (await connection.execute(_STATE)).one()
    mark = Mark(state.feed) if since is None else parse_cursor(since, MARK, question=QUESTION)
    if mark.current != state.feed or (mark.feed == state.feed and mark.transaction_id >= state.running):
        detail = (
            "The mark is from before this database was restored: read the feed from its beginning, without `since`."
        )
        raise ProblemError(410, "resync", detail)
    values = {
        "is_former": mark.feed != state.feed,
        "current": state.feed,
        "feed": mark.feed,
        "transaction_id": mark.transaction_id,
        "sequence": mark.sequence,
        "limit": limit + 1,
    }
    rows = (await connection.execute(_PAGE, values)).all()
    if page := rows[:limit]:
        mark = Mark(state.feed, page[-1].feed, page[-1].transaction_id, page[-1].sequence)
    items = [_build_change(row) for row in page]
    return Changes(items=items, next=build_cursor(mark, MARK, question=QUESTION), has_more=len(rows) > limit)


def _build_change(row: Any) -> Change:
    is_deleted = row.deleted_at is not None
    return Change(
        volume_id=row.volume_id,
        kind="delete" if is_deleted else "upsert",
        version=row.version,
        changed_at=row.updated_at,
        volume=None if is_deleted else VolumeExtra.model_validate(row),
    )
