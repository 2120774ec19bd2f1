"""Signatures of images in cosign's first format: simple signing, in a manifest under a tag of the signed digest.

The payload says which digest was signed under which name (containers/image, "simple signing"); a manifest whose tag is
``sha256-HEX.sig`` has one layer a payload, with the signature over it as an annotation (cosign, SIGNATURE_SPEC.md).
`cosign verify --key PUBLIC.pem` reads both. Signatures are ECDSA on P-256 over SHA-256, deterministic (RFC 6979): the
same image signed again is the same signature.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booksync_apps.errors import AppError
from booksync_apps.layout import Json

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"
PASSWORD = "BOOKSYNC_SIGN_PASSWORD"  # noqa: S105 - a variable's name
EXPECTED = "expected a private key in PEM: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE"


@dataclass(frozen=True)
class SignedContent:
    """What goes to the registry for one digest.

    :param blobs: digest -> content
    """

    manifest: bytes
    blobs: Mapping[str, bytes]


def load_key(path: Path, *, password: str | None) -> Any:
    """Read a private key.

    :raises AppError: there is none that cosign could verify signatures of
    """
    # a wheel, which only the program that signs has on its path
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password.encode() if password else None)
    except OSError as error:
        raise AppError(f"{path}: {error.strerror}", way_out=EXPECTED) from error
    except (ValueError, TypeError) as error:
        raise AppError(f"{path}: {error}", way_out=f"{EXPECTED}; its password, if any, in {PASSWORD}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise AppError(f"{path}: not a key of ECDSA on P-256", way_out=EXPECTED)
    return key


def signature_tag(digest: str) -> str:
    """Return the tag under which a digest's signatures are."""
    return f"{digest.replace(':', '-')}.sig"


def build_payload(*, name: str, digest: str) -> bytes:
    """Return what is signed.

    :param name: the image's repository with its registry
    """
    critical = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return encode({"critical": critical, "optional": None})


def build_signature(key: Any, *, name: str, digest: str, existing: Json | None) -> SignedContent | None:
    """Sign a digest; None where it is signed by this key already.

    :param existing: the manifest under the digest's tag, whose signatures of others stay
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    payload = build_payload(name=name, digest=digest)
    signature = key.sign(payload, ec.ECDSA(SHA256(), deterministic_signing=True))
    layer = describe(payload, PAYLOAD) | {"annotations": {ANNOTATION: base64.b64encode(signature).decode()}}
    layers = [*(existing or {}).get("layers", [])]
    if layer in layers:
        return None
    layers.append(layer)
    config = encode(
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [entry["digest"] for entry in layers]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": describe(config, "application/vnd.oci.image.config.v1+json"),
        "layers": layers,
    }
    return SignedContent(
        manifest=encode(manifest),
        blobs={layer["digest"]: payload, manifest["config"]["digest"]: config},  # type: ignore[index]
    )


def encode(value: Json) -> bytes:
    """Return a JSON value in one encoding."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def describe(content: bytes, media_type: str) -> Json:
    """Return a blob's descriptor."""
    return {
        "mediaType": media_type,
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content),
    }


def write_signature_layout(signed: SignedContent, folder: Path) -> str:
    """Write a layout with a signature's manifest, and return its digest.

    Payloads of others' signatures are not in it: the registry has them.
    """
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    entry = describe(signed.manifest, "application/vnd.oci.image.manifest.v1+json")
    for digest, content in {**signed.blobs, entry["digest"]: signed.manifest}.items():
        (blobs / digest.removeprefix("sha256:")).write_bytes(content)
    (folder / "index.json").write_bytes(encode({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return str(entry["digest"])
