"""Measure what the README promises of builds, and write it to bench/build.md: `python3 -m bench.build [--cold]`.

Sizes and the time of a build with nothing to do are always measured. With `--cold`, every derivation between the
fetched artifacts and the images is deleted from the store and built again, with its time and the largest resident
set of any process; the artifacts stay. It needs a store that this user owns (Nix without its daemon).

`empty` of bench/build.json is written by hand: the seconds of `time ./bootstrap build` on a machine without Nix and
without artifacts, and how they were measured.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bench.report import FOLDER, describe_machine

ROOT = FOLDER.parent
sys.path.insert(0, str(ROOT / "nix/fetch"))

from booksync_fetch.nix import Nix  # noqa: E402 - it is no installed package
from booksync_fetch.plan import list_wanted  # noqa: E402
from booksync_fetch.progress import format_bytes  # noqa: E402

#: Compressed sizes that the goals were set against, MB: python:3.12-slim alone, and postgres:17-bookworm.
OFFICIAL = {"booksync-api-auth": 43, "booksync-api-data": 43, "booksync-postgres": 156}
GOALS = {
    "booksync-api-auth": 50,
    "booksync-api-data": 50,
    "booksync-api-prediction-onnx": 160,
    "booksync-postgres": 60,
}
WARM_RUNS = 5


def list_built(nix: Nix, attribute: str) -> list[str]:
    """Return the store paths that building an attribute makes, without the artifacts that are fetched."""
    closure = nix.run("nix-store", ["--query", "--requisites", *nix.find_derivations([attribute])]).split()
    outputs = set(nix.find_outputs([path for path in closure if path.endswith(".drv")]))
    return sorted(outputs - {item.path for item in list_wanted(nix.load_derivations([attribute]))})


def build(nix: Nix, attribute: str) -> float:
    """Build an attribute and return the seconds that it took."""
    started = time.monotonic()
    nix.build([attribute], link=ROOT / "result")
    return time.monotonic() - started


def measure_cold(nix: Nix, attribute: str) -> dict[str, Any]:
    """Build everything anew; seconds, bytes of the largest process, and how they were measured."""
    (ROOT / "result").unlink(missing_ok=True)
    there = [path for path in list_built(nix, attribute) if Path(path).exists()]
    nix.run("nix-store", ["--delete", "--ignore-liveness", *there], quiet=True)
    seconds = build(nix, attribute)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"seconds": seconds, "peak": peak, "how": f"`python3 -m bench.build --cold` on {describe_machine()}"}


def format_report(digests: dict[str, Any], *, last: dict[str, Any], warm: list[float], machine: str) -> str:
    """Return the report as Markdown."""
    cold, empty = last["cold"], last["empty"]
    lines = [
        "# Builds",
        "",
        f"Made by `python3 -m bench.build [--cold]` on {machine};",
        f"the first two rows by {cold['how']},",
        f"the third by {empty['how']}.",
        "",
        "| what | measured | goal |",
        "|---|---|---|",
        f"| all images, both architectures, from fetched artifacts | {cold['seconds'] / 60:.1f} min | 15 min |",
        f"| largest resident set of any process in that build | {format_bytes(cold['peak'])} | 4 GiB |",
        f"| all images from an empty machine, Nix to install and 4.9 GB to fetch | {empty['seconds'] / 60:.1f} min | |",
        f"| `nix build .#images` with nothing to do, median of {len(warm)} | {statistics.median(warm):.2f} s | 1 s |",
        "",
        "| image | architecture | compressed | goal | official image | layers |",
        "|---|---|---|---|---|---|",
    ]
    for name, image in digests.items():
        for architecture, part in sorted(image["architectures"].items()):
            goal = f"{GOALS[name]} MB" if name in GOALS else ""
            official = f"{OFFICIAL[name]} MB" if name in OFFICIAL else ""
            size = format_bytes(part["size"])
            lines.append(f"| `{name}` | {architecture} | {size} | {goal} | {official} | {len(part['layers'])} |")
    lines += [
        "",
        "The official images: python:3.12-slim alone for the APIs, without their wheels; postgres:17-bookworm, without",
        "pgvector.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cold", action="store_true", help="build all images anew, which takes minutes")
    options = parser.parse_args()
    nix = Nix(ROOT)
    machine = describe_machine()
    last = FOLDER / "build.json"
    if options.cold:
        kept = json.loads(last.read_text()) | {"cold": measure_cold(nix, "images")}
        last.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    else:
        build(nix, "images")
    warm = [build(nix, "images") for _ in range(WARM_RUNS)]
    digests = json.loads((ROOT / "result/digests.json").read_text())
    report = format_report(digests, last=json.loads(last.read_text()), warm=warm, machine=machine)
    (FOLDER / "build.md").write_text(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
