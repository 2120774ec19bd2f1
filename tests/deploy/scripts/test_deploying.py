"""New images come into service when all of them are healthy, or what ran before goes on; nothing is half-changed."""

import re
import signal
from collections.abc import Sequence

import pytest

from booksync_testing.programs import write_program
from booksync_testing.releases import LOCAL, add_first_version, add_image, deploy, identities, read_env, running
from booksync_testing.sandbox import Result
from booksync_testing.server import ScriptServer
from booksync_testing.waiting import wait_until

REGISTRY = "registry.example:5000/family"
NOT_HEALTHY = "stuck"
WAIT_SECONDS = 60


def test_first_version_is_named_by_what_it_is(first: ScriptServer) -> None:
    assert running(first) == {
        "booksync-postgres": "booksync-postgres:id-aaaaaaaaaaaa",
        "booksync_auth_api": "booksync-api-auth:id-bbbbbbbbbbbb",
        "booksync-api-data": "booksync-api-data:id-cccccccccccc",
        "booksync-api-prediction": "booksync-api-prediction:id-dddddddddddd",
    }
    assert read_env(first)["AUTH_IMAGE"] == "booksync-api-auth:id-bbbbbbbbbbbb"
    # nothing was there to save
    assert not (first.engine / "backup").exists()
    assert len(list((first.folder / "releases").iterdir())) == 1


def test_image_comes_by_digest_after_a_backup(first: ScriptServer) -> None:
    tag = f"{REGISTRY}/booksync-api-auth:1.1.0"
    add_image(first, "registry", tag, letter="e")
    result = deploy(first, tag)
    assert result.code == 0, result.output
    pinned = f"{REGISTRY}/booksync-api-auth@sha256:{'E' * 64}"
    assert running(first)["booksync_auth_api"] == read_env(first)["AUTH_IMAGE"] == pinned
    assert result.output.splitlines()[-1] == pinned
    assert running(first)["booksync-api-data"] == "booksync-api-data:id-cccccccccccc"
    directory, *keys = (first.engine / "backup").read_text().splitlines()
    assert directory == "/srv/booksync/backups"
    assert keys == [f"/srv/booksync/secrets/{name}" for name in ("jwt_secret_key", "credentials_key")]


def test_what_push_prints_can_be_piped(first: ScriptServer) -> None:
    wanted = [
        f"{REGISTRY}/booksync-{name}@sha256:{letter * 64}" for name, letter in (("api-data", "E"), ("postgres", "F"))
    ]
    for name, letter in zip(wanted, "ef", strict=True):
        add_image(first, "registry", name, letter=letter)
    result = deploy(first, "-", stdin="\n".join(wanted) + "\n")
    assert result.code == 0, result.output
    assert [running(first)[name] for name in ("booksync-api-data", "booksync-postgres")] == wanted


def test_last_line_may_have_no_end(first: ScriptServer) -> None:
    add_image(first, "images", LOCAL["auth-api"], letter="e")
    before = running(first)
    result = deploy(first, "-", stdin=LOCAL["auth-api"])
    assert result.code == 0, result.output
    assert running(first) == before | {"booksync_auth_api": "booksync-api-auth:id-eeeeeeeeeeee"}


@pytest.mark.parametrize("stdin", ["", "\n"])
def test_no_image_on_standard_input_is_not_all_of_them(first: ScriptServer, stdin: str) -> None:
    """As when the push before it has failed."""
    before = running(first)
    add_image(first, "images", LOCAL["auth-api"], letter="e")
    (first.folder / ".env").write_text("")
    result = deploy(first, "-", stdin=stdin)
    assert result.code == 1
    assert "no image came on standard input; nothing was changed" in result.output
    assert running(first) == before


def test_roles_follow_the_secrets_before_services_start(first: ScriptServer) -> None:
    assert (first.engine / "sql").read_text() == (first.deploy / "init-db.sql").read_text()
    calls = (first.engine / "calls").read_text().splitlines()
    database = next(index for index, call in enumerate(calls) if " up " in call and call.endswith(" postgres"))
    script = next(index for index, call in enumerate(calls) if "psql" in call)
    everything = next(
        index for index, call in enumerate(calls) if " up " in call and call.endswith("--wait-timeout 300")
    )
    assert database < script < everything


def test_version_that_is_not_healthy_gives_way_to_the_one_before(first: ScriptServer) -> None:
    before, identity = running(first), identities(first)
    # under the same moving name
    add_image(first, "images", LOCAL["auth-api"], letter="e", health=NOT_HEALTHY)
    result = deploy(first, LOCAL["auth-api"])
    assert result.code == 1
    assert "auth-api: running stuck" in result.output
    assert "the last words of auth-api" in result.output
    assert "the stack is healthy again, as it was" in result.output
    assert running(first) == before
    assert identities(first) == identity
    assert read_env(first)["AUTH_IMAGE"] == before["booksync_auth_api"]
    assert len(list((first.folder / "releases").iterdir())) == 1


def test_what_was_started_by_hand_is_what_it_goes_back_to(installed: ScriptServer) -> None:
    """Its name is one that moves, and has moved when the new version fails."""
    add_first_version(installed)
    assert installed.run("scripts/compose.sh", "up", "--detach").code == 0
    before = identities(installed)
    add_image(installed, "images", "booksync-api-data:1.0.0", letter="c")
    add_image(installed, "images", LOCAL["data-api"], letter="e", health=NOT_HEALTHY)
    result = deploy(installed)
    assert result.code == 1, result.output
    assert identities(installed) == before


def test_nothing_left_to_go_back_to_is_said(first: ScriptServer) -> None:
    add_image(first, "images", LOCAL["auth-api"], letter="e", health=NOT_HEALTHY)
    add_image(first, "images", "booksync-api-auth:id-bbbbbbbbbbbb", letter="b", health=NOT_HEALTHY)
    result = deploy(first, LOCAL["auth-api"])
    assert result.code == 3
    assert "going back failed as well" in result.output


def test_database_that_cannot_be_asked_on_the_way_back_is_said(first: ScriptServer) -> None:
    (first.engine / "exec-fails").touch()
    add_image(first, "images", LOCAL["auth-api"], letter="e", health=NOT_HEALTHY)
    result = deploy(first, LOCAL["auth-api"])
    assert result.code == 3, result.output
    assert "no command can be run in booksync-postgres: is it running?" in result.output
    assert "going back failed as well" in result.output


def test_server_of_some_services_goes_back_to_those(some: ScriptServer) -> None:
    """The images of the others are not here, and no registry has them."""
    before = identities(some)
    assert before.keys() == {"booksync-postgres", "booksync_auth_api"}
    add_image(some, "images", LOCAL["auth-api"], letter="e", health=NOT_HEALTHY)
    result = deploy(some, LOCAL["auth-api"])
    assert result.code == 1, result.output
    assert "the stack is healthy again, as it was" in result.output
    assert identities(some) == before
    assert read_env(some)["AUTH_IMAGE"] == "booksync-api-auth:id-bbbbbbbbbbbb"
    assert "DATA_IMAGE" not in read_env(some)


@pytest.mark.parametrize("kind", ["some", "first", "installed"])
def test_machine_starts_again_with_the_services_that_it_has(kind: str, request: pytest.FixtureRequest) -> None:
    """By its unit; where no service was ever started, all are."""
    server: ScriptServer = request.getfixturevalue(kind)
    if kind == "installed":
        add_first_version(server)
    turn_nginx_on(server, health="healthy")
    if kind == "first":
        assert deploy(server).code == 0
    before = running(server)
    unit = (server.deploy / "systemd/booksync.service").read_text()
    for line in re.findall("^Exec(?:Stop|Start)=(.*)$", unit, re.MULTILINE)[::-1]:
        result = server.run(*line.split())
        assert result.code == 0, result.output
    services = {*before} or {"booksync-postgres", "booksync_auth_api", "booksync-api-data", "booksync-api-prediction"}
    assert running(server).keys() == services | {"booksync-nginx"}
    assert not [path for path in (server.engine / "containers").iterdir() if "stopped" in path.read_text()]


def test_service_that_was_not_there_before_is_not_left_broken(some: ScriptServer) -> None:
    before = identities(some)
    add_image(some, "images", LOCAL["data-api"], letter="e", health=NOT_HEALTHY)
    result = deploy(some, LOCAL["data-api"])
    assert result.code == 1, result.output
    assert "the last words of data-api" in result.output
    assert "removed, as there was none before: data-api" in result.output
    assert identities(some) == before
    assert "DATA_IMAGE" not in read_env(some)


def test_service_that_was_stopped_on_purpose_is_stopped_again(first: ScriptServer) -> None:
    assert first.run("scripts/compose.sh", "stop", "data-api").code == 0
    before, identity = running(first), identities(first)
    add_image(first, "images", LOCAL["data-api"], letter="e", health=NOT_HEALTHY)
    result = deploy(first, LOCAL["data-api"])
    assert result.code == 1, result.output
    assert (running(first), identities(first)) == (before, identity)
    assert (first.engine / "containers/booksync-api-data").read_text().split()[2] == "stopped"


def test_first_installation_that_fails_leaves_no_service(installed: ScriptServer) -> None:
    add_first_version(installed)
    add_image(installed, "images", LOCAL["auth-api"], letter="b", health=NOT_HEALTHY)
    result = deploy(installed)
    assert result.code == 1, result.output
    assert "no service ran before, and none runs now" in result.output
    assert running(installed) == {}
    add_image(installed, "images", LOCAL["auth-api"], letter="e")
    assert deploy(installed, "--no-backup").code == 0
    assert len(running(installed)) == len(LOCAL)


def test_image_that_only_this_machine_has_gets_a_tag_of_its_own(first: ScriptServer) -> None:
    """Some engines give it a digest as well, by which the next load leaves nothing to be found."""
    path = first.engine / "images" / LOCAL["auth-api"]
    path.write_text(f"sha256:{'e' * 64} healthy booksync-api-auth@sha256:{'E' * 64}\n")
    result = deploy(first, LOCAL["auth-api"])
    assert result.code == 0, result.output
    assert running(first)["booksync_auth_api"] == "booksync-api-auth:id-eeeeeeeeeeee"


def test_interruption_after_it_is_in_service_is_none(first: ScriptServer) -> None:
    write_program(
        first.stubs / "sync",
        "#!/bin/bash\n[[ $* != */releases/* ]] || { kill -INT 0; touch /engine/interrupted; }\n"
        'exec /usr/bin/sync "$@"\n',
    )
    add_image(first, "images", LOCAL["auth-api"], letter="e")
    process = first.start("scripts/deploy.sh", LOCAL["auth-api"])
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert (first.engine / "interrupted").exists()
    assert "in service and healthy" in output
    assert len(list((first.folder / "releases").iterdir())) == 2


def turn_nginx_on(server: ScriptServer, *, health: str) -> None:
    """Let .env have nginx too, as an operator does."""
    add_image(server, "images", "nginx:stable-alpine", letter="f", health=health)
    with (server.folder / ".env").open("a") as stream:
        stream.write("COMPOSE_PROFILES=nginx\n")


def test_nginx_that_fails_is_shown_and_no_failure_of_the_way_back(first: ScriptServer) -> None:
    """As without a certificate."""
    before = running(first)
    turn_nginx_on(first, health=NOT_HEALTHY)
    result = deploy(first)
    assert result.code == 1, result.output
    assert "nginx: running stuck" in result.output
    assert "the last words of nginx" in result.output
    assert "the services are healthy again, as they were; nginx is not, see above" in result.output
    assert running(first) == {**before, "booksync-nginx": "nginx:stable-alpine"}


@pytest.mark.parametrize("health", ["healthy", NOT_HEALTHY])
def test_way_back_of_a_service_starts_nginx_and_does_not_need_it(first: ScriptServer, health: str) -> None:
    before = running(first)
    turn_nginx_on(first, health=health)
    add_image(first, "images", LOCAL["auth-api"], letter="e", health=NOT_HEALTHY)
    result = deploy(first, LOCAL["auth-api"])
    assert result.code == 1, result.output
    assert ("the stack is healthy again, as it was" in result.output) == (health == "healthy")
    assert running(first) == {**before, "booksync-nginx": "nginx:stable-alpine"}


def test_way_back_needs_no_room(first: ScriptServer) -> None:
    before, content = running(first), (first.folder / ".env").read_text()
    fail_once_it_is_stuck(first, "cp", "install", "sync")
    add_image(first, "images", LOCAL["auth-api"], letter="e", health=NOT_HEALTHY)
    result = deploy(first, LOCAL["auth-api"])
    assert result.code == 1
    assert "the stack is healthy again, as it was" in result.output
    assert running(first) == before
    assert sorted((first.folder / ".env").read_text().splitlines()) == sorted(content.splitlines())


def test_way_back_that_cannot_be_begun_is_said(first: ScriptServer) -> None:
    fail_once_it_is_stuck(first, "cp", "install", "sync", "mv")
    add_image(first, "images", LOCAL["auth-api"], letter="e", health=NOT_HEALTHY)
    result = deploy(first, LOCAL["auth-api"])
    assert result.code == 3
    assert "going back failed as well" in result.output


def test_release_that_cannot_be_written_down_is_in_service(first: ScriptServer) -> None:
    before = sorted(path.name for path in (first.folder / "releases").iterdir())
    write_program(
        first.stubs / "sync",
        '#!/bin/bash\nif [[ $* == */releases/* ]]; then\n    echo "sync: No space left on device" >&2\n    exit 1\nfi\n'
        'exec /usr/bin/sync "$@"\n',
    )
    add_image(first, "images", LOCAL["auth-api"], letter="e")
    result = deploy(first, LOCAL["auth-api"])
    assert result.code == 0, result.output
    assert "this release cannot be written into /srv/booksync/releases" in result.output
    assert running(first)["booksync_auth_api"] == "booksync-api-auth:id-eeeeeeeeeeee"
    assert sorted(path.name for path in first.folder.glob("releases/[0-9]*")) == before


def test_no_copy_of_the_env_file_is_left(first: ScriptServer) -> None:
    """Neither of a deployment that went well nor of one that went back."""
    for health in (NOT_HEALTHY, "healthy"):
        add_image(first, "images", LOCAL["auth-api"], letter="e", health=health)
        deploy(first, LOCAL["auth-api"])
        assert [path.name for path in first.folder.glob(".env*")] == [".env"]


def fail_once_it_is_stuck(server: ScriptServer, *programs: str) -> None:
    """Let programs fail as on a full disk, from when the new version is not healthy."""
    for program in programs:
        write_program(
            server.stubs / program,
            "#!/bin/bash\nif grep -q stuck /engine/containers/*; then\n"
            f'    echo "{program}: No space left on device" >&2\n    exit 1\nfi\nexec /usr/bin/{program} "$@"\n',
        )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([f"{REGISTRY}/booksync-api-auth:9.9.9"], "booksync-api-auth:9.9.9 cannot be had"),
        ([f"{REGISTRY}/booksync-api-auth@sha256:{'0' * 64}"], "cannot be had"),
        (["booksync-api-auth:9.9.9"], "cannot be had"),
        (["nginx:latest"], "nginx:latest is neither a service"),
        (["auth-api", LOCAL["auth-api"]], "two images for auth-api"),
        (["--fast"], "unknown argument --fast"),
    ],
)
def test_what_cannot_be_had_changes_nothing(first: ScriptServer, arguments: list[str], said: str) -> None:
    before, content = running(first), (first.folder / ".env").read_text()
    result = deploy(first, *arguments)
    assert result.code == 1
    assert said in result.output
    assert (running(first), (first.folder / ".env").read_text()) == (before, content)


def test_stale_image_is_not_taken_for_what_the_registry_does_not_give(first: ScriptServer) -> None:
    tag = f"{REGISTRY}/booksync-api-auth:1.1.0"
    add_image(first, "images", tag, letter="e")
    result = deploy(first, tag)
    assert result.code == 1
    assert f"{tag} cannot be had" in result.output
    assert running(first)["booksync_auth_api"] == "booksync-api-auth:id-bbbbbbbbbbbb"


def test_without_a_backup_nothing_changes_unless_it_is_meant(first: ScriptServer) -> None:
    (first.engine / "backup-fails").touch()
    add_image(first, "images", LOCAL["auth-api"], letter="e")
    result = deploy(first, LOCAL["auth-api"])
    assert result.code == 1
    assert "the disk is full" in result.output
    assert running(first)["booksync_auth_api"] == "booksync-api-auth:id-bbbbbbbbbbbb"
    assert deploy(first, "--no-backup", LOCAL["auth-api"]).code == 0
    assert running(first)["booksync_auth_api"] == "booksync-api-auth:id-eeeeeeeeeeee"


@pytest.mark.parametrize("state", ["stopped", "removed"])
def test_database_that_does_not_run_is_not_taken_for_none(first: ScriptServer, state: str) -> None:
    container = first.engine / "containers/booksync-postgres"
    image, identity, _ = container.read_text().split()
    container.write_text(f"{image} {identity} stopped\n")
    if state == "removed":
        container.unlink()
    before = running(first)
    add_image(first, "images", LOCAL["auth-api"], letter="e")
    result = deploy(first, LOCAL["auth-api"])
    assert result.code == 1
    assert "booksync-postgres does not run, so that its data cannot be saved; nothing was changed" in result.output
    assert running(first) == before
    assert not (first.engine / "backup").exists()
    assert deploy(first, "--no-backup", LOCAL["auth-api"]).code == 0


def test_an_interrupted_one_goes_back(first: ScriptServer) -> None:
    before = running(first)
    add_image(first, "images", LOCAL["auth-api"], letter="e", health="hangs")
    process = first.start("scripts/deploy.sh", LOCAL["auth-api"])
    container = first.engine / "containers/booksync_auth_api"
    wait_until(lambda: "hangs" in container.read_text(), what="the new version is started", seconds=WAIT_SECONDS)
    first.signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "going back" in output
    assert running(first) == before


def test_it_goes_back_when_nobody_listens_any_more(first: ScriptServer) -> None:
    """As over a connection that is lost: what it says cannot be written."""
    before = running(first)
    add_image(first, "images", LOCAL["auth-api"], letter="e", health="unhealthy")
    first.run("bash", "-c", f"scripts/deploy.sh {LOCAL['auth-api']} 2> >(head -n 1 >/dev/null)")
    assert running(first) == before
    assert "the stack is healthy again, as it was" in (first.folder / "deploy.log").read_text()


@pytest.mark.parametrize("has_room", [True, False], ids=["recorded", "not recorded"])
@pytest.mark.parametrize(
    "command", [("deploy.sh", LOCAL["auth-api"]), ("rollback.sh", "auth-api", LOCAL["auth-api"])], ids=lambda c: c[0]
)
def test_what_is_in_service_is_so_also_when_nobody_listens_any_more(
    first: ScriptServer, command: Sequence[str], has_room: bool
) -> None:
    """Who reads along goes at the last moment, when the new images are healthy."""
    write_program(
        first.stubs / "sync",
        '#!/bin/bash\n[[ $* == */releases/* ]] || exec /usr/bin/sync "$@"\n'
        f"touch /engine/healthy\nuntil [[ -e /engine/gone ]]; do sleep 0.05; done\nexit {int(not has_room)}\n",
    )
    add_image(first, "images", LOCAL["auth-api"], letter="e")
    process = first.start(f"scripts/{command[0]}", *command[1:])
    assert process.stdout is not None
    wait_until((first.engine / "healthy").exists, what="the new images are healthy", seconds=WAIT_SECONDS)
    process.stdout.close()
    (first.engine / "gone").touch()
    assert process.wait(WAIT_SECONDS) == 0
    assert running(first)["booksync_auth_api"] == "booksync-api-auth:id-eeeeeeeeeeee"


def test_copies_of_the_env_file_are_their_owners_alone(first: ScriptServer) -> None:
    write_program(
        first.stubs / "grep",
        '#!/bin/bash\nstat --format %a /srv/booksync/.env.* >>/engine/modes 2>/dev/null\nexec /usr/bin/grep "$@"\n',
    )
    add_image(first, "images", LOCAL["auth-api"], letter="e")
    assert deploy(first, LOCAL["auth-api"]).code == 0
    assert set((first.engine / "modes").read_text().split()) == {"600"}


def test_two_at_once_are_one(first: ScriptServer) -> None:
    holder = first.start("flock", "/srv/booksync/.lock", "sleep", "60")
    results: list[Result] = []

    def is_refused() -> bool:
        results.append(deploy(first))
        return "is at work" in results[-1].output

    try:
        wait_until(is_refused, what=lambda: f"another one is at work:\n{results[-1].output}", seconds=WAIT_SECONDS)
        assert results[-1].code == 1
    finally:
        first.signal(signal.SIGKILL)
        holder.communicate()


def test_wrong_env_file_is_found_before_anything_changes(first: ScriptServer) -> None:
    before = running(first)
    with (first.folder / ".env").open("a") as stream:
        stream.write("BROKEN=${\n")
    result = deploy(first)
    assert result.code == 1
    assert "the compose file or .env is wrong" in result.output
    assert running(first) == before


@pytest.mark.parametrize(("limit", "is_said"), [("false", True), ("true", False), (None, False)])
def test_machine_that_limits_no_memory_is_said(first: ScriptServer, limit: str | None, is_said: bool) -> None:
    """As a Raspberry Pi's kernel, where engines let limits go without a failure; podman does not say."""
    if limit is not None:
        (first.engine / "memory-limit").write_text(f"{limit}\n")
    result = deploy(first)
    assert result.code == 0, result.output
    assert ("add cgroup_enable=memory to /boot/firmware/cmdline.txt" in result.output) == is_said


def test_operators_lines_stay(first: ScriptServer) -> None:
    """Of .env only the images' lines are touched."""
    path = first.folder / ".env"
    example = (first.deploy / ".env.example").read_text()
    kept = [line for line in example.splitlines() if "_IMAGE=" not in line]
    lines = path.read_text().splitlines()
    assert [line for line in lines if "_IMAGE=" not in line] == kept
    assert sum("AUTH_IMAGE=" in line for line in lines) == 1
    assert path.stat().st_mode & 0o777 == 0o600
