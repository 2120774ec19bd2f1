"""Figures in bench/ are what the command makes that its README names."""

import re
from pathlib import Path

import pytest

ROW = re.compile(r"^\| \[[^|]*\| [^|]* \|(?P<made>[^|]*)\|$", re.MULTILINE)
REPORT = re.compile(r"\]\((\w[\w-]*\.md)\)")
COMMAND = re.compile(r"-m bench\.\w+|\./bootstrap reproduce")

ROWS = [
    (report, COMMAND.findall(row["made"]))
    for row in ROW.finditer(Path("bench/README.md").read_text(encoding="utf-8"))
    for report in REPORT.findall(row[0])
]


def test_every_report_has_a_row() -> None:
    reports = {path.name for path in Path("bench").glob("*.md")} - {"README.md"}
    assert {report for report, _ in ROWS} == reports


@pytest.mark.parametrize(("report", "commands"), [row for row in ROWS if row[1]])
def test_report_names_the_command_that_makes_it(report: str, commands: list[str]) -> None:
    head = Path("bench", report).read_text(encoding="utf-8").partition("\n|")[0]
    assert COMMAND.findall(head)[:1] == commands[-1:]
