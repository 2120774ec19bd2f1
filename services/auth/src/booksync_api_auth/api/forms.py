"""Bodies of OAuth 2.0, which are forms (application/x-www-form-urlencoded)."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from booksync_common.problems import ProblemError

MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_BYTES = 16 * 1024
MAX_FIELDS = 20


async def read_form(request: Request) -> Mapping[str, str]:
    """Read a form.

    :raises ProblemError: 415, 413, 422.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise ProblemError(415, "unsupported_media_type", f"The body has to be {MEDIA_TYPE}.")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            raise ProblemError(413, "content_too_large", f"The body may have at most {MAX_BYTES} bytes.")
    try:
        return dict(parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"))
    except ValueError:
        raise ProblemError(422, "validation_failed", "The body is not a form.") from None


Form = Annotated[Mapping[str, str], Depends(read_form)]


def parse_form[M: BaseModel](model: type[M], form: Mapping[str, str]) -> M:
    """Check a form.

    :raises RequestValidationError: which is answered as that of a JSON body is.
    """
    try:
        return model.model_validate(dict(form))
    except ValidationError as error:
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in error.errors()]) from None


def document_form(model: type[BaseModel]) -> dict[str, Any]:
    """Describe a form in the OpenAPI document, which FastAPI cannot do for what it does not read."""
    return {"requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": model.model_json_schema()}}}}
