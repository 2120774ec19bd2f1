"""The `images` directory: one OCI image layout a name, and digests.json over all of them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from booksync_apps.errors import AppError, UsageError

type Json = dict[str, Any]

PREFIXES = ("", "booksync-", "booksync-api-")


@dataclass(frozen=True)
class Blob:
    """One file of a layout.

    :param path: the file itself, links followed
    :param size: bytes
    :param label: what it is, for people: `layer base (amd64)`
    :param mountable: whether a registry can take it over from another repository (a manifest it cannot)
    """

    digest: str
    path: Path
    size: int
    label: str
    mountable: bool


@dataclass(frozen=True)
class Image:
    """One layout: the multi-architecture index by its digest, and every blob beside it.

    :param artifacts: digests of blobs that are about the image, and no part of it
    """

    name: str
    version: str
    layout: Path
    digest: str
    blobs: Mapping[str, Blob]
    artifacts: frozenset[str] = frozenset()

    @property
    def index(self) -> Blob:
        """The multi-architecture index."""
        return self.blobs[self.digest]

    @property
    def signed(self) -> list[str]:
        """The digests that a signature is for: the index, and each architecture's manifest."""
        index: Json = json.loads(self.index.path.read_text())
        return [self.digest, *(str(entry["digest"]) for entry in index["manifests"])]

    @property
    def parts(self) -> list[Blob]:
        """What the image consists of: index, manifests, configs and layers."""
        return [blob for digest, blob in self.blobs.items() if digest not in self.artifacts]

    @property
    def referrers(self) -> dict[str, set[str]]:
        """Digest of a manifest -> digests of the manifests of the artifacts about it."""
        found: dict[str, set[str]] = {}
        for digest in self.artifacts:
            if not self.blobs[digest].mountable:
                manifest: Json = json.loads(self.blobs[digest].path.read_text())
                found.setdefault(manifest["subject"]["digest"], set()).add(digest)
        return found

    def parts_of(self, digest: str) -> list[Blob]:
        """Return what one of the signed digests stands for: all parts, or one architecture's."""
        if digest == self.digest:
            return self.parts
        manifest: Json = json.loads(self.blobs[digest].path.read_text())
        below = (manifest["config"], *manifest["layers"])
        return [self.blobs[digest], *(self.blobs[part["digest"]] for part in below)]

    def without_artifacts(self) -> "Image":
        """Return the image alone."""
        return replace(self, blobs={blob.digest: blob for blob in self.parts}, artifacts=frozenset())


def load_images(directory: Path) -> dict[str, Image]:
    """Read digests.json and the layouts that it names.

    :raises AppError: the directory is not what `nix build .#images` makes
    """
    try:
        digests: Json = json.loads((directory / "digests.json").read_text())
        return {name: load_image(directory / name, name=name, summary=digests[name]) for name in sorted(digests)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AppError(
            f"{directory}: expected OCI image layouts with digests.json, got {type(error).__name__}: {error}",
            way_out="make them with: nix build .#images",
        ) from error


def load_image(layout: Path, *, name: str, summary: Json) -> Image:
    """Read one layout; ``summary`` is its entry of digests.json."""
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    if entry["digest"] != summary["digest"]:
        raise ValueError(f"{name}: index.json has {entry['digest']}, digests.json {summary['digest']}")
    labels = label_blobs(layout, index=summary["digest"], names=layer_names(summary))
    artifacts = label_referrers(layout)
    labels = artifacts | labels
    blobs = {}
    for link in sorted((layout / "blobs/sha256").iterdir()):
        digest = f"sha256:{link.name}"
        label, mountable = labels[digest]
        path = link.resolve(strict=True)
        blobs[digest] = Blob(digest=digest, path=path, size=path.stat().st_size, label=label, mountable=mountable)
    if missing := labels.keys() - blobs.keys():
        raise ValueError(f"{name}: blob {min(missing)} is missing")
    return Image(
        name=name,
        version=summary["version"],
        layout=layout,
        digest=summary["digest"],
        blobs=blobs,
        artifacts=frozenset(artifacts),
    )


def layer_names(summary: Json) -> dict[str, str]:
    """Return digest -> name of the layers, as far as digests.json names them."""
    architectures: Iterable[Json] = summary["architectures"].values()
    return {layer["digest"]: layer["name"] for entry in architectures for layer in entry.get("layers", [])}


def label_blobs(layout: Path, *, index: str, names: Mapping[str, str]) -> dict[str, tuple[str, bool]]:
    """Walk from the index down; return digest -> label and whether it can be mounted."""

    def read(digest: str) -> Json:
        content: Json = json.loads((layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_text())
        return content

    labels = {index: ("index", False)}
    for entry in read(index)["manifests"]:
        architecture = entry["platform"]["architecture"]
        manifest = read(entry["digest"])
        labels[entry["digest"]] = (f"manifest ({architecture})", False)
        labels[manifest["config"]["digest"]] = (f"config ({architecture})", True)
        for layer in manifest["layers"]:
            digest = layer["digest"]
            name = f"layer {names[digest]}" if digest in names else "layer"
            shared = digest in labels
            labels[digest] = (name if shared else f"{name} ({architecture})", True)
    return labels


def load_referrers(layout: Path) -> list[Json]:
    """Return the descriptors of the artifacts about an image: a layout has them beside index.json."""
    path = layout / "referrers.json"
    entries: list[Json] = json.loads(path.read_text())["manifests"] if path.exists() else []
    return entries


def label_referrers(layout: Path) -> dict[str, tuple[str, bool]]:
    """Return digest -> label and whether it can be mounted, of the artifacts about an image and what they hold."""
    labels = {}
    for entry in load_referrers(layout):
        manifest: Json = json.loads((layout / "blobs/sha256" / entry["digest"].removeprefix("sha256:")).read_text())
        labels[entry["digest"]] = (f"artifact {manifest['artifactType']}", False)
        labels[manifest["config"]["digest"]] = ("empty config", True)
        for blob in manifest["layers"]:
            labels[blob["digest"]] = (blob["annotations"]["org.opencontainers.image.title"], True)
    return labels


def write_whole_layout(image: Image, folder: Path) -> None:
    """Write a layout whose index.json names the artifacts about an image too, which is how oras finds them.

    The image's own has one entry, as podman and skopeo refuse several.
    """
    index: Json = json.loads((image.layout / "index.json").read_text())
    index["manifests"] += [entry for entry in load_referrers(image.layout) if entry["digest"] in image.artifacts]
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "blobs").symlink_to((image.layout / "blobs").resolve())


def select_images(images: Mapping[str, Image], wanted: Iterable[str]) -> list[Image]:
    """Return the named images, each once; all of them when none is named.

    :raises UsageError: a name is none of an image, nor the short form of one
    """
    selected = {}
    for text in wanted:
        name = next((prefix + text for prefix in PREFIXES if prefix + text in images), None)
        if name is None:
            raise UsageError(f"there is no image {text!r}", way_out=f"known: {', '.join(sorted(images))}")
        selected[name] = images[name]
    return list((selected or images).values())
