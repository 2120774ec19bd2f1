"""``./bootstrap reproduce``: what came of building images again, and the table of it in bench/."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from booksync_fetch.errors import BootstrapError


@dataclass
class Run:
    """One way of building the images again.

    :param key: which way; a later run takes the place of an earlier one, image by image
    :param how: which way, for people
    :param date: and time, in UTC, ISO 8601
    :param images: image -> architecture -> {digest of the manifest, difference: empty where it is equal}
    """

    key: str
    how: str
    date: str
    images: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    def add(self, image: str, architecture: str, *, digest: str, difference: str) -> None:
        """Note what came of one image."""
        self.images.setdefault(image, {})[architecture] = {
            "date": self.date,
            "digest": digest,
            "difference": difference,
        }

    @property
    def differences(self) -> list[str]:
        """What did not come out equal, a line each."""
        return [
            f"{image} {architecture}: {entry['difference']}"
            for image, architectures in sorted(self.images.items())
            for architecture, entry in sorted(architectures.items())
            if entry["difference"]
        ]


def load_runs(path: Path) -> list[Run]:
    """Read the runs that are kept; none where there is no file.

    :raises BootstrapError: the file is not what this command has written
    """
    try:
        content = path.read_text()
    except FileNotFoundError:
        return []
    try:
        return [Run(**run) for run in json.loads(content)]
    except (ValueError, TypeError) as error:
        raise BootstrapError(f"{path}: expected runs of ./bootstrap reproduce, got {error}") from error


def merge_runs(runs: Sequence[Run], new: Run) -> list[Run]:
    """Return the runs with a new one among them."""
    merged = {run.key: run for run in runs}
    kept = merged[new.key].images if new.key in merged else {}
    merged[new.key] = replace(new, images={**kept, **new.images})
    return [merged[key] for key in sorted(merged)]


def write_runs(path: Path, runs: Sequence[Run]) -> None:
    """Replace the file as a whole."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps([asdict(run) for run in runs], indent=1, sort_keys=True) + "\n")
    partial.replace(path)


def format_runs(runs: Sequence[Run]) -> str:
    """Return the table in Markdown: an image and architecture a row, a way of building it again a column."""
    entries = [
        (entry, image, architecture)
        for run in runs
        for image, architectures in run.images.items()
        for architecture, entry in architectures.items()
    ]
    entries.sort(key=lambda found: found[0]["date"])
    latest = {(image, architecture): entry["digest"] for entry, image, architecture in entries}
    columns = ["image", "manifest", *(str(number) for number in range(1, len(runs) + 1))]
    rows = []
    for image, architecture in sorted(latest):
        digest = latest[image, architecture]
        cells = [format_cell(run.images.get(image, {}).get(architecture), digest) for run in runs]
        rows.append([f"`{image}` {architecture}", f"`{digest}`", *cells])
    lines = [
        "# Built again",
        "",
        "`./bootstrap reproduce` builds every step below the images again and compares, or has another Nix or the",
        "builder of the other architecture build them; this table is what it wrote. The digest is the manifest's.",
        "",
        format_row(columns),
        format_row(["---"] * len(columns)),
        *(format_row(row) for row in rows),
        "",
        *(f"{number}. {run.how}, last on {run.date[:10]}" for number, run in enumerate(runs, start=1)),
    ]
    return "\n".join(lines) + "\n"


def format_row(cells: Sequence[str]) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |"


def format_cell(entry: dict[str, Any] | None, digest: str) -> str:
    """Say how an image came out: as it was then, where it has changed since."""
    if entry is None:
        return "not run"
    said = entry["difference"] or "equal"
    return said if entry["digest"] == digest else f"{said}, {entry['date'][:10]} as `{entry['digest'][:19]}`"
