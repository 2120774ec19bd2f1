"""Which volumes a list or an export has."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints
from sqlalchemy import ColumnElement, Select, or_, select

from booksync_api_data.fields import Ids, Search, split_commas
from booksync_api_data.listing import Listing, PageQuery
from booksync_api_data.shared.models import FieldName, VolumeFacts
from booksync_api_data.shared.repository import IS_THERE, SHOWN
from booksync_api_data.tables import VOLUME_EXTRA
from booksync_common.bodies import StrictModel
from booksync_common.fields import Instant

Names = Annotated[list[FieldName], BeforeValidator(split_commas)]
Sort = Literal[
    "volume_id", "-volume_id", "updated_at", "-updated_at", "created_at", "-created_at", "nb_pages", "-nb_pages",
    "length_cm", "-length_cm", "height_cm", "-height_cm", "width_cm", "-width_cm", "weight_g", "-weight_g",
]  # fmt: skip


class VolumeFilters(StrictModel):
    """Which volumes."""

    ids: Ids | None = Field(default=None, description="Up to 500, with commas between them.")
    object_id: Annotated[str, StringConstraints(max_length=50, pattern=r"^[^\x00]*$")] | None = None
    has: Names = Field(default=[], description="Facts that are known.")
    missing: Names = Field(default=[], description="Facts that are not known.")
    q: Search | None = Field(default=None, description="A part of `extra_info`, `object_id` or `source`.")
    updated_since: Instant | None = Field(
        default=None, description="To keep a copy of your own, ask /volume-extra/changes, which misses nothing."
    )

    def conditions(self) -> Sequence[ColumnElement[bool]]:
        """Return what a row has to fulfil."""
        columns = VOLUME_EXTRA.c
        found: list[ColumnElement[bool]] = [IS_THERE]
        if self.ids is not None:
            found.append(columns.volume_id.in_(self.ids))
        if self.object_id is not None:
            found.append(columns.object_id == self.object_id)
        if self.q is not None:
            searched = (columns.extra_info, columns.object_id, columns.source)
            found.append(or_(*(column.icontains(self.q, autoescape=True) for column in searched)))
        if self.updated_since is not None:
            found.append(columns.updated_at >= self.updated_since)
        found.extend(columns[name].is_not(None) for name in self.has)
        found.extend(columns[name].is_(None) for name in self.missing)
        return found


class VolumeQuery(VolumeFilters, PageQuery):
    """Which volumes, and which part of the list."""

    sort: Sort = Field(default="volume_id", description="`-` before a name: the greatest first; the unknown come last.")

    def listing(self) -> Listing:
        """Return the list."""
        return Listing(
            table=VOLUME_EXTRA,
            columns=SHOWN,
            conditions=self.conditions(),
            sort=self.sort,
            question=f"volume-extra {self.model_dump_json(exclude={'limit', 'cursor'})}",
        )


def build_export(filters: VolumeFilters) -> Select[tuple[object, ...]]:
    """Build the statement of an export."""
    columns = [VOLUME_EXTRA.c[name] for name in VolumeFacts.model_fields]
    return select(*columns).where(*filters.conditions()).order_by(VOLUME_EXTRA.c.volume_id)
