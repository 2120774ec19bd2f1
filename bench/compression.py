"""Compare gzip and zstd on the layers of the images, and write bench/compression.md: `python3 -m bench.compression`.

Each layer of an image for the builder's architecture is compressed as nix/builders/compressions.nix says, from a pipe,
one after the other and each twice, of which the faster counts.
"""

import gzip
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.report import FOLDER, describe_machine

ROOT = FOLDER.parent
sys.path.insert(0, str(ROOT / "nix/fetch"))

from booksync_fetch.cache import default_folder  # noqa: E402 - after the path
from booksync_fetch.cli import Bootstrap  # noqa: E402
from booksync_fetch.progress import format_bytes  # noqa: E402

IMAGES = ("booksync-api-auth", "booksync-api-data", "booksync-api-prediction-onnx", "booksync-postgres")
NAMES = ("gzip", "zstd")
CHUNK = 1 << 20
RUNS = 2


@dataclass
class Figures:
    """Of one image and one compression.

    :param size: bytes of all layers
    :param pack: seconds to compress them
    :param unpack: seconds to decompress them
    """

    size: int = 0
    pack: float = 0
    unpack: float = 0


def run(command: list[str], source: Path, target: Path) -> float:
    """Filter a file and return the faster of the runs, in seconds."""
    times = []
    for _ in range(RUNS):
        started = time.monotonic()
        # from a pipe, as the build does: what a program knows of a file's size gets into its output
        with target.open("wb") as sink, subprocess.Popen(["cat", source], stdout=subprocess.PIPE) as reader:
            subprocess.run(command, stdin=reader.stdout, stdout=sink, check=True)
        times.append(time.monotonic() - started)
        if reader.returncode:
            raise SystemExit(f"cat {source} ended with {reader.returncode}")
    return min(times)


def measure(blobs: list[Path], commands: dict[str, list[str]], folder: Path) -> dict[str, Figures]:
    """Compress and decompress the layers of an image."""
    figures = {name: Figures() for name in NAMES}
    for blob in blobs:
        tar = folder / "layer.tar"
        with gzip.open(blob) as source, tar.open("wb") as sink:
            while chunk := source.read(CHUNK):
                sink.write(chunk)
        for name in NAMES:
            packed = folder / "packed"
            figures[name].pack += run(commands[name], tar, packed)
            figures[name].size += packed.stat().st_size
            figures[name].unpack += run([*commands[name][:4], "-d", "-c"], packed, folder / "unpacked")
    return figures


def load_commands(bootstrap: Bootstrap) -> dict[str, list[str]]:
    """Return the argv of each compression, as a layer's build has it."""
    commands = {}
    for name, ending in (("gzip", ""), ("zstd", "-zstd")):
        image = bootstrap.nix.find_derivations([f"packages.{bootstrap.system}.booksync-api-data{ending}"])
        layer = next(path for path in bootstrap.nix.find_requisites(image) if "-layer-base-" in path)
        shown = bootstrap.nix.run("nix-store", ["--query", "--binding", "__json", layer], quiet=True)
        commands[name] = json.loads(shown)["compress"]
    return commands


def format_report(measured: dict[str, dict[str, Figures]], *, machine: str) -> str:
    """Return the report as Markdown."""
    lines = [
        "# gzip and zstd",
        "",
        f"Made by `python3 -m bench.compression` on {machine}:",
        "the layers of one architecture, compressed by `pigz -n -6` and by `zstd -9 -T0`, as the builds do it",
        "(nix/builders/compressions.nix), and decompressed again.",
        "",
        "| image | gzip | zstd | zstd is | compress | decompress |",
        "|---|---|---|---|---|---|",
    ]
    for image, figures in measured.items():
        one, other = figures["gzip"], figures["zstd"]
        lines.append(
            f"| `{image}` | {format_bytes(one.size)} | {format_bytes(other.size)} "
            f"| {1 - other.size / one.size:.0%} smaller "
            f"| {one.pack:.1f} s and {other.pack:.1f} s | {one.unpack:.2f} s and {other.unpack:.2f} s |"
        )
    return "\n".join([*lines, "", *CHOICE]) + "\n"


CHOICE = (
    "gzip is the default: every client and registry reads it, also the older Dockers of NAS systems. zstd's media",
    "type is of the OCI image specification 1.1; containerd, podman and newer Dockers read it.",
    "`nix build .#images-zstd` makes the images with it, with digests of their own; push them with",
    "`BOOKSYNC_IMAGES=$PWD/result nix run .#push -- ...`.",
)


def main() -> int:
    machine = describe_machine()
    bootstrap = Bootstrap(ROOT)
    packages = [f"packages.{bootstrap.system}.{name}" for name in IMAGES]
    bootstrap.fetch(packages)
    commands = load_commands(bootstrap)
    measured = {}
    with tempfile.TemporaryDirectory(prefix="compression-", dir=default_folder()) as folder:
        for name, package in zip(IMAGES, packages, strict=True):
            (result,) = bootstrap.nix.build([package], link=Path(folder) / "result")
            layers = json.loads((result / "digests.json").read_text())[name]["architectures"][bootstrap.builder][
                "layers"
            ]
            blobs = [result / name / "blobs/sha256" / layer["digest"].removeprefix("sha256:") for layer in layers]
            measured[name] = measure(blobs, commands, Path(folder))
    (FOLDER / "compression.md").write_text(format_report(measured, machine=machine))
    return 0


if __name__ == "__main__":
    sys.exit(main())
