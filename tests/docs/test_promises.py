"""The README's table of promises names tests that are there."""

import re
from pathlib import Path

NAME = re.compile(r"`(test_\w+?)(?:\.py)?(?:\[[^]`]*\])?(…?)`")
DEFINITION = re.compile(r"^ *(?:async )?def (test_\w+)\(", re.MULTILINE)


def list_tests() -> set[str]:
    """Return the names of all tests, and of their modules."""
    # contracts that each service fulfils have tests in a library
    modules = [path for folder in ("tests", "services") for path in Path(folder).rglob("*.py")]
    return {path.stem for path in modules} | {
        name for path in modules for name in DEFINITION.findall(path.read_text(encoding="utf-8"))
    }


def test_each_named_test_is_there() -> None:
    tests = list_tests()
    named = NAME.findall(Path("README.md").read_text(encoding="utf-8"))
    assert len(named) > 200
    missing = [
        name for name, cut in named if name not in tests and not (cut and any(test.startswith(name) for test in tests))
    ]
    assert missing == []
