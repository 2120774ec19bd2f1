"""The compose files, as compose itself reads them."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEPLOY = Path(__file__).parents[3] / "deploy"


@dataclass(frozen=True)
class Compose:
    """Compose, in a folder of its own."""

    folder: Path

    def read(self, file: str, *, env_file: str = "", profiles: str = "") -> dict[str, Any]:
        """Return what a file comes to beside an .env file.

        :param env_file: its content.
        :param profiles: separated by commas.
        """
        (self.folder / ".env").write_text(env_file)
        (self.folder / file).write_text((DEPLOY / file).read_text())
        command = [*json.loads(os.environ["BOOKSYNC_COMPOSE"]), "--project-directory", str(self.folder)]
        result = subprocess.run(
            [*command, "-f", str(self.folder / file), "config", "--format", "json"],
            env={"HOME": str(self.folder), "COMPOSE_PROFILES": profiles},
            capture_output=True,
            text=True,
            check=False,
        )
        # a warning is about a variable that has no default
        assert (result.returncode, result.stderr) == (0, "")
        document: dict[str, Any] = json.loads(result.stdout)
        return document
