"""`verify` says equal, or names the first layer and file that differ; everything else is an error that says what."""

import io
import json
import re
import shutil
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from booksync_apps import verify
from booksync_apps.comparison import CONFIG_LIMIT
from booksync_apps.errors import AppError
from booksync_apps.oras import Oras
from booksync_testing.registry import DockerRegistry
from booksync_testing.web import free_port
from registry_app import Outcome, Pusher
from registry_layouts import BASE_BYTES, SHARED_BYTES, TinyImages, encode
from registry_proxy import Fault, Proxy

AUTH = "booksync-api-auth"
EQUAL, DIFFERENT, UNDECIDED = 0, 1, 2

type Verify = Callable[..., Outcome]
type Program = Callable[[str], int]


@pytest.fixture
def run(pusher: Pusher) -> Verify:
    """Run the app in this process, as its command line does."""

    def run(*arguments: str) -> Outcome:
        output, errors = io.StringIO(), io.StringIO()
        try:
            code = verify.verify(
                [*arguments, "--insecure"], environment=pusher.environment, output=output, errors=errors
            )
        except AppError as error:
            errors.write(str(error))
            code = UNDECIDED
        return Outcome(code=code, output=output.getvalue(), errors=errors.getvalue())

    return run


@pytest.fixture
def program(pusher: Pusher, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Run the app as far as its exit code."""
    monkeypatch.setattr("booksync_apps.verify.signal.signal", lambda *_: None)
    return lambda reference: verify.main([reference, "--insecure"], environment=pusher.environment)


@pytest.fixture
def push_other(pusher: Pusher, registry: DockerRegistry, tmp_path: Path) -> Callable[..., None]:
    """Push another image of the same name, made of the layers that are given."""

    def push(*, version: str = "1.0.0", **layers: int) -> None:
        folder = tmp_path / "other/images"
        folder.mkdir(parents=True)
        images = TinyImages(folder, version=version)
        images.add(
            AUTH, layers={name.replace("_", "-"): size for name, size in layers.items()}, shared=("shared", AUTH)
        )
        outcome = pusher(f"{registry.address}/family", environment={"BOOKSYNC_IMAGES": str(folder)})
        assert outcome.code == 0, outcome.errors

    return push


def test_a_pushed_image_is_equal(run: Verify, pusher: Pusher, images: TinyImages, registry: DockerRegistry) -> None:
    pusher(f"{registry.address}/family")
    digest = images.digests[AUTH]["digest"]
    for suffix in ("", ":1.0.0", f"@{digest}", f":1.0.0@{digest}"):
        outcome = run(f"{registry.address}/family/{AUTH}{suffix}")
        assert outcome.code == EQUAL, outcome.errors
        assert outcome.output == f"{registry.address}/family/{AUTH}@{digest}\n"


def test_one_platform_s_manifest_is_equal_too(
    run: Verify, pusher: Pusher, images: TinyImages, registry: DockerRegistry
) -> None:
    pusher(f"{registry.address}/family")
    digest = images.digests[AUTH]["architectures"]["arm64"]["manifest"]["digest"]
    outcome = run(f"{registry.address}/family/{AUTH}@{digest}")
    assert (outcome.code, "one platform" in outcome.errors) == (EQUAL, True)


def test_a_tag_that_leads_to_one_platform_alone_lacks_the_others(
    run: Verify, pusher: Pusher, images: TinyImages, registry: DockerRegistry
) -> None:
    pusher(f"{registry.address}/family", AUTH)
    manifest = images.digests[AUTH]["architectures"]["amd64"]["manifest"]["digest"]
    put_manifest(
        registry, "alone", content_of(images, manifest), media_type="application/vnd.oci.image.manifest.v1+json"
    )
    outcome = run(f"{registry.address}/family/{AUTH}:alone")
    assert (outcome.code, "not equal: arm64: is not there" in outcome.output) == (DIFFERENT, True), outcome.output


@pytest.mark.parametrize(("architecture", "code"), [("amd64", EQUAL), ("arm64", DIFFERENT)])
def test_what_is_below_one_platform_s_manifest_is_asked_for_too(
    run: Verify, pusher: Pusher, images: TinyImages, registry: DockerRegistry, architecture: str, code: int
) -> None:
    pusher(f"{registry.address}/family", AUTH)
    lost = images.layer(AUTH, "base", "arm64")["digest"]
    forget(registry, lost)
    manifest = images.digests[AUTH]["architectures"][architecture]["manifest"]["digest"]
    outcome = run(f"{registry.address}/family/{AUTH}@{manifest}")
    assert outcome.code == code
    assert (f"layer base (arm64), {lost}: is not there" in outcome.output) == (code == DIFFERENT)


def test_the_first_layer_and_file_that_differ_are_named(
    run: Verify, push_other: Callable[..., None], registry: DockerRegistry
) -> None:
    push_other(base=BASE_BYTES, shared=SHARED_BYTES + 1, booksync_api_auth=5_001)
    outcome = run(f"{registry.address}/family/{AUTH}:1.0.0")
    assert outcome.code == DIFFERENT
    assert outcome.output == (
        f"{registry.address}/family/{AUTH}:1.0.0: not equal: amd64: layer 2 (shared): "
        f"usr/share/shared: size {SHARED_BYTES} bytes here, {SHARED_BYTES + 1} bytes there\n"
    )


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({"base": BASE_BYTES, "shared": SHARED_BYTES}, f"amd64: layer 3 ({AUTH}): is not there"),
        (
            {"base": BASE_BYTES, "shared": SHARED_BYTES, "booksync_api_auth": 5_000, "more": 10},
            "amd64: layer 4: is only there",
        ),
    ],
)
def test_layers_too_few_and_too_many(
    run: Verify,
    push_other: Callable[..., None],
    registry: DockerRegistry,
    layers: dict[str, int],
    expected: str,
) -> None:
    push_other(**layers)
    outcome = run(f"{registry.address}/family/{AUTH}")
    assert (outcome.code, expected in outcome.output) == (DIFFERENT, True), outcome.output


def test_another_version_names_both(run: Verify, pusher: Pusher, registry: DockerRegistry, images: TinyImages) -> None:
    pusher(f"{registry.address}/family", AUTH, "--tag", "next")
    put_index(registry, images, "next", annotations={"org.opencontainers.image.version": "2.0.0"})
    outcome = run(f"{registry.address}/family/{AUTH}:next")
    assert outcome.code == DIFFERENT
    assert "it is version 2.0.0, here is unknown" in outcome.output


def put_index(registry: DockerRegistry, images: TinyImages, tag: str, **changes: object) -> None:
    """Tag the image's index with something changed in it."""
    index = json.loads(content_of(images, images.digests[AUTH]["digest"]))
    put_manifest(registry, tag, encode({**index, **changes}), media_type="application/vnd.oci.image.index.v1+json")


def put_manifest(registry: DockerRegistry, tag: str, content: bytes, *, media_type: str) -> None:
    """Tag a manifest or an index."""
    request = urllib.request.Request(
        f"http://{registry.address}/v2/family/{AUTH}/manifests/{tag}",
        method="PUT",
        data=content,
        headers={"Content-Type": media_type},
    )
    urllib.request.urlopen(request).close()  # noqa: S310


def content_of(images: TinyImages, digest: str) -> bytes:
    """Return a blob of the image."""
    return (images.directory / AUTH / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()


def forget(registry: DockerRegistry, digest: str) -> None:
    """Let the registry lose a blob of the image."""
    encoded = digest.removeprefix("sha256:")
    shutil.rmtree(registry.storage / f"docker/registry/v2/repositories/family/{AUTH}/_layers/sha256/{encoded}")


HOSTILE = "\r\x1b[2K\nregistry.example.org/family\u202e: equal\udc80"
SHOWN = "\N{REPLACEMENT CHARACTER}"


def test_no_version_can_write_lines_of_its_own(
    run: Verify, pusher: Pusher, registry: DockerRegistry, images: TinyImages
) -> None:
    pusher(f"{registry.address}/family", AUTH, "--tag", "next")
    put_index(registry, images, "next", annotations={"org.opencontainers.image.version": HOSTILE})
    outcome = run(f"{registry.address}/family/{AUTH}:next")
    assert outcome.code == DIFFERENT
    assert outcome.output.removeprefix(f"{registry.address}/family/{AUTH}:next: not equal: ") == (
        f"it is version {SHOWN * 2}[2K{SHOWN}registry.example.org/family{SHOWN}: equal{SHOWN}, here is unknown\n"
    )


def test_no_path_of_a_layer_can_write_lines_of_its_own(
    run: Verify, push_other: Callable[..., None], registry: DockerRegistry
) -> None:
    push_other(**{"base": BASE_BYTES, "\r\x1b[2K\n": SHARED_BYTES})
    outcome = run(f"{registry.address}/family/{AUTH}")
    assert (outcome.code, outcome.output.count("\n")) == (DIFFERENT, 1)
    assert f"usr/share/{SHOWN * 2}[2K{SHOWN}-amd64: only there" in outcome.output
    assert outcome.output.removesuffix("\n").isprintable()


def test_no_error_of_a_registry_can_write_lines_of_its_own(
    pusher: Pusher, proxy: Proxy, capsys: pytest.CaptureFixture[str], program: Program
) -> None:
    pusher(f"{proxy.address}/family", AUTH)
    proxy.faults = [Fault(method="GET", path="/manifests/", status=403, error="\x1b[2K\nequal")]
    code = program(f"{proxy.address}/family/{AUTH}")
    captured = capsys.readouterr()
    assert (code, captured.out) == (UNDECIDED, "")
    assert captured.err.startswith(f"verify: {proxy.address} failed at latest of family/{AUTH}: {SHOWN}[2k")
    assert all(line.isprintable() for line in captured.err.split("\n"))


@pytest.mark.parametrize("status", [301, 401, 403])
def test_a_registry_that_does_not_say_whether_it_has_a_part_is_an_error(
    pusher: Pusher, proxy: Proxy, program: Program, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    pusher(f"{proxy.address}/family", AUTH)
    for part in ("manifests", "blobs"):
        proxy.faults = [Fault(method="HEAD", path=f"/{part}/", status=status)]
        code = program(f"{proxy.address}/family/{AUTH}")
        captured = capsys.readouterr()
        assert (code, captured.out) == (UNDECIDED, "")
        assert f"a part of family/{AUTH}: status code {status}" in captured.err
        assert ("docker login" in captured.err) == (status in (401, 403))


def test_a_machine_that_fails_is_an_error(
    pusher: Pusher,
    registry: DockerRegistry,
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pusher(f"{registry.address}/family", AUTH)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    assert program(f"{registry.address}/family/{AUTH}") == UNDECIDED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("verify: [Errno 2] No such file or directory")


@pytest.mark.parametrize("error", [KeyError("Username"), MemoryError(), RuntimeError("\x1b[2K")])
def test_a_mistake_of_its_own_says_nothing_about_the_image(
    program: Program,
    registry: DockerRegistry,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def fail(*_: object, **_others: object) -> None:
        raise error

    monkeypatch.setattr(verify, "connect", fail)
    assert program(f"{registry.address}/family/{AUTH}") == UNDECIDED
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"verify: {type(error).__name__}")
    assert captured.err.removesuffix("\n").isprintable()


def test_a_platform_that_is_missing_is_named(
    run: Verify, pusher: Pusher, registry: DockerRegistry, images: TinyImages
) -> None:
    pusher(f"{registry.address}/family", AUTH)
    index = json.loads(content_of(images, images.digests[AUTH]["digest"]))
    put_index(registry, images, "half", manifests=index["manifests"][:1])
    outcome = run(f"{registry.address}/family/{AUTH}:half")
    assert (outcome.code, outcome.output.endswith("arm64: is not there\n")) == (DIFFERENT, True), outcome.output


def test_a_blob_that_the_registry_has_lost_is_named(
    run: Verify, pusher: Pusher, images: TinyImages, registry: DockerRegistry
) -> None:
    pusher(f"{registry.address}/family", AUTH)
    digest = images.layer(AUTH, "base", "arm64")["digest"]
    forget(registry, digest)
    outcome = run(f"{registry.address}/family/{AUTH}")
    assert (outcome.code, f"layer base (arm64), {digest}: is not there" in outcome.output) == (DIFFERENT, True)


def test_a_registry_that_lies_about_a_digest_is_not_believed(
    run: Verify, pusher: Pusher, images: TinyImages, registry: DockerRegistry
) -> None:
    pusher(f"{registry.address}/family", AUTH)
    digest = images.digests[AUTH]["digest"].removeprefix("sha256:")
    stored = registry.storage / f"docker/registry/v2/blobs/sha256/{digest[:2]}/{digest}/data"
    stored.write_bytes(stored.read_bytes().replace(b"linux", b"linus"))
    for suffix in (":1.0.0", f"@sha256:{digest}"):
        outcome = run(f"{registry.address}/family/{AUTH}{suffix}")
        assert (outcome.code, outcome.output) == (UNDECIDED, "")
        assert "mismatched digest" in outcome.errors


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (f"{{registry}}/family/{AUTH}:none", "does not have none of family"),
        ("{registry}/family/other:1.0.0", "there is no image 'other'"),
        (f"{{closed}}/family/{AUTH}", "cannot be reached"),
        (f"https://{{registry}}/family/{AUTH}", "a reference has no https://"),
        (f"{{registry}}/family/{AUTH}@sha256:12", "is not a digest"),
        (f"{{registry}}/family/{AUTH}:-", "is not a tag"),
        (f"{{registry}}/family/{AUTH}@", "'' is not a digest"),
        (f"{{registry}}/family/{AUTH}:1.0.0@", "'' is not a digest"),
        (f"{{registry}}/family/{AUTH}:", "'' is not a tag"),
        (AUTH, "the namespace is missing"),
    ],
)
def test_what_cannot_be_said_is_an_error(
    run: Verify, pusher: Pusher, registry: DockerRegistry, reference: str, expected: str
) -> None:
    pusher(f"{registry.address}/family", AUTH)
    outcome = run(reference.format(registry=registry.address, closed=f"127.0.0.1:{free_port()}"))
    assert outcome.code == UNDECIDED
    assert expected in outcome.errors
    assert outcome.output == ""


def test_a_registry_that_fails_is_an_error(run: Verify, pusher: Pusher, proxy: Proxy) -> None:
    pusher(f"{proxy.address}/family", AUTH)
    proxy.faults = [Fault(method="GET", path="/manifests/", status=500, error="UNKNOWN")]
    outcome = run(f"{proxy.address}/family/{AUTH}")
    assert (outcome.code, outcome.output) == (UNDECIDED, "")
    assert "failed at latest of family" in outcome.errors


@pytest.mark.parametrize(
    "content", [b"nonsense", b"[]", b"{}", b'{"manifests": 7}', b'{"manifests": ["x"]}', b"[" * 100_000]
)
def test_what_is_no_image_is_an_error(
    run: Verify, registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(Oras, "fetch_manifest", lambda *_: content)
    outcome = run(f"{registry.address}/family/{AUTH}:1.0.0")
    assert (outcome.code, outcome.output) == (UNDECIDED, "")
    assert "is not an OCI image" in outcome.errors


def test_a_config_without_end_is_not_read(
    run: Verify, registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = b'{"architecture": "other"}'
    size = len(config)

    def fetch_manifest(*_: object) -> bytes:
        return encode({"config": {"digest": "sha256:0", "size": size}, "layers": []})

    def fetch_blob(_self: Oras, _reference: str, path: Path, *, size: int) -> None:
        assert size == len(config)
        path.write_bytes(config)

    monkeypatch.setattr(Oras, "fetch_manifest", fetch_manifest)
    monkeypatch.setattr(Oras, "fetch_blob", fetch_blob)
    assert run(f"{registry.address}/family/{AUTH}:1.0.0").code == DIFFERENT
    size = CONFIG_LIMIT + 1
    outcome = run(f"{registry.address}/family/{AUTH}:1.0.0")
    assert (outcome.code, "a config of 4.2 MB" in outcome.errors) == (UNDECIDED, True), outcome.errors


def test_a_layer_longer_than_its_manifest_says_is_an_error(
    run: Verify, push_other: Callable[..., None], registry: DockerRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    push_other(base=BASE_BYTES + 1, shared=SHARED_BYTES, booksync_api_auth=5_000)
    whole = Oras.fetch_manifest

    def fetch_manifest(self: Oras, reference: str) -> bytes:
        return re.sub(rb'"size":\d+', b'"size":1000', whole(self, reference))

    monkeypatch.setattr(Oras, "fetch_manifest", fetch_manifest)
    outcome = run(f"{registry.address}/family/{AUTH}:1.0.0")
    assert (outcome.code, "more than the 1000 bytes" in outcome.errors) == (UNDECIDED, True), outcome.errors


def test_a_variant_is_found_by_its_tag(
    run: Verify, pusher: Pusher, images: TinyImages, registry: DockerRegistry
) -> None:
    images.add("booksync-api-prediction", layers={"base": 1_000, "torch": 3_000})
    images.add("booksync-api-prediction-onnx", layers={"base": 1_000, "onnx": 2_000})
    pusher(f"{registry.address}/family")
    repository = f"{registry.address}/family/booksync-api-prediction"
    onnx = images.digests["booksync-api-prediction-onnx"]["digest"]
    for suffix, digest in (
        (":1.0.0", images.digests["booksync-api-prediction"]["digest"]),
        (":1.0.0-onnx", onnx),
        (":latest-onnx", onnx),
        (f"@{onnx}", onnx),
    ):
        outcome = run(repository + suffix)
        assert (outcome.code, outcome.output) == (EQUAL, f"{repository}@{digest}\n"), outcome.errors


@pytest.mark.parametrize(
    ("built", "tag"), [("booksync-api-prediction", "1.0.0-onnx"), ("booksync-api-prediction-onnx", "1.0.0")]
)
def test_a_variant_that_was_not_built_is_compared_with_nothing(
    run: Verify, images: TinyImages, built: str, tag: str
) -> None:
    images.add(built, layers={"base": 1_000})
    outcome = run(f"registry.example.org/family/booksync-api-prediction:{tag}")
    assert (outcome.code, outcome.output) == (UNDECIDED, "")
    assert "which was not built here" in outcome.errors
