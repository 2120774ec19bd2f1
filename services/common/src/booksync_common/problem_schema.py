"""RFC 9457 in the OpenAPI document: one schema, named by every route's errors."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from booksync_common.problems import MEDIA_TYPE


class FieldProblem(BaseModel):
    """What is wrong with one part of a request."""

    location: list[str | int] = Field(description="where: body, query, path or header, and the way from there")
    code: str
    message: str


class Problem(BaseModel):
    """Every answer that is an error (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="one sentence, for people")
    instance: str = Field(description="the path of the request")
    code: str = Field(description="stable, for programs", examples=["not_found"])
    errors: list[FieldProblem] = Field(default=[], description="one for each part of the request that is wrong")
    request_id: str = Field(description="as in the header X-Request-ID and in the service's log")


_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}

#: For an application: any route can answer so, as the database may be away or the client unwelcome.
ANY_ERROR: dict[int | str, dict[str, Any]] = {
    "default": {"description": "An error, with its code", "content": _CONTENT}
}


def describe_errors(codes: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    """Describe a route's own errors, for its `responses`.

    :param codes: what a status means there: `{409: "username_taken, email_taken"}`.
    """
    return {status: {"description": meaning, "content": _CONTENT} for status, meaning in codes.items()}


def install(app: FastAPI) -> None:
    """Add the schema to an application's document."""
    build = app.openapi

    def build_with_problem() -> dict[str, Any]:
        document = build()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= described.pop("$defs", {})
        schemas["Problem"] = described
        return document

    app.openapi = build_with_problem  # type: ignore[method-assign]  # as FastAPI's documentation has it
