"""The name that git gives to a folder's content: in a checkout, `git rev-parse COMMIT:FOLDER` says the same."""

import hashlib
from pathlib import Path


def hash_object(kind: str, content: bytes) -> bytes:
    """Return an object's SHA-1."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).digest()


def hash_tree(folder: Path) -> bytes:
    """Return the SHA-1 of a folder's tree object; git orders folders as if their names ended with a slash."""
    entries = []
    for path in folder.iterdir():
        if path.is_symlink():
            entries.append((path.name, "120000", hash_object("blob", str(path.readlink()).encode())))
        elif path.is_dir():
            entries.append((f"{path.name}/", "40000", hash_tree(path)))
        else:
            mode = "100755" if path.stat().st_mode & 0o100 else "100644"
            entries.append((path.name, mode, hash_object("blob", path.read_bytes())))
    content = b"".join(
        f"{mode} {name.rstrip('/')}\0".encode() + digest
        for name, mode, digest in sorted(entries, key=lambda entry: entry[0].encode())
    )
    return hash_object("tree", content)
