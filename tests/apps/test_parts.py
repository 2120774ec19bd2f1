"""References, credentials, oras's messages and byte counts are read and written as documented."""

import base64
import io
import json
import os
import re
import ssl
from pathlib import Path

import pytest

from booksync_apps.credentials import Credential, CredentialsFile, credentials_path
from booksync_apps.diagnosis import FAILURES, Circumstances, classify, explain, shorten
from booksync_apps.errors import AppError, UsageError
from booksync_apps.layout import load_images
from booksync_apps.oras import Oras, OrasError
from booksync_apps.progress import LOG_INTERVAL_S, Progress, Tally, format_bytes, read_positions
from booksync_apps.reference import check_tag, parse_target, split_variant
from booksync_apps.transport import create_context
from booksync_testing.certificate import CERTIFICATE
from booksync_testing.programs import SHEBANG, UTILITY, write_program
from registry_layouts import TinyImages

REGISTRY = "registry.example.org"


@pytest.mark.parametrize(
    ("text", "registry", "namespace"),
    [
        ("localhost/books", "localhost", "books"),
        ("localhost:5000/a/b/c", "localhost:5000", "a/b/c"),
        ("registry.example.org/family_books", "registry.example.org", "family_books"),
        ("[::1]:5000/family", "[::1]:5000", "family"),
        ("10.0.0.1/x--y.z", "10.0.0.1", "x--y.z"),
    ],
)
def test_targets_are_taken_apart(text: str, registry: str, namespace: str) -> None:
    target = parse_target(text)
    assert (target.registry, target.namespace) == (registry, namespace)
    assert target.reference("auth") == f"{registry}/{namespace}/auth"


@pytest.mark.parametrize(
    "text", ["", "host", "host/x", "a.b/", "a.b//x", "a.b/X", "a.b/x@y", "a.b/x:1", "-a.b/x", "a.b:port/x", "a.b/x y"]
)
def test_targets_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_target(text)


@pytest.mark.parametrize(
    ("registry", "local"),
    [("localhost", True), ("127.0.0.1:5000", True), ("[::1]:5000", True), ("localhost.example.org", False)],
)
def test_what_is_on_this_machine(registry: str, local: bool) -> None:
    assert parse_target(f"{registry}/x").is_local is local


def test_tags_follow_the_specification() -> None:
    assert check_tag("1.0.0-rc_1") == "1.0.0-rc_1"
    for tag in ("", ".1", "-1", "a/b", "a:b", "a" * 129):
        with pytest.raises(UsageError):
            check_tag(tag)


def test_only_known_variants_are_split_off() -> None:
    assert split_variant("booksync-api-prediction-onnx") == ("booksync-api-prediction", "-onnx")
    assert split_variant("booksync-api-auth") == ("booksync-api-auth", "")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (12_345_678, "12.3 MB"),
        (999_999, "1.0 MB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_bytes_are_written_in_decimal_units(count: int, text: str) -> None:
    assert format_bytes(count) == text


def test_a_tally_leaves_out_what_did_not_happen() -> None:
    assert str(Tally(moved=1000)) == "1.0 kB moved"
    assert str(Tally(moved=0, mounted=1, present=2)) == "0 B moved, 1 B mounted, 2 B there already"


def test_the_position_in_an_open_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(bytes(1000))
    with path.open("rb", buffering=0) as file:
        file.read(300)
        assert read_positions(os.getpid(), {path}) == 300
    assert read_positions(os.getpid(), {path}) == 0
    # the kernel gives no process this number (pid_max is at most 2 to the 22nd)
    assert read_positions(1 << 23, {path}) is None


def test_the_position_is_read_behind_a_link_too(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    path = tmp_path / "link/blob"
    path.write_bytes(bytes(1000))
    with path.open("rb", buffering=0) as file:
        file.read(300)
        assert read_positions(os.getpid(), {path}) == 300


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_in_a_log_is_rare_and_on_a_terminal_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("booksync_apps.progress.time.monotonic", lambda: now)
    log, terminal = io.StringIO(), Terminal()
    in_log, on_terminal = Progress(log, started=now, _last=now), Progress(terminal, started=now, _last=now)
    for _ in range(int(LOG_INTERVAL_S)):
        now += 1
        in_log.tick(1000, 2000)
        on_terminal.tick(1000, 2000)
    assert log.getvalue() == "  1.0 kB of at most 2.0 kB, 10 s\n"
    on_terminal.line("done")
    shown = terminal.getvalue()
    assert shown.count("1.0 kB of at most 2.0 kB") == LOG_INTERVAL_S
    assert shown.endswith("\r\x1b[2Kdone\n")


def test_progress_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("booksync_apps.progress.time.monotonic", lambda: now)
    log = io.StringIO()
    progress = Progress(log, started=now, _last=now)
    for done in (5000, 3000, 6000):
        now += LOG_INTERVAL_S
        progress.tick(done, 9000)
    assert re.findall(r"(\S+ kB) of", log.getvalue()) == ["5.0 kB", "5.0 kB", "6.0 kB"]
    progress.restart()
    now += LOG_INTERVAL_S
    progress.tick(1000, 9000)
    assert "  1.0 kB of" in log.getvalue()


def entry(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write_config(folder: Path, config: object) -> CredentialsFile:
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return CredentialsFile(path, {})


def test_credentials_of_a_registry_are_found_under_its_name_or_url(tmp_path: Path) -> None:
    for key in (REGISTRY, f"https://{REGISTRY}", f"https://{REGISTRY}/v1/"):
        credential = write_config(tmp_path, {"auths": {key: entry("me", "a:b")}}).load(REGISTRY)
        assert (credential.user, credential.password) == ("me", "a:b")


@pytest.mark.parametrize("registry", ["docker.io", "registry-1.docker.io"])
def test_credentials_of_docker_hub_are_found_where_docker_keeps_them(tmp_path: Path, registry: str) -> None:
    key = "https://index.docker.io/v1/"
    file = write_config(tmp_path, {"auths": {"docker.io": entry("other", "b"), key: entry("me", "a")}})
    assert (file.load(registry).user, file.load(registry).password) == ("me", "a")
    assert file.describe(registry).endswith(f"has an entry for {registry}")
    assert "has no entry" in write_config(tmp_path, {"auths": {"docker.io": entry("other", "b")}}).describe(registry)
    helper = tmp_path / "docker-credential-tests"
    answer = json.dumps({"Username": "helped", "Secret": "c"})
    write_program(helper, f"{SHEBANG}read key; test $key = {key} && echo '{answer}'\n")
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {key: "tests"}}))
    assert CredentialsFile(file.path, {"PATH": str(tmp_path)}).load(registry).user == "helped"


def test_credentials_of_another_host_are_not_used(tmp_path: Path) -> None:
    for key in (f"sub.{REGISTRY}", f"{REGISTRY}:5000", "example.org"):
        assert not write_config(tmp_path, {"auths": {key: entry("me", "secret")}}).load(REGISTRY)


def test_an_identity_token_is_a_credential(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"auths": {REGISTRY: {"identitytoken": "refresh"}}})
    assert file.load(REGISTRY).identity_token == "refresh"


def test_credentials_are_not_shown(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"auths": {REGISTRY: entry("me", "secret") | {"identitytoken": "refresh"}}})
    shown = f"{file.load(REGISTRY)!r} {file.describe(REGISTRY)}"
    for secret in ("secret", "refresh", entry("me", "secret")["auth"]):
        assert secret not in shown


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("{}", "which has no entry for"),
        ("[]", "which cannot be read (ValueError)"),
        ("{", "which cannot be read (JSONDecodeError)"),
        ('{"credsStore": "pass"}', "to docker-credential-pass"),
        ('{"auths": {"registry.example.org": {"auth": "%%"}}}', "which has an entry for"),
        ('{"auths": null}', "which has no entry for"),
        ('{"auths": {"registry.example.org": null}}', "which has no entry for"),
        ('{"auths": ["registry.example.org"]}', "which cannot be read (ValueError)"),
        ('{"auths": {"registry.example.org": "me"}}', "which cannot be read (ValueError)"),
        ('{"auths": {"registry.example.org": {"auth": 7}}}', "which cannot be read (ValueError)"),
        ('{"credHelpers": ["registry.example.org"]}', "which cannot be read (ValueError)"),
        ('{"credHelpers": {"registry.example.org": 7}}', "which cannot be read (ValueError)"),
    ],
)
def test_a_credentials_file_that_does_not_help_is_described(tmp_path: Path, text: str, described: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    file = CredentialsFile(path, {"PATH": str(tmp_path)})
    assert described in file.describe(REGISTRY)
    assert not file.load(REGISTRY)


@pytest.mark.parametrize(
    "answer", ['{"Secret": "s"}', '{"Username": "me"}', '{"Username": 7, "Secret": "s"}', "[]", "7", "nothing"]
)
def test_a_helper_that_answers_something_else_has_no_credential(tmp_path: Path, answer: str) -> None:
    write_program(tmp_path / "docker-credential-tests", f"{SHEBANG}echo '{answer}'\n")
    path = tmp_path / "config.json"
    path.write_text('{"credsStore": "tests"}')
    assert CredentialsFile(path, {"PATH": str(tmp_path)}).load(REGISTRY) == Credential()


def test_the_credentials_file_is_where_docker_has_it() -> None:
    assert credentials_path({"HOME": "/home/me"}) == Path("/home/me/.docker/config.json")
    assert credentials_path({"HOME": "/home/me", "DOCKER_CONFIG": "/etc/d"}) == Path("/etc/d/config.json")


#: What oras 1.3.6 really said.
SAID = {
    "gone": 'Error from destination registry for "h/n@sha256:0": Put "http://h/v2/n/blobs/uploads/1?_state=abc": EOF',
    "refused": "Error response from registry: unauthorized: authentication required",
    "busy": "Error response from registry: toomanyrequests: toomanyrequests",
    "full": "Error response from registry: unknown: unknown error: write /data: no space left on device",
    "broken": 'Error: PUT "http://h/v2/n/blobs/uploads/1": response status code 503: Service Unavailable',
    "old": "Error response from registry: manifest invalid: manifest invalid",
    "unknown": "Error response from registry: name unknown: repository name not known to registry",
    "plain": 'Error: Head "https://h/v2/n": http: server gave HTTP response to HTTPS client',
    "untrusted": 'Error: Head "https://h/": tls: failed to verify certificate: x509: unknown authority',
    "source": 'Error from source OCI layout "/l": blob not found',
    "other": "Error: something new",
}


@pytest.mark.parametrize("kind", [failure.kind for failure in FAILURES])
def test_what_oras_says_is_understood(kind: str) -> None:
    assert classify(SAID[kind]).kind == kind
    circumstances = Circumstances(registry="h", subject="auth", credentials="none", arrived="1.0 kB")
    error = explain(SAID[kind], circumstances=circumstances)
    assert error.way_out
    assert "{" not in str(error)


def test_a_blob_without_end_is_not_waited_for(tmp_path: Path) -> None:
    program = tmp_path / "oras"
    endless = f"while :; do {UTILITY} head -c 10000 /dev/zero; {UTILITY} sleep 0.02; done"
    write_program(program, f'{SHEBANG}while [ "$1" != --output ]; do shift; done\n{endless} >"$2"\n')
    oras = Oras(program=program, transport="plain", environment={})
    with pytest.raises(OrasError, match="more than the 15000 bytes that the manifest announces"):
        oras.fetch_blob("localhost/family/any@sha256:0", tmp_path / "blob", size=15_000)


def test_urls_are_shown_without_what_may_be_secret() -> None:
    text = 'Error: Put "https://user:pass@h/v2/n/blobs/uploads/1?_state=token&digest=x": EOF\nmore'
    assert shorten(text) == 'Put "https://h/v2/n/blobs/uploads/1": EOF'


def test_layouts_that_disagree_with_digests_json_are_refused(images: TinyImages) -> None:
    path = images.directory / "digests.json"
    digests = json.loads(path.read_text())
    digests["booksync-api-auth"]["digest"] = "sha256:" + "0" * 64
    path.write_text(json.dumps(digests))
    with pytest.raises(AppError, match=r"booksync-api-auth: index\.json has"):
        load_images(images.directory)


def test_a_missing_blob_is_named_before_anything_is_pushed(images: TinyImages) -> None:
    config = images.digests["booksync-api-auth"]["architectures"]["arm64"]["config"]["digest"]
    (images.directory / "booksync-api-auth/blobs/sha256" / config.removeprefix("sha256:")).unlink()
    with pytest.raises(AppError, match=f"blob {config} is missing"):
        load_images(images.directory)


def test_blobs_are_labelled_for_people(images: TinyImages) -> None:
    image = load_images(images.directory)["booksync-api-auth"]
    labels = sorted(blob.label for blob in image.blobs.values())
    assert labels == [
        "config (amd64)",
        "config (arm64)",
        "index",
        "layer base (amd64)",
        "layer base (arm64)",
        "layer booksync-api-auth",
        "layer shared",
        "manifest (amd64)",
        "manifest (arm64)",
    ]


def test_certificates_of_ssl_cert_file_replace_the_systems() -> None:
    context = create_context(verify=True, environment={"SSL_CERT_FILE": str(CERTIFICATE)})
    assert [found["subject"] for found in context.get_ca_certs()] == [((("commonName", "registry of the tests"),),)]
    assert context.verify_mode is ssl.CERT_REQUIRED
    with pytest.raises(AppError, match="expected CA certificates"):
        create_context(verify=True, environment={"SSL_CERT_FILE": str(CERTIFICATE.with_name("README.md"))})
