"""What becomes of a volume when somebody says something about it: a value, worked out without the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from booksync_api_data.shared.models import FIELDS, LOCKS

#: merge: what is not said stays. replace: what is not said is cleared. insert_only: what is there stays.
Mode = Literal["merge", "replace", "insert_only"]
Status = Literal["created", "updated", "unchanged", "skipped"]

Facts = Mapping[str, Any]

NOTHING: Facts = {**dict.fromkeys(FIELDS), LOCKS: []}


@dataclass(frozen=True)
class Stored:
    """What the database has of a volume."""

    facts: Facts
    version: int = 0  # of a volume that never was
    is_deleted: bool = False

    @property
    def is_there(self) -> bool:
        """Whether clients see it."""
        return self.version > 0 and not self.is_deleted


ABSENT = Stored(NOTHING)


@dataclass(frozen=True)
class Plan:
    """What is to be done, and what was not done on purpose."""

    status: Status
    facts: Facts
    skipped_fields: list[str] = field(default_factory=list)

    @property
    def is_write(self) -> bool:
        """Whether something is to be written."""
        return self.status in {"created", "updated"}


def plan_write(stored: Stored, facts: Facts) -> Plan:
    """Plan what a client says deliberately of one volume: locks do not hold it up.

    :param facts: those that change; the others stay.
    """
    if not stored.is_there:
        return Plan("created", {**NOTHING, **facts})
    after = {**stored.facts, **facts}
    return Plan("unchanged" if after == stored.facts else "updated", after)


def plan_batched(stored: Stored, facts: Facts, mode: Mode) -> Plan:
    """Plan one item of a batch, which overwrites nothing that is locked and changes no lock.

    :param facts: those that the item names.
    :return: `skipped_fields` names what would have been overwritten.
    """
    if not stored.is_there:
        return plan_write(stored, facts)
    if mode == "insert_only":
        return Plan("skipped", stored.facts)
    wanted = {**NOTHING, **facts} if mode == "replace" else {**stored.facts, **facts}
    if LOCKS not in facts:
        wanted[LOCKS] = stored.facts[LOCKS]
    kept = {LOCKS, *stored.facts[LOCKS]}
    skipped = sorted(name for name in kept if wanted[name] != stored.facts[name])
    after = {**wanted, **{name: stored.facts[name] for name in kept}}
    return Plan("unchanged" if after == stored.facts else "updated", after, skipped)
