"""A measure as people write it has the right number, and text that says none has none."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booksync_api_data.measures import CENTIMETRES, GRAMS, LIMIT, parse_length, parse_measure, parse_weight


@pytest.mark.parametrize(
    ("text", "centimetres"),
    [
        ("17,5", 17.5),
        ("17.5 cm", 17.5),
        ("175mm", 17.5),
        ("175 MM.", 17.5),
        ("1,75 dm", 17.5),
        ("0.175 m", 17.5),
        (" 18 ", 18),
        ("0", 0),
        ("1 050 mm", 105),
        ("1\u202f050\u00a0mm", 105),
        ("17,555", 17.56),
        ("18.", 18),
    ],
)
def test_lengths(text: str, centimetres: float) -> None:
    assert parse_length(text) == centimetres


@pytest.mark.parametrize(
    ("text", "grams"),
    [("0,3 kg", 300), ("300 g", 300), ("300", 300), ("300gr", 300), ("1 200 g", 1200), ("500 mg", 0.5)],
)
def test_weights(text: str, grams: float) -> None:
    assert parse_weight(text) == grams


@pytest.mark.parametrize(
    "text",
    [
        None, "", " ", "cm", "tall", "-1", "+1", "17,5,2", "1e3", "17 x 11", "17.5 kg", "17 5", "\u0661\u0667", "½",
        "nan", "inf", ".5", "1 00", "999999999", "17,5 cm environ", "17;5", "17\n5",
    ],
)  # fmt: skip
def test_nonsense_has_no_number(text: str | None) -> None:
    assert parse_length(text) is None


def test_units_do_not_mix() -> None:
    assert parse_weight("17 cm") is None


@given(
    st.integers(0, 999_999),
    st.none() | st.from_regex(r"[0-9]{1,4}", fullmatch=True, alphabet="0123456789"),
    st.sampled_from(",."),
    st.sampled_from(["", " ", "\u00a0", "  "]),
    st.sampled_from([*((unit, CENTIMETRES) for unit in CENTIMETRES), *((unit, GRAMS) for unit in GRAMS)]),
    st.booleans(),
)
def test_every_number_in_every_spelling(
    whole: int, part: str | None, point: str, space: str, unit: tuple[str, dict[str, Decimal]], is_upper: bool
) -> None:
    name, units = unit
    text = f"{whole}{'' if part is None else point + part}{space}{name.upper() if is_upper else name}"
    exact = Decimal(f"{whole}.{part or 0}") * units[name]
    expected = float(exact.quantize(Decimal("0.01"), ROUND_HALF_UP)) if exact < LIMIT else None
    assert parse_measure(text, units) == expected


@given(st.text())
def test_any_text_has_a_number_that_can_be_or_none(text: str) -> None:
    number = parse_length(text)
    assert number is None or 0 <= number <= LIMIT


@given(st.text(alphabet="0123456789,. cmkg\u00a0", max_size=20))
def test_a_number_is_the_one_that_its_digits_say(text: str) -> None:
    number = parse_measure(text, {"": Decimal(1), "cm": Decimal(1)})
    if number is not None:
        digits = text.lower().replace("cm", "").replace(",", ".").translate(dict.fromkeys(map(ord, " \u00a0")))
        assert number == float(Decimal(digits.rstrip(".")).quantize(Decimal("0.01"), ROUND_HALF_UP))
