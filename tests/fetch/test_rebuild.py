"""What was built again is compared file by file, and the first difference is named."""

import errno
from pathlib import Path

import pytest

from booksync_fetch.errors import BootstrapError
from booksync_fetch.rebuild import find_difference, list_steps, name_of, rebuild_steps, remove


def write_tree(root: Path) -> Path:
    """Make a small tree as a store has them."""
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/tool").write_bytes(b"tool")
    (root / "usr/bin/tool").chmod(0o755)
    (root / "etc").mkdir()
    (root / "etc/text").write_text("text")
    (root / "bin").symlink_to("usr/bin")
    return root


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    return write_tree(tmp_path / "left"), write_tree(tmp_path / "right")


def test_equal_trees_have_no_difference(trees: tuple[Path, Path]) -> None:
    assert find_difference(*trees) == ""


def test_content(trees: tuple[Path, Path]) -> None:
    (trees[1] / "etc/text").write_text("teXt")
    assert find_difference(*trees) == "etc/text: the content differs"


def test_the_first_of_several_is_named(trees: tuple[Path, Path]) -> None:
    (trees[1] / "usr/bin/tool").write_bytes(b"other")
    (trees[1] / "etc/text").write_text("teXt")
    assert find_difference(*trees) == "etc/text: the content differs"


def test_a_program_that_cannot_be_executed(trees: tuple[Path, Path]) -> None:
    (trees[1] / "usr/bin/tool").chmod(0o644)
    assert find_difference(*trees) == "usr/bin/tool: a program and a file"


@pytest.mark.parametrize("side", [0, 1])
def test_what_one_has_alone(trees: tuple[Path, Path], side: int) -> None:
    (trees[side] / "etc/more").touch()
    assert find_difference(*trees) == f"etc/more: {('a file and nothing', 'nothing and a file')[side]}"


def test_a_link_that_leads_elsewhere(trees: tuple[Path, Path]) -> None:
    (trees[1] / "bin").unlink()
    (trees[1] / "bin").symlink_to("usr/sbin")
    assert find_difference(*trees) == "bin: leads to usr/bin and usr/sbin"


def test_a_link_in_place_of_a_folder(trees: tuple[Path, Path]) -> None:
    (trees[0] / "bin").unlink()
    (trees[0] / "bin").mkdir()
    assert find_difference(*trees) == "bin: a folder and a link"


def test_outputs_may_be_files(tmp_path: Path) -> None:
    left, right = tmp_path / "left", tmp_path / "right"
    left.write_text("passed")
    right.write_text("failed")
    assert find_difference(left, right) == "it: the content differs"


def test_what_the_store_has_made_read_only_is_removed(trees: tuple[Path, Path]) -> None:
    for folder in ("usr/bin", "usr", "etc", "."):
        (trees[0] / folder).chmod(0o555)
    remove(trees[0])
    assert not trees[0].exists()


class DifferentNix:
    """Builds what differs, and leaves it beside the output, as a store that is not this user's."""

    def __init__(self, *, builds: bool = True) -> None:
        self.builds = builds

    def rebuild(self, derivation: str) -> str:
        again = Path(derivation.removesuffix(".drv") + ".check")
        if self.builds:
            built = again.with_suffix(".built")
            built.write_text("failed")
            built.replace(again)
        return "may not be deterministic" if self.builds else "the builder failed"


@pytest.fixture
def step(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "a-result").write_text("passed")
    return {f"{tmp_path}/a-result.drv": f"{tmp_path}/a-result"}


@pytest.fixture
def _kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("booksync_fetch.rebuild.remove", refuse)


def test_what_differs_is_removed_after_the_comparison(step: dict[str, str]) -> None:
    assert rebuild_steps(DifferentNix(), step) == dict.fromkeys(step, "it: the content differs")  # type: ignore[arg-type]
    assert not list(Path(*step).parent.glob("*.check"))


@pytest.mark.usefixtures("_kept")
def test_a_difference_is_told_also_where_what_was_built_cannot_be_removed(
    step: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert rebuild_steps(DifferentNix(), step) == dict.fromkeys(step, "it: the content differs")  # type: ignore[arg-type]
    left = f"{next(iter(step.values()))}.check"
    assert (
        f"reproduce: {left} is left: Permission denied; Nix's garbage collector removes it\n" in capsys.readouterr().err
    )


@pytest.mark.usefixtures("_kept")
def test_what_an_earlier_run_has_left_is_no_difference(step: dict[str, str]) -> None:
    rebuild_steps(DifferentNix(), step)  # type: ignore[arg-type]
    with pytest.raises(BootstrapError, match="result: expected it to build again, got:\nthe builder failed"):
        rebuild_steps(DifferentNix(builds=False), step)  # type: ignore[arg-type]
    assert rebuild_steps(DifferentNix(), step) == dict.fromkeys(step, "it: the content differs")  # type: ignore[arg-type]


class FakeNix:
    """Knows three derivations, the last of them an artifact's."""

    below = ("/nix/store/a-source", "/nix/store/b-tree.drv", "/nix/store/c-layer.drv", "/nix/store/d-libc.deb.drv")

    def find_requisites(self, derivations: list[str]) -> list[str]:
        assert derivations == ["/nix/store/c-layer.drv"]
        return list(self.below)

    def find_outputs(self, derivations: list[str]) -> list[str]:
        return [path.removesuffix(".drv") for path in derivations]


def test_steps_are_all_derivations_but_those_of_artifacts() -> None:
    steps = list_steps(FakeNix(), ["/nix/store/c-layer.drv"], ["/nix/store/d-libc.deb"])  # type: ignore[arg-type]
    assert steps == {
        "/nix/store/b-tree.drv": "/nix/store/b-tree",
        "/nix/store/c-layer.drv": "/nix/store/c-layer",
    }
    assert [name_of(step) for step in steps] == ["tree", "layer"]
