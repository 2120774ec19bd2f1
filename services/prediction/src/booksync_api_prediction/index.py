"""When vectors get an index, and what it finds of the truth.

HNSW costs memory, minutes of building and a little of the truth. Comparing with each vector costs none of these, and up
to some ten thousand rows no time that a person would notice. So the index is made when there are HNSW_MIN_ROWS, by a
job, without locking the table (CREATE INDEX CONCURRENTLY); one that a crash left half made is made again.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from booksync_api_prediction.jobs.runner import FAILURES, Handler, Run, Runner, is_passing
from booksync_api_prediction.settings import PredictionSettings
from booksync_api_prediction.similarity import repository
from booksync_api_prediction.similarity.repository import Filter, make_conditions
from booksync_api_prediction.tables import EMBEDDINGS
from booksync_common.database import Database
from booksync_common.parts import Part

logger = logging.getLogger(__name__)

NAME = "ix_embeddings_embedding_hnsw"
JOB = "index"

#: s, between two looks at the number of rows.
INTERVAL = 60.0

#: Rows whose ten neighbours are compared with the truth.
SAMPLE = 20
NEIGHBOURS = 10

State = Literal["none", "broken", "hnsw"]

_STATE = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
_DROP = text(f"DROP INDEX CONCURRENTLY IF EXISTS prediction.{NAME}")
_CREATE = text(
    f"CREATE INDEX CONCURRENTLY {NAME} ON prediction.embeddings USING hnsw (embedding halfvec_cosine_ops)"
    " WITH (m = 16, ef_construction = 128)"
)


async def find_state(connection: AsyncConnection | AsyncSession) -> State:
    """Look for the index."""
    is_valid = await connection.scalar(_STATE, {"name": f"prediction.{NAME}"})
    return "none" if is_valid is None else "hnsw" if is_valid else "broken"


def make_index_handler() -> Handler:
    """Make what makes the index."""

    async def build(run: Run) -> None:
        async with run.database.session() as session:
            await run.renew(session)
        # a connection of its own, without time-outs and without a transaction
        async with run.database.connect_alone() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            if await find_state(connection) == "hnsw":
                return
            await connection.execute(_DROP)
            await connection.execute(_CREATE)

    return build


class Indexing(Part):
    """Looks now and then whether there are rows enough."""

    name = "index"

    def __init__(self, settings: PredictionSettings, runner: Runner, *, interval: float = INTERVAL) -> None:
        """Remember whom to tell."""
        self._settings = settings
        self._runner = runner
        self._interval = interval

    async def attend(self, database: Database) -> None:
        """Queue the job when it is time, until cancelled."""
        while True:
            try:
                async with database.reader() as connection:
                    is_due = await find_state(connection) != "hnsw" and await self._has_enough(connection)
                if is_due:
                    await self._runner.enqueue(database, JOB, once=True)
            except FAILURES as error:
                if not is_passing(error):
                    raise
            await asyncio.sleep(self._interval)

    async def _has_enough(self, connection: AsyncConnection) -> bool:
        # counts no further than it has to
        last = select(EMBEDDINGS.c.id).offset(self._settings.hnsw_min_rows - 1).limit(1)
        return await connection.scalar(last) is not None


@dataclass(frozen=True)
class Recall:
    """The share of the true nearest neighbours that the index finds."""

    value: float
    sample: int


async def measure_recall(session: AsyncSession, model: str, *, adult: bool) -> Recall | None:
    """Compare the index's answers with the exact ones, for some rows by chance; None without rows."""
    wanted = Filter(model, adult=adult)
    statement = select(EMBEDDINGS.c.id).where(*make_conditions(wanted.parts)).order_by(func.random()).limit(SAMPLE)
    rows = (await session.scalars(statement, wanted.values())).all()
    queries = [repository.Mean([row]) for row in rows]
    found = [await repository.find_nearest(session, query, wanted, NEIGHBOURS) for query in queries]
    await repository.search_exactly(session)
    true = [await repository.find_nearest(session, query, wanted, NEIGHBOURS) for query in queries]
    # what is deleted meanwhile has no cosine to anything
    pairs = [
        (answer, truth)
        for answer, truth in zip(found, true, strict=True)
        if truth and not any(row["cosine"] is None for row in (*answer, *truth))
    ]
    if not pairs:
        return None
    # by distance, not by id: of several at one distance, any is right
    hits = sum(sum(row["cosine"] >= truth[-1]["cosine"] - 1e-6 for row in answer) for answer, truth in pairs)
    return Recall(hits / sum(len(truth) for _, truth in pairs), len(pairs))
