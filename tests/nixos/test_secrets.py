"""The NixOS module's secrets are made once, together, for root alone, and never beside a database that knows others."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "nix/nixos/secrets.sh"
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

    def run(self, prelude: str = "") -> subprocess.CompletedProcess[str]:
        """Run the script as systemd does.

        :param prelude: what the shell is told before it.
        """
        return subprocess.run(
            [self.programs / "sh", "-c", f'{prelude}\n. "$0"', SCRIPT],
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
def place(tmp_path: Path, programs: Path) -> Place:
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


def test_they_are_on_the_disk_before_they_have_their_name(place: Place) -> None:
    log = place.directory / "log"
    # functions, as busybox's shell looks for no other program where it has its own
    noted = [f'{name}() {{ echo "{name} $*" >>{log}; command {name} "$@"; }}' for name in ("mv", "sync")]
    done = place.run("\n".join(noted))
    assert (done.returncode, done.stderr) == (0, "")
    partial = f"{place.secrets}.partial"
    files = " ".join(f"{partial}/{name}.env" for name in sorted(NAMES))
    assert log.read_text().splitlines() == [
        f"sync {files} {partial}",
        f"mv {partial} {place.secrets}",
        f"sync {place.directory}",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_a_power_cut_has_emptied_is_none(place: Place, name: str) -> None:
    assert place.run().returncode == 0
    file = place.secrets / f"{name}.env"
    file.write_text("")
    (place.database / "PG_VERSION").touch()
    done = place.run()
    assert done.returncode == 1
    assert done.stderr.endswith(f"its secrets are gone or empty: put back {file}\n")
    assert file.read_text() == ""
    # nothing has been made with them yet
    (place.database / "PG_VERSION").unlink()
    assert place.run().returncode == 0
    assert {name: list(values) for name, values in place.read().items()} == NAMES


def test_a_database_without_its_passwords_is_not_given_new_ones(place: Place) -> None:
    (place.database / "PG_VERSION").touch()
    done = place.run()
    assert done.returncode == 1
    assert f"put back {place.secrets}/postgres.env" in done.stderr
    assert not place.secrets.exists()
