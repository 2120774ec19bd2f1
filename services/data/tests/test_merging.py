"""What a batch leaves in the database is what its rules say, in every mode, with locks and with duplicates."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booksync_api_data.merging import LOCKS, Mode, Stored, plan_batched, plan_write
from booksync_api_data.shared.models import FIELDS, NOTHING
from booksync_data_testing.api import VOLUMES, Api

IDS = [UUID(int=number) for number in range(1, 4)]
NAMES = ("nb_pages", "length", "source")

values = {
    "nb_pages": st.none() | st.integers(0, 3),
    "length": st.none() | st.sampled_from(["17,5", "18"]),
    "source": st.none() | st.sampled_from(["a", "b"]),
    LOCKS: st.lists(st.sampled_from(NAMES), unique=True).map(sorted),
}
facts = st.fixed_dictionaries({}, optional=values)
items = st.lists(st.tuples(st.sampled_from(IDS), facts), max_size=6)
modes: st.SearchStrategy[Mode] = st.sampled_from(["merge", "replace", "insert_only"])


def apply(
    before: Mapping[str, Any] | None, said: Mapping[str, Any], mode: Mode
) -> tuple[str, dict[str, Any], list[str]]:
    """Say in other words what a batch does to one volume: the rules as a client reads them."""
    if before is None:
        return "created", {name: said.get(name, NOTHING[name]) for name in NOTHING}, []
    after = dict(before)
    skipped: list[str] = []
    if mode == "insert_only":
        return "skipped", after, skipped
    for name in FIELDS:
        unsaid = None if mode == "replace" else before[name]
        wanted = said.get(name, unsaid)
        if name in before[LOCKS]:
            skipped += [name] if wanted != before[name] else []
        else:
            after[name] = wanted
    if LOCKS in said and said[LOCKS] != before[LOCKS]:
        skipped.append(LOCKS)
    return ("unchanged" if after == before else "updated"), after, sorted(skipped)


@given(st.none() | facts, facts, modes)
def test_plan_follows_the_rules(before: Mapping[str, Any] | None, said: Mapping[str, Any], mode: Mode) -> None:
    known = None if before is None else {**NOTHING, **before}
    stored = Stored(NOTHING) if known is None else Stored(known, version=1)
    plan = plan_batched(stored, said, mode, nothing=NOTHING)
    assert (plan.status, dict(plan.facts), list(plan.skipped_fields)) == apply(known, said, mode)


@given(facts, facts)
def test_a_deliberate_write_is_held_up_by_no_lock(before: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    plan = plan_write(Stored({**NOTHING, **before}, version=1), said, nothing=NOTHING)
    assert plan.facts == {**NOTHING, **before, **said}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.tuples(modes, items), min_size=1, max_size=4))
async def test_bulk_is_the_model(api: Api, batches: Sequence[tuple[Mode, list[tuple[UUID, Any]]]]) -> None:
    # a new set of volumes for each example, in the order of the model's
    names = dict(zip(IDS, sorted(uuid.uuid4() for _ in IDS), strict=True))
    model: dict[UUID, dict[str, Any]] = {}
    versions: dict[UUID, int] = {}
    for mode, batch in batches:
        sent = [{"volume_id": str(names[volume_id]), **said} for volume_id, said in batch]
        answer = await api.bulk(*sent, mode=mode)
        assert answer.status_code == 200, answer.text
        before = {volume_id: dict(known) for volume_id, known in model.items()}
        for (volume_id, said), result in zip(batch, answer.json()["items"], strict=True):
            status, after, skipped = apply(model.get(volume_id), said, mode)
            model[volume_id] = after
            assert (result["status"], result["skipped_fields"]) == (status, skipped)
        for volume_id, known in model.items():
            versions[volume_id] = versions.get(volume_id, 0) + (known != before.get(volume_id))
    ids = ",".join(str(volume_id) for volume_id in names.values())
    stored = {UUID(volume["volume_id"]): volume for volume in await api.get_all(VOLUMES, ids=ids)}
    assert stored.keys() == {names[volume_id] for volume_id in model}
    for volume_id, known in model.items():
        volume = stored[names[volume_id]]
        assert {name: volume[name] for name in NOTHING} == known
        assert volume["version"] == versions[volume_id]


@pytest.mark.parametrize("mode", ["merge", "replace"])
async def test_answer_names_the_locked_fields_that_were_skipped(api: Api, mode: Mode) -> None:
    volume = await api.put(nb_pages=192, weight="300 g", locked_fields=["nb_pages"])
    item = {"volume_id": volume["volume_id"], "nb_pages": 10, "weight": "310 g", "locked_fields": []}
    (result,) = (await api.bulk(item, mode=mode)).json()["items"]
    assert (result["status"], result["version"]) == ("updated", 2)
    assert result["skipped_fields"] == ["locked_fields", "nb_pages"]
    stored = await api.get(f"{VOLUMES}/{volume['volume_id']}")
    assert (stored["nb_pages"], stored["weight"], stored["locked_fields"]) == (192, "310 g", ["nb_pages"])
