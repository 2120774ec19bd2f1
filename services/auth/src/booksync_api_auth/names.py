"""Names of profiles: what may be one, and which are the same to a person."""

import unicodedata

from pydantic_core import PydanticCustomError

MAX_USERNAME = 50
MAX_USERNAME_KEY = 200
MAX_EMAIL = 320
#: Characters that may be put behind an adapted name, where it is taken.
_SUFFIX = 3
#: Variation selectors, which say how the character before them looks (Unicode, chapter 23.4), are part of no key.
_SELECTORS = {*map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0))}
#: Nothing is to be seen of these, though they are no control characters: fillers, joiners and Braille's empty pattern.
_BLANK = {*"\u034f\u115f\u1160\u2800\u3164\uffa0", *map(chr, range(0x180B, 0x1810))}


def make_key(name: str) -> str:
    """Return what two names have in common that a person takes for one: NFKC, casefolded."""
    plain = "".join(character for character in name.strip() if character not in _SELECTORS)
    folded = unicodedata.normalize("NFKC", plain).casefold()
    # case folding may leave what is not normalised
    return unicodedata.normalize("NFKC", folded)


def is_visible(character: str) -> bool:
    """Tell whether a character is no control character, and none of which nothing is to be seen."""
    return not unicodedata.category(character).startswith("C") and character not in _BLANK


def stands_alone(character: str) -> bool:
    """Tell whether a character is to be seen without another one, as marks and spaces are not."""
    return unicodedata.category(character)[0] in "LNPS" and character not in _BLANK


def check_username(value: str) -> str:
    """Return a username without space around it.

    :raises PydanticCustomError: for pydantic; it is empty or long, has invisible characters, or could be an email.
    """
    name = value.strip()
    if not 0 < len(name) <= MAX_USERNAME or len(make_key(name)) > MAX_USERNAME_KEY:
        code, message = "username_length", f"A username has 1 to {MAX_USERNAME} characters."
        raise PydanticCustomError(code, message)
    if not all(map(is_visible, name)) or not any(map(stands_alone, name)):
        code, message = "username_characters", "A username has visible characters only."
        raise PydanticCustomError(code, message)
    if "@" in make_key(name):
        code, message = "username_characters", "A username has no @, so that nobody's is another's email address."
        raise PydanticCustomError(code, message)
    return name


def adapt_username(value: str) -> str:
    """Make a username of a name that another site has given, which has rules of its own."""
    visible = "".join(filter(is_visible, value))
    # a full-width @ is one, too
    name = "".join(character for character in visible if "@" not in make_key(character)).strip()
    name = name[: MAX_USERNAME - _SUFFIX].strip()
    is_name = any(map(stands_alone, name)) and len(make_key(name)) <= MAX_USERNAME_KEY - _SUFFIX
    return name if is_name else "Mangacollec"


def check_email(value: str) -> str:
    """Return an email address without space around it; only mail itself could say whether it is one.

    :raises PydanticCustomError: for pydantic; it cannot be one.
    """
    email = value.strip()
    local, at, domain = email.rpartition("@")
    is_visible = not any(unicodedata.category(character).startswith(("C", "Z")) for character in email)
    if not (
        local and at and domain and is_visible and len(email) <= MAX_EMAIL and len(make_key(email)) <= 2 * MAX_EMAIL
    ):
        code, message = "email", "This is not an email address."
        raise PydanticCustomError(code, message)
    return email
