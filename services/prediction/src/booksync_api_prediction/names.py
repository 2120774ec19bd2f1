"""Names of kinds, authors and publishers, as they are compared: dirty data has the same one in several spellings."""

import re
import unicodedata
from functools import lru_cache

_GAPS = re.compile(r"[\W_]+")


@lru_cache(maxsize=10_000)
def make_key(name: str) -> str:
    """Return what two spellings of a name have in common: no case, no accents, single spaces.

    Without anything of that kind, such as a name in symbols, it is the name itself.
    """
    # twice: letters such as the mathematical capitals show their case only when they are taken apart
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return _GAPS.sub(" ", letters).strip() or name.strip()
