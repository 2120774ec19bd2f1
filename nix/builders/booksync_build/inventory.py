"""List what a tree of an image is made of: every file and link of it, in exactly one component.

Packages claim what they brought. A file that two wheels share is the first one's. What is left over is what our own
steps have made, and belongs to the component that stands for the rest of the tree; without one, nothing may be left.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from booksync_build.attributes import load_attributes, output_path
from booksync_build.component import Component, File, Licence
from booksync_build.inventory_debian import list_debian
from booksync_build.inventory_wheels import list_wheels

CHUNK = 1 << 20  # bytes


class UnclaimedError(Exception):
    """Files of a tree belong to no component."""


def hash_file(root: Path, path: str) -> File:
    """Hash one file, in one pass."""
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    with (root / path).open("rb") as file:
        while chunk := file.read(CHUNK):
            sha1.update(chunk)
            sha256.update(chunk)
    return File(path=path, sha1=sha1.hexdigest(), sha256=sha256.hexdigest())


def walk(root: Path) -> tuple[list[str], list[str]]:
    """Return the paths of files and of links below a root, sorted."""
    files, links = [], []
    for folder, folders, names in os.walk(root):
        for name in [*folders, *names]:
            path = Path(folder, name)
            if path.is_symlink():
                links.append(str(path.relative_to(root)))
            elif path.is_file():
                files.append(str(path.relative_to(root)))
    return sorted(files), sorted(links)


def find_compiled_in(root: Path, rules: list[dict[str, str]], *, within: str) -> Iterator[Component]:
    """Yield the libraries that are compiled into a binary, by the versions that they have in it.

    :param rules: name, purl without its version, licence, path of the binary, a regular expression of what it says,
        whose group, where it has one, is the version, and the CPE's vendor and product, where there is a version
    :raises UnclaimedError: the binary does not say this, or several versions
    """
    for rule in rules:
        pattern = re.compile(rule["pattern"].encode())
        found = set(pattern.findall((root / rule["path"]).read_bytes()))
        if len(found) != 1:
            raise UnclaimedError(f"{rule['name']}: expected one version in {rule['path']}, got {sorted(found)}")
        version = found.pop().decode() if pattern.groups else ""
        yield Component(
            kind="generic",
            name=rule["name"],
            version=version,
            purl=f"{rule['purl']}@{version}" if version else rule["purl"],
            supplier="NOASSERTION",
            licence=Licence(expression=rule["licence"]),
            within=within,
            cpe=format_cpe(rule["cpe"], version) if version else "",
        )


def format_cpe(product: str, version: str) -> str:
    """Return the CPE 2.3 name of an application.

    :param product: ``vendor:product``
    """
    return f"cpe:2.3:a:{product}:{version}:*:*:*:*:*:*:*"


def share_out(
    claims: list[tuple[Component, list[str]]], *, files: Mapping[str, File], links: list[str], rest: Component | None
) -> list[Component]:
    """Give each path to the first component that claims it, and the others to ``rest``.

    :raises UnclaimedError: there are others, and no ``rest``
    """
    owners: dict[str, int] = {}
    for position, (_, paths) in enumerate(claims):
        for path in paths:
            owners.setdefault(path, position)
    unclaimed = [path for path in [*files, *links] if path not in owners]
    components = [component for component, _ in claims]
    if rest is not None:
        owners.update(dict.fromkeys(unclaimed, len(components)))
        components.append(rest)
    elif unclaimed:
        raise UnclaimedError(f"of no component: {', '.join(unclaimed[:10])} ({len(unclaimed)} files)")
    return [
        replace(
            component,
            files=[file for path, file in files.items() if owners[path] == position],
            links=[link for link in links if owners[link] == position],
        )
        for position, component in enumerate(components)
    ]


def parse_rest(value: Mapping[str, Any]) -> Component:
    """Read the component that a tree's Nix function names."""
    licence = Licence(expression=value["licence"])
    cpe = format_cpe(value["cpe"], value["version"]) if "cpe" in value else ""
    return Component(**{"kind": "generic", **value, "licence": licence, "cpe": cpe})


def main() -> None:
    attributes = load_attributes()
    root = Path(attributes["tree"])
    paths, links = walk(root)
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        files = {file.path: file for file in pool.map(lambda path: hash_file(root, path), paths)}
    hashes = {path: file.sha256 for path, file in files.items()}
    claims = [
        *list_debian(attributes["debs"], root=root, hashes=hashes),
        *list_wheels(attributes["wheels"], root=root, paths={*files, *links}),
    ]
    rest = parse_rest(attributes["rest"]) if attributes["rest"] else None
    components = share_out(claims, files=files, links=links, rest=rest)
    components += find_compiled_in(root, attributes["compiledIn"], within=rest.name if rest else "")
    output_path(attributes).write_text(json.dumps([component.to_json() for component in components], sort_keys=True))


if __name__ == "__main__":
    main()
