"""How an image was made: SLSA provenance v1 in an in-toto statement v1.

It says what anybody's build of it says, not who built it when: with the same inputs and the same command every builder
of the same platform makes the same statement, and the same image.
"""

from collections.abc import Mapping
from pathlib import Path

from booksync_build.bom import BomImage
from booksync_build.derivations import find_inputs
from booksync_build.git_tree import hash_object, hash_tree
from booksync_build.oci import encode

MEDIA_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:booksync:nix-build:1"
BUILDER = "urn:booksync:nix"

#: in-toto's names of digests; it has none of its own for Nix's archives of folders.
DIGESTS = {"flat": "sha256", "recursive": "narSha256"}


def build_statement(
    image: BomImage, *, package: str, system: str, derivation: Path, sources: Mapping[str, Path]
) -> bytes:
    """Return the statement of one image.

    :param package: of this flake, which is the image
    :param system: of the builder, as Nix calls it
    :param derivation: of the image
    :param sources: folders and files of this repository that decide what it is, by their paths in it
    """
    locked = [
        {"name": item.name, "digest": {DIGESTS[item.mode]: item.sha256}, "annotations": {"lock": item.key}}
        for item in find_inputs(derivation)
    ]
    own = [{"name": name, "digest": digest_of(path)} for name, path in sorted(sources.items())]
    return encode(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": image.name, "digest": {"sha256": image.digest.removeprefix("sha256:")}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": {
                        "command": ["./bootstrap", "build", package],
                        "version": image.version,
                    },
                    "internalParameters": {"system": system},
                    "resolvedDependencies": [*own, *locked],
                },
                "runDetails": {"builder": {"id": BUILDER}},
            },
        }
    )


def digest_of(source: Path) -> dict[str, str]:
    """Return what git calls a folder or a file, under in-toto's name of such a digest."""
    if source.is_dir():
        return {"gitTree": hash_tree(source).hex()}
    return {"gitBlob": hash_object("blob", source.read_bytes()).hex()}
