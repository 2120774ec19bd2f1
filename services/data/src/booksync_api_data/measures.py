"""Numbers from measures as people write them: "17,5", "17.5 cm", "175mm", "0,3 kg".

The text stays what it is; the number beside it is for sorting. Text that says no measure has no number: a wrong one
would be worse than none.
"""

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

# how much of the unit that the column has is in the one that is written; without a unit it is the column's
CENTIMETRES: Mapping[str, Decimal] = {
    "": Decimal(1),
    "mm": Decimal("0.1"),
    "cm": Decimal(1),
    "dm": Decimal(10),
    "m": Decimal(100),
}
GRAMS: Mapping[str, Decimal] = {
    "": Decimal(1),
    "mg": Decimal("0.001"),
    "g": Decimal(1),
    "gr": Decimal(1),
    "kg": Decimal(1000),
}

#: Digits, in groups of three as the French write them or not; a comma or a point; a unit.
MEASURE = re.compile(
    r"(?P<whole>[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+|[0-9]{1,9})(?:[.,](?P<part>[0-9]{1,9}))?"
    r"\s*(?P<unit>[a-z]*)\.?",
    re.IGNORECASE,
)

CENT = Decimal("0.01")
#: Of the unit; nothing on a shelf is longer or heavier.
LIMIT = Decimal(1_000_000)
#: Texts of 20 characters whose numbers are kept.
CACHED = 4096


def parse_measure(text: str | None, units: Mapping[str, Decimal]) -> float | None:
    """Return the number that a text says, to two decimals; None when it says none.

    :param units: names in lower case, with their size in the unit of the answer; "" is where none is written.
    """
    match = MEASURE.fullmatch(text.strip()) if text else None
    if match is None or (factor := units.get(match["unit"].lower())) is None:
        return None
    whole = re.sub(r"\D", "", match["whole"])
    number = Decimal(f"{whole}.{match['part'] or 0}") * factor
    return float(number.quantize(CENT, ROUND_HALF_UP)) if number < LIMIT else None


# a library has a few formats, each many times
@lru_cache(CACHED)
def parse_length(text: str | None) -> float | None:
    """Return a length in cm."""
    return parse_measure(text, CENTIMETRES)


@lru_cache(CACHED)
def parse_weight(text: str | None) -> float | None:
    """Return a weight in g."""
    return parse_measure(text, GRAMS)
