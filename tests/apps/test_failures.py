"""When something is wrong, the app says what, where and the way out, exits non-zero, and the next run goes on."""

import base64
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from booksync_apps.credentials import Credential
from booksync_apps.registry import BODY_LIMIT, USER_AGENT, Answer, Registry, connect
from booksync_apps.transport import NoAnswerError
from booksync_testing.certificate import CERTIFICATE
from booksync_testing.programs import SHEBANG, write_program
from booksync_testing.registry import DockerRegistry
from booksync_testing.web import free_port
from registry_app import Pusher, command_of
from registry_layouts import TinyImages
from registry_proxy import Fault, Login, Proxy

AUTH, DATA = "booksync-api-auth", "booksync-api-data"
USER, SECRET = "maman", "correct-horse"


def encoded(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_registry_that_dies_half_way_is_finished_by_the_next_run(
    pusher: Pusher, images: TinyImages, proxy: Proxy, registry: DockerRegistry
) -> None:
    # two blobs arrive; then a large one takes the registry with it
    proxy.faults = [Fault(method="PUT", path="/blobs/uploads/", after=300_000, stored=2)]
    first = pusher(f"{proxy.address}/family", "auth")
    assert first.code == 1
    assert f"{proxy.address}: the connection failed during {AUTH}" in first.errors
    assert "the same command goes on from there" in first.errors
    assert first.output == ""
    assert registry.tags(f"family/{AUTH}") == []
    proxy.wait_idle()
    stored = {path.parent.name for path in registry.storage.glob("docker/registry/v2/blobs/sha256/*/*/data")}
    assert len(stored) >= 2
    proxy.revive()
    second = pusher(f"{proxy.address}/family", "auth")
    assert second.code == 0, second.errors
    blobs = {path.name: path.stat().st_size for path in (images.directory / AUTH / "blobs/sha256").iterdir()}
    rest = sum(blob for digest, blob in blobs.items() if digest not in stored)
    tags = 2 * images.digests[AUTH]["size"]
    assert second.sent == proxy.body_bytes == rest + tags
    assert rest < images.blob_size(AUTH)
    assert registry.tagged(f"family/{AUTH}", "latest") == images.digests[AUTH]["digest"]


def test_a_registry_that_dies_at_the_second_image_keeps_every_tag_as_it_was(
    pusher: Pusher, images: TinyImages, proxy: Proxy, registry: DockerRegistry
) -> None:
    proxy.faults = [Fault(method="PUT", path=rf"/{DATA}/manifests/", after=10)]
    assert pusher(f"{proxy.address}/family").code == 1
    assert registry.tags(f"family/{AUTH}") == []
    proxy.wait_idle()
    proxy.revive()
    second = pusher(f"{proxy.address}/family")
    assert second.code == 0
    assert second.sent == proxy.body_bytes < images.blob_size(AUTH) / 10
    assert registry.tags(f"family/{AUTH}") == registry.tags(f"family/{DATA}") == ["1.0.0", "latest"]


def test_a_login_is_refused_when_there_is_none(pusher: Pusher, proxy: Proxy) -> None:
    proxy.login = Login(user=USER, password=SECRET)
    outcome = pusher(f"{proxy.address}/family")
    assert outcome.code == 1
    assert f"{proxy.address} refused {AUTH}" in outcome.errors
    assert f"credentials file: {pusher.home}/.docker/config.json, which does not exist" in outcome.errors
    assert f"docker login {proxy.address}" in outcome.errors
    assert f"oras login {proxy.address}" in outcome.errors
    assert outcome.output == ""


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_a_wrong_password_is_refused_and_never_shown(pusher: Pusher, proxy: Proxy, scheme: str) -> None:
    proxy.login = Login(user=USER, password="another", scheme=scheme)
    path = pusher.log_in(proxy.address, {"auth": encoded(USER, SECRET)})
    outcome = pusher(f"{proxy.address}/family")
    assert outcome.code == 1
    assert f"{path}, which has an entry for {proxy.address}" in outcome.errors
    for secret in (SECRET, USER, encoded(USER, SECRET)):
        assert secret not in outcome.errors + outcome.output


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_the_docker_credentials_file_is_used(pusher: Pusher, images: TinyImages, proxy: Proxy, scheme: str) -> None:
    proxy.login = Login(user=USER, password=SECRET, scheme=scheme)
    pusher.log_in(proxy.address, {"auth": encoded(USER, SECRET)})
    outcome = pusher(f"{proxy.address}/family")
    assert outcome.code == 0, outcome.errors
    # our own requests are admitted too: shared layers are mounted, not sent
    assert proxy.uploads(images.layer(AUTH, "base", "amd64")["digest"]) == 1
    assert SECRET not in outcome.errors
    # and no token is asked for twice
    asked = [request.path for request in proxy.received if "/token?" in request.path and request.agent == USER_AGENT]
    assert len(asked) == len(set(asked))


def test_docker_config_names_another_folder(pusher: Pusher, proxy: Proxy) -> None:
    proxy.login = Login(user=USER, password=SECRET)
    path = pusher.log_in(proxy.address, {"auth": encoded(USER, SECRET)})
    elsewhere = path.parent.rename(pusher.home / "elsewhere")
    assert pusher(f"{proxy.address}/family").code == 1
    assert pusher(f"{proxy.address}/family", environment={"DOCKER_CONFIG": str(elsewhere)}).code == 0


BEARER = 'Bearer realm="http://{address}/token"'


@pytest.mark.parametrize(
    ("challenges", "asked"),
    [
        ([BEARER + ',service="a, \\"b\\""', "Negotiate"], 'a, "b"'),
        ([BEARER + ", service=registry.example", "Negotiate YII/abc=="], "registry.example"),
        (["Negotiate", "BEARER" + BEARER.removeprefix("Bearer").replace("realm", "Realm") + ",SERVICE = one"], "one"),
        (["Negotiate, " + BEARER + ',service="one", Basic realm="tests"'], "one"),
        (['Basic realm="tests"', "Negotiate"], None),
        (["Negotiate", 'Basic realm="tests"', BEARER + ',service="one"'], None),
    ],
)
def test_of_several_challenges_one_that_is_known_is_met(
    proxy: Proxy, client: Registry, challenges: list[str], asked: str | None
) -> None:
    headers = tuple(("WWW-Authenticate", challenge.format(address=proxy.address)) for challenge in challenges)
    proxy.faults = [
        Fault(method="HEAD", path="/blobs/", status=401, headers=headers, times=1),
        Fault(method="GET", path="^/token", status=200, body=b'{"token": "tests"}'),
    ]
    assert not client.has_blob("family/any", f"sha256:{64 * '0'}")
    tokens = [urlsplit(request.path) for request in proxy.received if request.path.startswith("/token")]
    assert [parse_qs(url.query)["service"] for url in tokens] == ([[asked]] if asked else [])


@pytest.mark.parametrize("challenges", [[], ["Negotiate"], ['Digest realm="tests", nonce="Basic"'], ["Bearer"]])
def test_where_no_challenge_is_known_nothing_is_sent_again(
    proxy: Proxy, client: Registry, challenges: list[str]
) -> None:
    headers = tuple(("WWW-Authenticate", challenge) for challenge in challenges)
    proxy.faults = [Fault(method="HEAD", path="/blobs/", status=401, headers=headers)]
    with pytest.raises(NoAnswerError, match="401"):
        client.has_blob("family/any", "sha256:0")
    assert len(proxy.received) == 1


def test_a_credential_helper_is_asked(pusher: Pusher, images: TinyImages, proxy: Proxy) -> None:
    proxy.login = Login(user=USER, password=SECRET)
    helper = pusher.home / "bin/docker-credential-tests"
    helper.parent.mkdir()
    answer = json.dumps({"ServerURL": proxy.address, "Username": USER, "Secret": SECRET})
    write_program(helper, f"{SHEBANG}echo '{answer}'\n")
    path = pusher.log_in("unused", {})
    path.write_text(json.dumps({"credHelpers": {proxy.address: "tests"}}))
    outcome = pusher(f"{proxy.address}/family")
    assert outcome.code == 0, outcome.errors
    assert proxy.uploads(images.layer(AUTH, "base", "amd64")["digest"]) == 1


def test_somebody_who_may_not_push_there_is_told_so(pusher: Pusher, proxy: Proxy) -> None:
    proxy.faults = [Fault(method="POST", path="/blobs/uploads/", status=403, error="DENIED")]
    outcome = pusher(f"{proxy.address}/family", "auth")
    assert outcome.code == 1
    assert f"refused {AUTH} (to family/{AUTH}): denied" in outcome.errors
    assert "docker login" in outcome.errors


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (429, "TOOMANYREQUESTS", "limits how often it is asked"),
        (429, "", "limits how often it is asked"),
        (503, "", "failed at"),
        (500, "UNKNOWN", "failed at"),
        (507, "", "has no room for"),
        (413, "", "has no room for"),
        (404, "NAME_UNKNOWN", "does not know the repository of"),
        (405, "", "does not know the repository of"),
    ],
)
def test_a_registry_that_fails_an_upload_is_named_with_the_way_out(
    pusher: Pusher, proxy: Proxy, status: int, error: str, expected: str
) -> None:
    proxy.faults = [Fault(method="PUT", path="/blobs/uploads/", status=status, error=error)]
    outcome = pusher(f"{proxy.address}/family", "auth")
    assert outcome.code == 1
    assert f"{proxy.address} {expected}" in outcome.errors
    assert AUTH in outcome.errors
    assert "the same command goes on" in outcome.errors or "does the namespace" in outcome.errors
    proxy.revive()
    assert pusher(f"{proxy.address}/family", "auth").code == 0


def test_a_registry_that_is_busy_for_a_moment_is_waited_for(pusher: Pusher, proxy: Proxy) -> None:
    proxy.faults = [Fault(method="POST", path="/blobs/uploads/", status=503, times=2)]
    assert pusher(f"{proxy.address}/family", "auth").code == 0


def test_a_registry_too_old_for_oci_indexes_is_named(pusher: Pusher, proxy: Proxy) -> None:
    proxy.faults = [Fault(method="PUT", path="/manifests/", status=400, error="MANIFEST_INVALID")]
    outcome = pusher(f"{proxy.address}/family", "auth")
    assert outcome.code == 1
    assert f"{proxy.address} does not take {AUTH}" in outcome.errors
    assert "a registry that knows OCI indexes" in outcome.errors


def test_a_registry_that_falls_silent_is_left(pusher: Pusher, proxy: Proxy) -> None:
    proxy.faults = [Fault(method="PUT", path="/blobs/uploads/", silent=True)]
    outcome = pusher(f"{proxy.address}/family", "auth", environment={"BOOKSYNC_STALL_LIMIT": "1"})
    assert outcome.code == 1
    assert "timeout: not a byte for 1 s" in outcome.errors


def test_nobody_at_the_port(pusher: Pusher) -> None:
    address = f"127.0.0.1:{free_port()}"
    outcome = pusher(f"{address}/family")
    assert outcome.code == 1
    assert f"{address}: cannot be reached: Connection refused" in outcome.errors


def test_somebody_at_the_port_who_never_answers(pusher: Pusher, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("booksync_apps.transport.TIMEOUT_S", 1)
    proxy.faults = [Fault(method="GET", path="^/v2/$", silent=True)]
    outcome = pusher(f"{proxy.address}/family")
    assert outcome.code == 1
    assert "cannot be reached: " in outcome.errors
    assert "no answer in 1 s" in outcome.errors


def test_plain_http_needs_insecure(pusher: Pusher, registry: DockerRegistry) -> None:
    pusher.defaults = ()
    for host in ("127.0.0.1", "localhost"):
        outcome = pusher(f"{host}:{registry.port}/family")
        assert outcome.code == 1
        assert f"{host}:{registry.port}: it does not speak TLS" in outcome.errors
        assert "--insecure" in outcome.errors


def test_tls_with_an_unknown_certificate(pusher: Pusher, tmp_path: Path) -> None:
    pusher.defaults = ()
    (tmp_path / "registry").mkdir()
    registry = DockerRegistry(
        command_of("BOOKSYNC_DOCKER_REGISTRY", "docker-registry"), tmp_path / "registry", tls=True
    )
    try:
        refused = pusher(f"{registry.address}/family")
        assert refused.code == 1
        assert f"{registry.address}: its certificate is not trusted" in refused.errors
        assert "SSL_CERT_FILE" in refused.errors
        trusted = {"SSL_CERT_FILE": str(CERTIFICATE)}
        assert pusher(f"{registry.address}/family", environment=trusted).code == 0
        assert pusher(f"{registry.address}/other", "--insecure").code == 0
        assert registry.tags(f"other/{AUTH}") == ["1.0.0", "latest"]
    finally:
        registry.stop()


def test_a_redirect_does_not_carry_credentials_to_another_host(
    proxy: Proxy, registry: DockerRegistry, client: Registry
) -> None:
    other = Proxy(registry.address)
    try:
        away = Fault(method="HEAD", path="/blobs/", status=307, headers=(("Location", f"http://{other.address}/x"),))
        proxy.faults = [away]
        assert client.has_blob("family/any", "sha256:0")
        assert other.received == []
    finally:
        other.stop()


@pytest.fixture
def client(proxy: Proxy) -> Registry:
    credential = Credential(user=USER, password=SECRET)
    return Registry(host=proxy.address, transport="plain", credential=credential, environment={})


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 405, 429, 503])
def test_a_registry_that_cannot_say_now_has_not_said_no(proxy: Proxy, client: Registry, status: int) -> None:
    proxy.faults = [Fault(method="HEAD", path="/family/any/", status=status, times=2)]
    with pytest.raises(NoAnswerError, match=str(status)):
        client.has_blob("family/any", "sha256:0")
    with pytest.raises(NoAnswerError, match=str(status)):
        client.manifest_digest("family/any", "latest")
    assert not client.has_blob("family/any", f"sha256:{64 * '0'}")
    assert client.manifest_digest("family/any", "latest") is None


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
def test_a_registry_on_this_machine_is_asked_without_a_proxy(
    proxy: Proxy, client: Registry, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
    proxy.login = Login(user=USER, password=SECRET, scheme="bearer")
    local = Registry(host=proxy.address, transport="plain", credential=client.credential, environment={})
    assert not local.has_blob("family/any", f"sha256:{64 * '0'}")


def test_a_registry_elsewhere_is_asked_through_the_proxy(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
    Registry(host="registry.example.org", transport="plain", credential=Credential(), environment={}).probe()
    assert [request.path for request in proxy.received] == ["http://registry.example.org/v2/"]


def test_docker_hub_is_asked_where_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def send(_: Registry, _method: str, url: str, **_headers: object) -> Answer:
        asked.append(url)
        return Answer(status=404, headers={}, body=b"")

    monkeypatch.setattr(Registry, "_send", send)
    client = connect("docker.io", insecure=False, credential=Credential(), environment={})
    assert client.manifest_digest("family/any", "latest") is None
    # as oras does (oras-go, registry.Reference.Host)
    assert asked == [
        "https://registry-1.docker.io/v2/",
        "https://registry-1.docker.io/v2/family/any/manifests/latest",
    ]


def test_an_answer_without_end_is_no_answer(pusher: Pusher, proxy: Proxy, client: Registry) -> None:
    endless = "X" * (BODY_LIMIT + 1)
    proxy.faults = [Fault(method="GET", path="^/v2/$", status=200, error=endless)]
    outcome = pusher(f"{proxy.address}/family")
    assert (outcome.code, "answers with more than 4.2 MB" in outcome.errors) == (1, True), outcome.errors
    proxy.login = Login(user=USER, password=SECRET, scheme="bearer")
    proxy.faults = [Fault(method="GET", path="^/token", status=200, error=endless)]
    with pytest.raises(NoAnswerError, match="more than"):
        client.has_blob("family/any", "sha256:0")


def test_an_answer_that_drips_is_no_answer(proxy: Proxy, client: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("booksync_apps.transport.TIMEOUT_S", 1)
    proxy.faults = [Fault(method="GET", path="^/v2/$", status=200, error="X" * 40, drip=0.05)]
    with pytest.raises(NoAnswerError, match="no answer in 1 s"):
        client.probe()


@pytest.mark.parametrize(
    ("location", "closed"),
    [
        # behind a proxy that speaks TLS for it a registry may name the scheme that it sees itself
        ("https://{host}/v2/family/any/blobs/uploads/1?_state=x", "/v2/family/any/blobs/uploads/1?_state=x"),
        ("http://{host}/v2/family/any/blobs/uploads/1", "/v2/family/any/blobs/uploads/1"),
        ("/v2/family/any/blobs/uploads/1?_state=x", "/v2/family/any/blobs/uploads/1?_state=x"),
        ("http://other.example/v2/", None),
        ("http://[", None),
    ],
)
def test_an_upload_is_closed_wherever_the_registry_says_it_is(
    proxy: Proxy, client: Registry, location: str, closed: str | None
) -> None:
    headers = (("Location", location.format(host=proxy.address)),)
    proxy.faults = [Fault(method="POST", path=r"\?mount=", status=202, headers=headers)]
    assert not client.mount_blob("family/any", "sha256:0", source="family/other")
    found = [request.path for request in proxy.received if request.method == "DELETE"]
    assert found == ([closed] if closed else [])


def test_an_upload_that_cannot_be_closed_is_left(proxy: Proxy, client: Registry) -> None:
    headers = (("Location", "/v2/family/any/blobs/uploads/1"),)
    proxy.faults = [
        Fault(method="POST", path=r"\?mount=", status=202, headers=headers),
        Fault(method="DELETE", path="/uploads/", status=503),
    ]
    assert not client.mount_blob("family/any", "sha256:0", source="family/other")


def test_a_layout_that_is_damaged_is_named(pusher: Pusher, images: TinyImages, proxy: Proxy) -> None:
    digest = images.layer(AUTH, "base", "amd64")["digest"].removeprefix("sha256:")
    blob = images.directory / AUTH / "blobs/sha256" / digest
    blob.unlink()
    outcome = pusher(f"{proxy.address}/family")
    assert outcome.code == 1
    assert digest in outcome.errors
    assert "nix build .#images" in outcome.errors
    assert proxy.received == []


def test_a_blob_with_other_content_is_refused_before_it_counts(
    pusher: Pusher, images: TinyImages, proxy: Proxy, registry: DockerRegistry
) -> None:
    digest = images.layer(AUTH, "base", "amd64")["digest"].removeprefix("sha256:")
    blob = (images.directory / AUTH / "blobs/sha256" / digest).resolve()
    content = bytearray(blob.read_bytes())
    content[500] ^= 1
    blob.write_bytes(content)
    outcome = pusher(f"{proxy.address}/family", "auth")
    assert outcome.code == 1
    assert registry.tags(f"family/{AUTH}") == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["family"], "the namespace is missing"),
        (["family/books"], "'family' is not the host of a registry"),
        (["https://host:1/family"], "a reference has no https://"),
        (["host:1/Family"], "'Family' is not a part of a namespace"),
        (["host:1/family:1.0"], "a tag or digest does not belong here"),
        (["host:1/family", "--tag", "a b"], "'a b' is not a tag"),
        (["host:1/family", "nothing"], f"there is no image 'nothing'\n  known: {AUTH}, {DATA}"),
    ],
)
def test_wrong_usage(pusher: Pusher, arguments: list[str], expected: str) -> None:
    outcome = pusher(*arguments)
    assert outcome.code == 2
    assert expected in outcome.errors
