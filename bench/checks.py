"""Read how long each check took, and write bench/checks.md: `./bootstrap check && python3 bench/checks.py`.

The times are pytest's, from the logs that Nix keeps of the builds: of the run that decided, whenever that was, since a
check that nothing has changed for does not run again. What runs beside it on the same cores is in them.
"""

import os
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HEADER = ("| check | tests | minutes |", "|---|---|---|")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "nix/fetch"))

from booksync_fetch.cli import Bootstrap  # noqa: E402 - after the path
from booksync_fetch.errors import BootstrapError  # noqa: E402

#: pytest's last line, as `== 1 failed, 12 passed, 1 skipped in 83.20s (0:01:23) ==`; a check may have several.
SUMMARY = re.compile(r"=+ (?:(\d+) failed, )?(\d+) passed.* in ([\d.]+)s")
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
    failed, passed, seconds = (
        sum(map(float, (value or 0 for value in column))) for column in zip(*summaries, strict=True)
    )
    return Run(seconds, attribute.rpartition(".")[2], int(passed), int(failed))


def main() -> None:
    """Write the report."""
    bootstrap = Bootstrap(ROOT)
    found = {attribute: read_log(bootstrap, attribute) for attribute in bootstrap.checks(long=True)}
    short = set(bootstrap.checks(long=False))
    runs = sorted((run for name, run in found.items() if run and name in short), reverse=True)
    longer = sorted((run for name, run in found.items() if run and name not in short), reverse=True)
    not_run = sorted(name.rpartition(".")[2] for name, run in found.items() if not run and name not in short)
    lines = [
        "# Checks",
        "",
        f"Made by `./bootstrap check && python3 bench/checks.py`, {datetime.now(UTC).date()}, {os.cpu_count()} cores:",
        "minutes of each check that is a run of pytest, as its log has them, with others beside it on the same cores.",
        "Checks that are not here take seconds.",
        "",
        *HEADER,
        *(run.format() for run in runs),
        f"| all, one after the other | | {sum(run.seconds for run in runs) / 60:.0f} |",
        "",
        "What `./bootstrap check --long` adds, of this very tree:",
        "",
        *HEADER,
        *(run.format() for run in longer),
        *(f"| `{name}` | not run | |" for name in not_run),
    ]
    (ROOT / "bench/checks.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
