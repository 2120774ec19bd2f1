"""The NixOS module's secrets are made once, together, for root alone, and never beside a database that knows others."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "nix/nixos/secrets.sh"
PROGRAMS = ("cat", "ls", "mkdir", "mv", "od", "rm", "sh", "tr")
NAMES = {
    "postgres": ["POSTGRES_PASSWORD", "DB_AUTH_PASSWORD", "DB_DATA_PASSWORD", "DB_PREDICTION_PASSWORD"],
    "auth": ["DATABASE_URL", "JWT_SECRET_KEY"],
    "data": ["DATABASE_URL", "APP_SECRET_KEY"],
    "prediction": ["DATABASE_URL", "APP_SECRET_KEY"],
}


@dataclass(frozen=True)
class Place:
    """A data directory.

    :param programs: what the script finds on its PATH
    """

    directory: Path
    programs: Path

    @property
    def secrets(self) -> Path:
        return self.directory / "secrets"

    @property
    def database(self) -> Path:
        return self.directory / "postgres"

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run the script as systemd does."""
        return subprocess.run(
            [self.programs / "sh", SCRIPT],
            env={"SECRETS": str(self.secrets), "DATABASE": str(self.database), "PATH": str(self.programs)},
            capture_output=True,
            text=True,
            check=False,
        )

    def read(self) -> dict[str, dict[str, str]]:
        """Return what the containers are given."""
        return {
            path.stem: dict(line.split("=", 1) for line in path.read_text().splitlines())
            for path in self.secrets.iterdir()
        }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    programs = tmp_path / "bin"
    programs.mkdir()
    given = os.environ.get("BOOKSYNC_BUSYBOX")
    for name in PROGRAMS:
        program = given or shutil.which(name) or pytest.fail(f"{name} is not on the PATH; set BOOKSYNC_BUSYBOX")
        (programs / name).symlink_to(program)
    directory = tmp_path / "booksync"
    (directory / "postgres").mkdir(parents=True)
    return Place(directory, programs)


def test_each_container_gets_what_it_needs_and_the_passwords_agree(place: Place) -> None:
    done = place.run()
    assert (done.returncode, done.stderr) == (0, "")
    made = place.read()
    assert {name: list(values) for name, values in made.items()} == NAMES
    for service in ("auth", "data", "prediction"):
        password = made["postgres"][f"DB_{service.upper()}_PASSWORD"]
        assert re.fullmatch("[0-9a-f]{64}", password)
        address = f"postgresql+asyncpg://booksync_{service}:{password}@postgres:5432/booksync"
        assert made[service]["DATABASE_URL"] == address
    assert made["data"]["APP_SECRET_KEY"] == made["prediction"]["APP_SECRET_KEY"]
    secrets = {made["auth"]["JWT_SECRET_KEY"], made["data"]["APP_SECRET_KEY"], *made["postgres"].values()}
    assert len(secrets) == 6


def test_they_are_for_root_alone(place: Place) -> None:
    assert place.run().returncode == 0
    modes = {path.stat().st_mode & 0o777 for path in (place.secrets, *place.secrets.iterdir())}
    assert modes == {0o700, 0o600}


def test_they_are_made_once(place: Place) -> None:
    place.run()
    made = place.read()
    (place.database / "PG_VERSION").touch()
    assert place.run().returncode == 0
    assert place.read() == made


def test_what_was_cut_short_is_made_anew_whole(place: Place) -> None:
    partial = place.directory / "secrets.partial"
    partial.mkdir()
    (partial / "postgres.env").touch()
    assert place.run().returncode == 0
    assert set(place.read()) == set(NAMES)
    assert not partial.exists()


def test_a_database_without_its_passwords_is_not_given_new_ones(place: Place) -> None:
    (place.database / "PG_VERSION").touch()
    done = place.run()
    assert done.returncode == 1
    assert "put it back" in done.stderr
    assert not place.secrets.exists()
