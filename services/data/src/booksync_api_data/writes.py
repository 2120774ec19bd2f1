"""Writing volumes, shared or personal: lock what is there, plan, write, and again for what came meanwhile.

The plan is a value and the same for one volume and for a thousand; what repositories differ in is their SQL.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from booksync_api_data.conditions import Precondition, build_etag
from booksync_api_data.merging import Facts, Mode, Plan, Stored, plan_batched, plan_write
from booksync_common.problems import ProblemError, unavailable

#: How often somebody else may come first with a volume that is new.
ATTEMPTS = 5


class Write(NamedTuple):
    """A row as it is to be, and the facts in it that are not as they were."""

    volume_id: UUID
    facts: Facts
    version: int
    changed: frozenset[str]


class Repository(Protocol):
    """Where volumes are."""

    nothing: Facts

    async def lock(self, ids: Iterable[UUID]) -> Mapping[UUID, Stored]:
        """Return those of the volumes that ever were, locked for this transaction."""
        ...

    async def write(self, writes: Iterable[Write]) -> set[UUID]:
        """Write volumes that are locked or new, and return those that were written."""
        ...

    async def delete(self, volume_id: UUID, stored: Stored) -> None:
        """Delete a volume that is locked."""
        ...


class Item(NamedTuple):
    """What a batch says of one volume."""

    volume_id: UUID
    facts: Facts


class Outcome(NamedTuple):
    """What became of it."""

    plan: Plan
    version: int


def _busy() -> ProblemError:
    return unavailable("busy", "Others write the same volumes at this moment.")


def missing(volume_id: UUID) -> ProblemError:
    """Make the answer for a volume that is not there."""
    return ProblemError(404, "volume_unknown", f"There is nothing about volume {volume_id}.")


async def write_one(
    repository: Repository, item: Item, precondition: Precondition, *, must_exist: bool = False
) -> Outcome:
    """Write one volume.

    :raises ProblemError: 412 `precondition_failed`, 404 `volume_unknown`.
    """
    for _ in range(ATTEMPTS):
        stored = (await repository.lock([item.volume_id])).get(item.volume_id, Stored(repository.nothing))
        if must_exist and not stored.is_there:
            raise missing(item.volume_id)
        precondition.check(_tag(stored))
        plan = plan_write(stored, item.facts, nothing=repository.nothing)
        if not plan.is_write:
            return Outcome(plan, stored.version)
        write = build_write(item.volume_id, stored, plan.facts)
        if await repository.write([write]):
            return Outcome(plan, write.version)
    raise _busy()


async def delete_one(repository: Repository, volume_id: UUID, precondition: Precondition) -> None:
    """Delete one volume.

    :raises ProblemError: 412 `precondition_failed`, 404 `volume_unknown`.
    """
    stored = (await repository.lock([volume_id])).get(volume_id)
    if stored is None or not stored.is_there:
        raise missing(volume_id)
    precondition.check(_tag(stored))
    await repository.delete(volume_id, stored)


async def write_many(repository: Repository, items: Sequence[Item], mode: Mode) -> list[Outcome]:
    """Write a batch, as if its items came one after the other; a volume's version rises once at the most.

    :return: for each item what became of it.
    """
    outcomes: dict[int, Outcome] = {}
    pending = dict(enumerate(items))
    for _ in range(ATTEMPTS):
        stored = await repository.lock({item.volume_id for item in pending.values()})
        plans, after = plan_items(stored, pending, mode, nothing=repository.nothing)
        writes = [
            build_write(volume_id, stored.get(volume_id, Stored(repository.nothing)), facts)
            for volume_id, facts in after.items()
            if volume_id not in stored or not stored[volume_id].is_there or facts != stored[volume_id].facts
        ]
        written = await repository.write(writes)
        late = {write.volume_id for write in writes} - written
        for position, plan in plans.items():
            volume_id = pending[position].volume_id
            if volume_id not in late:
                outcomes[position] = Outcome(plan, _version(stored, volume_id) + (volume_id in written))
        pending = {position: item for position, item in pending.items() if item.volume_id in late}
        if not pending:
            return [outcomes[position] for position in range(len(items))]
    raise _busy()


def plan_items(
    stored: Mapping[UUID, Stored], items: Mapping[int, Item], mode: Mode, *, nothing: Facts
) -> tuple[dict[int, Plan], dict[UUID, Facts]]:
    """Plan items one after the other, each on what the one before it left.

    :return: the plan of each, and what each volume is in the end.
    """
    plans: dict[int, Plan] = {}
    now: dict[UUID, Stored] = {}
    for position, item in items.items():
        before = now.get(item.volume_id) or stored.get(item.volume_id) or Stored(nothing)
        plans[position] = plan = plan_batched(before, item.facts, mode, nothing=nothing)
        if plan.is_write:
            now[item.volume_id] = Stored(plan.facts, version=before.version + 1)
    return plans, {volume_id: state.facts for volume_id, state in now.items()}


def build_write(volume_id: UUID, stored: Stored, facts: Facts) -> Write:
    """Make what follows on what is stored; a row that was deleted has no facts."""
    changed = frozenset(name for name, value in facts.items() if value != stored.facts[name])
    return Write(volume_id, facts, stored.version + 1, changed)


def _tag(stored: Stored) -> str | None:
    if not stored.is_there or stored.updated_at is None:
        return None
    return build_etag(stored.version, stored.updated_at)


def _version(stored: Mapping[UUID, Stored], volume_id: UUID) -> int:
    return stored[volume_id].version if volume_id in stored else 0
