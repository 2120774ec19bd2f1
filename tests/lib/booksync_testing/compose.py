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
        return self._config("--project-directory", str(self.folder), "-f", str(self.folder / file), profiles=profiles)

    def read_root(self, *, env_file: str = "") -> dict[str, Any]:
        """Return what the root's own file comes to, found as by somebody who stands there.

        :param env_file: the content of the one in deploy/.
        """
        (self.folder / "deploy").mkdir(exist_ok=True)
        (self.folder / "deploy/.env").write_text(env_file)
        for name in ("compose.yaml", "deploy/compose.yaml"):
            (self.folder / name).write_text((DEPLOY.parent / name).read_text())
        return self._config()

    def _config(self, *options: str, profiles: str = "") -> dict[str, Any]:
        result = subprocess.run(
            [*json.loads(os.environ["BOOKSYNC_COMPOSE"]), *options, "config", "--format", "json"],
            cwd=self.folder,
            env={"HOME": str(self.folder), "COMPOSE_PROFILES": profiles},
            capture_output=True,
            text=True,
            check=False,
        )
        # a warning is about a variable that has no default
        assert (result.returncode, result.stderr) == (0, "")
        document: dict[str, Any] = json.loads(result.stdout)
        return document
