"""`settings.env`: secrets that are made once, and what its owner has written there for the services.

The format is that of `docker run --env-file`: a NAME=VALUE a line, as it is, and comments.
"""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from booksync_apps.errors import AppError

NAME = "settings.env"

#: Made once, 256 bits each; the database keeps its own from its first start on.
GENERATED = (
    "POSTGRES_PASSWORD",
    "DB_AUTH_PASSWORD",
    "DB_DATA_PASSWORD",
    "DB_PREDICTION_PASSWORD",
    "JWT_SECRET_KEY",
    "APP_SECRET_KEY",
)
SECRET_BYTES = 32

HEADER = """\
# Made once by `nix run .#up`: keep it with the database, whose passwords these are.
# More lines, as in MANGACOLLEC_CLIENT_ID=..., are for the three APIs.
"""

BEGIN_ANEW = "put it back as it was, or delete the database and begin anew: nix run .#up -- reset"


@dataclass(frozen=True)
class Settings:
    """What the file says.

    :param generated: the secrets
    :param own: everything else
    """

    generated: Mapping[str, str]
    own: Mapping[str, str]

    def pick(self, *prefixes: str) -> dict[str, str]:
        """Return the secrets whose names begin like this."""
        return {name: value for name, value in self.generated.items() if name.startswith(prefixes)}


def load_settings(path: Path, *, has_data: bool) -> Settings:
    """Read the file; make it when there is none.

    :param has_data: whether there is a database already, which new passwords would not open
    :raises AppError: it does not say what it has to
    """
    if not path.exists():
        if has_data:
            raise AppError(f"{path} is gone, and with it the passwords of the database", way_out=BEGIN_ANEW)
        write_settings(path)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    values = parse_settings(read_text(path), path=path)
    for name in GENERATED:
        if not values.get(name):
            raise AppError(f"{path}: expected {name}, and it is not there", way_out=BEGIN_ANEW)
    return Settings(
        generated={name: values[name] for name in GENERATED},
        own={name: value for name, value in values.items() if name not in GENERATED},
    )


def write_settings(path: Path) -> None:
    """Write a file of new secrets, whole or not at all, and nobody else's to read."""
    lines = [f"{name}={secrets.token_hex(SECRET_BYTES)}\n" for name in GENERATED]
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(HEADER + "".join(lines))
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def read_text(path: Path) -> str:
    """Read the file.

    :raises AppError: it is not UTF-8
    """
    content = path.read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise AppError(
            f"{path}, line {line}: expected UTF-8, got the byte 0x{content[error.start]:02x}",
            way_out="save the file again as UTF-8",
        ) from error


def parse_settings(text: str, *, path: Path) -> dict[str, str]:
    """Read the file's text.

    :raises AppError: a line is no setting; its value is not shown
    """
    values = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()) or "\0" in value:
            raise AppError(f"{path}, line {number}: expected NAME=VALUE or a comment")
        values[name.strip()] = value
    return values
