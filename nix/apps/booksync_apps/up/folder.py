"""The folder in which all that stays is."""

from dataclasses import dataclass
from pathlib import Path

from booksync_apps.up.settings import NAME


@dataclass(frozen=True)
class Folder:
    """Paths, and nothing else."""

    path: Path

    @property
    def data(self) -> Path:
        """The database."""
        return self.path / "data"

    @property
    def settings(self) -> Path:
        """Secrets."""
        return self.path / NAME

    @property
    def log(self) -> Path:
        """What the services say."""
        return self.path / "stack.log"
