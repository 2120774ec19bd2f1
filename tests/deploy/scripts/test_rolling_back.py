"""A rollback leads to images that were in service, of all services or one, and to nowhere else."""

import pytest

from booksync_testing.releases import LOCAL, add_first_version, add_image, deploy, identities, running
from booksync_testing.server import ScriptServer

REGISTRY = "registry.example:5000/family"


def second_version(server: ScriptServer) -> None:
    """Bring a second version of two services into service."""
    for service, letter in (("auth-api", "e"), ("data-api", "f")):
        add_image(server, "images", LOCAL[service], letter=letter)
    assert deploy(server, LOCAL["auth-api"], LOCAL["data-api"]).code == 0


def test_rollback_leads_to_the_release_before_and_back(first: ScriptServer) -> None:
    old = running(first)
    second_version(first)
    new = running(first)
    assert new != old
    for expected in (old, new):
        result = first.run("scripts/rollback.sh")
        assert result.code == 0, result.output
        assert running(first) == expected


def test_rollback_of_one_service_leaves_the_others(first: ScriptServer) -> None:
    second_version(first)
    assert first.run("scripts/rollback.sh", "auth-api").code == 0
    assert running(first)["booksync_auth_api"] == "booksync-api-auth:id-bbbbbbbbbbbb"
    assert running(first)["booksync-api-data"] == "booksync-api-data:id-ffffffffffff"


def test_rollback_of_the_guide_names_an_image(first: ScriptServer) -> None:
    add_image(first, "images", "booksync-api-auth:previous-version", letter="e")
    result = first.run("scripts/rollback.sh", "auth-api", "booksync-api-auth:previous-version")
    assert result.code == 0, result.output
    assert running(first)["booksync_auth_api"] == "booksync-api-auth:id-eeeeeeeeeeee"


def test_rollback_leads_from_one_new_service_to_a_stack_that_was_started_by_hand(installed: ScriptServer) -> None:
    add_first_version(installed)
    assert installed.run("docker", "compose", "up", "--detach").code == 0
    for service, letter in (("auth-api", "b"), ("data-api", "c")):
        # stays when its tag goes to a newer one
        add_image(installed, "images", f"untagged-{service}", letter=letter)
    add_image(installed, "images", LOCAL["auth-api"], letter="e")
    assert deploy(installed, LOCAL["auth-api"]).code == 0
    # a tag that moves is no release's
    add_image(installed, "images", LOCAL["data-api"], letter="f")
    result = installed.run("scripts/rollback.sh")
    assert result.code == 0, result.output
    assert running(installed)["booksync_auth_api"] == "booksync-api-auth:id-bbbbbbbbbbbb"
    assert running(installed)["booksync-api-data"] == "booksync-api-data:id-cccccccccccc"


def test_rollback_on_a_server_of_some_services_is_of_those(some: ScriptServer) -> None:
    before = identities(some)
    add_image(some, "images", LOCAL["auth-api"], letter="e")
    assert deploy(some, LOCAL["auth-api"]).code == 0
    result = some.run("scripts/rollback.sh")
    assert result.code == 0, result.output
    assert identities(some) == before


def test_rollback_leaves_what_was_stopped_on_purpose(first: ScriptServer) -> None:
    second_version(first)
    assert first.run("scripts/compose.sh", "stop", "data-api").code == 0
    result = first.run("scripts/rollback.sh")
    assert result.code == 0, result.output
    assert running(first)["booksync_auth_api"] == "booksync-api-auth:id-bbbbbbbbbbbb"
    name, _, state = (first.engine / "containers/booksync-api-data").read_text().split()
    assert (name, state) == ("booksync-api-data:id-ffffffffffff", "stopped")


def test_digest_of_another_registry_is_not_taken_for_the_names(installed: ScriptServer) -> None:
    """Of `family/…` the one of `registry.example:5000/family/…` would be asked for elsewhere than where it is from."""
    add_first_version(installed)
    tag = "family/booksync-api-auth:1.0.0"
    (installed.engine / "images" / tag.replace("/", "%")).write_text(
        f"sha256:{'e' * 64} healthy {REGISTRY}/booksync-api-auth@sha256:{'E' * 64}\n"
    )
    with (installed.folder / ".env").open("a") as stream:
        stream.write(f"AUTH_IMAGE={tag}\n")
    assert installed.run("docker", "compose", "up", "--detach").code == 0
    add_image(installed, "images", LOCAL["auth-api"], letter="f")
    assert deploy(installed, LOCAL["auth-api"]).code == 0
    result = installed.run("scripts/rollback.sh")
    assert result.code == 0, result.output
    assert running(installed)["booksync_auth_api"] == "family/booksync-api-auth:id-eeeeeeeeeeee"


def start_by_tag(server: ScriptServer, *, has_digest: bool) -> str:
    """Start by hand with an image that .env names by a registry's tag; return that tag."""
    add_first_version(server)
    tag = f"{REGISTRY}/booksync-api-auth:1.0.0"
    add_image(server, "images", tag, letter="e")
    if not has_digest:
        # engines leave their own registry's name out there
        (server.engine / "images" / tag.replace("/", "%")).write_text(f"sha256:{'e' * 64} healthy\n")
    with (server.folder / ".env").open("a") as stream:
        stream.write(f"AUTH_IMAGE={tag}\n")
    assert server.run("docker", "compose", "up", "--detach").code == 0
    return tag


@pytest.mark.parametrize(
    ("has_digest", "name"),
    [
        (True, f"{REGISTRY}/booksync-api-auth@sha256:{'E' * 64}"),
        (False, f"{REGISTRY}/booksync-api-auth:id-eeeeeeeeeeee"),
    ],
)
def test_rollback_leads_to_what_ran_under_a_tag_of_a_registry(
    installed: ScriptServer, has_digest: bool, name: str
) -> None:
    """The registry is not asked for a name that only this machine knows."""
    start_by_tag(installed, has_digest=has_digest)
    add_image(installed, "images", LOCAL["auth-api"], letter="f")
    assert deploy(installed, LOCAL["auth-api"]).code == 0
    result = installed.run("scripts/rollback.sh")
    assert result.code == 0, result.output
    assert running(installed)["booksync_auth_api"] == name


@pytest.mark.parametrize("has_digest", [True, False])
def test_after_going_back_to_a_tag_of_a_registry_the_next_one_is_deployed(
    installed: ScriptServer, has_digest: bool
) -> None:
    start_by_tag(installed, has_digest=has_digest)
    add_image(installed, "images", LOCAL["auth-api"], letter="f", health="stuck")
    assert deploy(installed, LOCAL["auth-api"]).code == 1
    result = deploy(installed)
    assert result.code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no release before with other images"),
        (["auth-api"], "no release before with other images of auth-api"),
        (["auth"], "no service auth"),
        (["auth-api", "booksync-api-data:latest"], "is no image of auth-api"),
        (["auth-api", "booksync-api-auth:absent"], "cannot be had"),
    ],
)
def test_rollback_to_nowhere_changes_nothing(first: ScriptServer, arguments: list[str], said: str) -> None:
    before = running(first)
    result = first.run("scripts/rollback.sh", *arguments)
    assert result.code == 1
    assert said in result.output
    assert running(first) == before
