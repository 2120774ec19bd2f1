"""Compare an image of a registry with the one that is built here, down to the first file that differs."""

import hashlib
import json
import tempfile
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Protocol

from booksync_apps.archive import read_json
from booksync_apps.layout import Image, Json
from booksync_apps.progress import format_bytes
from booksync_apps.tree_difference import UnreadableLayerError, find_difference

#: Bytes; ours have some thousands.
CONFIG_LIMIT = 4 << 20
VERSION = "org.opencontainers.image.version"


class Repository(Protocol):
    """Where the other image is."""

    def fetch_manifest(self, digest: str) -> bytes:
        """Return a manifest's bytes, as they were given."""

    def fetch_blob(self, digest: str, path: Path, *, size: int) -> None:
        """Write a blob to a path.

        :param size: bytes that it is said to have, beyond which nothing is written
        """


@dataclass(frozen=True)
class Comparison:
    """One image here, and what a reference to another one leads to.

    :param repository: of the other one
    """

    image: Image
    repository: Repository

    def explain(self, content: bytes) -> str:
        """Say what the first difference is.

        :param content: of the manifest or index that the reference names; its digest is not this image's
        """
        there = json.loads(content)
        here = read_json(self.image.index)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        ours = _by_platform(here)
        if digest in ours.values():
            others = [platform for platform in sorted(ours) if ours[platform] != digest]
            return f"{', '.join(others) or 'the index'}: is not there, but the manifest of one platform"
        versions = [_version(here), _version(there)]
        if versions[0] != versions[1]:
            return f"it is version {versions[1]}, here is {versions[0]}"
        if "manifests" not in there:
            return self._explain_one(there, ours)
        theirs = _by_platform(there)
        for platform in sorted(ours.keys() | theirs.keys()):
            if platform not in theirs:
                return f"{platform}: is not there"
            if platform not in ours:
                return f"{platform}: is only there"
            if ours[platform] != theirs[platform]:
                manifest = json.loads(self.repository.fetch_manifest(theirs[platform]))
                return f"{platform}: {self._explain_manifest(read_json(self.image.blobs[ours[platform]]), manifest)}"
        return f"the index: {_first_difference(here, there)}"

    def _explain_one(self, there: Json, ours: dict[str, str]) -> str:
        """Compare a single manifest with that of its platform."""
        config = self._fetch_json(there["config"])
        platform = _platform(config)
        if platform not in ours:
            return f"{platform}: is only there"
        return f"{platform}: {self._explain_manifest(read_json(self.image.blobs[ours[platform]]), there)}"

    def _explain_manifest(self, here: Json, there: Json) -> str:
        for number, (ours, theirs) in enumerate(zip_longest(here["layers"], there["layers"]), start=1):
            if ours is None:
                return f"layer {number}: is only there"
            name = f"layer {number} ({self.image.blobs[ours['digest']].label.removeprefix('layer ')})"
            if theirs is None:
                return f"{name}: is not there"
            if ours["digest"] != theirs["digest"]:
                return f"{name}: {self._explain_layer(ours['digest'], theirs)}"
        if here["config"]["digest"] != there["config"]["digest"]:
            ours, theirs = (
                read_json(self.image.blobs[here["config"]["digest"]]),
                self._fetch_json(there["config"]),
            )
            return f"the config: {_first_difference(ours, theirs)}"
        return f"the manifest: {_first_difference(here, there)}"

    def _explain_layer(self, digest: str, theirs: Json) -> str:
        with tempfile.TemporaryDirectory(prefix="booksync-verify-") as folder:
            path = Path(folder, "layer")
            self.repository.fetch_blob(theirs["digest"], path, size=int(theirs["size"]))
            try:
                found = find_difference(self.image.blobs[digest].path, path)
            except UnreadableLayerError as error:
                return f"{theirs['digest']} ({theirs['mediaType']}) cannot be read here: {error}"
        return found or "the same files, but packed or compressed otherwise"

    def _fetch_json(self, descriptor: Json) -> Json:
        size = int(descriptor["size"])
        if size > CONFIG_LIMIT:
            raise ValueError(f"a config of {format_bytes(size)}")
        with tempfile.TemporaryDirectory(prefix="booksync-verify-") as folder:
            path = Path(folder, "blob")
            self.repository.fetch_blob(descriptor["digest"], path, size=size)
            content: Json = json.loads(path.read_text())
            return content


def _version(manifest: Json) -> str:
    return str(manifest.get("annotations", {}).get(VERSION, "unknown"))


def _platform(value: Json) -> str:
    return str(value["architecture"])


def _by_platform(index: Json) -> dict[str, str]:
    """Return architecture -> digest of the manifests of an index; what is not for a platform is left out."""
    return {
        _platform(entry["platform"]): entry["digest"]
        for entry in index["manifests"]
        if entry.get("platform", {}).get("architecture", "unknown") != "unknown"
    }


def _first_difference(here: object, there: object, path: str = "") -> str:
    """Return the path of the first value that differs between two JSON values, and both."""
    if isinstance(here, dict) and isinstance(there, dict):
        for key in sorted(here.keys() | there.keys()):
            if here.get(key) != there.get(key):
                return _first_difference(here.get(key), there.get(key), f"{path}.{key}".lstrip("."))
    if isinstance(here, list) and isinstance(there, list):
        for number, (one, other) in enumerate(zip_longest(here, there)):
            if one != other:
                return _first_difference(one, other, f"{path}[{number}]")
    if here == there:
        return "the same values, written otherwise"
    return f"{path} is {json.dumps(here)} here, {json.dumps(there)} there"
