"""Which files of a tree come from which wheel, by the RECORD of each (PyPA: recording installed projects)."""

import csv
import email
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from booksync_build.component import Component
from booksync_build.licences import parse_wheel_licence

SITE_PACKAGES = "usr/local/lib/python3.12/site-packages"

#: The supplier of what is in this repository.
OWN = "BookSync"


def normalise(name: str) -> str:
    """Return a project's name as indexes have it (PyPA: name normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_metadata(text: str, *, wheels: Mapping[str, Mapping[str, str]]) -> Component:
    """Read a METADATA file; return the component without files.

    :param wheels: source and sha256 of the locked wheels, by normalised names; others are this project's own
    """
    metadata = email.message_from_string(text.partition("\n\n")[0])
    name, version = normalise(metadata["Name"]), metadata["Version"]
    locked = wheels.get(name, {})
    return Component(
        kind="pypi" if locked else "generic",
        name=name,
        version=version,
        purl=f"pkg:{'pypi' if locked else 'generic'}/{name}@{version}",
        supplier="NOASSERTION" if locked else OWN,
        licence=parse_wheel_licence(
            package=name,
            expression=metadata["License-Expression"],
            text=metadata["License"],
            classifiers=metadata.get_all("Classifier", []),
        ),
        purpose="library" if locked or name == "booksync-common" else "application",
        source=locked.get("source", ""),
        sha256=locked.get("sha256", ""),
    )


def find_claims(record: Path, *, paths: Collection[str]) -> Iterator[str]:
    """Yield the paths of a tree that a RECORD names, and the bytecode that was compiled of them."""
    site = PurePosixPath(SITE_PACKAGES)
    with record.open(newline="") as file:
        for row in csv.reader(file):
            path = PurePosixPath(os.path.normpath(site / row[0]))
            yield str(path)
            if path.suffix == ".py":
                compiled = path.parent / "__pycache__" / f"{path.stem}.cpython-312.pyc"
                if str(compiled) in paths:
                    yield str(compiled)


def list_wheels(
    wheels: list[dict[str, Any]], *, root: Path, paths: Collection[str]
) -> Iterator[tuple[Component, list[str]]]:
    """Yield each installed project with its paths.

    :param wheels: name, source and sha256 of each locked wheel
    """
    locked = {normalise(wheel["name"]): wheel for wheel in wheels}
    for record in sorted((root / SITE_PACKAGES).glob("*.dist-info/RECORD")):
        component = parse_metadata((record.parent / "METADATA").read_text(), wheels=locked)
        yield component, [path for path in find_claims(record, paths=paths) if path in paths]
