"""The images' contract as data: what each must be, said once and apart from the code that checks it."""

from dataclasses import dataclass

RELEASE_VARIABLES = {"LANG": "C.UTF-8"}

# every user of every image; passwd(5) and group(5) without their comment fields
USERS = {"root": 0, "postgres": 999, "booksync": 65532, "nobody": 65534}

BOOKSYNC_UID = 65532
POSTGRES_UID = 999

# where everybody may write, with the sticky bit
SHARED_MODE = 0o1777


@dataclass(frozen=True)
class Owned:
    """A path that is not root's, or whose mode is not what all others have: 0555, and 0444 for plain files."""

    uid: int
    mode: int


# in every image; the root itself has the mode that nix2container gives it
BASE_MODES = {
    "": Owned(0, 0o755),
    "tmp": Owned(0, SHARED_MODE),
    "root": Owned(0, 0o700),
    "home/booksync": Owned(BOOKSYNC_UID, 0o700),
}


@dataclass(frozen=True)
class Expected:
    """One image's contract."""

    uid: int
    port: int
    entrypoint: str
    command: tuple[str, ...]
    stop_signal: str
    modes: dict[str, Owned]
    variables: dict[str, str]
    megabytes: int  # compressed, at most


def _api(name: str, port: int, megabytes: int, **variables: str) -> Expected:
    return Expected(
        uid=BOOKSYNC_UID,
        port=port,
        entrypoint=f"/usr/local/bin/booksync-api-{name}",
        command=("serve",),
        stop_signal="SIGTERM",
        modes=BASE_MODES,
        variables={"HOST": "0.0.0.0", "PORT": str(port), "PYTHONUNBUFFERED": "1", **variables},  # noqa: S104
        megabytes=megabytes,
    )


_MODEL = {"HF_HUB_OFFLINE": "1", "BOOKSYNC_MODELS": "/usr/local/share/booksync/models"}

EXPECTED = {
    "booksync-api-auth": _api("auth", 8000, 50),
    "booksync-api-data": _api("data", 8001, 50),
    "booksync-api-prediction": _api("prediction", 8002, 4500, **_MODEL),
    "booksync-api-prediction-onnx": _api("prediction", 8002, 160, **_MODEL),
    "booksync-postgres": Expected(
        uid=POSTGRES_UID,
        port=5432,
        entrypoint="/usr/local/bin/docker-entrypoint.sh",
        command=("postgres",),
        stop_signal="SIGINT",
        modes={
            **BASE_MODES,
            "var/lib/postgresql": Owned(POSTGRES_UID, 0o755),
            "var/lib/postgresql/data": Owned(POSTGRES_UID, 0o700),
            "run/postgresql": Owned(POSTGRES_UID, SHARED_MODE),
        },
        variables={"PGDATA": "/var/lib/postgresql/data"},
        megabytes=60,
    ),
}
