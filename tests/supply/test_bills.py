"""The bills of materials of an image are complete, say the same, and are what other programs take for valid."""

import hashlib
import json
import logging
import re
from collections import Counter
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packageurl import PackageURL
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from booksync_testing.artifacts import Artifact
from booksync_testing.layer import open_tar, parse_path
from booksync_testing.layout import Image, Json


def sha256_of(entry: Json) -> str:
    """Return the SHA-256 that a package or file has."""
    sums = {item["algorithm"]: item["checksumValue"] for item in entry.get("checksums", [])}
    return str(sums.get("SHA256", ""))


def packages_of(document: Json) -> list[Json]:
    """Return the packages of a document without the image or layer that it describes."""
    return [package for package in document["packages"] if package["SPDXID"].startswith("SPDXRef-Package-")]


def test_image_has_the_address_that_it_is_pushed_to(image: Image, spdx: Json) -> None:
    (root,) = [part["relatedSpdxElement"] for part in spdx["relationships"] if part["relationshipType"] == "DESCRIBES"]
    (described,) = [package for package in spdx["packages"] if package["SPDXID"] == root]
    (reference,) = described["externalRefs"]
    # a variant is a tag of its image's repository
    repository = image.name.removesuffix("-onnx")
    assert reference["referenceLocator"].startswith(f"pkg:oci/{repository}@sha256%3A")


def test_every_file_of_the_image_is_in_one_package(image: Image, layer_documents: list[bytes]) -> None:
    for descriptor, content in zip(image.layers, layer_documents, strict=True):
        document = json.loads(content)
        listed = {file["fileName"].removeprefix("./"): sha256_of(file) for file in document["files"]}
        found = {}
        with open_tar(image.layout.blob(descriptor.digest)) as (archive, _, _):
            for member in archive:
                if member.isfile():
                    file = archive.extractfile(member)
                    assert file is not None
                    found[parse_path(member.name)] = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        assert listed == found
        owners = Counter(
            relation["relatedSpdxElement"]
            for relation in document["relationships"]
            if relation["relatedSpdxElement"].startswith("SPDXRef-File-")
            and relation["relationshipType"] == "CONTAINS"
            and relation["spdxElementId"].startswith("SPDXRef-Package-")
        )
        assert owners == {file["SPDXID"]: 1 for file in document["files"]}


def test_verification_codes_are_over_the_files(layer_documents: list[bytes]) -> None:
    for content in layer_documents:
        document = json.loads(content)
        sha1 = {file["SPDXID"]: file["checksums"][0]["checksumValue"] for file in document["files"]}
        for package in packages_of(document):
            sums = sorted(
                sha1[relation["relatedSpdxElement"]]
                for relation in document["relationships"]
                if relation["spdxElementId"] == package["SPDXID"] and relation["relatedSpdxElement"] in sha1
            )
            code = package.get("packageVerificationCode", {}).get("packageVerificationCodeValue")
            joined = hashlib.sha1("".join(sums).encode(), usedforsecurity=False).hexdigest()
            assert code == (joined if sums else None)


def test_image_s_document_has_the_packages_of_all_layers(spdx: Json, layer_documents: list[bytes]) -> None:
    of_layers = [package for content in layer_documents for package in packages_of(json.loads(content))]
    assert sorted(packages_of(spdx), key=lambda item: item["SPDXID"]) == sorted(
        of_layers, key=lambda item: item["SPDXID"]
    )


def test_image_s_document_names_the_layers_by_hash(image: Image, spdx: Json, layer_documents: list[bytes]) -> None:
    assert [entry["checksum"]["checksumValue"] for entry in spdx["externalDocumentRefs"]] == [
        hashlib.sha1(content, usedforsecurity=False).hexdigest() for content in layer_documents
    ]
    assert [entry["spdxDocument"] for entry in spdx["externalDocumentRefs"]] == [
        json.loads(content)["documentNamespace"] for content in layer_documents
    ]
    layers = [sha256_of(json.loads(content)["packages"][0]) for content in layer_documents]
    assert layers == [layer.digest.removeprefix("sha256:") for layer in image.layers]
    assert sha256_of(spdx["packages"][0]) == image.descriptor.digest.removeprefix("sha256:")


def test_cyclonedx_says_the_same_as_spdx(spdx: Json, cyclonedx: Json) -> None:
    of_spdx = {
        (
            package["name"],
            package.get("versionInfo"),
            package["externalRefs"][0]["referenceLocator"],
            sha256_of(package),
            package["licenseDeclared"],
        )
        for package in packages_of(spdx)
    }
    of_cyclonedx = {
        (
            component["name"],
            component.get("version"),
            component["purl"],
            component.get("hashes", [{"content": ""}])[0]["content"],
            component.get("licenses", [{"expression": "NOASSERTION"}])[0]["expression"],
        )
        for component in cyclonedx["components"]
    }
    assert of_cyclonedx == of_spdx
    assert len(cyclonedx["components"]) == len(of_spdx)


def test_both_say_what_is_compiled_into_what(image: Image, spdx: Json, cyclonedx: Json) -> None:
    names = {package["SPDXID"]: package["name"] for package in spdx["packages"]}
    # A statically links to B (SPDX 2.3, clause 11.1)
    linked = {
        (names[relation["spdxElementId"]], names[relation["relatedSpdxElement"]])
        for relation in spdx["relationships"]
        if relation["relationshipType"] == "STATIC_LINK"
    }
    named = {component["bom-ref"]: component["name"] for component in cyclonedx["components"]}
    depends = {
        (named[item["ref"]], named[other])
        for item in cyclonedx["dependencies"]
        if item["ref"] in named
        for other in item.get("dependsOn", [])
    }
    assert linked == depends
    assert any(name == "openssl" for _, name in linked) == (image.name != "booksync-postgres")


def test_cyclonedx_is_valid(artifacts: dict[str, Artifact]) -> None:
    (content,) = artifacts["application/vnd.cyclonedx+json"].documents.values()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode()) is None


@pytest.mark.parametrize("which", ["image", "layers"])
def test_spdx_is_valid(
    which: str, artifacts: dict[str, Artifact], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    kind = {"image": "application/spdx+json", "layers": "application/vnd.booksync.layers.spdx+json"}[which]
    for title, content in artifacts[kind].documents.items():
        path = tmp_path / title
        path.write_bytes(content)
        messages = validate_full_spdx_document(parse_file(str(path)), "SPDX-2.3")
        assert [message.validation_message for message in messages] == []


def test_every_package_has_a_licence_and_it_is_an_spdx_expression(spdx: Json) -> None:
    explained = {entry["licenseId"] for entry in spdx["hasExtractedLicensingInfos"]}
    licensing = get_spdx_licensing()
    for package in packages_of(spdx):
        expression = package["licenseDeclared"]
        assert expression != "NOASSERTION", package["name"]
        unknown = {str(key) for key in licensing.unknown_license_keys(expression)}
        assert unknown <= explained, package["name"]


def test_each_text_that_a_licence_names_is_in_the_image(spdx: Json, layer_documents: list[bytes]) -> None:
    files = [file for content in layer_documents for file in json.loads(content)["files"]]
    sums, paths = {sha256_of(file) for file in files}, {file["fileName"] for file in files}
    texts = [entry["extractedText"] for entry in spdx["hasExtractedLicensingInfos"]]
    assert {found[1] for text in texts if (found := re.search(r"/copyright \(SHA-256 ([0-9a-f]{64})\)", text))} <= sums
    # whose licences ask for it, and no package has brought it
    purls = {package["externalRefs"][0]["referenceLocator"].partition("@")[0] for package in packages_of(spdx)}
    # not Python's client of that name
    whose = {"booksync", *({"pgvector"} if "pkg:github/pgvector/pgvector" in purls else ())}
    assert {f"./usr/share/doc/{name}/copyright" for name in whose} <= paths


def test_scanners_find_what_has_no_package_manager(spdx: Json, cyclonedx: Json) -> None:
    found = {}
    for package in packages_of(spdx):
        purl, *others = package["externalRefs"]
        is_own = package["supplier"] == "Organization: BookSync"
        if purl["referenceLocator"].startswith("pkg:generic/") and "versionInfo" in package and not is_own:
            (cpe,) = others
            assert (cpe["referenceCategory"], cpe["referenceType"]) == ("SECURITY", "cpe23Type")
            assert f":{package['versionInfo']}:" in cpe["referenceLocator"]
            found[package["name"]] = cpe["referenceLocator"]
        else:
            assert others == []
    assert found == {item["name"]: item["cpe"] for item in cyclonedx["components"] if "cpe" in item}


def test_package_urls_name_what_the_packages_are(spdx: Json) -> None:
    for package in packages_of(spdx):
        url = PackageURL.from_string(package["externalRefs"][0]["referenceLocator"])
        assert (url.version or "").removeprefix("v") == package.get("versionInfo", "")
        assert url.to_string() == package["externalRefs"][0]["referenceLocator"] or url.type in ("deb", "oci")
