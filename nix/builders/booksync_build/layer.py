"""Make one OCI layer of a tree: a compressed tar and its descriptor.

nix2container writes the tar (sorted names, fixed times, root as owner, the tree's store path
rewritten to ``/``) and Debian's pigz, or zstd, compresses it: from a pipe both give the same
bytes with any number of threads and on any architecture. The tar is deleted here; neither it nor
nix2container's own listing, which names store paths, gets any further.
"""

import hashlib
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from booksync_build.attributes import build_directory, load_attributes, output_path

CHUNK = 1 << 20  # bytes


def nix2container_permissions(tree: str, permissions: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return nix2container's ``--perms``: its expressions match whole store paths, the last one wins."""
    return [
        {
            "path": tree,
            "regex": f"^{re.escape(tree)}/{re.escape(path)}$",
            "mode": permission["mode"],
            "uid": permission["owner"]["uid"],
            "gid": permission["owner"]["gid"],
            # it takes gname from uname: both alike, or neither
            "uname": permission["owner"]["name"],
            "gname": permission["owner"]["name"],
        }
        for path, permission in sorted(permissions.items())
    ]


def write_tar(attributes: dict[str, Any], folder: Path) -> Path:
    """Write the tree as an uncompressed tar into ``folder`` and return its path.

    :raises FileNotFoundError: a permission names a path that the tree does not have
    """
    tree = attributes["tree"]
    for path in attributes["permissions"]:
        if not (Path(tree) / path).exists():
            raise FileNotFoundError(f"permissions name {path!r}, which {tree} does not have")
    tables = {
        "graph": [{"path": tree, "references": []}],
        "rewrites": [{"path": tree, "regex": f"^{re.escape(tree)}", "repl": ""}],
        "perms": nix2container_permissions(tree, attributes["permissions"]),
    }
    for name, table in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(table))
    subprocess.run(
        [
            attributes["nix2container"],
            "layers-from-non-reproducible-storepaths",
            str(folder / "layers.json"),
            str(folder / "graph.json"),
            "--tar-directory",
            str(folder),
            "--rewrites",
            str(folder / "rewrites.json"),
            "--perms",
            str(folder / "perms.json"),
        ],
        check=True,
    )
    (layer,) = json.loads((folder / "layers.json").read_text())
    return Path(layer["layer-path"])


def feed(source: IO[bytes], sink: IO[bytes], digest: Any) -> None:
    """Copy ``source`` into ``sink`` and close it, updating ``digest`` on the way."""
    with sink:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            sink.write(chunk)


def compress(tar: Path, blob: Path, *, command: list[str], media_type: str) -> dict[str, Any]:
    """Compress a tar into ``blob`` in constant memory and return its descriptor with its diffID.

    :raises OSError: the tar could not be read to its end

    :param command: reads the tar and writes the blob
    """
    uncompressed, compressed = hashlib.sha256(), hashlib.sha256()
    size = 0
    with (
        ThreadPoolExecutor(max_workers=1) as feeder,
        tar.open("rb") as source,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        blob.open("wb") as sink,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        fed = feeder.submit(feed, source, process.stdin, uncompressed)
        while chunk := process.stdout.read(CHUNK):
            compressed.update(chunk)
            size += len(chunk)
            sink.write(chunk)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    fed.result()  # raises where the tar could not be read to its end
    return {
        "mediaType": media_type,
        "digest": f"sha256:{compressed.hexdigest()}",
        "size": size,
        "diffID": f"sha256:{uncompressed.hexdigest()}",
    }


def main() -> None:
    attributes = load_attributes()
    out = output_path(attributes)
    out.mkdir()
    tar = write_tar(attributes, build_directory())
    descriptor = compress(tar, out / "blob", command=attributes["compress"], media_type=attributes["mediaType"])
    tar.unlink()
    descriptor["name"] = attributes["layerName"]
    (out / "descriptor.json").write_text(json.dumps(descriptor, sort_keys=True))


if __name__ == "__main__":
    main()
