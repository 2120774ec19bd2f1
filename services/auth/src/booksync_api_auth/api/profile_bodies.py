"""What clients send about profiles."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from booksync_api_auth.api.fields import Avatar, Email, ForeignPassword, NewPassword, Text, Username
from booksync_api_auth.models import Role
from booksync_api_auth.registering import NewProfile


def _blank_to_none(value: object) -> object:
    """Take an empty field of a form for one that was left out."""
    return None if value == "" else value


def _always_user() -> Role:
    return "user"


_Blank = BeforeValidator(_blank_to_none)


class NewUserBody(BaseModel):
    """A new profile. With an account of Mangacollec it needs no password here."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "username": "Léa",
                "email": "lea@example.org",
                "password": "correct horse battery",
                "certify_adult": False,
            }
        }
    )

    username: Username
    email: Annotated[Email | None, _Blank] = None
    password: Annotated[NewPassword | None, _Blank] = None
    certify_adult: bool = False
    avatar: Annotated[Avatar | None, _Blank] = None
    role: Role = Field(default="user", description="taken from administrators only; the first profile is one")
    email_mangacollec: Annotated[Text | None, _Blank] = None
    password_mangacollec: Annotated[ForeignPassword | None, _Blank] = None

    @model_validator(mode="after")
    def _check_sign_in(self) -> Self:
        if (self.email_mangacollec is None) != (self.password_mangacollec is None):
            code, message = "mangacollec_incomplete", "email_mangacollec and password_mangacollec belong together."
            raise PydanticCustomError(code, message)
        if self.password is None and self.password_mangacollec is None:
            code, message = "password_missing", "A profile without a Mangacollec account needs a password."
            raise PydanticCustomError(code, message)
        return self

    def profile(self) -> NewProfile:
        """Return what somebody wants to have here."""
        return NewProfile(
            username=self.username,
            email=self.email,
            password=None if self.password is None else self.password.get_secret_value(),
            certify_adult=self.certify_adult,
            avatar=self.avatar,
            role=self.role,
        )

    def mangacollec(self) -> tuple[str, str] | None:
        """Return the email and the password of an account, if there is one."""
        if self.email_mangacollec is None or self.password_mangacollec is None:
            return None
        return self.email_mangacollec, self.password_mangacollec.get_secret_value()


class PatchBody(BaseModel):
    """Changes of a profile. Factories rather than defaults: null is none of the values."""

    model_config = ConfigDict(json_schema_extra={"example": {"avatar": "owl"}})

    username: Username = Field(default_factory=str)
    email: Annotated[Email | None, _Blank] = None
    certify_adult: bool = Field(default_factory=bool)
    avatar: Annotated[Avatar | None, _Blank] = None
    role: Role = Field(default_factory=_always_user)
    is_active: bool = Field(default_factory=bool)

    def changes(self) -> dict[str, Any]:
        """Return what was given."""
        return self.model_dump(exclude_unset=True)


class PutBody(BaseModel):
    """A whole profile."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"username": "Léa", "email": "lea@example.org", "certify_adult": False, "avatar": "fox"}
        }
    )

    username: Username
    email: Annotated[Email | None, _Blank] = None
    certify_adult: bool = False
    avatar: Annotated[Avatar | None, _Blank] = None
    role: Role = Field(default_factory=_always_user)
    is_active: bool = Field(default_factory=bool)

    def changes(self) -> dict[str, Any]:
        """Return all of it, but what only administrators decide only if it was given."""
        given = self.model_dump(exclude_unset=True)
        return {**self.model_dump(exclude={"role", "is_active"}), **given}


class ConfirmBody(BaseModel):
    """The password of whoever asks."""

    model_config = ConfigDict(json_schema_extra={"example": {"password": "correct horse battery"}})

    password: ForeignPassword = Field(description="the profile's, or its Mangacollec account's")


class PasswordBody(BaseModel):
    """A new password, and the old one."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"old_password": "correct horse battery", "new_password": "a longer, better sentence"}
        }
    )

    old_password: ForeignPassword | None = None
    new_password: NewPassword
