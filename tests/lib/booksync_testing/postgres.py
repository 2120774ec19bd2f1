"""Run the database image's server for a test: through its own entry point, as its own user, on a read-only root."""

import os
import shutil
import signal
import socket
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from booksync_testing.sandbox import Bind, Mount, Process, Result, Sandbox
from booksync_testing.web import LOOPBACK, free_port

DATA_DIRECTORY = "/var/lib/postgresql/data"
SOCKET_DIRECTORY = "/run/postgresql"
PROTOCOL_3_0 = 3 << 16

#: The image's own, for programs to read: rows as lines, columns separated by `|`.
PSQL = ("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1")

# for servers whose data nobody will miss
CARELESS = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL of the database image."""

    sandbox: Sandbox
    process: Process
    port: int
    sockets: Path  # the directory of its unix socket, on this side
    user: str
    password: str

    def query(self, sql: str, *, database: str = "postgres", timeout: float = 30) -> str:
        """Run SQL with the image's own psql over the unix socket, as `docker exec … psql` would.

        :param timeout: seconds on a native processor.
        :return: rows as lines, columns separated by `|`.
        :raises SandboxError: psql failed.
        """
        words = ["--host", SOCKET_DIRECTORY, "--port", str(self.port), "--username", self.user, "--dbname", database]
        with self.sandbox.start(
            *PSQL, *words, "--command", sql, entrypoint=False, binds=[Bind(self.sockets, SOCKET_DIRECTORY)]
        ) as process:
            if process.wait(timeout) != 0:
                raise process.error(f"failed: {sql}")
            return process.log().strip()

    def start_psql(
        self, *statements: str, user: str, password: str | None, database: str = "booksync", name: str = "psql"
    ) -> Process:
        """Start the image's own psql over TCP, where the server asks for a password.

        :param password: None: there is none to give.
        :param name: what it calls itself.
        """
        words = ["--host", LOOPBACK, "--port", str(self.port), "--username", user, "--dbname", database]
        words += ["--no-password", *(word for statement in statements for word in ("--command", statement))]
        variables = {"PGAPPNAME": name} | ({} if password is None else {"PGPASSWORD": password})
        return self.sandbox.start(*PSQL, *words, entrypoint=False, environment=variables)

    def run_psql(
        self, *statements: str, user: str, password: str | None, database: str = "booksync", timeout: float = 30
    ) -> Result:
        """Run SQL over TCP; the parameters are those of `start_psql`.

        :param timeout: seconds on a native processor.
        :return: how psql ended, also when it was not let in.
        """
        with self.start_psql(*statements, user=user, password=password, database=database) as process:
            code = process.wait(timeout)
            return Result(code=code, output=process.log())

    def socket_url(self, directory: str, *, database: str = "") -> str:
        """Return an asyncpg address over the unix socket.

        :param directory: where the reader has the socket's directory.
        """
        return f"postgresql+asyncpg://{self.user}@/{database}?{urlencode({'host': directory, 'port': self.port})}"

    def stop(self, *, timeout: float = 20) -> int:
        """Stop the server with the image's own signal.

        :param timeout: seconds on a native processor.
        :return: the exit code.
        """
        self.process.signal(signal.Signals[self.sandbox.image.runtime["StopSignal"]])
        return self.process.wait(timeout)


def is_accepting(port: int) -> bool:
    """Ask whether a server has begun to let clients in (PostgreSQL protocol, 53.2.1).

    A listening socket is not enough: while it recovers, the server answers with an error. Nor is its unix socket, on
    which the entry point's own short-lived server listens during the first initialisation.
    """
    parameters = b"user\0probe\0database\0postgres\0\0"
    message = struct.pack("!ii", 8 + len(parameters), PROTOCOL_3_0) + parameters
    try:
        with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
            connection.sendall(message)
            head = connection.recv(1)
            if head == b"E":
                # an unknown role is refused only by a server that accepts; 57P03 is cannot_connect_now
                return b"C57P03\0" not in connection.recv(4096)
            return head == b"R"
    except (ConnectionError, TimeoutError):
        return False


@contextmanager
def start_postgres(
    sandbox: Sandbox,
    *,
    data: Path | None = None,
    environment: Mapping[str, str] | None = None,
    binds: Sequence[Mount] = (),
    arguments: Sequence[str] = CARELESS,
    user: str = "postgres",
    password: str = "password",  # noqa: S107 - the guide's sample; the server is on the loopback of a test
    timeout: float = 60,
) -> Iterator[Server]:
    """Start a server and wait until it lets clients in.

    :param data: an empty or initialised data directory; a temporary one by default.
    :param binds: more, or instead of the data directory.
    :param arguments: of `postgres`.
    :param timeout: seconds on a native processor.
    """
    # a unix socket's address has at most 107 bytes: not below a test's own, long directory
    scratch = Path(tempfile.mkdtemp(prefix="pg-"))
    sockets = scratch / "s"
    sockets.mkdir()
    if data is None:
        data = scratch / "data"
        data.mkdir(mode=0o700)
    own = [Bind(data, DATA_DIRECTORY, "write"), Bind(sockets, SOCKET_DIRECTORY, "write")]
    replaced = {bind.target for bind in binds}
    port = free_port()
    try:
        with sandbox.start(
            "postgres",
            *("-c", f"port={port}", "-c", "listen_addresses=*"),
            *arguments,
            environment={"POSTGRES_USER": user, "POSTGRES_PASSWORD": password, **(environment or {})},
            binds=[*(bind for bind in own if bind.target not in replaced), *binds],
        ) as process:
            process.wait_until(lambda: is_accepting(port), what="PostgreSQL letting clients in", timeout=timeout)
            yield Server(sandbox=sandbox, process=process, port=port, sockets=sockets, user=user, password=password)
    finally:
        remove_tree(scratch)


def remove_tree(directory: Path) -> None:
    """Remove a directory with folders that nobody may read."""
    for folder, _, _ in os.walk(directory):
        Path(folder).chmod(0o700)
    shutil.rmtree(directory)
