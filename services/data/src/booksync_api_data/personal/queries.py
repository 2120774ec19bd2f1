"""Which of a user's volumes a list or an export has."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints
from sqlalchemy import ColumnElement, Select, or_, select

from booksync_api_data.fields import Ids, Search, split_commas
from booksync_api_data.listing import Listing, PageQuery
from booksync_api_data.personal.models import FactName, Tag
from booksync_api_data.personal.repository import SHOWN
from booksync_api_data.tables import USER_VOLUME
from booksync_common.bodies import StrictModel
from booksync_common.fields import Instant

Names = Annotated[list[FactName], BeforeValidator(split_commas)]
Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Sort = Literal[
    "volume_id", "-volume_id", "updated_at", "-updated_at", "created_at", "-created_at",
    "purchased_on", "-purchased_on", "price_cents", "-price_cents", "rating", "-rating",
]  # fmt: skip


class PersonalFilters(StrictModel):
    """Which volumes."""

    ids: Ids | None = Field(default=None, description="Up to 500, with commas between them.")
    tags: Annotated[list[Tag], BeforeValidator(split_commas), Field(max_length=50)] = Field(
        default=[], description="All of these."
    )
    condition: Text | None = None
    location: Text | None = None
    store: Text | None = None
    has: Names = Field(default=[], description="What was said.")
    missing: Names = Field(default=[], description="What was not said.")
    q: Search | None = Field(default=None, description="A part of `notes`, `store` or `location`.")
    updated_since: Instant | None = None

    def conditions(self, user_id: UUID) -> Sequence[ColumnElement[bool]]:
        """Return what a row has to fulfil, first of all to be the user's."""
        columns = USER_VOLUME.c
        found: list[ColumnElement[bool]] = [columns.user_id == user_id]
        if self.ids is not None:
            found.append(columns.volume_id.in_(self.ids))
        if self.tags:
            found.append(columns.tags.contains(self.tags))
        if self.q is not None:
            searched = (columns.notes, columns.store, columns.location)
            found.append(or_(*(column.icontains(self.q, autoescape=True) for column in searched)))
        if self.updated_since is not None:
            found.append(columns.updated_at >= self.updated_since)
        texts = {"condition": self.condition, "location": self.location, "store": self.store}
        found.extend(columns[name] == value for name, value in texts.items() if value is not None)
        found.extend(_is_said(name) for name in self.has)
        found.extend(~_is_said(name) for name in self.missing)
        return found


class PersonalQuery(PersonalFilters, PageQuery):
    """Which volumes, and which part of the list."""

    sort: Sort = Field(default="volume_id", description="`-` before a name: the greatest first; the unsaid come last.")

    def listing(self, user_id: UUID) -> Listing:
        """Return the list of a user, whose cursors are nobody else's."""
        return Listing(
            table=USER_VOLUME,
            columns=SHOWN,
            conditions=self.conditions(user_id),
            sort=self.sort,
            question=f"me/volumes {user_id} {self.model_dump_json(exclude={'limit', 'cursor'})}",
        )


def _is_said(name: str) -> ColumnElement[bool]:
    column = USER_VOLUME.c[name]
    return column != [] if name == "tags" else column.is_not(None)


def build_export(filters: PersonalFilters, user_id: UUID) -> Select[tuple[object, ...]]:
    """Build the statement of an export."""
    return select(*SHOWN).where(*filters.conditions(user_id)).order_by(USER_VOLUME.c.volume_id)
