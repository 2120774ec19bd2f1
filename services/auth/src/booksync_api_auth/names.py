"""Names of profiles: what may be one, and which are the same to a person."""

import unicodedata

from pydantic_core import PydanticCustomError

MAX_USERNAME = 50
MAX_USERNAME_KEY = 200
MAX_EMAIL = 320
#: Characters that may be put behind an adapted name, where it is taken.
_SUFFIX = 3


def make_key(name: str) -> str:
    """Return what two names have in common that a person takes for one: NFKC, casefolded."""
    folded = unicodedata.normalize("NFKC", name.strip()).casefold()
    # case folding may leave what is not normalised
    return unicodedata.normalize("NFKC", folded)


def check_username(value: str) -> str:
    """Return a username without space around it.

    :raises PydanticCustomError: for pydantic; it is empty or long, has invisible characters, or could be an email.
    """
    name = value.strip()
    if not 0 < len(name) <= MAX_USERNAME or len(make_key(name)) > MAX_USERNAME_KEY:
        code, message = "username_length", f"A username has 1 to {MAX_USERNAME} characters."
        raise PydanticCustomError(code, message)
    if any(unicodedata.category(character).startswith("C") for character in name):
        code, message = "username_characters", "A username has visible characters only."
        raise PydanticCustomError(code, message)
    if "@" in make_key(name):
        code, message = "username_characters", "A username has no @, so that nobody's is another's email address."
        raise PydanticCustomError(code, message)
    return name


def adapt_username(value: str) -> str:
    """Make a username of a name that another site has given, which has rules of its own."""
    visible = "".join(character for character in value if not unicodedata.category(character).startswith("C"))
    # a full-width @ is one, too
    name = "".join(character for character in visible if "@" not in make_key(character)).strip()
    name = name[: MAX_USERNAME - _SUFFIX].strip()
    return name if name and len(make_key(name)) <= MAX_USERNAME_KEY - _SUFFIX else "Mangacollec"


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
