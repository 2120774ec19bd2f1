"""Types of fields: what a client may send."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, SecretStr
from pydantic_core import PydanticCustomError

from booksync_api_auth.names import check_email, check_username
from booksync_api_auth.password_rules import check_chosen, check_encodable, check_entered

MAX_AVATAR = 65536

#: A picture that is kept here, one that is somewhere else, or the name of one that the client has.
_AVATAR = re.compile(r"data:image/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+={0,2}|https?://\S+|[\w./ -]{1,200}")


def check_text(value: str) -> str:
    """Refuse NUL, which PostgreSQL does not store.

    :raises PydanticCustomError: for pydantic.
    """
    if "\0" in value:
        code, message = "nul", "There is a NUL character in it."
        raise PydanticCustomError(code, message)
    return value


def check_avatar(value: str) -> str:
    """Refuse what is no picture, above all addresses that run scripts.

    :raises PydanticCustomError: for pydantic.
    """
    if _AVATAR.fullmatch(value) is None:
        code, message = "avatar", "An avatar is a name, an https address or a data:image address."
        raise PydanticCustomError(code, message)
    return value


def to_utc(value: datetime) -> datetime:
    """Return the same time in UTC, where PostgreSQL's driver wants to have it.

    :raises PydanticCustomError: for pydantic; it is out of the calendar there.
    """
    try:
        return value.astimezone(UTC)
    except OverflowError:
        code, message = "time_out_of_range", "The time is out of range."
        raise PydanticCustomError(code, message) from None


Username = Annotated[str, Field(max_length=200), AfterValidator(check_username)]
Email = Annotated[str, Field(max_length=640), AfterValidator(check_email)]
Avatar = Annotated[str, Field(max_length=MAX_AVATAR), AfterValidator(check_text), AfterValidator(check_avatar)]
Text = Annotated[str, Field(min_length=1, max_length=320), AfterValidator(check_text)]
KeyName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(check_text)]
DeviceName = Annotated[str, Field(max_length=200), AfterValidator(check_text)]
EnteredPassword = Annotated[SecretStr, Field(min_length=1, max_length=1024), AfterValidator(check_entered)]
NewPassword = Annotated[SecretStr, Field(max_length=1024), AfterValidator(check_chosen)]
#: Mangacollec's rules are its own.
ForeignPassword = Annotated[SecretStr, Field(min_length=1, max_length=1024), AfterValidator(check_encodable)]
Instant = Annotated[AwareDatetime, AfterValidator(to_utc)]
