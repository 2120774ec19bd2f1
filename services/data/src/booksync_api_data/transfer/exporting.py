"""Exports: rows that stream from a cursor of the database to the client, some hundreds at a time.

A client that is slow slows the cursor down, as nothing is fetched ahead; one that goes away, or stops reading, ends it.
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, TypeAdapter
from sqlalchemy import Row, Select, text
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from booksync_api_data.transfer.cells import build_row
from booksync_common.body_limit import PAUSE
from booksync_common.database import Database

ExportFormat = Literal["csv", "json", "ndjson"]
MEDIA_TYPES: Mapping[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
}

#: Rows that are fetched and sent at a time.
CHUNK = 200

#: Bytes that are sent at a time, so that a client that is slow is not taken for one that has stopped.
PIECE = 64 * 1024

Rows = Sequence[Row[Any]]


@dataclass(frozen=True)
class Renderer:
    """How rows are written."""

    head: bytes
    render: Callable[[Rows], bytes]
    between: bytes = b""
    tail: bytes = b""


def make_renderer(model: type[BaseModel], kind: ExportFormat) -> Renderer:
    """Return how rows of a model are written, which have its fields in its order."""
    if kind == "csv":
        return Renderer(_render_csv([list(model.model_fields)]), lambda rows: _render_csv(map(build_row, rows)))
    many = TypeAdapter(list[model])  # type: ignore[valid-type]  # a type that is known only now
    if kind == "json":
        # without the brackets round a part
        return Renderer(b"[", lambda rows: many.dump_json(_validate(many, rows))[1:-1], b",\n", b"]\n")
    one = TypeAdapter(model)
    return Renderer(b"", lambda rows: b"".join(one.dump_json(item) + b"\n" for item in _validate(many, rows)))


def _validate(many: TypeAdapter[Any], rows: Rows) -> list[Any]:
    items: list[Any] = many.validate_python(rows, from_attributes=True)
    return items


def _render_csv(rows: Any) -> bytes:
    output = io.StringIO(newline="")
    csv.writer(output).writerows(rows)
    return output.getvalue().encode()


async def stream_rows(database: Database, statement: Select[Any], renderer: Renderer) -> AsyncIterator[bytes]:
    """Yield an export.

    :raises ProblemError: 503, at the first step, when the database cannot be reached.
    """
    async with database.session() as session:
        # between two pieces the client is waited for, which the response sees an end to
        await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        result = await session.stream(statement, execution_options={"yield_per": CHUNK})
        yield renderer.head
        is_first = True
        async for rows in result.partitions(CHUNK):
            yield (b"" if is_first else renderer.between) + renderer.render(rows)
            is_first = False
        yield renderer.tail


class ExportResponse(StreamingResponse):
    """An export on its way, which is ended when its client goes away."""

    @classmethod
    async def start(cls, chunks: AsyncIterator[bytes], *, kind: ExportFormat, name: str) -> Self:
        """Begin, so that what fails at the beginning has an answer of its own.

        :param name: of the file, without the ending.
        """
        first = await anext(chunks)
        disposition = f'attachment; filename="{name}.{kind}"'
        headers = {"Content-Disposition": disposition, "Content-Type": MEDIA_TYPES[kind]}
        return cls(_continue(first, chunks), headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""

        async def send_in_time(message: Message) -> None:
            # the server waits for ever, and a connection of the pool with it
            try:
                async with asyncio.timeout(PAUSE):
                    await send(message)
            except TimeoutError:
                raise ClientDisconnect from None

        async with aclosing(self.body_iterator):  # type: ignore[type-var]  # a generator, as started
            with suppress(ClientDisconnect):  # the server closes what is not complete, and says so in its log
                await super().__call__(scope, receive, send_in_time)


async def _continue(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with aclosing(chunks):  # type: ignore[type-var]  # a generator
        yield first
        async for chunk in chunks:
            for begin in range(0, len(chunk), PIECE):
                yield chunk[begin : begin + PIECE]
