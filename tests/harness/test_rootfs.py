"""An archive cannot write outside the root it is unpacked into, nor replace what a lower layer brought."""

import tarfile
from pathlib import Path

import pytest

from booksync_testing.layout import LayoutError
from booksync_testing.layout_writer import LayoutWriter, directory, file, link
from booksync_testing.rootfs import write_root


def test_files_links_and_modes_are_kept(writer: LayoutWriter, tmp_path: Path) -> None:
    writer.add_layer(
        directory("/usr"),
        directory("/usr/bin"),
        file("/usr/bin/program", b"#!", mode=0o555),
        link("/bin", "usr/bin"),
        link("/usr/bin/same", "/usr/bin/program", tarfile.LNKTYPE),
        directory("/tmp", mode=0o1777),
    )
    root = tmp_path / "root"
    write_root(writer.write_image(), root)
    assert (root / "bin/program").read_bytes() == b"#!"
    assert (root / "usr/bin/program").stat().st_mode & 0o7777 == 0o555
    assert (root / "usr/bin/same").samefile(root / "usr/bin/program")
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (root / "bin").readlink() == Path("usr/bin")


def test_a_runtime_s_own_files_are_added(writer: LayoutWriter, tmp_path: Path) -> None:
    writer.add_layer(directory("/etc"))
    root = tmp_path / "root"
    write_root(writer.write_image(), root)
    assert "localhost" in (root / "etc/hosts").read_text()
    assert (root / "proc").is_dir()


@pytest.mark.parametrize("name", ["../escaped", "/etc/../../escaped", "etc//passwd", "./././x/../../y"])
def test_path_that_is_not_normalised_is_refused(writer: LayoutWriter, tmp_path: Path, name: str) -> None:
    writer.add_layer(directory("/etc"), file(name))
    with pytest.raises(LayoutError, match="not normalised"):
        write_root(writer.write_image(), tmp_path / "root")
    assert not (tmp_path / "escaped").exists()


def test_member_behind_a_symlink_is_refused(writer: LayoutWriter, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    writer.add_layer(link("/way", str(outside)))
    writer.add_layer(file("/way/escaped"))
    with pytest.raises(LayoutError, match="way is a symlink"):
        write_root(writer.write_image(), tmp_path / "root")
    assert not (outside / "escaped").exists()


def test_directory_over_a_symlink_is_refused(writer: LayoutWriter, tmp_path: Path) -> None:
    writer.add_layer(directory("/usr"), link("/bin", "usr"))
    writer.add_layer(directory("/bin"))
    with pytest.raises(LayoutError, match="bin: a directory, where a lower layer has something else"):
        write_root(writer.write_image(), tmp_path / "root")


def test_file_that_a_lower_layer_has_is_refused(writer: LayoutWriter, tmp_path: Path) -> None:
    writer.add_layer(file("/hello", b"1"))
    writer.add_layer(file("/hello", b"2"))
    with pytest.raises(LayoutError, match="hello: is already in a lower layer"):
        write_root(writer.write_image(), tmp_path / "root")


def test_whiteout_is_refused(writer: LayoutWriter, tmp_path: Path) -> None:
    writer.add_layer(file("/hello"))
    writer.add_layer(file("/.wh.hello"))
    with pytest.raises(LayoutError, match="whiteout"):
        write_root(writer.write_image(), tmp_path / "root")


def test_device_is_refused(writer: LayoutWriter, tmp_path: Path) -> None:
    header, content = file("/null")
    header.type = tarfile.CHRTYPE
    writer.add_layer((header, content))
    with pytest.raises(LayoutError, match="has no place in an image"):
        write_root(writer.write_image(), tmp_path / "root")


def test_changed_layer_is_refused_before_it_is_unpacked(writer: LayoutWriter, tmp_path: Path) -> None:
    writer.add_layer(file("/hello", b"hello"))
    image = writer.write_image()
    image.layout.blob(image.layers[0].digest).write_bytes(b"x" * image.layers[0].size)
    with pytest.raises(LayoutError, match="holds sha256:"):
        write_root(image, tmp_path / "root")
