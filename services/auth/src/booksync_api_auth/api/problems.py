"""Problems in the OpenAPI document."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from booksync_common.problems import MEDIA_TYPE


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Unauthorized",
                "status": 401,
                "detail": "The token has expired.",
                "instance": "/api/v1/users/me",
                "code": "token_expired",
                "errors": [],
                "request_id": "0f8fad5bd9cb469fa16570867728950e",
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[dict[str, Any]]
    request_id: str | UUID | None


#: What any address may answer.
_ALWAYS = (422, 500, 503)


def document(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of an address, beside those that all have."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        # the model makes the schema, which the content refers to: FastAPI itself would say application/json
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in sorted({*statuses, *_ALWAYS})
    }
