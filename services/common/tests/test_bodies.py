"""A body with more unknown fields than anybody means costs no more than it is long."""

import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from booksync_common.bodies import MAX_UNKNOWN, StrictModel


class Part(StrictModel):
    """A part of a body."""

    name: str = ""


class Body(StrictModel):
    """A body of parts."""

    parts: Sequence[Part] = ()


def refuse(model: type[BaseModel], value: Any) -> list[Any]:
    """Return what is wrong with a value."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate(value)
    return list(refused.value.errors())


def test_a_few_unknown_fields_are_all_named() -> None:
    errors = refuse(Body, {"parts": [{"name": "x", "nom": 1, "titre": 2}], "part": []})
    assert {(error["type"], error["loc"]) for error in errors} == {
        ("extra_forbidden", ("parts", 0, "nom")),
        ("extra_forbidden", ("parts", 0, "titre")),
        ("extra_forbidden", ("part",)),
    }


@pytest.mark.parametrize("is_inside", [False, True])
def test_of_many_the_first_are_named(is_inside: bool) -> None:
    many = {f"{number:x}": None for number in range(100_000)} | {"name": "x"}
    tracemalloc.start()
    errors = refuse(Body, {"parts": [many]} if is_inside else many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    place = ("parts", 0) if is_inside else ()
    assert [error["loc"] for error in errors] == [(*place, f"{number:x}") for number in range(MAX_UNKNOWN)]
    assert {error["type"] for error in errors} == {"extra_forbidden"}
    assert peak < 20 * len(many)  # bytes: the names that were looked through, and no error of each
