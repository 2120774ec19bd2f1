"""The config tells a container runtime what the contract promises: user, command, port, signal, health."""

import re

from booksync_testing.contract import RELEASE_VARIABLES, Expected
from booksync_testing.layout import Image, Json

SECOND = 1_000_000_000  # ns, as Docker's healthcheck has them

KEYS = {
    "User",
    "WorkingDir",
    "Entrypoint",
    "Cmd",
    "Env",
    "ExposedPorts",
    "StopSignal",
    "Healthcheck",
    "Labels",
}


def test_config_says_only_what_the_specification_and_docker_define(image: Image) -> None:
    assert image.runtime.keys() - {"Volumes"} == KEYS


def test_user_is_numeric_and_unprivileged(image: Image, expected: Expected) -> None:
    # numeric, so that Kubernetes can verify runAsNonRoot
    assert image.runtime["User"] == f"{expected.uid}:{expected.uid}"


def test_entrypoint_and_command(image: Image, expected: Expected) -> None:
    assert image.runtime["Entrypoint"] == [expected.entrypoint]
    assert image.runtime["Cmd"] == list(expected.command)


def test_port_is_exposed(image: Image, expected: Expected) -> None:
    assert image.runtime["ExposedPorts"] == {f"{expected.port}/tcp": {}}


def test_stop_signal(image: Image, expected: Expected) -> None:
    assert image.runtime["StopSignal"] == expected.stop_signal


def test_environment_has_the_promised_variables(image: Image, expected: Expected) -> None:
    promised = RELEASE_VARIABLES | expected.variables
    assert {name: image.environment.get(name) for name in promised} == promised
    assert len(image.environment) == len(image.runtime["Env"]), "a variable is set twice"
    assert re.match(r"/usr/local/bin:(/[^:]+:)*/usr/bin(:|$)", image.environment["PATH"])


def test_healthcheck_is_complete(image: Image) -> None:
    healthcheck: Json = image.runtime["Healthcheck"]
    assert healthcheck.keys() == {"Test", "Interval", "StartInterval", "Timeout", "StartPeriod", "Retries"}
    assert healthcheck["Test"][0] in ("CMD", "CMD-SHELL")
    assert SECOND <= healthcheck["Timeout"] < healthcheck["Interval"] <= 60 * SECOND
    assert SECOND <= healthcheck["StartInterval"] <= healthcheck["Interval"]
    assert healthcheck["Retries"] >= 1


def test_no_path_of_the_builder_is_named(image: Image) -> None:
    for blob in (image.descriptor, image.config_descriptor):
        content = image.layout.blob(blob.digest).read_bytes()
        assert b"/nix" not in content
        assert b"/build" not in content
