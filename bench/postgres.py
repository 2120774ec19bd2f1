"""Measure the database image, and write it to bench/postgres.md: `.venv/bin/python -m bench.postgres`.

The image runs from its own layers under bubblewrap, through its entry point, with durable settings. pgbench's rival is
the same Debian binary with what Debian's initdb sets, in the same run: the two take turns, in changing order, and what
counts is the ratio of each pair, so that whatever else the machine does hits both.
"""

import json
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.report import FOLDER, describe_machine

from booksync_fetch.nix import Nix
from booksync_testing.layout import Image, Layout
from booksync_testing.postgres import DATA_DIRECTORY, SOCKET_DIRECTORY, Server, is_accepting, start_postgres
from booksync_testing.rootfs import write_root
from booksync_testing.sandbox import Bind, Sandbox, Tools, builder_architecture
from booksync_testing.web import free_port

IMAGE = "booksync-postgres"
STARTS = 5
#: Short turns and many: on these machines two turns of one server differ by more than what is sought.
ROUNDS = 40
ROUND_SECONDS = 3
CLIENTS = 4
SCALE = 10
VECTORS = 100_000
DIMENSIONS = 384
CLUSTERS = 1_000
QUERIES = 200
SEARCH_WIDTHS = (40, 100, 200)
SEARCH_SECONDS = 20
PATIENCE = 7200.0  # s
LOGS = "/tmp/logs"  # noqa: S108 - in the sandbox


def find_output(nix: Nix, attribute: str) -> Path:
    """Build an attribute of the flake and return where it lies."""
    (built,) = json.loads(nix.run("nix", ["build", "--no-link", "--json", f"{FOLDER.parent}#{attribute}"]))
    return Path(built["outputs"]["out"])


def load_sandbox(directory: Path) -> Sandbox:
    """Build the image of this machine's architecture and unpack it."""
    nix = Nix(FOLDER.parent)
    tools = Tools(find_output(nix, "dev-tools"), find_output(nix, "dev-busybox") / "bin/busybox")
    layout = Layout(find_output(nix, IMAGE) / IMAGE)
    image: Image = layout.image(builder_architecture())
    write_root(image, directory / "root")
    return Sandbox(tools=tools, image=image, root=directory / "root")


def measure_start(sandbox: Sandbox, data: Path) -> float:
    """Return the seconds from starting the container to the first client that is let in."""
    port = free_port()
    started = time.monotonic()
    with sandbox.start(
        *("postgres", "-c", f"port={port}"),
        environment={"POSTGRES_USER": "booksync", "POSTGRES_PASSWORD": "password"},
        binds=[Bind(data, DATA_DIRECTORY, "write")],
    ) as process:
        while not is_accepting(port):
            if process.poll() is not None:
                raise process.error("ended")
            time.sleep(0.005)
        return time.monotonic() - started


def processor_seconds() -> float:
    """Return what the processes that have ended took of the processors."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_starts(sandbox: Sandbox, directory: Path) -> dict[str, float]:
    """Return medians of first and later starts, in seconds; and what a start and a stop take of the processors."""
    first, later, first_cpu, later_cpu = [], [], [], []
    for number in range(STARTS):
        data = directory / f"start-{number}"
        data.mkdir(mode=0o700)
        first.append(measure_start(sandbox, data))
        # it was killed: the next one recovers, the one after that starts as usual
        start_and_stop(sandbox, data)
        later.append(measure_start(sandbox, data))
        start_and_stop(sandbox, data)
        later_cpu.append(start_and_stop(sandbox, data))
        new = directory / f"cpu-{number}"
        new.mkdir(mode=0o700)
        first_cpu.append(start_and_stop(sandbox, new))
    values = {"first": first, "later": later, "first_cpu": first_cpu, "later_cpu": later_cpu}
    return {name: statistics.median(value) for name, value in values.items()}


def start_and_stop(sandbox: Sandbox, data: Path) -> float:
    """Return the processor seconds of a start and an orderly stop."""
    before = processor_seconds()
    with start_postgres(sandbox, data=data, user="booksync", arguments=()) as server:
        server.stop()
    return processor_seconds() - before


def run_client(server: Server, script: str, *, files: Path | None = None) -> str:
    """Run a shell line beside the server, as `docker exec` does."""
    result = server.sandbox.run(
        *("bash", "-ec", script),
        entrypoint=False,
        environment={"PGPORT": str(server.port), "PGUSER": server.user, "PGDATABASE": "booksync"},
        binds=[Bind(server.sockets, SOCKET_DIRECTORY), *([Bind(files, LOGS, "write")] if files else [])],
        timeout=PATIENCE,
    )
    if result.code:
        raise SystemExit(result.output)
    return result.output


@contextmanager
def start_debian(sandbox: Sandbox, directory: Path) -> Iterator[Server]:
    """Run Debian's server with what its own initdb sets, and nothing of the image's entry point."""
    data, sockets = directory / "debian", directory / "s"
    data.mkdir(mode=0o700)
    sockets.mkdir()
    port = free_port()
    script = (
        f"initdb -D {DATA_DIRECTORY} -U booksync -A trust >/dev/null && exec postgres -D {DATA_DIRECTORY}"
        f" -c port={port} -c jit=off"
    )
    binds = [Bind(data, DATA_DIRECTORY, "write"), Bind(sockets, SOCKET_DIRECTORY, "write")]
    with sandbox.start("bash", "-ec", script, entrypoint=False, binds=binds) as process:
        process.wait_until(lambda: is_accepting(port), what="Debian's server", timeout=120)
        server = Server(sandbox, process, port, sockets, "booksync", "")
        server.query("CREATE DATABASE booksync")
        yield server


@dataclass(frozen=True)
class Pair:
    """Two turns beside each other, in TPS."""

    image: float
    debian: float

    @property
    def ratio(self) -> float:
        """How fast the image is, Debian's server being 1."""
        return self.image / self.debian


def measure_rate(server: Server) -> float:
    """Return the TPS of one turn."""
    output = run_client(server, f"pgbench --client={CLIENTS} --jobs=2 --time={ROUND_SECONDS} --no-vacuum")
    return float(output.partition("tps = ")[2].split()[0])


def measure_pgbench(image: Server, debian: Server) -> list[Pair]:
    """Have two servers take turns, each as often the first."""
    for server in (image, debian):
        run_client(server, f"pgbench --initialize --quiet --scale={SCALE}")
    pairs = []
    for number in range(ROUNDS):
        order = (image, debian) if number % 2 == 0 else (debian, image)
        rates = {server.port: measure_rate(server) for server in order}
        pairs.append(Pair(rates[image.port], rates[debian.port]))
    return pairs


FILL = f"""
CREATE TABLE centre AS SELECT c AS id, (SELECT array_agg(random_normal()) FROM generate_series(1, {DIMENSIONS})
    WHERE c > 0)::vector({DIMENSIONS}) AS place FROM generate_series(1, {CLUSTERS}) AS c;
CREATE FUNCTION near(centre vector, seed int) RETURNS vector LANGUAGE sql VOLATILE AS $$
    SELECT centre + array_agg(random_normal() * 0.6)::vector FROM generate_series(1, {DIMENSIONS}) WHERE seed > 0
$$;
CREATE TABLE item AS SELECT i AS id, near(place, i)::vector({DIMENSIONS}) AS embedding
    FROM generate_series(1, {VECTORS}) AS i JOIN centre ON centre.id = i % {CLUSTERS} + 1;
CREATE TABLE query AS SELECT i AS id, near(place, i)::vector({DIMENSIONS}) AS embedding
    FROM generate_series(1, {QUERIES}) AS i JOIN centre ON centre.id = i * 5;
ANALYZE;
"""

NEAREST = "SELECT id FROM item ORDER BY embedding <=> (SELECT embedding FROM query WHERE id = :id) LIMIT 10"
RECALL = """
SET max_parallel_workers_per_gather = 0;
CREATE OR REPLACE FUNCTION nearest(wanted int) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE sought vector; BEGIN
    SELECT embedding INTO sought FROM query WHERE id = wanted;
    RETURN array(SELECT id FROM item ORDER BY embedding <=> sought LIMIT 10);
END $$;
"""


@dataclass(frozen=True)
class Search:
    """One width of the search (hnsw.ef_search)."""

    width: int
    recall: float
    rate: float  # queries a second
    p95: float  # ms


def measure_vectors(server: Server, directory: Path) -> tuple[float, list[Search]]:
    """Return the seconds that the index takes, and what searches cost and find."""
    files = directory / "pgbench"
    files.mkdir()
    server.query(FILL, database="booksync", timeout=PATIENCE)
    started = time.monotonic()
    server.query("CREATE INDEX ON item USING hnsw (embedding vector_cosine_ops)", database="booksync", timeout=PATIENCE)
    seconds = time.monotonic() - started
    exact = "SET enable_indexscan = off; CREATE TABLE exact AS SELECT id, nearest(id) AS found FROM query"
    server.query(RECALL + exact, database="booksync", timeout=PATIENCE)
    return seconds, [measure_search(server, files, width) for width in SEARCH_WIDTHS]


def measure_search(server: Server, files: Path, width: int) -> Search:
    recall = server.query(
        f"SET enable_seqscan = off; SET hnsw.ef_search = {width}; SELECT avg((SELECT count(*) FROM unnest(found) AS id"
        " WHERE id = ANY (nearest(exact.id)))) / 10 FROM exact",
        database="booksync",
        timeout=PATIENCE,
    )
    (files / "script.sql").write_text(f"\\set id random(1, {QUERIES})\n{NEAREST};\n")
    output = run_client(
        server,
        f"cd {LOGS} && rm -f log* && PGOPTIONS='-c hnsw.ef_search={width}' pgbench --client={CLIENTS} --jobs=2"
        f" --time={SEARCH_SECONDS} --no-vacuum --protocol=prepared --file=script.sql --log --log-prefix=log",
        files=files,
    )
    taken = [int(line.split()[2]) for log in files.glob("log*") for line in log.read_text().splitlines()]
    return Search(
        width=width,
        recall=float(recall),
        rate=float(output.partition("tps = ")[2].split()[0]),
        p95=statistics.quantiles(taken, n=20)[-1] / 1000,
    )


def format_report(
    starts: dict[str, float], pairs: list[Pair], seconds: float, searches: list[Search], *, machine: str
) -> str:
    """Return the report as Markdown."""
    image, debian = statistics.median(pair.image for pair in pairs), statistics.median(pair.debian for pair in pairs)
    low, ratio, high = statistics.quantiles((pair.ratio for pair in pairs), n=4)
    return "\n".join(
        [
            "# The database image",
            "",
            f"Made by `.venv/bin/python -m bench.postgres` on {machine}.",
            "",
            "| what | measured | goal |",
            "|---|---|---|",
            f"| initialised volume to the first client, median of {STARTS} | {starts['later']:.2f} s | 0.5 s |",
            f"| first initialisation to the first client, median of {STARTS} | {starts['first']:.2f} s | 3 s |",
            f"| processor time of a start and a stop, initialised | {starts['later_cpu']:.2f} s | |",
            f"| processor time of a first initialisation and a stop | {starts['first_cpu']:.2f} s | |",
            f"| pgbench, scale {SCALE}, {CLIENTS} clients, median of {ROUNDS} x {ROUND_SECONDS} s | "
            f"{image:.0f} TPS | |",
            f"| Debian's binary with Debian's settings, taking turns with it | {debian:.0f} TPS | |",
            f"| ratio, median of the pairs (quartiles {low:.3f}, {high:.3f}) | {ratio:.3f} | 0.95 |",
            f"| HNSW index (m 16, ef_construction 64) of {VECTORS:,} vectors of {DIMENSIONS} | {seconds:.0f} s | |",
            "",
            f"| hnsw.ef_search | recall@10 | QPS, {CLIENTS} clients | p95 |",
            "|---|---|---|---|",
            *(f"| {found.width} | {found.recall:.3f} | {found.rate:.0f} | {found.p95:.1f} ms |" for found in searches),
            "",
            f"The vectors are {CLUSTERS:,} clusters of normal noise; recall is against an exact search of {QUERIES}",
            "queries. Both servers have `jit` off. What is published for pgvector (580 QPS at 0.99, 100,000 vectors of",
            "384 dimensions on a machine of 1 GB) is of other vectors and another machine.",
            "",
        ]
    )


def main() -> None:
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        sandbox = load_sandbox(directory)
        starts = measure_starts(sandbox, directory)
        print(starts, flush=True)
        data = directory / "data"
        data.mkdir(mode=0o700)
        with start_postgres(sandbox, data=data, user="booksync", arguments=()) as server:
            with start_debian(sandbox, directory) as debian:
                pairs = measure_pgbench(server, debian)
            print(pairs, flush=True)
            seconds, searches = measure_vectors(server, directory)
            print(seconds, searches, flush=True)
    (FOLDER / "postgres.md").write_text(format_report(starts, pairs, seconds, searches, machine=machine))


if __name__ == "__main__":
    main()
