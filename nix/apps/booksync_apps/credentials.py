"""What Docker's credentials file says about a registry.

The file is `config.json` of $DOCKER_CONFIG, else of ~/.docker: `auths` has credentials themselves, `credHelpers`
and `credsStore` name a program that has them (docker-credential-NAME, protocol of docker-credential-helpers). oras
reads the same file by the same rules; this is for the few requests that are made beside it.
"""

import base64
import binascii
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

#: What a helper says instead of a user when the secret is an OAuth 2 refresh token.
USER_OF_TOKEN = "<token>"  # noqa: S105 - a user's name
HELPER_TIMEOUT_S = 30

#: Docker Hub's login stands under an address of old (oras-go, credentials.ServerAddressFromRegistry).
KEYS = dict.fromkeys(("docker.io", "registry-1.docker.io"), "https://index.docker.io/v1/")

#: What an entry of `auths` may have; `auth` is USER:PASSWORD in base64, and goes before the two.
ENTRY = ("username", "password", "auth", "identitytoken")


@dataclass(frozen=True)
class Credential:
    """A user's name and password, or a refresh token (called identity token by Docker)."""

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.user or self.identity_token)

    def basic(self) -> str:
        """Return the value of an Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def credentials_path(environment: Mapping[str, str]) -> Path:
    """Return where Docker's credentials file is, or would be."""
    if folder := environment.get("DOCKER_CONFIG"):
        return Path(folder, "config.json")
    return Path(environment.get("HOME") or "/", ".docker", "config.json")


@dataclass(frozen=True)
class CredentialsFile:
    """Docker's credentials file."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    def describe(self, registry: str) -> str:
        """Say whether the file has anything for a registry; never what it has."""
        key = KEYS.get(registry, registry)
        try:
            config = self._load()
            if config is None:
                return f"{self.path}, which does not exist"
            helper = _helper_of(config, key)
            entry = None if helper else _entry_of(config, key)
        except (OSError, ValueError) as error:
            return f"{self.path}, which cannot be read ({type(error).__name__})"
        if helper:
            return f"{self.path}, which leaves {registry} to docker-credential-{helper}"
        return f"{self.path}, which has {'no' if entry is None else 'an'} entry for {registry}"

    def load(self, registry: str) -> Credential:
        """Return the credential for a registry, an empty one if there is none or it cannot be read."""
        key = KEYS.get(registry, registry)
        try:
            config = self._load() or {}
            if helper := _helper_of(config, key):
                return _ask_helper(helper, key, self.environment)
            entry = _entry_of(config, key)
            return Credential() if entry is None else _parse_entry(entry)
        except (OSError, ValueError, subprocess.SubprocessError):
            return Credential()

    def _load(self) -> dict[str, Any] | None:
        try:
            config = json.loads(self.path.read_text())
        except FileNotFoundError:
            return None
        return _checked("the file", config, dict)


def _checked[T](name: str, value: object, kind: type[T]) -> T:
    """Return a part of the file, or of a helper's answer.

    :raises ValueError: it is of another kind
    """
    if not isinstance(value, kind):
        raise ValueError(f"{name}: expected a {kind.__name__}, got a {type(value).__name__}")
    return value


def _host_of(key: str) -> str:
    """Return the host of a key of the file, which may be a URL: `https://registry.example.org/v1/`."""
    return urlsplit(key if "://" in key else f"//{key}").netloc


def _entry_of(config: Mapping[str, Any], registry: str) -> dict[str, str] | None:
    auths = _checked("auths", config.get("auths") or {}, dict)
    key = registry if registry in auths else next((key for key in sorted(auths) if _host_of(key) == registry), None)
    if auths.get(key) is None:
        return None
    entry = _checked("auths", auths[key], dict)
    return {name: _checked(name, entry.get(name) or "", str) for name in ENTRY}


def _helper_of(config: Mapping[str, Any], registry: str) -> str:
    helpers = _checked("credHelpers", config.get("credHelpers") or {}, dict)
    return _checked("a helper", helpers.get(registry) or config.get("credsStore") or "", str)


def _parse_entry(entry: Mapping[str, str]) -> Credential:
    user, password = entry["username"], entry["password"]
    if encoded := entry["auth"]:
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except binascii.Error as error:
            raise ValueError("auth is not base64") from error
    return Credential(user=user, password=password, identity_token=entry["identitytoken"])


def _ask_helper(helper: str, registry: str, environment: Mapping[str, str]) -> Credential:
    name = f"docker-credential-{helper}"
    answer = subprocess.run(
        [shutil.which(name, path=environment.get("PATH")) or name, "get"],
        input=registry,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=True,
        timeout=HELPER_TIMEOUT_S,
    )
    found = _checked("the answer", json.loads(answer.stdout), dict)
    user, secret = (_checked(name, found.get(name), str) for name in ("Username", "Secret"))
    return Credential(identity_token=secret) if user == USER_OF_TOKEN else Credential(user=user, password=secret)
