"""A full disk is said in words, loses nothing, and is over when there is space again."""

import asyncio
from pathlib import Path

from booksync_testing.ledger import Ledger
from booksync_testing.postgres import DATA_DIRECTORY, is_accepting
from booksync_testing.sandbox import Bind, Sandbox, Tmpfs
from booksync_testing.web import LOOPBACK, free_port

DISK = 200 << 20  # bytes

# a container that is restarted whenever it ends, on a disk that others fill and empty
RESTARTED = f"""
( until [[ -e /tmp/control/fill ]]; do sleep 0.05; done
  dd if=/dev/zero of={DATA_DIRECTORY}/filler bs=1M 2>/dev/null
  touch /tmp/control/full
  until [[ -e /tmp/control/free ]]; do sleep 0.05; done
  rm {DATA_DIRECTORY}/filler ) &
mkdir -m 0700 {DATA_DIRECTORY}/pgdata
while true; do docker-entrypoint.sh "$@"; echo restarted; sleep 0.2; done
"""


def test_writes_fail_with_a_reason_and_everything_acknowledged_comes_back(sandbox: Sandbox, scratch: Path) -> None:
    control = scratch / "control"
    control.mkdir()
    port = free_port()
    ledger = Ledger(f"postgresql://booksync:password@{LOOPBACK}:{port}/booksync")
    with sandbox.start(
        *("bash", "-c", RESTARTED, "bash", "postgres", "-c", f"port={port}", "-c", "max_wal_size=64MB"),
        entrypoint=False,
        environment={
            "POSTGRES_USER": "booksync",
            "POSTGRES_PASSWORD": "password",
            "PGDATA": f"{DATA_DIRECTORY}/pgdata",
        },
        binds=[Tmpfs(DATA_DIRECTORY, DISK), Bind(control, "/tmp/control", "write")],
    ) as process:
        process.wait_until(lambda: is_accepting(port), what="PostgreSQL letting clients in", timeout=60)
        asyncio.run(ledger.create())
        asyncio.run(write_while_filling(ledger, control / "fill"))
        process.wait_until((control / "full").exists, what="a full disk", timeout=60)
        log = process.log()
        assert "No space left on device" in log, log[-4000:]

        (control / "free").touch()
        process.wait_until(lambda: is_accepting(port), what="PostgreSQL letting clients in again", timeout=60)
        asyncio.run(ledger.compare())
        asyncio.run(write_some(ledger))


async def write_while_filling(ledger: Ledger, fill: Path) -> None:
    """Write, have the disk filled when some rows are there, and go on until the server refuses."""
    writing = asyncio.create_task(ledger.write_until_lost(filling=4096))
    await ledger.wait_for(20, writing)
    await asyncio.to_thread(fill.touch)
    await writing


async def write_some(ledger: Ledger) -> None:
    """Show that writing works again."""
    writing = asyncio.create_task(ledger.write_until_lost())
    await ledger.wait_for(10, writing)
    writing.cancel()
