"""A tree of given files: path -> source path and whether it can be executed; and of given empty folders."""

import shutil

from booksync_build.attributes import load_attributes, output_path


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    out.mkdir()
    for path, file in sorted(attributes["files"].items()):
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file["source"], target)
        target.chmod(0o755 if file["executable"] else 0o644)
    for folder in attributes["folders"]:
        (out / folder).mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    main()
