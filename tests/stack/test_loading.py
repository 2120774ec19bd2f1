"""`nix run .#load` fills a real engine: each image under both of its names, by the digest of its config."""

import json
import os
from pathlib import Path

from booksync_testing.layout import Layout
from booksync_vm.machine import Machine

NAMES = {
    "booksync-api-auth": "booksync-api-auth:{}",
    "booksync-api-data": "booksync-api-data:{}",
    "booksync-api-prediction-onnx": "booksync-api-prediction:{}-onnx",
    "booksync-postgres": "booksync-postgres:{}",
}


def test_engine_has_the_images_that_were_built(machine: Machine, loaded: list[str]) -> None:
    images = Path(os.environ["BOOKSYNC_IMAGES"])
    version = os.environ["BOOKSYNC_VERSION"]
    assert sorted(loaded) == sorted(name.format(tag) for name in NAMES.values() for tag in ("latest", version))
    for name, reference in NAMES.items():
        image = Layout(images / name).image(os.environ["BOOKSYNC_ARCH"])
        for tag in ("latest", version):
            shown = json.loads(machine.succeed(f"docker image inspect {reference.format(tag)}"))[0]
            assert shown["Id"] == image.config_descriptor.digest
            assert shown["RootFS"]["Layers"] == image.config["rootfs"]["diff_ids"]
            assert shown["Config"]["User"] == image.runtime["User"]
