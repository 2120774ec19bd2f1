"""An API image serves health, readiness and documentation over HTTP, against a database of our own image.

The container runs as its unprivileged user on a read-only root, with the environment of the guide's `docker run`.
"""

import http.server
import signal
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from booksync_testing.certificate import CERTIFICATE, KEY
from booksync_testing.layout import Json
from booksync_testing.postgres import Server
from booksync_testing.sandbox import Bind, Process, Sandbox
from booksync_testing.web import LOOPBACK, ask, free_port, wait_for_status

START_SECONDS = 30
STOP_SECONDS = 5

# what Docker reports for a process that ended by itself, and for one that SIGTERM ended after it had drained
ORDERLY_CODES = (0, 128 + signal.SIGTERM)

CERTIFICATE_AUTHORITIES = 100  # there are about 140


def test_health(api: Process, port: int, service: str) -> None:
    answer = ask(api, port, "/health")
    body: Json = answer.json()
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert body["status"] == "ok"
    assert service in body["service"]
    assert body["version"]


def test_live(api: Process, port: int) -> None:
    assert ask(api, port, "/health/live").status == 200


def test_ready_names_what_it_depends_on(api: Process, port: int) -> None:
    answer = ask(api, port, "/health/ready")
    checks: Json = answer.json()["checks"]
    assert answer.status == 200
    assert {"database", "migrations"} <= checks.keys()


def test_docs(api: Process, port: int) -> None:
    answer = ask(api, port, "/docs")
    assert (answer.status, answer.content_type) == (200, "text/html")
    assert b"swagger-ui" in answer.body


def test_unknown_path_is_a_problem(api: Process, port: int) -> None:
    answer = ask(api, port, "/no-such-path")
    assert (answer.status, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HOST": "0.0.0.0"},  # noqa: S104 - where it asks, not where it listens
        {"http_proxy": "http://127.0.0.1:9"},  # as engines name it to every container
    ],
    ids=str,
)
def test_healthcheck_succeeds(
    api: Process, sandbox: Sandbox, environment: dict[str, str], variables: dict[str, str]
) -> None:
    assert api.poll() is None
    result = sandbox.run(*sandbox.healthcheck, entrypoint=False, environment=environment | variables)
    assert result.code == 0, result.output


def test_healthcheck_asks_where_the_api_listens(sandbox: Sandbox, environment: dict[str, str]) -> None:
    variables = environment | {"PORT": str(free_port()), "HOST": "127.0.0.2"}
    with sandbox.start(environment=variables) as process:
        deadline = time.monotonic() + sandbox.seconds(START_SECONDS)
        while sandbox.run(*sandbox.healthcheck, entrypoint=False, environment=variables).code:
            assert process.poll() is None, process.log()
            assert time.monotonic() < deadline, process.log()


def test_tables_are_in_the_schema_of_the_service(api: Process, database: Server, service: str) -> None:
    assert api.poll() is None
    owned = f"SELECT DISTINCT schemaname FROM pg_tables WHERE tableowner = 'booksync_{service}'"
    assert database.query(owned, database="booksync") == service


def test_sigterm_ends_it_within_seconds(own_api: Process) -> None:
    own_api.signal(signal.SIGTERM)
    assert own_api.wait(STOP_SECONDS) in ORDERLY_CODES, own_api.log()


def test_uvicorn_of_the_guide_listens_on_host_and_port(
    sandbox: Sandbox, environment: dict[str, str], service: str
) -> None:
    port = free_port()
    variables = environment | {"PORT": str(port)}
    with sandbox.start("uvicorn", f"booksync_api_{service}.main:app", environment=variables) as process:
        wait_for_status(process, port, "/docs", status=200, timeout=START_SECONDS)
        assert ask(process, port, "/health").status == 200
        process.signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) in ORDERLY_CODES, process.log()


def test_without_a_database_it_is_alive_and_not_ready(sandbox: Sandbox, environment: dict[str, str]) -> None:
    port = free_port()
    nowhere = f"postgresql+asyncpg://nobody:nothing@{LOOPBACK}:{free_port()}/booksync"
    variables = environment | {"PORT": str(port), "DATABASE_URL": nowhere}
    with sandbox.start(environment=variables) as process:
        wait_for_status(process, port, "/health", status=200, timeout=START_SECONDS)
        assert ask(process, port, "/health/live").status == 200
        assert ask(process, port, "/health/ready").status == 503
        process.signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) in ORDERLY_CODES, process.log()


def run_python(sandbox: Sandbox, script: str) -> str:
    """Run a script on the image's CPython and return what it printed; its failure is the test's."""
    with sandbox.start("python3.12", "-c", script, entrypoint=False) as process:
        if process.wait(START_SECONDS) != 0:
            raise process.error("failed")
        return process.log()


def test_python_trusts_the_certificate_authorities_of_the_image(sandbox: Sandbox) -> None:
    script = "import ssl; print(ssl.create_default_context().cert_store_stats()['x509_ca'])"
    assert int(run_python(sandbox, script)) > CERTIFICATE_AUTHORITIES


@pytest.fixture
def tls_port() -> Iterator[int]:
    """Serve TLS on the loopback with a certificate that is its own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of clients that do not trust us."""

    server = Server((LOOPBACK, 0), Handler)
    # the handshake is the handler's thread's, so that one client does not hold up the next
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


HANDSHAKE = """
import http.client, ssl
connection = http.client.HTTPSConnection("127.0.0.1", {port}, timeout=60, context=ssl.create_default_context())
try:
    connection.request("GET", "/")
    print(connection.getresponse().status)
except ssl.SSLCertVerificationError as error:
    print(error.verify_message)
"""


def test_tls_to_a_server_of_an_unknown_authority_is_refused(sandbox: Sandbox, tls_port: int) -> None:
    assert "self-signed certificate" in run_python(sandbox, HANDSHAKE.format(port=tls_port))


def test_tls_to_a_server_of_an_authority_of_the_operators(sandbox: Sandbox, tls_port: int) -> None:
    place = "/tmp/authority.pem"
    with sandbox.start(
        *("python3.12", "-c", HANDSHAKE.format(port=tls_port)),
        entrypoint=False,
        environment={"SSL_CERT_FILE": place},
        binds=[Bind(CERTIFICATE, place)],
    ) as process:
        assert process.wait(START_SECONDS) == 0, process.log()
        assert process.log() == "204\n"


def test_python_finds_time_zones(sandbox: Sandbox) -> None:
    script = "import datetime, zoneinfo; print(datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Paris')))"
    assert run_python(sandbox, script) == "2026-07-01 00:00:00+02:00\n"


def test_scanners_find_the_python_packages(sandbox: Sandbox, service: str) -> None:
    script = "import importlib.metadata as m; print(*(d.name.lower() for d in m.distributions()))"
    found = run_python(sandbox, script).split()
    assert {"fastapi", "uvicorn", "sqlalchemy", "booksync-common", f"booksync-api-{service}"} <= set(found)
    assert len(found) == len(set(found))


def test_nothing_is_compiled_at_start(sandbox: Sandbox) -> None:
    # a module without its bytecode is compiled at every start, as the root is read-only
    script = "import fastapi, sqlalchemy, sys; print(sum(1 for m in sys.modules.values() if compiled(m)))"
    define = (
        "from importlib.machinery import SourceFileLoader as L\n"
        "import os\n"
        "def compiled(m):\n"
        "    spec = getattr(m, '__spec__', None)\n"
        "    return isinstance(getattr(spec, 'loader', None), L) and not os.path.exists(spec.cached)\n"
    )
    assert run_python(sandbox, define + script) == "0\n"
