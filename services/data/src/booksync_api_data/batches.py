"""Many volumes in one request, with a result for each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, SkipValidation, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_data.merging import Mode, Status
from booksync_api_data.writes import Item, Repository, write_many
from booksync_common.bodies import StrictModel
from booksync_common.problem_schema import FieldProblem
from booksync_common.problems import MAX_ERRORS, ProblemError, from_validation

MAX_ITEMS = 1000


class Batch[T](StrictModel):
    """Volumes to write. Each is looked at for itself, so that one that is wrong does not hold up the others."""

    items: Annotated[list[SkipValidation[T]], Field(max_length=MAX_ITEMS)]
    mode: Mode = Field(
        default="merge",
        description="merge: what is not said stays; replace: it is cleared; insert_only: what is there stays as it is.",
    )
    atomic: bool = Field(default=False, description="Write nothing when an item is wrong.")
    dry_run: bool = Field(default=False, description="Write nothing at all, and say what would have been written.")


class NoOptions(StrictModel):
    """The address of a batch has no options: with `?dry_run=true` there, it would write."""


class ItemResult(BaseModel):
    """What became of an item."""

    position: int
    volume_id: UUID | None = None
    status: Status | Literal["invalid"]
    version: int | None = None
    skipped_fields: tuple[str, ...] = Field(default=(), description="Locked, so left as they are.")
    errors: tuple[FieldProblem, ...] = Field(
        default=(), description=f"Of all the items of a batch, the first {MAX_ERRORS} are told."
    )


class BatchResult(BaseModel):
    """What became of a batch."""

    dry_run: bool
    counts: dict[str, int]
    items: list[ItemResult]


@dataclass(frozen=True)
class Checked:
    """The items that can be written, by their positions, and the results of the others."""

    items: Mapping[int, Item]
    refused: Mapping[int, ItemResult]


def check_items(model: type[BaseModel], raw: Iterable[Any]) -> Checked:
    """Look at each item for itself.

    :param model: of an item; it has `volume_id`, and the rest is facts.
    """
    items: dict[int, Item] = {}
    refused: dict[int, ItemResult] = {}
    left = MAX_ERRORS  # each item could have as many
    for position, value in enumerate(raw):
        try:
            items[position] = build_item(model.model_validate(value))
        except ValidationError as error:
            errors = describe(error, ["body", "items", position])[:left]
            left -= len(errors)
            refused[position] = ItemResult(position=position, status="invalid", errors=errors)
    return Checked(items, refused)


def build_item(valid: BaseModel) -> Item:
    """Return what an item says: the facts that it names."""
    facts = valid.model_dump(exclude_unset=True)
    return Item(facts.pop("volume_id"), facts)


def describe(error: ValidationError, location: Sequence[str | int]) -> tuple[FieldProblem, ...]:
    """Say what is wrong with an item, without its values."""
    found = from_validation(RequestValidationError(error.errors(include_url=False))).errors
    problems = [FieldProblem.model_validate(problem) for problem in found]
    return tuple(item.model_copy(update={"location": [*location, *item.location]}) for item in problems)


async def write_batch(
    session: AsyncSession, repository: Repository, batch: Batch[Any], model: type[BaseModel]
) -> bytes:
    """Write a batch.

    :return: the BatchResult, as JSON.
    :raises ProblemError: 422 `batch_invalid`, when it is atomic and an item is wrong.
    """
    checked = check_items(model, batch.items)
    if batch.atomic and checked.refused:
        detail = f"Nothing was written: {len(checked.refused)} of {len(batch.items)} items are not valid."
        errors = [error.model_dump() for result in checked.refused.values() for error in result.errors]
        raise ProblemError(422, "batch_invalid", detail, errors=errors)
    items = list(checked.items.values())
    async with session.begin_nested() as savepoint:
        outcomes = await write_many(repository, items, batch.mode)
        if batch.dry_run:
            await savepoint.rollback()
    results = dict(checked.refused)
    for (position, item), outcome in zip(checked.items.items(), outcomes, strict=True):
        results[position] = ItemResult(
            position=position,
            volume_id=item.volume_id,
            status=outcome.plan.status,
            version=outcome.version or None,
            skipped_fields=outcome.plan.skipped_fields,
        )
    ordered = [results[position] for position in sorted(results)]
    counts = Counter[str](result.status for result in ordered)
    return BatchResult(dry_run=batch.dry_run, counts=counts, items=ordered).model_dump_json().encode()
