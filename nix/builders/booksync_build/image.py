"""Make one architecture's image of its layers: config, manifest, and links to the layers' blobs."""

import json
from pathlib import Path

from booksync_build.attributes import load_attributes, output_path
from booksync_build.oci import CONFIG, MANIFEST, Descriptor, Layer, Platform, build_config, build_manifest, describe


def write_blob(folder: Path, content: bytes, media_type: str) -> Descriptor:
    """Write a blob under its digest and return its descriptor."""
    descriptor = describe(content, media_type)
    (folder / descriptor.digest.removeprefix("sha256:")).write_bytes(content)
    return descriptor


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    blobs = out / "blobs/sha256"
    blobs.mkdir(parents=True)
    platform = Platform(**attributes["platform"])
    layers = []
    for path in attributes["layers"]:
        layer = Layer.from_json(json.loads((Path(path) / "descriptor.json").read_text()))
        blob = blobs / layer.descriptor.digest.removeprefix("sha256:")
        if blob.is_symlink():
            raise ValueError(f"layer {layer.name!r}: the image already has a layer of that content")
        blob.symlink_to(Path(path) / "blob")
        layers.append(layer)
    config = write_blob(
        blobs,
        build_config(platform=platform, created=attributes["created"], config=attributes["config"], layers=layers),
        CONFIG,
    )
    manifest = write_blob(
        blobs, build_manifest(config=config, layers=layers, annotations=attributes["annotations"]), MANIFEST
    )
    summary = {
        "platform": attributes["platform"],
        "manifest": manifest.to_json(),
        "config": config.to_json(),
        "layers": [layer.descriptor.to_json() | {"name": layer.name, "diffID": layer.diff_id} for layer in layers],
    }
    (out / "image.json").write_text(json.dumps(summary, sort_keys=True, indent=2) + "\n")


if __name__ == "__main__":
    main()
