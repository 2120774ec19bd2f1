"""A push with a key leaves signatures that cosign's rules find and the public key verifies; others' stay."""

import base64
import json
import subprocess
import urllib.error
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from booksync_apps.signature import PASSWORD
from booksync_testing.registry import DockerRegistry
from registry_app import Pusher, environment_of, program_command
from registry_layouts import Json, TinyImages
from registry_proxy import Fault, Proxy

AUTH = "booksync-api-auth"


def write_key(path: Path, key: PrivateKeyTypes, encryption: KeySerializationEncryption | None = None) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))
    return path


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def key_file(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> str:
    return str(write_key(tmp_path / "key.pem", key))


def signatures(registry: DockerRegistry, digest: str) -> list[tuple[bytes, bytes]]:
    """Return payload and signature of what is under a digest's tag, as cosign looks for it."""
    manifest: Json = json.loads(registry.fetch(f"family/{AUTH}/manifests/{digest.replace(':', '-')}.sig"))
    found = []
    for layer in manifest["layers"]:
        assert layer["mediaType"] == "application/vnd.dev.cosign.simplesigning.v1+json"
        signature = base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"], validate=True)
        found.append((registry.fetch(f"family/{AUTH}/blobs/{layer['digest']}"), signature))
    return found


def digests_of(images: TinyImages) -> list[str]:
    entry = images.digests[AUTH]
    return [entry["digest"], *(part["manifest"]["digest"] for part in entry["architectures"].values())]


def test_index_and_manifests_are_signed(
    pusher: Pusher, images: TinyImages, registry: DockerRegistry, key: ec.EllipticCurvePrivateKey, key_file: str
) -> None:
    assert pusher(f"{registry.address}/family", AUTH, "--sign-key", key_file).code == 0
    for digest in digests_of(images):
        ((payload, signature),) = signatures(registry, digest)
        key.public_key().verify(signature, payload, ec.ECDSA(SHA256()))
        assert json.loads(payload) == {
            "critical": {
                "identity": {"docker-reference": f"{registry.address}/family/{AUTH}"},
                "image": {"docker-manifest-digest": digest},
                "type": "cosign container image signature",
            },
            "optional": None,
        }


def test_another_key_does_not_verify(
    pusher: Pusher, images: TinyImages, registry: DockerRegistry, key_file: str
) -> None:
    pusher(f"{registry.address}/family", AUTH, "--sign-key", key_file)
    ((payload, signature),) = signatures(registry, images.digests[AUTH]["digest"])
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(InvalidSignature):
        other.verify(signature, payload, ec.ECDSA(SHA256()))


def test_nothing_is_signed_without_a_key(pusher: Pusher, images: TinyImages, registry: DockerRegistry) -> None:
    pusher(f"{registry.address}/family", AUTH)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        signatures(registry, images.digests[AUTH]["digest"])


def test_signed_again_it_is_the_same_signature(pusher: Pusher, proxy: Proxy, key_file: str) -> None:
    pusher(f"{proxy.address}/family", AUTH, "--sign-key", key_file)
    proxy.revive()
    again = pusher(f"{proxy.address}/family", AUTH, "--sign-key", key_file)
    assert again.code == 0
    assert again.sent == proxy.body_bytes == 0


def test_signatures_of_others_stay(
    pusher: Pusher, images: TinyImages, registry: DockerRegistry, key_file: str, tmp_path: Path
) -> None:
    pusher(f"{registry.address}/family", AUTH, "--sign-key", key_file)
    digest = images.digests[AUTH]["digest"]
    (first,) = signatures(registry, digest)
    other = ec.generate_private_key(ec.SECP256R1())
    other_file = str(write_key(tmp_path / "other.pem", other))
    assert pusher(f"{registry.address}/family", AUTH, "--sign-key", other_file).code == 0
    kept, (payload, signature) = signatures(registry, digest)
    assert kept == first
    other.public_key().verify(signature, payload, ec.ECDSA(SHA256()))


@pytest.mark.parametrize("status", [301, 401, 403])
def test_signatures_that_cannot_be_seen_stay(
    pusher: Pusher,
    images: TinyImages,
    registry: DockerRegistry,
    proxy: Proxy,
    key_file: str,
    tmp_path: Path,
    status: int,
) -> None:
    pusher(f"{registry.address}/family", AUTH, "--sign-key", key_file)
    digest = images.digests[AUTH]["digest"]
    before = signatures(registry, digest)
    other_file = str(write_key(tmp_path / "other.pem", ec.generate_private_key(ec.SECP256R1())))
    proxy.faults = [Fault(method="HEAD", path=r"\.sig$", status=status, times=1)]
    outcome = pusher(f"{proxy.address}/family", AUTH, "--sign-key", other_file)
    assert signatures(registry, digest) == before
    assert (outcome.code, f"status code {status}" in outcome.errors) == (1, True), outcome.errors


def test_a_key_may_have_a_password(
    pusher: Pusher, registry: DockerRegistry, key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    path = write_key(tmp_path / "locked.pem", key, BestAvailableEncryption(b"a secret"))
    arguments = (f"{registry.address}/family", AUTH, "--sign-key", str(path))
    assert pusher(*arguments, environment={PASSWORD: "a secret"}).code == 0
    for password in ("", "another"):
        outcome = pusher(*arguments, environment={PASSWORD: password})
        assert (outcome.code, PASSWORD in outcome.errors) == (1, True), outcome.errors
        assert "a secret" not in outcome.errors


@pytest.mark.parametrize("kind", ["missing", "text", "rsa", "p384"])
def test_what_is_no_such_key_is_refused_before_anything_is_sent(
    pusher: Pusher, proxy: Proxy, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / kind
    if kind == "text":
        path.write_text("no key")
    elif kind == "rsa":
        write_key(path, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    elif kind == "p384":
        write_key(path, ec.generate_private_key(ec.SECP384R1()))
    outcome = pusher(f"{proxy.address}/family", AUTH, "--sign-key", str(path))
    assert (outcome.code, str(path) in outcome.errors, "openssl genpkey" in outcome.errors) == (1, True, True)
    assert proxy.received == []


def test_the_program_can_sign(pusher: Pusher, images: TinyImages, registry: DockerRegistry, key_file: str) -> None:
    subprocess.run(
        [*program_command(), f"{registry.address}/family", AUTH, "--insecure", "--sign-key", key_file],
        env=environment_of(pusher),
        check=True,
    )
    assert signatures(registry, images.digests[AUTH]["digest"])
