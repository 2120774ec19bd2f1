"""Memory settings follow what the container may use, and whatever an owner sets wins."""

from pathlib import Path

import pytest

from booksync_testing.postgres import Server, start_postgres
from booksync_testing.sandbox import Bind, Sandbox

NAMES = ("shared_buffers", "effective_cache_size", "maintenance_work_mem", "max_connections")


def read_settings(server: Server) -> dict[str, str]:
    shown = "SELECT name || '=' || current_setting(name) FROM pg_settings WHERE name IN ({})"
    lines = server.query(shown.format(", ".join(f"'{name}'" for name in NAMES))).splitlines()
    return dict(line.split("=") for line in lines)


def write_limit(scratch: Path, mib: int | None) -> Bind:
    """Write what the kernel says of a container's limit (cgroup-v2, memory.max)."""
    system = scratch / "sys"
    limit = system / "fs/cgroup/memory.max"
    limit.parent.mkdir(parents=True, exist_ok=True)
    limit.write_text("max\n" if mib is None else f"{mib << 20}\n")
    return Bind(system, "/sys")


@pytest.mark.parametrize(
    ("mib", "expected"),
    [
        (256, ("64MB", "192MB", "16MB", "50")),
        (1024, ("256MB", "768MB", "64MB", "128")),
        (2048, ("512MB", "1536MB", "128MB", "200")),
    ],
)
def test_a_limit_is_shared_out(sandbox: Sandbox, scratch: Path, mib: int, expected: tuple[str, ...]) -> None:
    with start_postgres(sandbox, binds=[write_limit(scratch, mib)]) as server:
        assert read_settings(server) == dict(zip(NAMES, expected, strict=True))


def test_a_new_limit_holds_from_the_next_start(sandbox: Sandbox, scratch: Path, data: Path) -> None:
    for mib, shared in ((512, "128MB"), (1024, "256MB")):
        with start_postgres(sandbox, data=data, binds=[write_limit(scratch, mib)]) as server:
            assert server.query("SHOW shared_buffers") == shared
            assert server.stop() == 0


def test_without_a_limit_half_of_the_machine_is_left_to_others(sandbox: Sandbox, scratch: Path) -> None:
    with start_postgres(sandbox, binds=[write_limit(scratch, None)]) as server:
        size = int(
            server.query("SELECT setting::bigint * 8 / 1024 FROM pg_settings WHERE name = 'effective_cache_size'")
        )
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal:"))
    machine = int(total.split()[1]) // 1024
    assert abs(size - machine // 2 * 3 // 4) <= 1


def test_an_owners_settings_win(sandbox: Sandbox, scratch: Path, data: Path) -> None:
    limit = write_limit(scratch, 1024)
    environment = {"POSTGRES_INITDB_ARGS": "--set=max_connections=77"}
    with start_postgres(sandbox, data=data, environment=environment, binds=[limit]) as server:
        assert read_settings(server)["max_connections"] == "77"
        server.query("ALTER SYSTEM SET maintenance_work_mem = '33MB'")
        assert server.stop() == 0
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = 99MB\n")
    arguments = ("-c", "effective_cache_size=111MB")
    with start_postgres(sandbox, data=data, binds=[limit], arguments=arguments) as server:
        assert read_settings(server) == dict(zip(NAMES, ("99MB", "111MB", "33MB", "77"), strict=True))
