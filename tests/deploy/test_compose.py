"""The compose files are what compose understands, with the guide's names; production's containers may do little."""

import re
from pathlib import Path
from typing import Any

import pytest

from booksync_testing.compose import DEPLOY, Compose

NAMES = {
    "postgres": "booksync-postgres",
    "auth-api": "booksync_auth_api",
    "data-api": "booksync-api-data",
    "prediction-api": "booksync-api-prediction",
}
APIS = {"auth-api": 8000, "data-api": 8001, "prediction-api": 8002}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - the guide's, as families reach it from other machines
FILES = ("compose.yaml", "compose.prod.yaml")
DIGEST = "registry.example:5000/family/booksync-api-auth@sha256:" + 64 * "a"


def read_production(compose: Compose, env_file: str = "") -> dict[str, Any]:
    """Return production's services, nginx among them."""
    services: dict[str, Any] = compose.read("compose.prod.yaml", env_file=env_file, profiles="nginx")["services"]
    return services


@pytest.mark.parametrize("file", FILES)
def test_names_are_the_guides(compose: Compose, file: str) -> None:
    document = compose.read(file)
    assert {name: service["container_name"] for name, service in document["services"].items()} == NAMES
    assert document["networks"]["booksync-network"]["name"] == "booksync-network"
    assert document["volumes"]["booksync_pgdata"]["name"] == "booksync_pgdata"
    (volume,) = document["services"]["postgres"]["volumes"]
    assert (volume["source"], volume["target"]) == ("booksync_pgdata", "/var/lib/postgresql/data")


@pytest.mark.parametrize("file", FILES)
def test_images_are_those_of_load(compose: Compose, file: str) -> None:
    images = {name: service["image"] for name, service in compose.read(file)["services"].items()}
    assert images == {
        "postgres": "booksync-postgres:latest",
        "auth-api": "booksync-api-auth:latest",
        "data-api": "booksync-api-data:latest",
        "prediction-api": "booksync-api-prediction:latest-onnx",
    }


@pytest.mark.parametrize("file", FILES)
def test_an_image_may_be_named_by_digest(compose: Compose, file: str) -> None:
    assert compose.read(file, env_file=f"AUTH_IMAGE={DIGEST}\n")["services"]["auth-api"]["image"] == DIGEST


@pytest.mark.parametrize("env_file", ["", f"AUTH_IMAGE={DIGEST}\nDEBUG=false\n"])
def test_root_is_deploys_development(tmp_path: Path, env_file: str) -> None:
    """Names, volumes, and what deploy/.env says."""
    folders = [tmp_path / name for name in ("deploy", "root")]
    for folder in folders:
        folder.mkdir()
    here, root = (Compose(folder) for folder in folders)
    document = here.read("compose.yaml", env_file=env_file)
    # what is said once for several services is not included under its own name
    assert root.read_root(env_file=env_file) == {name: part for name, part in document.items() if name[:2] != "x-"}


@pytest.mark.parametrize("name", NAMES)
def test_engine_is_as_patient_as_the_script(compose: Compose, name: str) -> None:
    """No failed check counts before deploy.sh itself gives up."""
    patience = re.search(r"HEALTHY_SECONDS:-(\d+)", (DEPLOY / "scripts/stack.sh").read_text())
    assert patience
    period = re.fullmatch(r"(?:(\d+)m)?(\d+)s", read_production(compose)[name]["healthcheck"]["start_period"])
    assert period
    minutes, seconds = (int(part or 0) for part in period.groups())
    assert minutes * 60 + seconds >= int(patience[1])


@pytest.mark.parametrize("file", FILES)
def test_services_wait_for_a_healthy_database(compose: Compose, file: str) -> None:
    services = compose.read(file)["services"]
    assert "pg_isready" in services["postgres"]["healthcheck"]["test"][1]
    for name in APIS:
        assert services[name]["depends_on"]["postgres"]["condition"] == "service_healthy"


@pytest.mark.parametrize(("file", "address"), [("compose.yaml", "127.0.0.1"), ("compose.prod.yaml", EVERYWHERE)])
def test_ports_are_the_guides(compose: Compose, file: str, address: str) -> None:
    services = compose.read(file)["services"]
    for name, number in APIS.items():
        (port,) = services[name]["ports"]
        assert (port["host_ip"], port["published"], port["target"]) == (address, str(number), number)


def test_production_does_not_publish_the_database(compose: Compose) -> None:
    services = read_production(compose)
    assert "ports" not in services["postgres"]
    services = read_production(compose, "API_ADDRESS=127.0.0.1\n")
    assert {services[name]["ports"][0]["host_ip"] for name in APIS} == {"127.0.0.1"}


@pytest.mark.parametrize("name", [*NAMES, "nginx"])
def test_container_of_production_may_do_little(compose: Compose, name: str) -> None:
    service = read_production(compose)[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert any(mount.startswith("/tmp:size=") for mount in service["tmpfs"])
    assert int(service["mem_limit"]) >= 64 * 1024 * 1024
    assert service["pids_limit"] == 256
    assert service["restart"] == "always"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_small_machine_has_room_for_all(compose: Compose) -> None:
    limits = [int(service["mem_limit"]) for service in read_production(compose).values()]
    assert sum(limits) <= 3.5 * 1024**3  # a Raspberry Pi with 4 GB


def test_secrets_of_production_are_files_alone(compose: Compose) -> None:
    secret = re.compile(r"PASSWORD|SECRET|KEY")
    for name, service in read_production(compose).items():
        variables = service.get("environment", {})
        named = {value for variable, value in variables.items() if variable.endswith("_FILE")}
        # a choice about passwords, not one
        plain = {variable for variable in variables if secret.search(variable) and not variable.endswith("_FILE")}
        assert plain <= {"MANGACOLLEC_STORE_PASSWORD"}
        mounted = {f"/run/secrets/{Path(item['target']).name}" for item in service.get("secrets", [])}
        assert named == mounted, name
        assert "@" not in variables.get("DATABASE_URL", "").partition("://")[2].partition("@")[2]
        assert ":" not in variables.get("DATABASE_URL", "").partition("://")[2].partition("@")[0]


def test_a_service_gets_its_own_roles_password(compose: Compose) -> None:
    services = read_production(compose)
    for name in APIS:
        short = name.removesuffix("-api")
        sources = {item["source"] for item in services[name]["secrets"] if item["source"].startswith("db_")}
        assert sources == {f"db_{short}_password"}


def test_secrets_are_those_that_the_script_makes(compose: Compose) -> None:
    made = set(re.findall(r"^(\w+) +\$\w+ \$\w+ \d+$", (DEPLOY / "scripts/secrets.sh").read_text(), re.MULTILINE))
    files = {Path(item["file"]).name for item in compose.read("compose.prod.yaml")["secrets"].values()}
    assert files == made


def test_nginx_alone_may_say_whom_a_request_comes_from(compose: Compose) -> None:
    document = compose.read("compose.prod.yaml", env_file="NETWORK=10.20.30\n", profiles="nginx")
    services = document["services"]
    address = services["nginx"]["networks"]["booksync-network"]["ipv4_address"]
    assert {services[name]["environment"]["FORWARDED_ALLOW_IPS"] for name in APIS} == {address} == {"10.20.30.2"}
    (pool,) = document["networks"]["booksync-network"]["ipam"]["config"]
    # nobody else is given it
    assert pool == {"subnet": "10.20.30.0/24", "ip_range": "10.20.30.128/25"}


def test_gpu_is_a_matter_of_the_env_file(compose: Compose) -> None:
    chosen = "PREDICTION_IMAGE=booksync-api-prediction:latest\nDEVICE=cuda\nPREDICTION_RUNTIME=nvidia\n"
    service = read_production(compose, chosen)["prediction-api"]
    assert (service["image"], service["runtime"]) == ("booksync-api-prediction:latest", "nvidia")
    assert service["environment"]["DEVICE"] == "cuda"
    assert "runtime" not in read_production(compose)["prediction-api"]
