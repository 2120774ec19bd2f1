"""Run a folder of tests with pytest."""

import os
import signal
import subprocess
from pathlib import Path

from booksync_build.attributes import build_directory, load_attributes, output_path

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages"


def link_sources(root: Path, sources: dict[str, str]) -> None:
    """Lay the sources out as they stand in the repository."""
    for path, source in sorted(sources.items()):
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)


def main() -> None:
    attributes = load_attributes()
    root = build_directory() / "repository"
    root.mkdir()
    link_sources(root, attributes["sources"])
    search = [
        *(str(root / path) for path in attributes["pythonPath"]),
        *(f"{tree}/{SITE_PACKAGES}" for tree in attributes["site"]),
    ]
    environment = os.environ | {
        **attributes["env"],
        "HOME": str(build_directory()),
        "PYTHONPATH": ":".join(search),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [*attributes["python"], "-m", "pytest", "-p", "no:cacheprovider", "-ra", *attributes["tests"]]
    # as from a terminal: a job in the background ignores SIGINT, and so would all that the tests start
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status = subprocess.run(command, cwd=root, env=environment, check=False).returncode
    if status:
        raise SystemExit(status)
    output_path(attributes).write_text("passed\n")


if __name__ == "__main__":
    main()
