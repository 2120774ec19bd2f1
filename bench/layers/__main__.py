"""Measure how many bytes a change moves, and write bench/layers.md: `.venv/bin/python -m bench.layers [WORD]...`.

Each change is made in a copy of the checkout and built; then it is pushed to a registry on loopback that has what was
built before. What is measured is what `nix run .#push` says that it has sent. With words, only the changes are replayed
that have one of them in their name; the others stand as they were.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.layers.changes import CHANGES, Change
from bench.report import describe_machine

from booksync_fetch.cache import default_folder, open_cache
from booksync_fetch.checkout import copy_checkout
from booksync_fetch.cli import Bootstrap
from booksync_fetch.progress import format_bytes, say
from booksync_testing.registry import DockerRegistry

ROOT = Path(__file__).resolve().parents[2]

#: A line of a service's code: bytes and seconds, build and push together.
GOAL_BYTES, GOAL_S = 200_000, 5.0


@dataclass(frozen=True)
class Moved:
    """What a change has moved for one image.

    :param image_bytes: bytes of the blobs and manifests of the image that the registry had not: layers, configs, index
    :param documents: the other bytes sent: bills of materials and provenance
    :param whole: bytes of both architectures' layers: what an image of a single layer each would send
    :param build: seconds of nix build, in which other images of the same change may have been built already
    :param push: seconds
    :param machine: that measured it, and when
    """

    change: str
    image: str
    image_bytes: int
    documents: int
    whole: int
    build: float
    push: float
    machine: str


@contextmanager
def registry(tools: Path) -> Iterator[str]:
    """Run Debian's docker-registry on loopback and yield its address."""
    libraries = next((tools / "usr/lib").glob("*-linux-gnu"))
    loader = next(libraries.glob("ld-linux-*"))
    command = [str(loader), "--library-path", str(libraries), str(tools / "usr/bin/docker-registry")]
    with tempfile.TemporaryDirectory(prefix="registry-", dir=default_folder()) as folder:
        server = DockerRegistry(command, Path(folder))
        try:
            yield server.address
        finally:
            server.stop()


def build(bootstrap: Bootstrap, image: str) -> tuple[Path, float]:
    """Build an image and return its layouts and the seconds."""
    started = time.monotonic()
    attribute = f"packages.{bootstrap.system}.{image}"
    (result,) = bootstrap.nix.build([attribute], link=bootstrap.project.root / f"result-{image}")
    return result, time.monotonic() - started


def list_blobs(result: Path, image: str) -> dict[str, int]:
    """Return the blobs and manifests of an image, without what refers to it: digest -> bytes."""
    folder = result / image / "blobs/sha256"
    index = json.loads((result / image / "index.json").read_text())["manifests"]
    blobs = {}
    while index:
        descriptor = index.pop()
        blobs[descriptor["digest"]] = descriptor["size"]
        if descriptor["mediaType"].endswith(("image.index.v1+json", "image.manifest.v1+json")):
            content = json.loads((folder / descriptor["digest"].removeprefix("sha256:")).read_text())
            index += [*content.get("manifests", []), *content.get("layers", [])]
            index += [content["config"]] if "config" in content else []
    return blobs


def push(program: str, images: Path, address: str) -> tuple[int, float]:
    """Push layouts and return the bytes sent and the seconds."""
    started = time.monotonic()
    done = subprocess.run(
        [program, f"{address}/bench", "--insecure"],
        env=os.environ | {"BOOKSYNC_IMAGES": str(images)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - started
    sent = re.search(r"(\d+) bytes sent in", done.stderr)
    if done.returncode or sent is None:
        raise SystemExit(f"push to {address} failed:\n{done.stderr}")
    return int(sent[1]), seconds


def replay(change: Change, before: Bootstrap, *, programs: dict[str, str], address: str) -> Iterator[Moved]:
    """Make a change in a copy, and yield what it moves for each of its images."""
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="change-", dir=default_folder()) as folder:
        copy_checkout(ROOT, Path(folder))
        with open_cache(default_folder()) as cache:
            change.apply(Path(folder), cache)
        after = Bootstrap(Path(folder))
        for image in change.images:
            original, _ = build(before, image)
            push(programs[image], original, address)
            attribute = f"packages.{after.system}.{image}"
            after.fetch([attribute])
            (output,) = after.nix.find_outputs(after.nix.find_derivations([attribute]))
            if Path(output).exists():
                raise SystemExit(f"{change.name}: {image} is built already, in no time: run nix-collect-garbage first")
            result, built = build(after, image)
            sent, pushed = push(programs[image], result, address)
            there = list_blobs(original, image)
            new = sum(size for digest, size in list_blobs(result, image).items() if digest not in there)
            if new == 0:
                raise SystemExit(f"{change.name}: expected another {image}, got the same bytes; choose another change")
            architectures = json.loads((result / "digests.json").read_text())[image]["architectures"]
            # of an architecture each, as an image of one layer has none in common with the other's
            whole = sum(layer["size"] for part in architectures.values() for layer in part["layers"])
            yield Moved(change.name, image, new, sent - new, whole, round(built, 1), round(pushed, 1), machine)
            # the next change meets the images as they are here
            push(programs[image], original, address)


def format_report(moved: Sequence[Moved]) -> str:
    """Return the report as Markdown."""
    order = [change.name for change in CHANGES]
    lines = [
        "# Bytes that a change moves",
        "",
        "Made by `.venv/bin/python -m bench.layers`: each change is built,",
        "and pushed to a registry on loopback that has the images from before; beside it what one layer each would",
        "move. The bump of a wheel is replayed backwards, to the version before; packages come from sid. What the",
        f"first image of a change has built is there for the next. The goal for a line of a service is {GOAL_S:g} s",
        f"and {format_bytes(GOAL_BYTES)} for both architectures, build and push; the documents go with the image:",
        "bills of materials and provenance.",
        "",
        "| change | image | moved | documents | in one layer | build | push | on |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {item.change} | `{item.image}` | {format_bytes(item.image_bytes)} | {format_bytes(item.documents)} "
        f"| {format_bytes(item.whole)} | {item.build:.1f} s | {item.push:.1f} s | {item.machine} |"
        for item in sorted(moved, key=lambda item: order.index(item.change))
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", metavar="WORD", nargs="*", help="replay only changes with one of these in their name")
    words = parser.parse_args().words
    chosen = [change for change in CHANGES if not words or any(word in change.name for word in words)]
    kept = ROOT / "bench/layers.json"
    moved = {
        (item["change"], item["image"]): Moved(**item)
        for item in (json.loads(kept.read_text()) if kept.exists() else [])
        if any(change.name == item["change"] for change in CHANGES)
    }
    before = Bootstrap(ROOT)
    images = sorted({image for change in chosen for image in change.images})
    before.fetch([f"packages.{before.system}.{image}" for image in images])
    programs = {}
    for image in images:
        build(before, image)
        app = f"apps.{before.system}.push-{image}.program"
        programs[image] = before.nix.run("nix", ["eval", "--raw", f".#{app}"])
        before.nix.run("nix", ["run", f".#push-{image}", "--", "--help"])  # builds it
    with registry(before.tools()) as address:
        for change in chosen:
            say(f"layers: {change.name}")
            for item in replay(change, before, programs=programs, address=address):
                say(f"layers: {item.image}: {format_bytes(item.image_bytes)}, {item.build + item.push:.1f} s")
                moved[item.change, item.image] = item
                kept.write_text(json.dumps([asdict(entry) for entry in moved.values()], indent=1) + "\n")
    (ROOT / "bench/layers.md").write_text(format_report(list(moved.values())))
    print(ROOT / "bench/layers.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
