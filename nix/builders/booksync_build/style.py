"""Run a formatter, linter or type checker of the locked wheels over the sources."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from booksync_build.attributes import build_directory, load_attributes, output_path

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages"


def write_interpreter(attributes: dict[str, Any], path: Path) -> Path:
    """Write a program that runs the builder's CPython with the wheels that the sources import."""
    search = ":".join(f"{tree}/{SITE_PACKAGES}" for tree in attributes["imports"])
    command = " ".join(attributes["python"])
    path.write_text(f'#!{attributes["busybox"]} sh\nPYTHONPATH={search} exec {command} "$@"\n')
    path.chmod(0o755)
    return path


def find_command(attributes: dict[str, Any]) -> list[str]:
    """Return the argv of the tool: compiled ones run through the locked loader, mypy on CPython."""
    name, *arguments = attributes["command"]
    if name == "mypy":
        interpreter = str(write_interpreter(attributes, build_directory() / "python"))
        return [interpreter, "-m", "mypy", "--python-executable", interpreter, "--no-incremental", *arguments]
    (tree,) = attributes["site"]
    libraries = attributes["libraries"]
    return [
        f"{libraries}/{attributes['loader']}",
        "--library-path",
        libraries,
        f"{tree}/usr/local/bin/{name}",
        *arguments,
    ]


def main() -> None:
    attributes = load_attributes()
    work = build_directory() / "source"
    shutil.copytree(attributes["source"], work, copy_function=shutil.copyfile)
    work.chmod(0o755)  # mypy makes its cache folder in any case
    environment = os.environ | {"HOME": str(build_directory()), "RUFF_NO_CACHE": "true"}
    status = subprocess.run(find_command(attributes), cwd=work, env=environment, check=False).returncode
    if status:
        raise SystemExit(status)
    output_path(attributes).write_text("passed\n")


if __name__ == "__main__":
    main()
