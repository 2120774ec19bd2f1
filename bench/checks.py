"""Read how long each check took, and write bench/checks.md: `./bootstrap check && python3 -m bench.checks`.

The times are pytest's, from the logs that Nix keeps of the builds: of the run that decided, whenever that was, since a
check that nothing has changed for does not run again. What runs beside it on the same cores is in them.
"""

import re
import sys
from collections import Counter
from dataclasses import dataclass

from bench.report import FOLDER, describe_machine

HEADER = ("| check | tests | minutes |", "|---|---|---|")
ROOT = FOLDER.parent
sys.path.insert(0, str(ROOT / "nix/fetch"))

from booksync_fetch.cli import Bootstrap  # noqa: E402 - after the path
from booksync_fetch.errors import BootstrapError  # noqa: E402

#: pytest's last line, as `== 1 failed, 12 passed, 1 skipped in 83.20s (0:01:23) ==`; a check may have several.
SUMMARY = re.compile(r"^=+ (.*\d (?:passed|failed|error).*) in ([\d.]+)s", re.MULTILINE)
COUNT = re.compile(r"(\d+) (passed|failed|error)")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True, order=True)
class Run:
    """What pytest said of a check.

    :param seconds: of all its tests
    """

    seconds: float
    name: str
    passed: int
    failed: int

    def format(self) -> str:
        """Return a row of a table."""
        tests = f"{self.passed}, and {self.failed} failed" if self.failed else f"{self.passed}"
        return f"| `{self.name}` | {tests} | {self.seconds / 60:.1f} |"


def read_log(bootstrap: Bootstrap, attribute: str) -> Run | None:
    """Return what came of a check; None where there is no such log."""
    try:
        log = bootstrap.nix.run("nix", ["log", *bootstrap.nix.find_derivations([attribute])], quiet=True)
    except BootstrapError:
        return None
    summaries = SUMMARY.findall(COLOUR.sub("", log))
    if not summaries:
        return None
    counts = Counter[str]()
    for words, _ in summaries:
        for count, outcome in COUNT.findall(words):
            counts[outcome] += int(count)
    seconds = sum(float(seconds) for _, seconds in summaries)
    return Run(seconds, get_name(attribute), counts["passed"], counts["failed"] + counts["error"])


def get_name(attribute: str) -> str:
    """Return a check's name, of `checks.SYSTEM.NAME`."""
    return attribute.rpartition(".")[2]


def main() -> None:
    """Write the report."""
    bootstrap = Bootstrap(ROOT)
    found = {attribute: read_log(bootstrap, attribute) for attribute in bootstrap.checks(long=True)}
    short = set(bootstrap.checks(long=False))
    runs = sorted((run for attribute, run in found.items() if run and attribute in short), reverse=True)
    longer = sorted((run for attribute, run in found.items() if run and attribute not in short), reverse=True)
    without = sorted(get_name(attribute) for attribute, run in found.items() if not run)
    longer_names = {get_name(attribute) for attribute in found if attribute not in short}
    lines = [
        "# Checks",
        "",
        f"Made by `./bootstrap check && python3 -m bench.checks` on {describe_machine()}:",
        "minutes of each check that is a run of pytest, as its log has them, with others beside it on the same cores.",
        "`service-*-pytest` are one test each, which runs the service's own suite on its image.",
        "",
        *HEADER,
        *(run.format() for run in runs),
        f"| all, one after the other | | {sum(run.seconds for run in runs) / 60:.0f} |",
        "",
        f"Without a run of pytest in a log: {', '.join(f'`{name}`' for name in without if name not in longer_names)}.",
        "",
        "What `./bootstrap check --long` adds, of this very tree:",
        "",
        *HEADER,
        *(run.format() for run in longer),
        *(f"| `{name}` | not run | |" for name in without if name in longer_names),
    ]
    (FOLDER / "checks.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
