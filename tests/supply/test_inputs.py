"""What a build starts from is read from its derivations, and folders are named as git names them."""

import base64
from pathlib import Path

from booksync_build.derivations import find_inputs
from booksync_build.git_tree import hash_tree

HEX = "5" * 64


def write_derivation(path: Path, *, inputs: list[Path], variables: dict[str, str]) -> Path:
    """Write a .drv as Nix does: a term of strings in double quotes, lists and tuples."""

    def quote(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        return f'"{escaped}"'

    drvs = ",".join(f'({quote(str(item))},["out"])' for item in inputs)
    env = ",".join(f"({quote(key)},{quote(value)})" for key, value in sorted(variables.items()))
    path.write_text(f'Derive([("out","/nix/store/x","","")],[{drvs}],[],"system","/bin/sh",["-c"],[{env}])')
    return path


def artifact(folder: Path, key: str, *, mode: str, digest: str) -> Path:
    name = key.replace(" ", "-")
    variables = {"artifact": key, "name": name, "outputHashMode": mode, "outputHash": digest, "args": 'echo "\\n"\t'}
    return write_derivation(folder / f"{name}.drv", inputs=[], variables=variables)


def test_artifacts_are_found_once_below_what_they_make(tmp_path: Path) -> None:
    sri = "sha256-" + base64.b64encode(bytes.fromhex(HEX)).decode()
    deb = artifact(tmp_path, "debian amd64 bash", mode="flat", digest=HEX)
    vendor = artifact(tmp_path, "go", mode="recursive", digest=sri)
    tree = write_derivation(tmp_path / "tree.drv", inputs=[deb, vendor], variables={"name": "tree é"})
    top = write_derivation(tmp_path / "top.drv", inputs=[tree, deb], variables={"name": "top"})
    assert [(item.key, item.mode, item.sha256) for item in find_inputs(top)] == [
        ("debian amd64 bash", "flat", HEX),
        ("go", "recursive", HEX),
    ]


def test_a_folder_has_the_name_that_git_gives_it(tmp_path: Path) -> None:
    # made with git: git add . && git write-tree
    (tmp_path / "a").mkdir()
    (tmp_path / "a/file").write_text("content\n")
    (tmp_path / "a.txt").write_text("before the folder, as git sorts a/\n")
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "link").symlink_to("a/file")
    assert hash_tree(tmp_path).hex() == "b4460775239e1a97b924cc244e9d89ba83c92606"
