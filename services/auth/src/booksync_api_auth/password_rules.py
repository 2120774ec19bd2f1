"""Which passwords are accepted: NIST SP 800-63B-4, section 3.1.1.2, as far as bcrypt goes.

Length and a list of what everybody tries; no rules of composition, and nothing is cut off or changed.
"""

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

MIN_LENGTH = 8  # characters
MAX_BYTES = 72  # what bcrypt takes in

#: Of lists of leaked passwords, those of eight characters or more that lead them, in French and English; and our names.
BLOCKED = frozenset(
    {
        "00000000",
        "11111111",
        "12341234",
        "12345678",
        "123456789",
        "1234567890",
        "1q2w3e4r",
        "1qaz2wsx",
        "87654321",
        "88888888",
        "987654321",
        "aaaaaaaa",
        "abcd1234",
        "abcdefgh",
        "admin123",
        "administrateur",
        "administrator",
        "azerty123",
        "azertyui",
        "azertyuiop",
        "baseball",
        "booksync",
        "chocolat",
        "chouchou",
        "computer",
        "doudoune",
        "doudou123",
        "dragonball",
        "football",
        "iloveyou",
        "internet",
        "jetaime1",
        "letmein1",
        "loulou123",
        "mangacollec",
        "marseille",
        "monamour",
        "motdepasse",
        "naruto123",
        "onepiece",
        "onepiece1",
        "p@ssw0rd",
        "passw0rd",
        "password",
        "password1",
        "password123",
        "pokemon1",
        "princess",
        "princesse",
        "q1w2e3r4",
        "qwerty123",
        "qwertyui",
        "qwertyuiop",
        "soleil123",
        "starwars",
        "sunshine",
        "superman",
        "trustno1",
        "whatever",
    }
)


def is_hashable(password: str) -> bool:
    """Tell whether bcrypt takes in all of a password: it would cut off the rest."""
    return len(password.encode()) <= MAX_BYTES and "\0" not in password


def check_encodable(password: SecretStr) -> SecretStr:
    """Refuse what UTF-8 does not have, though JSON can write it.

    :raises PydanticCustomError: for pydantic.
    """
    try:
        password.get_secret_value().encode()
    except UnicodeEncodeError:
        code, message = "password_has_surrogate", "A password has no lone surrogate."
        raise PydanticCustomError(code, message) from None
    return password


def check_entered(password: SecretStr) -> SecretStr:
    """Refuse what no password can be.

    :raises PydanticCustomError: for pydantic.
    """
    value = check_encodable(password).get_secret_value()
    if is_hashable(value):
        return password
    if "\0" in value:
        code, message = "password_has_nul", "A password has no NUL character."
        raise PydanticCustomError(code, message)
    code, message = "password_too_long", f"A password has at most {MAX_BYTES} bytes."
    raise PydanticCustomError(code, message)


def check_chosen(password: SecretStr) -> SecretStr:
    """Refuse a new password that is too easy.

    :raises PydanticCustomError: for pydantic.
    """
    value = password.get_secret_value()
    if len(value) < MIN_LENGTH:
        code, message = "password_too_short", f"A password has at least {MIN_LENGTH} characters; 15 are advised."
        raise PydanticCustomError(code, message)
    if value.casefold() in BLOCKED:
        code, message = "password_too_common", "This password is one of the first that anybody would try."
        raise PydanticCustomError(code, message)
    return check_entered(password)
