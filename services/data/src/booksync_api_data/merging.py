"""What becomes of a volume when somebody says something about it: a value, worked out without the database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

#: merge: what is not said stays. replace: what is not said is cleared. insert_only: what is there stays.
Mode = Literal["merge", "replace", "insert_only"]
Status = Literal["created", "updated", "unchanged", "skipped"]

Facts = Mapping[str, Any]

#: The fact that names others which a batch leaves as they are; personal volumes have none.
LOCKS = "locked_fields"


class Stored(NamedTuple):
    """What the database has of a volume."""

    facts: Facts
    version: int = 0  # of a volume that never was
    is_deleted: bool = False
    updated_at: datetime | None = None

    @property
    def is_there(self) -> bool:
        """Whether clients see it."""
        return self.version > 0 and not self.is_deleted


class Plan(NamedTuple):
    """What is to be done, and what was not done on purpose."""

    status: Status
    facts: Facts
    skipped_fields: tuple[str, ...] = ()

    @property
    def is_write(self) -> bool:
        """Whether something is to be written."""
        return self.status in {"created", "updated"}


def plan_write(stored: Stored, facts: Facts, *, nothing: Facts) -> Plan:
    """Plan what a client says deliberately of one volume: locks do not hold it up.

    :param facts: those that change; the others stay.
    :param nothing: every fact, as it is of a volume of which nothing is known.
    """
    if not stored.is_there:
        return Plan("created", {**nothing, **facts})
    after = {**stored.facts, **facts}
    return Plan("unchanged" if after == stored.facts else "updated", after)


def plan_batched(stored: Stored, facts: Facts, mode: Mode, *, nothing: Facts) -> Plan:
    """Plan one item of a batch, which overwrites nothing that is locked and changes no lock.

    :param facts: those that the item names.
    :return: `skipped_fields` names what would have been overwritten.
    """
    if not stored.is_there:
        return plan_write(stored, facts, nothing=nothing)
    if mode == "insert_only":
        return Plan("skipped", stored.facts)
    after = {**(nothing if mode == "replace" else stored.facts), **facts}
    skipped = set()
    for name in (LOCKS, *stored.facts.get(LOCKS, ())):
        if name in stored.facts and after[name] != stored.facts[name]:
            after[name] = stored.facts[name]
            if name != LOCKS or LOCKS in facts:
                skipped.add(name)
    return Plan("unchanged" if after == stored.facts else "updated", after, tuple(sorted(skipped)))
