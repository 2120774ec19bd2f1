"""The request that an import is: its body is read once, hashed on the way, and done once where it has a key."""

import hashlib
from collections.abc import AsyncIterator

from fastapi import Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from booksync_api_data.idempotency import Answered, Once, build_answer
from booksync_api_data.transfer.importing import Import, ImportOptions
from booksync_api_data.transfer.reading import make_reader, read_items
from booksync_common.database import Database
from booksync_common.problems import ProblemError

# it is the client that is idle, and the body's own limit ends that
_WAIT_FOR_CLIENT = text("SET LOCAL idle_in_transaction_session_timeout = 0")


class Body:
    """The body of a request, hashed while it is read."""

    def __init__(self, request: Request) -> None:
        """Begin."""
        self._stream = request.stream()
        self._hash = hashlib.sha256()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield its pieces.

        :raises ProblemError: 400 `upload_incomplete`.
        """
        try:
            async for chunk in self._stream:
                self._hash.update(chunk)
                yield chunk
        except ClientDisconnect:
            raise ProblemError(400, "upload_incomplete", "The upload broke off.") from None

    async def finish(self) -> bytes:
        """Read what is left, which a client sends before it looks at an answer, and return the digest of all."""
        async for _ in self.chunks():
            pass
        return self._hash.digest()


async def import_body(
    request: Request, database: Database, options: ImportOptions, *, once: Once, caller: str
) -> Response:
    """Import the body of a request.

    :raises ProblemError: 415 `unsupported_media_type`; 422 `import_unreadable`, `import_invalid`.
    """
    reader = make_reader(request.headers.get("content-type"))
    body = Body(request)
    work = Import(database, options)
    items = read_items(body.chunks(), reader)
    try:
        async with database.session() as session:
            answered = await once.find(session, caller)
            if answered is None and work.is_one_transaction:
                await session.execute(_WAIT_FOR_CLIENT)
                async with session.begin_nested() as savepoint:
                    await work.run(items, session)
                    if options.dry_run:
                        await savepoint.rollback()
                return await _answer(work, once, session, caller, once.hash(await body.finish()))
            await session.rollback()  # the claim, which would stand in nobody's way until the end
        if answered is not None:
            return answered.repeat(once.hash(await body.finish()))
        await work.run(items)
        request_hash = once.hash(await body.finish())
        async with database.session() as session:
            # somebody may have sent the same meanwhile, which did no harm
            if (answered := await once.find(session, caller)) is not None:
                return answered.repeat(request_hash)
            return await _answer(work, once, session, caller, request_hash)
    except ProblemError:
        await body.finish()
        raise


async def _answer(work: Import, once: Once, session: AsyncSession, caller: str, request_hash: bytes) -> Response:
    body = work.build_result().model_dump_json().encode()
    await once.keep(session, caller, Answered(request_hash, body))
    return build_answer(body)
