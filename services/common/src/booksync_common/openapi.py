"""The OpenAPI document, as far as FastAPI cannot know it: every error here is a problem (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from booksync_common.problems import MEDIA_TYPE

_METHODS = frozenset({"get", "put", "post", "delete", "patch"})

#: FastAPI's own shape of a 422, which is not ours.
_REPLACED = ("HTTPValidationError", "ValidationError")

#: What any address may answer.
_ALWAYS = (500, 503)


class WrongField(BaseModel):
    """What is wrong with one field of a request."""

    location: list[str | int]
    code: str
    message: str


class Problem(BaseModel):
    """An error."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "The request is not what this address expects.",
                "instance": "/api/v1/users",
                "code": "validation_failed",
                "errors": [{"location": ["body", "username"], "code": "missing", "message": "Field required"}],
                "request_id": "0f8fad5bd9cb469fa16570867728950e",
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str = Field(description="one sentence, for people")
    instance: str
    code: str = Field(description="stable, for programs")
    errors: list[WrongField]
    request_id: str | None = Field(description="finds the request in the service's log")


def describe(status: int) -> dict[str, Any]:
    """Describe the answer with a status as a problem."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": HTTPStatus(status).phrase, "content": content}


def document(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route, for its `responses`; those that every route has need not be named."""
    return {status: describe(status) for status in sorted(statuses)}


def install(app: FastAPI) -> None:
    """Have an application's document say what its errors look like."""
    build = app.openapi

    def openapi() -> dict[str, Any]:
        content = build()
        if "Problem" in (schemas := content.setdefault("components", {}).setdefault("schemas", {})):
            return content
        for name in _REPLACED:
            schemas.pop(name, None)
        own = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= {**own.pop("$defs"), "Problem": own}
        for path in content["paths"].values():
            for method in _METHODS & path.keys():
                _complete(path[method])
        return content

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "422" in responses:
        responses["422"] = describe(422)
    body = operation.get("requestBody", {}).get("content", {})
    # JSON that is no text
    for status in (*_ALWAYS, 400) if "application/json" in body else _ALWAYS:
        responses.setdefault(str(status), describe(status))
