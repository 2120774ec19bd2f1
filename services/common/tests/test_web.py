"""Around every answer: security headers, documentation that works under them, figures, and a line in the log."""

import base64
import hashlib
import logging
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from booksync_api_sample.service import SERVICE, SampleSettings
from booksync_service_testing.serving import Serving, serve


@pytest_asyncio.fixture(scope="module")
async def serving() -> AsyncIterator[Serving]:
    """Serve the sample without a database: what is asked for here must not need one."""
    async with serve(SERVICE, SampleSettings.load()) as running:
        yield running


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/openapi.json", "/metrics", "/docs"])
async def test_security_headers(serving: Serving, path: str) -> None:
    headers = (await serving.client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers


async def test_policy_allows_what_the_documentation_has_in_it(serving: Serving) -> None:
    answer = await serving.client.get("/docs")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    scripts = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy["script-src"]
    assert "unsafe" not in policy["script-src"]
    assert {name: policy[name] for name in ("default-src", "connect-src")} == {
        "default-src": "'none'",
        "connect-src": "'self'",
    }


async def test_documentation_is_dark_where_the_system_is(serving: Serving) -> None:
    page = (await serving.client.get("/docs")).text
    (name,) = re.findall(r"classList\.toggle\(\"([^\"]+)\", dark\.matches\)", page)
    assert page.index("prefers-color-scheme: dark") < page.index("</head>")
    # a newer Swagger UI may call it otherwise
    assert f"html.{name} .swagger-ui" in (await serving.client.get("/docs/swagger-ui.css")).text


@pytest.mark.parametrize("root", ["", "/api/v1"])
async def test_documentation_needs_nothing_from_elsewhere(serving: Serving, root: str) -> None:
    page = await serving.client.get(f"{root}/docs")
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text) + re.findall(r"url: '([^']+)'", page.text)
    assert len(addresses) == 4
    assert not [address for address in addresses if "//" in address]
    for address in addresses:
        answer = await serving.client.get(str(page.url.join(address)))
        assert answer.status_code == 200, address
    scripts = [address for address in addresses if address.endswith(".js")]
    script = await serving.client.get(str(page.url.join(scripts[0])))
    assert script.headers["content-type"].startswith("text/javascript")
    assert "SwaggerUIBundle" in script.text


async def test_state_is_under_both_roots(serving: Serving) -> None:
    for path in ("/health", "/health/live", "/health/ready"):
        answer, other = await serving.client.get(path), await serving.client.get(f"/api/v1{path}")
        assert (answer.status_code, answer.json()["status"]) == (other.status_code, other.json()["status"])
    assert not [path for path in (await serving.client.get("/openapi.json")).json()["paths"] if path.startswith("/api")]


@pytest.mark.parametrize("name", ["redoc.standalone.js", "..%2Fcore.py", "nothing"])
async def test_documentation_gives_away_no_other_file(serving: Serving, name: str) -> None:
    answer = await serving.client.get(f"/docs/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_metrics_count_by_route_and_not_by_address(serving: Serving) -> None:
    await serving.client.post("/notes/11")
    await serving.client.get("/no-such-1")
    await serving.client.request("BREW", "/no-such-2")
    text = (await serving.client.get("/metrics")).text
    assert 'http_requests_total{method="POST",route="/notes/{number}",status="503"} 1.0' in text
    assert 'http_requests_total{method="GET",route="none",status="404"}' in text
    assert 'method="other"' in text
    assert "no-such" not in text
    assert "booksync_ready 1.0" in text
    assert "process_resident_memory_bytes" in text


async def test_access_log_has_no_query(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="booksync.access"):
        await serving.client.get("/nowhere?token=hunter2")
    (record,) = (record for record in caplog.records if record.name == "booksync.access")
    assert record.getMessage() == "GET /nowhere 404"


async def test_health_is_up_and_not_ready_without_a_database(serving: Serving) -> None:
    health = await serving.client.get("/health")
    ready = await serving.client.get("/health/ready")
    assert (health.status_code, ready.status_code) == (200, 503)
    assert health.json()["status"] == "degraded"
    assert health.json()["checks"]["database"] == {"status": "failing", "detail": "not configured"}
    assert (await serving.client.get("/health/live")).json()["status"] == "ok"


async def test_only_what_needs_the_database_says_that_it_is_missing(serving: Serving) -> None:
    answer = await serving.client.post("/notes/1")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_not_configured")
    body = {"username": "a", "password": "b"}
    assert (await serving.client.post("/login", json=body)).status_code == 200
