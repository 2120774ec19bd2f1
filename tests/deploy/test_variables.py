"""Every variable that a service understands can be set in .env, .env.example has all of them, and says the defaults."""

import importlib
import re
from typing import Any

import pytest

from booksync_common.secret_files import is_secret
from booksync_common.settings import ServiceSettings
from booksync_testing.compose import DEPLOY, Compose

#: What the compose file says itself, the same for everybody.
GIVEN = {
    "DATABASE_URL",
    # inside of a container; what is published is the guide's
    "HOST",
    "PORT",
    # other names of ENVIRONMENT and DEBUG
    "APP_ENV",
    "APP_DEBUG",
    # a folder of the image
    "BOOKSYNC_MODELS",
}
SERVICES = ("auth", "data", "prediction")

#: A variable of .env.example, also one that is commented out.
EXAMPLE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
#: What compose puts a variable's value in the place of.
SUBSTITUTED = re.compile(r"\$\{([A-Z_]+)(?::?[-+]([^}]*))?\}")


def settings_of(service: str) -> type[ServiceSettings]:
    """Return the class of a service's settings."""
    kind: type[ServiceSettings] = importlib.import_module(f"booksync_api_{service}.service").SERVICE.settings
    return kind


def read_example() -> dict[str, str]:
    """Return the variables of .env.example, also those that are commented out."""
    return dict(EXAMPLE.findall((DEPLOY / ".env.example").read_text()))


def environment_of(compose: Compose, service: str, env_file: str = "") -> dict[str, Any]:
    """Return what production's compose file gives a service."""
    document = compose.read("compose.prod.yaml", env_file=env_file)
    environment: dict[str, Any] = document["services"][f"{service}-api"]["environment"]
    return environment


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_reaches_its_service(compose: Compose, service: str) -> None:
    fields = settings_of(service).model_fields
    wanted = {f"{name.upper()}_FILE" if is_secret(field.annotation) else name.upper() for name, field in fields.items()}
    wanted -= GIVEN | {"DATABASE_URL_FILE"}
    passed = environment_of(compose, service).keys() - GIVEN
    # of uvicorn and of the engine
    foreign = {"FORWARDED_ALLOW_IPS", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"}
    assert passed - foreign == wanted


def test_example_has_every_variable_and_no_other(compose: Compose) -> None:
    text = (DEPLOY / "compose.prod.yaml").read_text()
    asked = {name for name, _ in SUBSTITUTED.findall(text)}
    for service in SERVICES:
        asked |= {name for name, value in environment_of(compose, service).items() if value is None}
    # compose itself reads the last one
    assert read_example().keys() == asked | {"COMPOSE_PROFILES"}


def test_example_sets_what_it_shows(compose: Compose) -> None:
    """Take the comments away, and nothing changes but what was not said before."""
    text = (DEPLOY / ".env.example").read_text()
    shown = re.sub(r"^#([A-Z][A-Z0-9_]*=)", r"\1", text, flags=re.MULTILINE)
    plain = compose.read("compose.prod.yaml", env_file=text)
    said = compose.read("compose.prod.yaml", env_file=shown)
    for service in plain["services"].values():
        service.pop("environment")
    for service in said["services"].values():
        service.pop("environment")
    assert said == plain


@pytest.mark.parametrize("service", SERVICES)
def test_defaults_that_the_example_shows_are_the_services(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    kind = settings_of(service)
    example = read_example()
    shown = {name: value for name, value in example.items() if name.lower() in kind.model_fields}
    del shown["ENVIRONMENT"], shown["DEBUG"]
    assert shown
    default = kind.load()
    for name, value in shown.items():
        monkeypatch.setenv(name, value)
    assert kind.load() == default


@pytest.mark.parametrize("service", SERVICES)
def test_a_value_of_the_env_file_arrives(compose: Compose, service: str) -> None:
    assert environment_of(compose, service, "DATABASE_POOL_SIZE=7\n")["DATABASE_POOL_SIZE"] == "7"


@pytest.mark.parametrize("service", SERVICES)
def test_production_is_what_it_says(compose: Compose, service: str) -> None:
    environment = environment_of(compose, service, (DEPLOY / ".env.example").read_text())
    assert (environment["ENVIRONMENT"], environment["DEBUG"]) == ("production", "false")
    assert environment_of(compose, service)["ENVIRONMENT"] == "production"
