"""Read derivations, as Nix keeps them in the store, to find what a build starts from.

A ``.drv`` is a term ``Derive([outputs],[inputDrvs],[inputSrcs],platform,builder,[args],[env])`` of strings, lists and
tuples; Python's literals are the same once the word in front is gone.
"""

import ast
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class LockedInput:
    """An artifact of the locks that a build starts from.

    :param key: as in nix/lib/parseLocks.nix
    :param mode: `flat`: the SHA-256 is that of the file; `recursive`: of its NAR
    :param sha256: hex digits
    """

    key: str
    name: str
    mode: str
    sha256: str


def find_inputs(top: Path) -> list[LockedInput]:
    """Return the locked artifacts below a derivation, sorted by their keys."""
    found = {}
    for variables in _walk(top):
        if key := variables.get("artifact"):
            found[key] = LockedInput(
                key=key,
                name=variables["name"],
                mode=variables["outputHashMode"],
                sha256=to_hex(variables["outputHash"]),
            )
    return [found[key] for key in sorted(found)]


def to_hex(digest: str) -> str:
    """Return a SHA-256 in hex digits, also where it is given as SRI: ``sha256-BASE64``."""
    return b64decode(digest.removeprefix("sha256-")).hex() if digest.startswith("sha256-") else digest


def _walk(top: Path) -> Iterator[dict[str, str]]:
    """Yield the variables of each derivation below one, once."""
    waiting, seen = [top], {top}
    while waiting:
        text = waiting.pop().read_text(encoding="utf-8", errors="surrogateescape")
        _, inputs, _, _, _, _, variables = ast.literal_eval(text.removeprefix("Derive"))
        yield dict(variables)
        for path in (Path(path) for path, _ in inputs):
            if path not in seen:
                seen.add(path)
                waiting.append(path)
