"""Make what a virtual machine starts from: ``vmlinuz``, ``initrd`` and ``root.ext4``.

The root is Debian's packages as they come, with what their scripts would have made. It is written as a tar and made a
file system from that, since only so all of it is root's: in a build nobody is.
"""

import lzma
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from booksync_build.attributes import build_directory, load_attributes, output_path
from booksync_build.base import write_applets
from booksync_build.cpio import Entry, folder, pack, program
from booksync_build.debian import Selection, remove_empty_folders, unpack

#: When everything was made: one second after the epoch, as in the Nix store.
SOURCE_DATE_EPOCH = 1

#: What the initramfs has to bring up before there is a root; all else is loaded from there.
DISK_DRIVER = "virtio_blk"

#: Folders that something is mounted on, or written to on the data disk.
MOUNT_POINTS = ("dev", "proc", "run", "srv", "sys", "tmp", "var")

LINKS = {
    "bin": "usr/bin",
    "sbin": "usr/sbin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "root": "var/root",
    # as update-alternatives would
    "usr/sbin/iptables": "xtables-nft-multi",
    "usr/sbin/ip6tables": "xtables-nft-multi",
}

TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "etc/group": "root:x:0:\ndocker:x:998:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    # QEMU's: nobody answers there, but whoever asks is seen
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
}

BLOCK_BYTES = 4096
#: Of a file beside its content: inode and the last block.
FILE_BYTES = 256 + BLOCK_BYTES
SPARE_BYTES = 32 << 20


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    out.mkdir()
    root = build_directory() / "root"
    root.mkdir()
    write_root(root, attributes)
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    shutil.move(kernel, out / "vmlinuz")
    modules = root / "usr/lib/modules" / kernel.name.removeprefix("vmlinuz-")
    subprocess.run([*attributes["depmod"], "-b", str(root / "usr"), modules.name], check=True)
    entries = list_initramfs(
        init=Path(attributes["init"]).read_bytes(), busybox=(root / "usr/bin/busybox").read_bytes(), modules=modules
    )
    (out / "initrd").write_bytes(pack(entries))
    write_file_system(root, out / "root.ext4", attributes["mke2fs"])


def write_root(root: Path, attributes: Mapping[str, Any]) -> None:
    """Lay out the root file system."""
    selection = Selection(drop=attributes["drop"], keep=attributes["keep"])
    for deb in attributes["debs"]:
        unpack(Path(deb), root, selection)
    remove_empty_folders(root, selection)
    write_applets(root, attributes["busybox"])
    for path, target in LINKS.items():
        if not (root / path).is_symlink():
            if (root / path).is_dir():
                shutil.rmtree(root / path)
            (root / path).symlink_to(target)
    for path in MOUNT_POINTS:
        (root / path).mkdir(exist_ok=True)
    for path, text in TEXTS.items():
        (root / path).write_text(text)
    for path, file in attributes["files"].items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file["source"], root / path)
        (root / path).chmod(0o755 if file["executable"] else 0o644)


def list_initramfs(*, init: bytes, busybox: bytes, modules: Path) -> dict[str, Entry]:
    """Return what the initramfs has in it.

    :param modules: the root's folder of the kernel's modules
    """
    drivers = dict(read_drivers(modules))
    entries = {"bin": folder(), "modules": folder(), "init": program(init), "bin/busybox": program(busybox)}
    entries |= {f"modules/{name}": program(content) for name, content in drivers.items()}
    entries["modules/order"] = program("".join(f"{name}\n" for name in drivers).encode())
    return entries


def read_drivers(modules: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the disk's driver and what it needs, which comes first (modules.dep(5))."""
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, needed = line.partition(":")
        if Path(path).name.partition(".")[0] == DISK_DRIVER:
            for name in [*reversed(needed.split()), path]:
                content = (modules / name).read_bytes()
                yield Path(name).name.removesuffix(".xz"), lzma.decompress(content)


def write_file_system(root: Path, target: Path, mke2fs: Sequence[str]) -> None:
    """Write a file system with all of a folder in it, root's."""
    archive = build_directory() / "root.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(root, ".", filter=owned_by_root)
    size = measure(root) + SPARE_BYTES
    subprocess.run(
        [
            *(*mke2fs, "-q", "-t", "ext4", "-b", str(BLOCK_BYTES), "-O", "^has_journal", "-m", "0"),
            *("-U", "clear", "-E", "hash_seed=00000000-0000-0000-0000-000000000001"),
            *("-d", str(archive), str(target), str(size // BLOCK_BYTES)),
        ],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH)},
    )


def measure(root: Path) -> int:
    """Return about how many bytes a folder's entries take; how large folders are is the builder's file system's own."""
    paths = list(root.rglob("*"))
    files = (path for path in paths if path.is_file() and not path.is_symlink())
    return len(paths) * FILE_BYTES + sum(path.lstat().st_size for path in files)


def owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Give a file to root, and take the time of its unpacking."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mtime = SOURCE_DATE_EPOCH
    return member


if __name__ == "__main__":
    main()
