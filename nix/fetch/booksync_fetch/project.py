"""Where the parts of a checkout stand."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booksync_fetch.errors import BootstrapError


@dataclass(frozen=True)
class Project:
    """A checkout.

    :param root: the folder of flake.nix
    """

    root: Path

    @property
    def locks(self) -> Path:
        """The folder of the locks."""
        return self.root / "nix/lock"

    @property
    def tools(self) -> Path:
        """The Go module of the build's own tools."""
        return self.root / "nix/tools"

    @property
    def bench(self) -> Path:
        """The folder of figures."""
        return self.root / "bench"

    @property
    def roots(self) -> Path:
        """The folder of the garbage collector's roots."""
        return self.root / ".nix-roots"

    def ensure_writable(self) -> None:
        """Make sure that the roots and ``result`` can be written.

        :raises BootstrapError: they cannot
        """
        if not os.access(self.root, os.W_OK):
            raise BootstrapError(
                f"{self.root}: expected a checkout that you can write to, for result and .nix-roots; "
                "copy it to a folder of your own"
            )

    def load_inputs(self) -> dict[str, Any]:
        """Read what the locks are resolved from."""
        inputs: dict[str, Any] = json.loads((self.root / "nix/inputs.json").read_text())
        return inputs
