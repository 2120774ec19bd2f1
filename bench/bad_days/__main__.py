"""Live the bad days of `./bootstrap` and write bench/bad-days.md: `.venv/bin/python -m bench.bad_days SYSTEM [DAY]...`.

SYSTEM is the folder of an empty Debian that can reach its apt mirror (`debootstrap --variant=minbase trixie SYSTEM`).
It stays as it is: each day has an overlay over it. Needs root, 15 GB of disk below TMPDIR, and a cache that
`./bootstrap fetch` has filled. With DAYs named, the rows of the others stay as they were.
"""

import argparse
import datetime as dt
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.bad_days import fetching, surroundings
from bench.bad_days.machine import ROOT, make_machine
from bench.bad_days.steps import Days, Step

from booksync_fetch.cache import default_folder
from booksync_fetch.locks import load_locks, parse_artifacts
from booksync_fetch.nix import Nix, builder_system
from booksync_fetch.plan import list_wanted
from booksync_fetch.progress import say

#: What the days fetch and build.
ATTRIBUTES = ("booksync-api-auth", "booksync-postgres", "dev-python", "dev-site")

REPORT = ROOT / "bench/bad-days.md"
LAST = ROOT / "bench/bad-days.json"

DAYS: dict[str, Callable[[Days], Iterator[Step]]] = {
    "no network": fetching.no_network,
    "a slow connection": fetching.slow,
    "a cut connection": fetching.cut,
    "a wrong hash": fetching.wrong_hash,
    "a changed cache": fetching.changed_cache,
    "superseded packages": fetching.superseded,
    "a full disk": surroundings.full_disk,
    "no apt": surroundings.no_apt,
    "no pip": surroundings.no_pip,
    "another architecture": surroundings.architecture,
    "^C": surroundings.interrupt,
    "two runs at once": surroundings.two_runs,
    "a garbage collection": surroundings.garbage,
    "a read-only home": surroundings.read_only,
    "Nix's daemon": surroundings.daemon,
    "no sandbox": surroundings.no_sandbox,
}


def live(names: list[str], *, system: Path, cache: Path) -> Iterator[tuple[str, list[Step]]]:
    """Live days by their names; yield each with what came of its steps."""
    known = parse_artifacts(load_locks(ROOT / "nix/lock"))
    derivations = Nix(ROOT).load_derivations([f"packages.{builder_system()}.{name}" for name in ATTRIBUTES])
    artifacts = [known[wanted.key] for wanted in list_wanted(derivations)]
    with make_machine([system], cache) as machine:
        say("bad days: installing what ./bootstrap needs")
        if (done := machine.run("./bootstrap --help")).code:
            raise SystemExit(
                f"./bootstrap --help on {system}: expected it to install what is missing, got:\n{done.output}"
            )
        days = Days(empty=system, ready=[machine.work / "upper", system], cache=cache, artifacts=artifacts)
        for name in names:
            steps = []
            for step in DAYS[name](days):
                say(f"bad days: {name}: {step.what}: status {step.code}: {step.line}")
                if step.wrong:
                    say(f"bad days: NOT AS IT SHOULD BE: {step.wrong}")
                steps.append(step)
            yield name, steps


@dataclass
class Life:
    """What came of a day, and when it was lived."""

    date: str
    steps: list[Step]


def format_report(came: dict[str, Life], *, release: str) -> str:
    """Return the report as Markdown."""
    cores = len(os.sched_getaffinity(0))
    lines = [
        "# Bad days",
        "",
        "Made by `.venv/bin/python -m bench.bad_days SYSTEM [DAY]...`: `./bootstrap fetch auth postgres` or `venv` on",
        f"an empty {release}, each day on a machine of its own (an overlay and namespaces, on {cores}",
        "cores), with a mirror and a package index on loopback that fail as they are told to. A run that was not as it",
        "should be says so in the last column.",
        "",
        "| day, lived on | run | status | what a person sees | |",
        "|---|---|---|---|---|",
    ]
    for name in DAYS:
        life = came.get(name)
        for position, step in enumerate(life.steps if life else []):
            shown = re.sub(r"\s+", " ", step.line).replace("|", "\\|")
            shown = shown if len(shown) < 240 else f"{shown[:240]} …"
            mark = "**not as it should be**" if step.wrong else ""
            day = f"{name}, {life.date}" if life and position == 0 else ""
            lines.append(f"| {day} | {step.what} | {step.code} | {shown} | {mark} |")
    lines += [f"| {name} | not lived yet | | | |" for name in DAYS if name not in came]
    return "\n".join([*lines, ""])


def load_last() -> dict[str, Life]:
    """Read what the last life of each day came to."""
    if not LAST.exists():
        return {}
    return {
        name: Life(life["date"], [Step(**step) for step in life["steps"]])
        for name, life in json.loads(LAST.read_text()).items()
    }


def main() -> int:
    # what starts in the background of a script has ^C turned off, and would hand that on
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", type=Path, metavar="SYSTEM")
    parser.add_argument("days", nargs="*", metavar="DAY", help=", ".join(DAYS))
    parser.add_argument("--cache", type=Path, default=default_folder(), help="default: %(default)s")
    options = parser.parse_args()
    if unknown := [name for name in options.days if name not in DAYS]:
        parser.error(f"there is no such day: {', '.join(unknown)}")
    names = dict(line.split("=", 1) for line in (options.system / "etc/os-release").read_text().splitlines() if line)
    release = json.loads(names["PRETTY_NAME"])
    came: dict[str, Life] = {}
    for name, steps in live(
        options.days or list(DAYS), system=options.system.absolute(), cache=options.cache.absolute()
    ):
        today = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
        came = {**load_last(), name: Life(today, steps)}  # anew each time: other days may be lived at the same time
        kept = {day: asdict(life) for day, life in came.items()}
        LAST.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        REPORT.write_text(format_report(came, release=release))
    print(REPORT)
    return 1 if any(step.wrong for life in came.values() for step in life.steps) else 0


if __name__ == "__main__":
    sys.exit(main())
