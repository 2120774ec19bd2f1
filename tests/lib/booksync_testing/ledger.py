"""Clients that know which of their writes the server has acknowledged, for tests that take the server away.

A row is sent once and never again: what was acknowledged must be there once, what was not may be there once.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from booksync_testing.waiting import wait_until

WRITERS = 4
CONNECT_SECONDS = 60.0
#: For thousands of rows, each on the disk before the next one, under an emulator.
ROWS_SECONDS = 600.0

# what a client sees when its server dies, or refuses for want of space
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError)


@dataclass
class Ledger:
    """Rows of a table without any constraint, by what became of them."""

    address: str  # of libpq, as asyncpg takes it
    acknowledged: set[int] = field(default_factory=set)
    uncertain: set[int] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    _next: int = 0

    async def connect(self) -> Any:
        return await asyncpg.connect(self.address, timeout=CONNECT_SECONDS)

    async def create(self) -> None:
        connection = await self.connect()
        await connection.execute("CREATE TABLE ledger (id bigint, filling text)")
        await connection.close()

    async def write_until_lost(self, *, filling: int = 0) -> None:
        """Write with several clients until each has lost the server, or was refused.

        :param filling: bytes beside the number in each row, which do not compress
        """
        await asyncio.gather(*(self._write(filling) for _ in range(WRITERS)))

    async def wait_for(self, rows: int, writing: asyncio.Task[None]) -> None:
        """Wait until more rows have been acknowledged.

        :raises AssertionError: the writers were lost before, or it takes too long
        """
        target = len(self.acknowledged) + rows

        def is_reached() -> bool:
            is_over = writing.done()  # before the rows are counted, which go on meanwhile
            if len(self.acknowledged) >= target:
                return True
            if is_over:
                raise AssertionError(f"no more rows after {len(self.acknowledged)}: {self.errors[-1]}")
            return False

        await asyncio.to_thread(
            wait_until,
            is_reached,
            what=lambda: f"{target} rows are acknowledged, got {len(self.acknowledged)}",
            seconds=ROWS_SECONDS,
        )

    async def _write(self, filling: int) -> None:
        try:
            connection = await self.connect()
        except LOST as error:
            self.errors.append(str(error))
            return
        text = "(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, $2::int / 32))"
        try:
            while True:
                number = self._next
                self._next += 1
                self.uncertain.add(number)
                await connection.execute(f"INSERT INTO ledger VALUES ($1, {text})", number, filling)
                self.uncertain.remove(number)
                self.acknowledged.add(number)
        except LOST as error:
            self.errors.append(str(error))
        finally:
            connection.terminate()

    async def compare(self) -> None:
        """Look whether the table has what was acknowledged, once each, and nothing that was never sent.

        :raises AssertionError: it has not
        """
        connection = await self.connect()
        found = Counter(row["id"] for row in await connection.fetch("SELECT id FROM ledger"))
        await connection.close()
        lost = self.acknowledged - found.keys()
        doubled = [number for number, count in found.items() if count > 1]
        unknown = found.keys() - self.acknowledged - self.uncertain
        if lost or doubled or unknown:
            raise AssertionError(f"of {len(self.acknowledged)}: lost {lost}, doubled {doubled}, unknown {unknown}")
