"""The table says for each image what each way of building it again has given, then as now."""

from pathlib import Path

import pytest

from booksync_fetch.emulation import format_registration
from booksync_fetch.errors import BootstrapError
from booksync_fetch.reproducibility import Run, format_runs, load_runs, merge_runs, write_runs

OLD, NEW = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def make_run(key: str, date: str, digest: str, *, difference: str = "", image: str = "booksync-api-auth") -> Run:
    """Make a run of one image."""
    run = Run(key, f"built {key}", date)
    run.add(image, "amd64", digest=digest, difference=difference)
    return run


def rows(runs: list[Run]) -> list[list[str]]:
    """Return the cells of the table's rows."""
    lines = [line for line in format_runs(runs).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_row_an_image_and_a_column_a_way() -> None:
    runs = [make_run("here", "2026-01-01", NEW), make_run("nix-sid", "2026-01-01", NEW, difference="etc/x: differs")]
    assert rows(runs) == [["`booksync-api-auth` amd64", f"`{NEW}`", "equal", "etc/x: differs"]]
    assert "2. built nix-sid, last on 2026-01-01" in format_runs(runs)


def test_what_was_not_run_is_said() -> None:
    runs = [
        make_run("here", "2026-01-01", NEW),
        make_run("nix-sid", "2026-01-01", NEW, image="booksync-postgres"),
    ]
    assert [row[2:] for row in rows(runs)] == [["equal", "not run"], ["not run", "equal"]]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (make_run("builder-aarch64-linux", "2026-01-01", OLD), make_run("here", "2026-01-02", NEW)),
        # of one day, and the older one in the last column
        (
            make_run("nix-sid", "2026-01-01T09:00:00+00:00", OLD),
            make_run("here", "2026-01-01T10:00:00+00:00", NEW),
        ),
    ],
    ids=["days", "hours"],
)
def test_an_older_image_is_told_from_todays(older: Run, newer: Run) -> None:
    runs = sorted([older, newer], key=lambda run: run.key)
    ((_, digest, *cells),) = rows(runs)
    assert digest == f"`{NEW}`"
    assert cells[runs.index(older)] == "equal, 2026-01-01 as `sha256:111111111111`"
    assert cells[runs.index(newer)] == "equal"


def test_a_kept_image_of_a_later_run_is_no_later() -> None:
    first = make_run("nix-sid", "2026-01-01", OLD)
    (partial,) = merge_runs([first], make_run("nix-sid", "2026-01-03", NEW, image="booksync-postgres"))
    ((_, digest, *_), _) = rows([make_run("here", "2026-01-02", NEW), partial])
    assert digest == f"`{NEW}`"


def test_a_run_replaces_the_last_of_its_way_image_by_image() -> None:
    first = make_run("here", "2026-01-01", OLD)
    first.add("booksync-postgres", "arm64", digest=OLD, difference="")
    run = make_run("here", "2026-01-02", NEW)
    (merged,) = merge_runs([first], run)
    assert list(run.images) == ["booksync-api-auth"]
    assert merged.images["booksync-api-auth"]["amd64"] == {"date": "2026-01-02", "digest": NEW, "difference": ""}
    assert merged.images["booksync-postgres"]["arm64"]["date"] == "2026-01-01"
    assert merged.date == "2026-01-02"


def test_differences_are_named() -> None:
    assert make_run("here", "2026-01-01", NEW).differences == []
    named = make_run("here", "2026-01-01", NEW, difference="base-amd64: etc/x: the content differs").differences
    assert named == ["booksync-api-auth amd64: base-amd64: etc/x: the content differs"]


def test_runs_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "bench/runs.json"
    assert load_runs(path) == []
    runs = [make_run("here", "2026-01-01", NEW)]
    write_runs(path, runs)
    assert load_runs(path) == runs
    assert [file.name for file in path.parent.iterdir()] == ["runs.json"]


@pytest.mark.parametrize("content", ["", "{", '{"key": 1}', '[{"other": 1}]'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "runs.json"
    path.write_text(content)
    with pytest.raises(BootstrapError, match=r"runs\.json: expected runs of ./bootstrap reproduce"):
        load_runs(path)


def test_the_kernel_is_told_how_foreign_programs_begin() -> None:
    # Documentation/admin-guide/binfmt-misc.rst: :name:type:offset:magic:mask:interpreter:flags
    fields = format_registration("aarch64-linux", Path("/store/qemu-aarch64")).split(b":")
    assert fields[1:4] == [b"booksync", b"M", b""]
    magic, mask = (
        bytes(int(code, 16) for code in field.replace(rb"\x7fELF", rb"\x7f\x45\x4c\x46").split(rb"\x")[1:])
        for field in fields[4:6]
    )
    assert magic == b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00"
    assert len(mask) == len(magic)
    assert mask[16] == 0xFE  # executables and shared objects
    assert fields[6:] == [b"/store/qemu-aarch64", b"F"]
