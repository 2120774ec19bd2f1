"""Build our own packages with their PEP 517 backend and install them into an image's tree."""

import importlib
import os
import shutil
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from booksync_build.attributes import build_directory, load_attributes, output_path
from booksync_build.bytecode import compile_tree
from booksync_build.wheels import install_wheels

#: The oldest time a zip archive, and so a wheel, can hold: 1980-01-01.
OLDEST_ZIP_TIME = 315_532_800


def build_wheel(source: Path, name: str) -> Path:
    """Build the wheel of a source folder in a scratch copy, with the backend that it names."""
    project = build_directory() / "sources" / name
    shutil.copytree(source, project, copy_function=shutil.copy)
    for path in [project, *project.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    with (project / "pyproject.toml").open("rb") as file:
        backend_name = tomllib.load(file)["build-system"]["build-backend"]
    wheels = build_directory() / "wheels"
    wheels.mkdir(exist_ok=True)
    os.chdir(project)
    backend = importlib.import_module(backend_name)
    return wheels / str(backend.build_wheel(str(wheels)))


def build_wheels(sources: dict[str, str], *, backends: Sequence[str]) -> list[Path]:
    """Build the wheels of several source folders, keyed by name."""
    os.environ["SOURCE_DATE_EPOCH"] = str(OLDEST_ZIP_TIME)
    sys.path[:0] = backends
    return [build_wheel(Path(path), name) for name, path in sorted(sources.items())]


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    out.mkdir()
    wheels = build_wheels(attributes["sources"], backends=attributes["backends"])
    install_wheels(wheels, out, installer=attributes["installer"])
    compile_tree(out, jobs=len(os.sched_getaffinity(0)))


if __name__ == "__main__":
    main()
