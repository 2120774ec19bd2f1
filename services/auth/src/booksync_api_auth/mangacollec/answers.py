"""What Mangacollec answers: the tokens and errors of Rails' Doorkeeper, and accounts, in which much may be missing."""

import json
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from booksync_common.fields import check_text

#: s; what tokens have when they do not say.
DEFAULT_LIFETIME = 7200
MAX_TOKEN = 8192
MAX_SCOPE = 1000


def _check_token(value: SecretStr) -> SecretStr:
    """Refuse what cannot be in a header, and no token may have (RFC 6749, appendix A.12)."""
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        message = "a token is of printable ASCII characters"
        raise ValueError(message)
    return value


class TokenAnswer(BaseModel):
    """RFC 6749, section 5.1."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    access_token: Annotated[SecretStr, AfterValidator(_check_token)] = Field(min_length=1, max_length=MAX_TOKEN)
    refresh_token: SecretStr | None = Field(default=None, max_length=MAX_TOKEN)
    expires_in: int | None = Field(default=None, ge=0, le=10**9)
    scope: Annotated[str, AfterValidator(check_text)] | None = Field(default=None, max_length=MAX_SCOPE)

    def expires_at(self, now: datetime) -> datetime:
        """Return when the token ends, by our clock."""
        return now + timedelta(seconds=DEFAULT_LIFETIME if self.expires_in is None else self.expires_in)


class Account(BaseModel):
    """`/v1/users/me`, as far as it matters here."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: UUID
    username: str | None = None
    email: str | None = None
    certify_adult: bool | None = None


def parse[M: BaseModel](model: type[M], body: bytes) -> M | None:
    """Read an answer; None when it is something else, such as a page of HTML or half of one."""
    try:
        return model.model_validate_json(body)
    except ValidationError:
        return None


def parse_error(body: bytes) -> str | None:
    """Return the code of an OAuth error (RFC 6749, section 5.2); "" for another JSON object, None for anything else."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    error = content.get("error")
    return error if isinstance(error, str) else ""
