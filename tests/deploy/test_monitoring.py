"""Alerts fire when they should, and alerts and dashboard ask for nothing but what the services' /metrics have."""

import importlib
import json
import os
import re
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from booksync_common.app import create_app
from booksync_testing.compose import DEPLOY, Compose

MONITORING = DEPLOY / "monitoring"
SERVICES = ("auth", "data", "prediction")

#: What Prometheus adds itself.
ITS_METRICS = {"up"}
ITS_LABELS = {"job", "instance"}
KEYWORDS = {"and", "or", "unless", "on", "by", "ignoring", "without", "bool"}

SELECTOR = re.compile(r"([a-zA-Z_:]\w*)?\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(by|on|ignoring|without)\s*\(([^)]*)\)")


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool beside the files."""
    command = [*json.loads(os.environ["BOOKSYNC_PROMTOOL"]), *arguments]
    return subprocess.run(command, cwd=MONITORING.resolve(), capture_output=True, text=True, check=False)


def expressions() -> Iterator[str]:
    """Yield every expression of the alerts and of the dashboard."""
    rules = promtool("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")
    assert rules.returncode == 0, rules.stderr
    for block in re.findall(r"^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)", read("alerts.yml"), re.MULTILINE):
        yield "".join(block)
    for panel in json.loads(read("dashboard.json"))["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def read(name: str) -> str:
    """Return a file of the folder."""
    return (MONITORING / name).read_text()


def metrics_of(expression: str) -> set[str]:
    """Return the names of metrics in an expression."""
    text = re.sub(r'"[^"]*"', "", expression)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", text)
    text = GROUPING.sub("", text)
    return set(re.findall(r"[a-zA-Z_:][\w:]*(?!\w)(?!\s*\()", text)) - KEYWORDS


def labels_of(expression: str) -> set[str]:
    """Return the names of labels in an expression."""
    found = {name for _, inside in SELECTOR.findall(expression) for name, _, _ in MATCHER.findall(inside)}
    return found | {name.strip() for _, names in GROUPING.findall(expression) for name in names.split(",")}


async def ask_metrics(service: str, *paths: str) -> list[Sample]:
    """Return what a service measures, after it has answered some requests as a service that is ready."""
    described = importlib.import_module(f"booksync_api_{service}.service").SERVICE
    app = create_app(described, described.settings.load())
    app.state.startup.is_ready = True
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        for path in ("/health/live", *paths):
            await client.post(path, json={})
        text = (await client.get("/metrics")).text
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"),
        ("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"),
        ("test", "rules", "alerts.test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_is_content(arguments: tuple[str, ...]) -> None:
    result = promtool(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_is_seen_to_fire() -> None:
    alerts = set(re.findall(r"^ +- alert: (\w+)$", read("alerts.yml"), re.MULTILINE))
    assert len(alerts) >= 10
    assert alerts == set(re.findall(r'alertname="(\w+)"', read("alerts.test.yml")))


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_asked_for_is_there(service: str) -> None:
    asked = [(metrics_of(expression), labels_of(expression)) for expression in expressions()]
    assert len(asked) >= 18
    samples: dict[str, set[str]] = {}
    for sample in await ask_metrics(service):
        samples.setdefault(sample.name, set()).update(sample.labels)
    for metrics, labels in asked:
        assert metrics <= samples.keys() | ITS_METRICS
        known = ITS_LABELS.union(*(samples.get(metric, set()) for metric in metrics))
        assert labels <= known, metrics


@pytest.mark.parametrize(
    ("service", "path"),
    [
        ("auth", "/api/v1/auth/login"),
        ("auth", "/api/v1/auth/token"),
        ("prediction", "/predict"),
        ("prediction", "/api/v1/predict"),
        ("data", "/health/ready"),
        ("data", "/api/v1/volume-extra/import"),
    ],
)
async def test_addresses_of_the_alerts_are_measured_under_those_names(service: str, path: str) -> None:
    selectors = [inside for expression in expressions() for _, inside in SELECTOR.findall(expression)]
    patterns = {value for inside in selectors for name, _, value in MATCHER.findall(inside) if name == "route"}
    routes = {sample.labels["route"] for sample in await ask_metrics(service, path) if "route" in sample.labels}
    (route,) = routes - {"/health/live"}
    assert any(re.fullmatch(pattern, route) for pattern in patterns), route


def test_targets_are_the_stacks(compose: Compose) -> None:
    services = compose.read("compose.prod.yaml")["services"]
    published = {f"{name}:{service['ports'][0]['target']}" for name, service in services.items() if "ports" in service}
    targets = re.findall(r'targets: \["([^"]+)"\]', read("prometheus.yml"))
    assert set(targets) == published
    assert re.findall(r"job_name: (\S+)", read("prometheus.yml")) == [target.partition(":")[0] for target in targets]


def test_memory_alerts_stand_below_the_limits(compose: Compose) -> None:
    services = compose.read("compose.prod.yaml")["services"]
    (expression,) = [text for text in expressions() if "process_resident_memory_bytes{" in text]
    factors = [float(a) * float(b) * 1024**2 for a, b in re.findall(r"> ([\d.]+) \* (\d+) \* 1024 \* 1024", expression)]
    limits = [int(services[name]["mem_limit"]) for name in ("auth-api", "prediction-api")]
    assert factors == [0.85 * limit for limit in limits]
