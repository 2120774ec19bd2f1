"""The manifests are what Kubernetes' schemas know, their pods are restricted, and those talk who are meant to."""

import importlib
import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from booksync_common.app import create_app
from booksync_common.program import DRAIN
from booksync_common.secret_files import is_secret
from booksync_testing.compose import DEPLOY

VERSION = "1.37"
TARGETS = ("base", "examples/one-node")
APIS = {"auth": 8000, "data": 8001, "prediction": 8002}
#: Who talks to whom, inside.
TALKS = {
    ("data-api", "auth-api", 8000),
    ("prediction-api", "auth-api", 8000),
    *((f"{name}-{kind}", "postgres", 5432) for name in APIS for kind in ("api", "migration")),
}

Manifest = dict[str, Any]


def kustomize(folder: Path) -> list[Manifest]:
    """Build what a folder describes."""
    command = [*json.loads(os.environ["BOOKSYNC_KUBECTL"]), "kustomize", str(folder.resolve())]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return list(yaml.safe_load_all(result.stdout))


@cache
def build(target: str) -> list[Manifest]:
    """Return the objects of a kustomization."""
    return kustomize(DEPLOY / "kubernetes" / target)


def pods_of(target: str) -> dict[str, Manifest]:
    """Return the template of each workload's pods by the workload's name."""
    return {
        item["metadata"]["name"]: item["spec"]["template"]
        for item in build(target)
        if "template" in item.get("spec", {})
    }


@cache
def migrations() -> list[Manifest]:
    """Return the specs of jobs."""
    return [item["spec"] for item in build("base") if item["kind"] == "Job"]


def test_migrations_wait_for_a_database_that_is_away_for_a_day() -> None:
    # seconds between restarts of a pod's container: kubelet doubles them from ten to three hundred
    assert len(migrations()) == len(APIS)
    for job in migrations():
        assert job["template"]["spec"]["restartPolicy"] == "OnFailure"
        assert "activeDeadlineSeconds" not in job
        tried = sum(min(10 * 2**number, 300) for number in range(job["backoffLimit"]))
        assert tried > 24 * 3600


def test_a_folder_of_ones_own_changes_settings_as_the_readme_says(tmp_path: Path) -> None:
    source = DEPLOY / "kubernetes"
    for path in filter(Path.is_file, source.rglob("*")):
        copy = tmp_path / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)  # not as the source's are, which may be read-only
        shutil.copyfile(path, copy)
    own = tmp_path / "examples" / "one-node"
    (line,) = re.findall(r"`(configMapGenerator: .*)`", (source / "README.md").read_text(encoding="utf-8"))
    with (own / "kustomization.yaml").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    (settings,) = (item["data"] for item in kustomize(own) if item["kind"] == "ConfigMap" and "DEBUG" in item["data"])
    assert (settings["DATABASE_HOST"], settings["ENVIRONMENT"]) == ("db.example", "production")


@pytest.mark.parametrize("target", TARGETS)
def test_schemas_know_every_object(target: str) -> None:
    for item in build(target):
        # raises with the place; strict: no field that there is not
        kubernetes_validate.validate(item, VERSION, strict=True)
        if item["kind"] != "Namespace":
            assert item["metadata"]["namespace"] == "booksync"


def test_schemas_notice_a_field_that_there_is_not() -> None:
    item = next(item for item in build("base") if item["kind"] == "Deployment")
    wrong = json.loads(json.dumps(item).replace("readinessProbe", "readynessProbe"))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("name", ["auth-api", "prediction-migration", "postgres"])
def test_all_is_there(name: str) -> None:
    assert name in pods_of("examples/one-node")
    assert (name in pods_of("base")) == (name != "postgres")


def test_pods_are_restricted() -> None:
    """What the Pod Security Standards call so, and a read-only root."""
    pods = pods_of("examples/one-node")
    assert len(pods) == 7
    for name, template in pods.items():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == (999 if name == "postgres" else 65532)
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {"hostNetwork", "hostPID", "hostIPC", "initContainers"}.isdisjoint(spec)
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]
        assert all(volume.keys() <= {"name", "emptyDir", "secret"} for volume in spec["volumes"])
    (namespace,) = [item for item in build("base") if item["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("service", APIS)
def test_probes_ask_what_is_there(service: str) -> None:
    described = importlib.import_module(f"booksync_api_{service}.service").SERVICE
    paths = create_app(described, described.settings.load()).openapi()["paths"]
    (container,) = pods_of("base")[f"{service}-api"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": APIS[service]}]
    asked = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    # a database that is away is no reason to be killed
    assert [get["path"] for get in asked] == ["/health/live", "/health/live", "/health/ready"]
    assert {get["path"] for get in asked} <= set(paths)
    assert {get["port"] for get in asked} == {"http"}


@pytest.mark.parametrize("service", APIS)
def test_a_pod_that_ends_serves_until_nobody_sends_to_it_and_is_not_killed(service: str) -> None:
    spec = pods_of("base")[f"{service}-api"]["spec"]
    (container,) = spec["containers"]
    *words, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert words == ["busybox", "sleep"]
    # 30 is Kubernetes' own
    assert 5 <= int(seconds) < int(seconds) + DRAIN < spec.get("terminationGracePeriodSeconds", 30)


@pytest.mark.parametrize("service", APIS)
@pytest.mark.parametrize("kind", ["api", "migration"])
def test_variables_are_the_services_and_secrets_are_files(service: str, kind: str) -> None:
    spec = pods_of("base")[f"{service}-{kind}"]["spec"]
    (container,) = spec["containers"]
    fields = importlib.import_module(f"booksync_api_{service}.service").SERVICE.settings.model_fields
    known = {name.upper() for name in fields}
    secrets = {name.upper() for name, field in fields.items() if is_secret(field.annotation)}
    variables = {item["name"]: item["value"] for item in container["env"]}
    assert variables.pop("DATABASE_URL") == (
        f"postgresql+asyncpg://booksync_{service}@$(DATABASE_HOST):5432/$(DATABASE_NAME)"
    )
    assert variables.keys() == {f"{name}_FILE" for name in secrets - {"DATABASE_URL"}}
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "secrets"]
    mounted = {f"/run/secrets/{item['path']}" for item in volume["secret"]["items"]}
    assert mounted == set(variables.values())
    (common,) = [item["data"] for item in build("base") if item["kind"] == "ConfigMap"]
    assert common.keys() - known <= {"DATABASE_HOST", "DATABASE_NAME", "AUTH_API_URL"}
    assert (common["ENVIRONMENT"], common["AUTO_MIGRATE"]) == ("production", "false")


@pytest.mark.parametrize("service", APIS)
def test_migration_is_the_services_own(service: str) -> None:
    (job,) = pods_of("base")[f"{service}-migration"]["spec"]["containers"]
    (api,) = pods_of("base")[f"{service}-api"]["spec"]["containers"]
    assert job["args"] == ["migrate"]
    assert job["image"] == api["image"]


def selects(selector: Manifest, labels: Manifest) -> bool:
    """Tell whether a label selector takes labels; of expressions, In alone."""
    equal = all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
    return equal and all(
        labels.get(item["key"]) in item["values"] and item["operator"] == "In"
        for item in selector.get("matchExpressions", [])
    )


def is_allowed(rule: Manifest, port: int, *, peers: str, other: Manifest) -> bool:
    """Tell whether a rule lets a connection with a pod of the same namespace be.

    :param peers: the rule's key that names the other side.
    """
    names = {"http": set(APIS.values()), "postgres": {5432}}
    ports = set().union(*(names.get(item["port"], {item["port"]}) for item in rule.get("ports", [])))
    if ports and port not in ports:
        return False
    labels = other["metadata"]["labels"]
    return peers not in rule or any(
        "ipBlock" not in side and selects(side.get("podSelector", {}), labels) for side in rule[peers]
    )


def may(direction: str, pod: Manifest, other: Manifest, port: int) -> bool:
    """Tell whether the policies that select a pod let it talk to, or hear from, another."""
    policies = [item["spec"] for item in build("examples/one-node") if item["kind"] == "NetworkPolicy"]
    chosen = [
        policy
        for policy in policies
        if direction in policy["policyTypes"] and selects(policy["podSelector"], pod["metadata"]["labels"])
    ]
    assert chosen, "everything is allowed where no policy is"
    rules = [rule for policy in chosen for rule in policy.get(direction.lower(), [])]
    peers = {"Egress": "to", "Ingress": "from"}[direction]
    return any(is_allowed(rule, port, peers=peers, other=other) for rule in rules)


def test_who_may_talk_to_whom() -> None:
    pods = pods_of("examples/one-node")
    ports = {"postgres": 5432, **{f"{name}-api": port for name, port in APIS.items()}}
    found = {
        (source, target, port)
        for source, pod in pods.items()
        for target, port in ports.items()
        if source != target and may("Egress", pod, pods[target], port) and may("Ingress", pods[target], pod, port)
    }
    assert found == TALKS


def test_stranger_in_the_namespace_talks_to_nobody_and_hears_from_nobody() -> None:
    stranger: Manifest = {"metadata": {"labels": {"app.kubernetes.io/name": "stranger"}}}
    for pod in pods_of("examples/one-node").values():
        for port in (*APIS.values(), 5432):
            assert not may("Egress", stranger, pod, port)
            assert not may("Ingress", stranger, pod, port)
    assert not may("Ingress", pods_of("examples/one-node")["postgres"], stranger, 5432)


def test_ingress_knows_every_path_of_one_api_alone() -> None:
    (ingress,) = [item for item in build("examples/one-node") if item["kind"] == "Ingress"]
    (rule,) = ingress["spec"]["rules"]
    places = {item["path"]: item["backend"]["service"]["name"] for item in rule["http"]["paths"]}
    shared = {"/api/v1/me", "/api/v1/me/export"}
    for service in APIS:
        described = importlib.import_module(f"booksync_api_{service}.service").SERVICE
        for path in create_app(described, described.settings.load()).openapi()["paths"]:
            leads = {name for place, name in places.items() if path == place or path.startswith(f"{place}/")}
            expected = set() if path in shared or path.startswith(("/health", "/metrics")) else {f"{service}-api"}
            assert leads == expected, path
