"""Killed in the middle of writes, the server comes back with everything that it had acknowledged, once.

BOOKSYNC_ROUNDS: how often it is killed.
"""

import asyncio
import os
import random
import signal
from pathlib import Path

from booksync_testing.ledger import Ledger
from booksync_testing.postgres import start_postgres
from booksync_testing.sandbox import Process, Sandbox
from booksync_testing.web import LOOPBACK

ROUNDS = int(os.environ.get("BOOKSYNC_ROUNDS", "2"))
LEAST_ROWS = 20


async def write_until_killed(ledger: Ledger, process: Process, *, rows: int) -> None:
    """Write, and kill the server after some rows."""
    writing = asyncio.create_task(ledger.write_until_lost())
    await ledger.wait_for(rows, writing)
    process.signal(signal.SIGKILL)
    await writing


def test_kill_9_during_a_write_storm_loses_and_doubles_nothing(sandbox: Sandbox, data: Path) -> None:
    chance = random.Random(ROUNDS)  # noqa: S311 - the same moments every time, as far as a machine allows
    ledger: Ledger | None = None
    for _ in range(ROUNDS):
        # durable settings, unlike other tests
        with start_postgres(sandbox, data=data, user="booksync", arguments=("-c", "checkpoint_timeout=30s")) as server:
            address = f"postgresql://booksync:password@{LOOPBACK}:{server.port}/booksync"
            if ledger is None:
                ledger = Ledger(address)
                asyncio.run(ledger.create())
            ledger.address = address
            asyncio.run(ledger.compare())
            asyncio.run(write_until_killed(ledger, server.process, rows=LEAST_ROWS + chance.randrange(2000)))
            assert server.process.wait(20) == 128 + signal.SIGKILL
    assert ledger is not None
    with start_postgres(sandbox, data=data, user="booksync") as server:
        assert "was not properly shut down; automatic recovery in progress" in server.process.log()
        ledger.address = f"postgresql://booksync:password@{LOOPBACK}:{server.port}/booksync"
        asyncio.run(ledger.compare())
        assert server.query("SELECT sum(checksum_failures) FROM pg_stat_database WHERE datname = 'booksync'") == "0"
    assert len(ledger.acknowledged) >= ROUNDS * LEAST_ROWS
