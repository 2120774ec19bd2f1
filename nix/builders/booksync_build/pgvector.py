"""Compile pgvector for one architecture with Zig's C compiler, which carries every target's libc."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from booksync_build.attributes import build_directory, load_attributes, output_path
from booksync_build.zig import unpack_zig

#: Oldest glibc that the extension asks for. Any trixie has a newer one.
GLIBC = "2.36"

#: As upstream's Makefile, without -march=native.
FLAGS = (
    "-shared",
    "-fPIC",
    "-O2",
    "-fno-sanitize=undefined",
    "-ftree-vectorize",
    "-fassociative-math",
    "-fno-signed-zeros",
    "-fno-trapping-math",
)


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    scratch = build_directory()
    with tarfile.open(attributes["source"]) as archive:
        archive.extractall(scratch / "source", filter="data")
    (source,) = (scratch / "source").iterdir()
    zig = unpack_zig(Path(attributes["zig"]), scratch)
    library = out / "usr/lib/postgresql/17/lib/vector.so"
    extension = out / "usr/share/postgresql/17/extension"
    library.parent.mkdir(parents=True)
    extension.mkdir(parents=True)
    os.chdir(source)
    subprocess.run(
        [
            str(zig),
            "cc",
            "-target",
            f"{attributes['triplet']}.{GLIBC}",
            *FLAGS,
            "-s",
            # assertions name the header that they stand in: as in the image, not as in the store
            f"-ffile-prefix-map={attributes['headers']}=",
            f"-I{attributes['headers']}/usr/include/postgresql/17/server",
            "-o",
            str(library),
            *sorted(str(path) for path in Path("src").glob("*.c")),
        ],
        check=True,
        env={
            "HOME": str(scratch),
            "ZIG_GLOBAL_CACHE_DIR": str(scratch / "zig"),
            "ZIG_LOCAL_CACHE_DIR": str(scratch / "zig"),
        },
    )
    copyright_file = out / "usr/share/doc/pgvector/copyright"
    copyright_file.parent.mkdir(parents=True)
    shutil.copyfile("LICENSE", copyright_file)
    version = attributes["version"]
    shutil.copy("vector.control", extension)
    shutil.copy("sql/vector.sql", extension / f"vector--{version}.sql")
    for path in sorted(Path("sql").glob("vector--*--*.sql")):
        shutil.copy(path, extension)


if __name__ == "__main__":
    main()
