"""Every address of the APIs is behind nginx's one, clients are who they are, and nginx's own errors are problems."""

import importlib
import json
import re
import socket
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from booksync_common.app import create_app
from booksync_testing.upstreams import Api, NameServer
from booksync_testing.waiting import wait_until

PREFIXES = {"auth": "/auth", "data": "/data", "prediction": "/predict"}
#: More than one API has them, so they are below the prefixes alone.
SHARED = {"/api/v1/me", "/api/v1/me/export", "/health", "/health/live", "/health/ready", "/metrics"}
#: What is not in the description of an API, and the guide and browsers ask for.
UNDESCRIBED = ("/docs", "/docs/swagger-ui.css", "/openapi.json")
SOME_ID = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"


#: For as long as a slow machine needs.
WAIT_SECONDS = 60


def paths_of(service: str) -> Iterator[str]:
    """Yield the paths of an API, filled in."""
    described = importlib.import_module(f"booksync_api_{service}.service").SERVICE
    app = create_app(described, described.settings())
    for path in app.openapi()["paths"]:
        yield re.sub(r"\{\w+\}", SOME_ID, path)


def ask(client: httpx.Client, path: str, method: str = "GET", **options: Any) -> dict[str, Any]:
    """Return what an API says that it was asked."""
    response = client.request(method, path, **options)
    assert response.status_code == 200, f"{path[:100]}: {response.text[:500]}"
    answer: dict[str, Any] = response.json()
    return answer


def check_problem(response: httpx.Response, status: int, code: str) -> None:
    """Ensure that an answer is a problem of nginx's own."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json()["status"], response.json()["code"]) == (status, code)
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert response.headers["cache-control"] == "no-store"


def test_nginx_finds_nothing_to_warn_of(command: list[str]) -> None:
    result = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "warn" not in result.stderr


@pytest.mark.parametrize("service", PREFIXES)
def test_every_path_of_an_api_is_behind_its_prefix(client: httpx.Client, service: str) -> None:
    for path in [*paths_of(service), *UNDESCRIBED]:
        if path != "/metrics":
            answer = ask(client, f"{PREFIXES[service]}{path}?a=b%2Fc")
            assert (answer["name"], answer["path"]) == (f"{service}-api", f"{path}?a=b%2Fc")


@pytest.mark.parametrize("service", PREFIXES)
def test_every_path_of_one_api_alone_is_where_the_api_has_it(client: httpx.Client, service: str) -> None:
    paths = [path for path in paths_of(service) if path not in SHARED]
    assert len(paths) > 10
    for path in paths:
        answer = ask(client, f"{path}?a=b")
        assert (answer["name"], answer["path"]) == (f"{service}-api", f"{path}?a=b")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/users", "auth-api"),
        (f"/users/{SOME_ID}", "auth-api"),
        ("/predict", "prediction-api"),
        (f"/predictions/{SOME_ID}", "prediction-api"),
    ],
)
def test_the_guides_short_paths_are_there(client: httpx.Client, path: str, name: str) -> None:
    answer = ask(client, path, "POST", json={})
    assert (answer["name"], answer["path"], answer["method"]) == (name, path, "POST")


def test_a_path_of_two_apis_is_of_neither(client: httpx.Client) -> None:
    for path in ("/api/v1/me", "/api/v1/me/export", "/", "/api/v1", "/usersome", "/.git/config"):
        check_problem(client.get(path), 404, "not_found")


def test_figures_stay_inside(client: httpx.Client) -> None:
    for path in ("/metrics", *(f"{prefix}/metrics" for prefix in PREFIXES.values())):
        check_problem(client.get(path), 404, "not_found")


def test_api_hears_who_asks_and_how(client: httpx.Client) -> None:
    lies = {"X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "http", "X-Request-ID": "mine", "Host": "booksync.home"}
    headers = ask(client, "/users", headers=lies)["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["host"] == "booksync.home"
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])


def test_what_an_api_answers_is_left_alone(client: httpx.Client) -> None:
    for status in (401, 404, 409, 422, 503):
        response = client.get("/users", headers={"X-Wanted-Status": str(status)})
        assert response.status_code == status
        assert response.json()["name"] == "auth-api"
        assert response.headers["strict-transport-security"] == "max-age=31536000"


def test_address_of_five_hundred_ids_is_passed_on(client: httpx.Client) -> None:
    answer = ask(client, f"/api/v1/volume-extra?ids={','.join([SOME_ID] * 500)}")
    assert answer["path"].startswith("/api/v1/volume-extra")


class WithoutSlash(BaseHTTPRequestHandler):
    """Leads to the same address without its path's last slash, as the APIs do."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(307)
        self.send_header("Location", f"https://{self.headers['Host']}{self.path.replace('/?', '?')}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("length", [500 * len(f"{SOME_ID},"), 65_000], ids=["ids", "longest"])
def test_redirect_of_a_long_address_is_passed_on(client: httpx.Client, names: NameServer, length: int) -> None:
    query = f"?ids={length * 'x'}"
    home = names.addresses["data-api"]
    names.addresses["data-api"] = "127.0.1.98"
    with ThreadingHTTPServer(("127.0.1.98", 8001), WithoutSlash) as server:
        Thread(target=server.serve_forever).start()
        try:
            wait_for_status(client, "/data/health", 307)
            response = client.get(f"/api/v1/volume-extra/{query}")
        finally:
            server.shutdown()
            names.addresses["data-api"] = home
    wait_for_status(client, "/data/health", 200)
    assert response.status_code == 307, response.text[:500]
    assert response.headers["location"] == f"https://127.0.0.1:8443/api/v1/volume-extra{query}"


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [(b"/" + 70_000 * b"x", 414, "uri_too_long"), (b"nowhere", 400, "bad_request")],
    ids=["long", "none"],
)
def test_what_is_no_address_is_a_problem(
    log: Path, trust: ssl.SSLContext, target: bytes, status: int, code: str
) -> None:
    assert log.exists()
    with (
        socket.create_connection(("127.0.0.1", 8443), timeout=WAIT_SECONDS) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert (json.loads(body)["status"], json.loads(body)["code"]) == (status, code)


def test_bodies_have_a_limit_but_imports(client: httpx.Client) -> None:
    large = bytes(9 * 1024 * 1024)
    check_problem(client.put("/api/v1/volume-extra/x", content=large), 413, "body_too_large")
    for path in ("/api/v1/volume-extra/import", "/data/api/v1/volume-extra/import"):
        answer = ask(client, path, "POST", content=large)
        assert (answer["path"], answer["bytes"]) == ("/api/v1/volume-extra/import", len(large))


def test_an_import_is_passed_on_as_it_comes(client: httpx.Client, apis: dict[str, Api]) -> None:
    """The API hears of it before its end has been sent."""
    api = apis["data-api"]
    api.is_asked.clear()

    def pieces() -> Iterator[bytes]:
        yield bytes(1024)
        assert api.is_asked.wait(60)
        yield bytes(1024)

    answer = ask(client, "/api/v1/volume-extra/import", "POST", content=pieces())
    assert answer["bytes"] == 2048


def test_an_api_that_is_away_is_a_problem_of_its_own_alone(client: httpx.Client, names: NameServer) -> None:
    home = names.addresses["data-api"]
    names.addresses["data-api"] = "127.0.1.99"
    try:
        wait_for_status(client, "/data/health", 502)
        response = client.get("/api/v1/volume-extra")
        check_problem(response, 502, "service_unavailable")
        assert response.headers["retry-after"] == "5"
        assert ask(client, "/users")["name"] == "auth-api"
    finally:
        # a container that was made anew has another address
        names.addresses["data-api"] = home
    wait_for_status(client, "/data/health", 200)


def wait_for_status(client: httpx.Client, path: str, status: int) -> None:
    """Ask until the answer has a status."""
    wait_until(lambda: client.get(path).status_code == status, what=f"{status} from {path}", seconds=WAIT_SECONDS)


def test_five_hundred_requests_of_twenty_are_answered(client: httpx.Client) -> None:
    with ThreadPoolExecutor(20) as pool:
        statuses = Counter(pool.map(lambda _: client.get("/users").status_code, range(500)))
    assert statuses == {200: 500}


def test_a_client_that_takes_every_connection_is_turned_away(
    client: httpx.Client, trust: ssl.SSLContext, apis: dict[str, Api]
) -> None:
    is_open = apis["data-api"].is_open
    limits = httpx.Limits(max_connections=80)
    with (
        httpx.Client(base_url=client.base_url, verify=trust, trust_env=False, timeout=60, limits=limits) as many,
        ThreadPoolExecutor(70) as pool,
    ):
        is_open.clear()
        try:
            answers = [pool.submit(many.get, "/data/health") for _ in range(70)]
            wait_until(
                lambda: sum(answer.done() for answer in answers) >= 6, what="six are answered", seconds=WAIT_SECONDS
            )
        finally:
            is_open.set()
        responses = [answer.result() for answer in answers]
    refused = [response for response in responses if response.status_code != 200]
    assert 6 <= len(refused) <= 10
    for response in refused:
        check_problem(response, 429, "rate_limited")
        assert response.headers["retry-after"] == "1"


def test_redirect_names_no_port_of_the_container(client: httpx.Client) -> None:
    response = client.get("/auth")
    assert (response.status_code, response.headers["location"]) == (301, "/auth/")


def test_plain_http_leads_to_tls() -> None:
    response = httpx.get("http://127.0.0.1:8080/users?a=b", trust_env=False)
    assert response.status_code == 308
    assert response.headers["location"] == "https://127.0.0.1/users?a=b"


def test_log_has_no_query(client: httpx.Client, log: Path) -> None:
    ask(client, "/users?q=what-is-personal")
    wait_until(lambda: '"path":"/users"' in log.read_text(), what="the request is in the log", seconds=WAIT_SECONDS)
    assert "what-is-personal" not in log.read_text()
