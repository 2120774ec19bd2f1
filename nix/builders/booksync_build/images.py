"""Gather images into OCI image layouts, one folder a name, with digests.json over all of them."""

import json
from pathlib import Path
from typing import Any

from booksync_build.attributes import load_attributes, output_path
from booksync_build.image import write_blob
from booksync_build.oci import INDEX, Descriptor, Platform, build_index, build_layout_index, build_referrers_index


def link_blobs(blobs: Path, source: Path) -> None:
    """Link another folder's blobs, each once."""
    for blob in sorted((source / "blobs/sha256").iterdir()):
        link = blobs / blob.name
        if not link.is_symlink():
            link.symlink_to(blob.resolve())


def link_referrers(blobs: Path, sources: list[Path]) -> list[dict[str, Any]]:
    """Link the blobs of artifacts about the images, and return the artifacts' descriptors."""
    entries = []
    for source in sources:
        link_blobs(blobs, source)
        entries += json.loads((source / "referrers.json").read_text())
    return entries


def write_layout(
    folder: Path, images: list[Path], *, referrers: list[Path], version: str, annotations: dict[str, str]
) -> dict[str, Any]:
    """Write one image's layout of its architectures and return its entry of digests.json.

    Artifacts about the image stand in referrers.json, not in index.json, which must have one entry. Sizes are bytes
    as transferred: layers compressed, with config and manifest.
    """
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    manifests: list[tuple[Platform, Descriptor]] = []
    architectures = {}
    for image in images:
        summary = json.loads((image / "image.json").read_text())
        link_blobs(blobs, image)
        platform = Platform(**summary["platform"])
        manifest = Descriptor(
            media_type=summary["manifest"]["mediaType"],
            digest=summary["manifest"]["digest"],
            size=summary["manifest"]["size"],
        )
        manifests.append((platform, manifest))
        parts = [summary["manifest"], summary["config"], *summary["layers"]]
        architectures[platform.architecture] = {
            "manifest": {key: summary["manifest"][key] for key in ("digest", "size")},
            "config": {key: summary["config"][key] for key in ("digest", "size")},
            "layers": summary["layers"],
            "size": sum(part["size"] for part in parts),
        }
    if entries := link_referrers(blobs, referrers):
        (folder / "referrers.json").write_bytes(build_referrers_index(entries))
    index = write_blob(blobs, build_index(manifests=manifests, annotations=annotations), INDEX)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_bytes(build_layout_index(index=index, tag=version))
    return {"version": version, "digest": index.digest, "size": index.size, "architectures": architectures}


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    out.mkdir()
    digests = {
        name: write_layout(
            out / name,
            [Path(path) for path in image["architectures"]],
            referrers=[Path(path) for path in image.get("referrers", [])],
            version=attributes["version"],
            annotations=image["annotations"],
        )
        for name, image in sorted(attributes["images"].items())
    }
    (out / "digests.json").write_text(json.dumps(digests, sort_keys=True, indent=2) + "\n")


if __name__ == "__main__":
    main()
