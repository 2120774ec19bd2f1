"""What a NixOS machine gives its engine is the image as it was built, under the one name that it is asked for."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from booksync_apps import stream

CONTENTS = {"config": b'{"os": "linux"}', "base": b"base" * 1000, "service": b"service" * 100_000}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Make an image in the shape of mkImage."""
    folder = tmp_path / "image"
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    for name, content in CONTENTS.items():
        (blobs / digests[name]).write_bytes(content)
    summary = {
        "config": {"digest": f"sha256:{digests['config']}"},
        "layers": [{"digest": f"sha256:{digests[name]}"} for name in ("base", "service")],
    }
    (folder / "image.json").write_text(json.dumps(summary))
    return folder


def test_archive_has_the_image_under_its_name(image: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    environment = {"BOOKSYNC_IMAGE": str(image), "BOOKSYNC_REFERENCE": "booksync-api-auth:abc"}
    assert stream.main([], environment=environment) == 0
    with tarfile.open(fileobj=io.BytesIO(capfdbinary.readouterr().out)) as tar:
        files = {name: tar.extractfile(name) for name in tar.getnames()}
        contents = {name: file.read() for name, file in files.items() if file}
    (description,) = json.loads(contents.pop("manifest.json"))
    assert description["RepoTags"] == ["booksync-api-auth:abc"]
    assert contents[description["Config"]] == CONTENTS["config"]
    assert [contents[layer] for layer in description["Layers"]] == [CONTENTS["base"], CONTENTS["service"]]


def test_an_argument_and_an_image_that_is_not_there_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert stream.main(["x"], environment={}) == 2
    assert stream.main([], environment={"BOOKSYNC_IMAGE": "/nowhere"}) == 1
    errors = capsys.readouterr().err
    assert "expected no arguments, got 'x'" in errors
    assert "BOOKSYNC_IMAGE: /nowhere is not there" in errors
