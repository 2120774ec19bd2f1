"""Read how long each check took, and write bench/checks.md: `./bootstrap check && python3 bench/checks.py`.

The times are pytest's, from the logs that Nix keeps of the builds: of the run that decided, whenever that was, since a
check that nothing has changed for does not run again. What runs beside it on the same cores is in them.
"""

import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "nix/fetch"))

from booksync_fetch.cli import Bootstrap  # noqa: E402 - after the path
from booksync_fetch.errors import BootstrapError  # noqa: E402

#: pytest's last line, as `== 12 passed, 1 skipped in 83.20s (0:01:23) ==`.
SUMMARY = re.compile(r"=+ (?:.*, )?(\d+) passed.* in ([\d.]+)s")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def read_log(bootstrap: Bootstrap, attribute: str) -> tuple[int, float] | None:
    """Return how many tests of a check passed, and their seconds; None where there is no such log."""
    try:
        log = bootstrap.nix.run("nix", ["log", *bootstrap.nix.find_derivations([attribute])], quiet=True)
    except BootstrapError:
        return None
    summaries = SUMMARY.findall(COLOUR.sub("", log))
    return (int(summaries[-1][0]), float(summaries[-1][1])) if summaries else None


def main() -> None:
    """Write the report."""
    bootstrap = Bootstrap(ROOT)
    rows, total = [], 0.0
    for attribute in bootstrap.checks(long=False):
        if found := read_log(bootstrap, attribute):
            tests, seconds = found
            total += seconds
            rows.append((seconds, f"| `{attribute.rpartition('.')[2]}` | {tests} | {seconds / 60:.1f} |"))
    lines = [
        "# Checks",
        "",
        f"Made by `./bootstrap check && python3 bench/checks.py`, {datetime.now(UTC).date()}, {os.cpu_count()} cores:",
        "minutes of each check that is a run of pytest, as its log has them, with others beside it on the same cores.",
        "Checks that are not here take seconds.",
        "",
        "| check | tests | minutes |",
        "|---|---|---|",
        *(line for _, line in sorted(rows, reverse=True)),
        f"| all, one after the other | | {total / 60:.0f} |",
    ]
    (ROOT / "bench/checks.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
