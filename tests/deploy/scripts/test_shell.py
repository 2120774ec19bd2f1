"""The scripts are what shellcheck finds nothing in, and what can be run is told from what is only read."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from booksync_testing.compose import DEPLOY

SCRIPTS = sorted(DEPLOY.rglob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    command = [*json.loads(os.environ["BOOKSYNC_SHELLCHECK"]), "--external-sources", "--source-path=SCRIPTDIR"]
    result = subprocess.run([*command, str(script)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_what_begins_as_a_program_can_be_run(script: Path) -> None:
    assert os.access(script, os.X_OK) == script.read_text().startswith("#!/bin/bash\n")
