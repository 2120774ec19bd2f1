"""Wheels are installed as an installer would, with the image's paths in scripts and none of the build's."""

import hashlib
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from booksync_build.wheels import SITE_PACKAGES, drop_files, install_wheels, update_records


def make_wheel(folder: Path) -> Path:
    wheel = folder / "tool-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tool/__init__.py", "def main(): ...\n")
        archive.writestr("tool/tests/test_tool.py", "")
        archive.writestr("tool-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n")
        archive.writestr("tool-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tool-1.0.dist-info/entry_points.txt", "[console_scripts]\ntool = tool:main\n")
        archive.writestr("tool-1.0.dist-info/RECORD", "")
    return wheel


@pytest.fixture
def root(tmp_path: Path, installer: str) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    install_wheels([make_wheel(tmp_path)], path, installer=installer)
    return path


def test_files_stand_under_the_prefix(root: Path) -> None:
    site = root / SITE_PACKAGES.lstrip("/")
    assert (site / "tool/__init__.py").exists()
    assert (site / "tool-1.0.dist-info/INSTALLER").read_text() == "booksync\n"
    assert "../../../bin/tool" in (site / "tool-1.0.dist-info/RECORD").read_text()


def test_scripts_run_on_the_images_interpreter(root: Path, tmp_path: Path) -> None:
    script = (root / "usr/local/bin/tool").read_text()
    assert script.startswith("#!/usr/local/bin/python3.12\n")
    assert str(tmp_path) not in script


def test_records_say_what_is_there_after_changes(root: Path) -> None:
    site = root / SITE_PACKAGES.lstrip("/")
    (site / "tool/__init__.py").write_text("changed\n")
    drop_files(root, ["tool/tests"])
    update_records(root)
    record = (site / "tool-1.0.dist-info/RECORD").read_text()
    assert "tests" not in record
    digest = urlsafe_b64encode(hashlib.sha256(b"changed\n").digest()).rstrip(b"=").decode()
    assert f"tool/__init__.py,sha256={digest},8\n" in record


def test_dropped_files_go_with_their_empty_folders(root: Path) -> None:
    drop_files(root, ["tool/tests"])
    site = root / SITE_PACKAGES.lstrip("/")
    assert not (site / "tool/tests").exists()
    assert (site / "tool/__init__.py").exists()
