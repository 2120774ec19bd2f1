"""What comes in from clients, where nothing may be in it that is not known."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails

#: Unknown fields that are named, each with its place; an error of pydantic's takes a kilobyte, and a body may have a
#: hundred thousand of them.
MAX_UNKNOWN = 20


class StrictModel(BaseModel):
    """A body, a part of one, or a query, that may have no field but its own."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _bound_unknown(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > len(cls.model_fields) + MAX_UNKNOWN:
            unknown = [name for name in value if name not in cls.model_fields][:MAX_UNKNOWN]
            details = [InitErrorDetails(type="extra_forbidden", loc=(str(name),), input=None) for name in unknown]
            raise ValidationError.from_exception_data(cls.__name__, details)
        return value
