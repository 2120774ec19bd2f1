"""Types of fields: what a client may send."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from booksync_api_auth.names import check_email, check_username
from booksync_api_auth.password_rules import check_chosen, check_encodable, check_entered
from booksync_common.fields import check_text

MAX_AVATAR = 65536

#: A picture that is kept here, one that is somewhere else, or the name of one that the client has.
_AVATAR = re.compile(r"data:image/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+={0,2}|https?://\S+|[\w./ -]{1,200}")


def check_avatar(value: str) -> str:
    """Refuse what is no picture, above all URLs that run scripts.

    :raises PydanticCustomError: for pydantic.
    """
    if _AVATAR.fullmatch(value) is None:
        code, message = "avatar", "An avatar is a name, an https URL or a data:image URL."
        raise PydanticCustomError(code, message)
    return value


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
