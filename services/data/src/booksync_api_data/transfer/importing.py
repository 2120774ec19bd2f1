"""Imports: items are written while they come in, a thousand at a time, and only counted.

Atomic, all of it is one transaction. Otherwise each batch is one: an import that breaks off leaves what it had
written, and the whole file is sent again, where what is there already is unchanged.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_data.batches import MAX_ITEMS, build_item, describe
from booksync_api_data.merging import Mode
from booksync_api_data.shared.models import VolumeIn
from booksync_api_data.shared.repository import VolumeRepository
from booksync_api_data.transfer.located import Issue, Located
from booksync_api_data.transfer.reading import split_lists
from booksync_api_data.writes import Item, write_many
from booksync_common.bodies import StrictModel
from booksync_common.database import Database
from booksync_common.problems import ProblemError

#: Of a batch: long texts fill the memory before a thousand items are there.
MAX_CHARACTERS = 1_000_000

#: Of issues, and of volumes with locked fields, that are told; the others are counted.
MAX_TOLD = 100


class ImportOptions(StrictModel):
    """How a file is written; a word that is not one of these is refused, as `dryrun` would write."""

    mode: Mode = "merge"
    atomic: bool = Field(default=False, description="Write nothing when an item is wrong.")
    dry_run: bool = Field(default=False, description="Write nothing at all, and say what would have been written.")


class Locked(BaseModel):
    """A volume of which locked fields were left as they are."""

    line: int
    volume_id: UUID
    skipped_fields: list[str]


class ImportResult(BaseModel):
    """What became of a file."""

    dry_run: bool
    counts: dict[str, int]
    issues: list[Issue] = Field(description=f"The first {MAX_TOLD} that are wrong; `counts.invalid` says how many are.")
    locked: list[Locked] = Field(
        description=f"The first {MAX_TOLD} of which locked fields stayed as they are; `locked_count` says how many did."
    )
    locked_count: int


@dataclass
class Import:
    """An import on its way."""

    database: Database
    options: ImportOptions
    counts: Counter[str] = field(default_factory=Counter)
    issues: list[Issue] = field(default_factory=list)
    locked: list[Locked] = field(default_factory=list)
    locked_count: int = 0

    @property
    def is_one_transaction(self) -> bool:
        """Whether all of it is; a dry run sees what it would have written before."""
        return self.options.atomic or self.options.dry_run

    async def run(self, items: AsyncIterator[Located], session: AsyncSession | None = None) -> None:
        """Write all items.

        :param session: for an import that is one transaction.
        :raises ProblemError: 422 `import_invalid`, when it is atomic and an item is wrong; `import_unreadable`.
        """
        checked: list[tuple[int, Item]] = []
        characters = 0
        async for located in items:
            if (item := self._check(located)) is not None:
                checked.append((located.line, item))
                characters += sum(len(value) for value in item.facts.values() if isinstance(value, str))
            if len(checked) == MAX_ITEMS or characters >= MAX_CHARACTERS:
                await self._write(checked, session)
                checked.clear()
                characters = 0
        await self._write(checked, session)
        if self.options.atomic and self.issues:
            detail = f"Nothing was written: {self.counts['invalid']} items are not valid."
            errors = [{"location": _locate(issue), **issue.model_dump()} for issue in self.issues]
            raise ProblemError(422, "import_invalid", detail, errors=errors)

    def build_result(self) -> ImportResult:
        """Return what became of it."""
        return ImportResult(
            dry_run=self.options.dry_run,
            counts=self.counts,
            issues=self.issues,
            locked=self.locked,
            locked_count=self.locked_count,
        )

    def _check(self, located: Located) -> Item | None:
        issue = located.issue
        if issue is None:
            try:
                return build_item(VolumeIn.model_validate(split_lists(located)))
            except ValidationError as error:
                first = describe(error, [])[0]
                column = first.location[0] if first.location else None
                issue = Issue(line=located.line, column=column, code=first.code, message=first.message)
        self.counts["invalid"] += 1
        if len(self.issues) < MAX_TOLD:
            self.issues.append(issue)
        return None

    async def _write(self, items: list[tuple[int, Item]], session: AsyncSession | None) -> None:
        if not items or (self.options.atomic and self.issues):
            return
        async with self._begin(session) as current:
            outcomes = await write_many(VolumeRepository(current), [item for _, item in items], self.options.mode)
        self.counts.update(outcome.plan.status for outcome in outcomes)
        locked = [
            Locked(line=line, volume_id=item.volume_id, skipped_fields=list(outcome.plan.skipped_fields))
            for (line, item), outcome in zip(items, outcomes, strict=True)
            if outcome.plan.skipped_fields
        ]
        self.locked_count += len(locked)
        self.locked += locked[: MAX_TOLD - len(self.locked)]

    @asynccontextmanager
    async def _begin(self, session: AsyncSession | None) -> AsyncIterator[AsyncSession]:
        if session is not None:
            yield session
            return
        async with self.database.session() as own:
            yield own


def _locate(issue: Issue) -> list[str | int]:
    return ["body", issue.line, *([] if issue.column is None else [issue.column])]
