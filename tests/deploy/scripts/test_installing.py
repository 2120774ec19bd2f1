"""A server is laid out as in the guide; secrets are made once, belong to who reads them, and are never overwritten."""

import dataclasses
import re
import shutil
from pathlib import Path

import pytest

from booksync_testing.programs import write_program
from booksync_testing.server import ScriptServer

SECRETS = {
    "db_admin_password": ("999:999", 0o600),
    "db_auth_password": ("65532:999", 0o640),
    "db_data_password": ("65532:999", 0o640),
    "db_prediction_password": ("65532:999", 0o640),
    "jwt_secret_key": ("65532:65532", 0o600),
    "credentials_key": ("65532:65532", 0o600),
    "app_secret_key": ("65532:65532", 0o600),
    "mangacollec_client_secret": ("65532:65532", 0o600),
}
INSTALL = "/source/deploy/scripts/install.sh"


def secrets_of(server: ScriptServer) -> dict[str, str]:
    """Return the secrets by name."""
    return {path.name: path.read_text() for path in (server.folder / "secrets").iterdir()}


def test_layout_is_the_guides(server: ScriptServer) -> None:
    result = server.run(INSTALL)
    assert result.code == 0, result.output
    for name in ("docker-compose.prod.yml", ".env", "nginx/nginx.conf", "scripts/backup.sh", "scripts/deploy.sh"):
        assert (server.folder / name).is_file()
    assert (server.folder / "docker-compose.yml").readlink().name == "docker-compose.prod.yml"
    assert (server.folder / ".env").stat().st_mode & 0o777 == 0o600
    for name in ("backups", "releases", "secrets"):
        assert (server.folder / name).stat().st_mode & 0o777 == 0o700


def test_units_call_what_is_installed(installed: ScriptServer) -> None:
    units = sorted((installed.deploy / "systemd").iterdir())
    assert [unit.name for unit in units] == ["booksync-backup.service", "booksync-backup.timer", "booksync.service"]
    for unit in units:
        for path in re.findall(r"/srv/booksync(/[\w./-]+)", unit.read_text()):
            assert (installed.folder / path.lstrip("/")).exists(), path


@pytest.fixture
def with_systemd(server: ScriptServer, tmp_path: Path) -> ScriptServer:
    """Return a server on which systemd runs, to be installed with `INSTALL_WITH_SYSTEMD`."""
    system = tmp_path / "system"
    system.mkdir()
    (system / "usr").symlink_to(server.system / "usr")
    shutil.copytree(server.system / "etc", system / "etc", symlinks=True, copy_function=shutil.copyfile)
    for folder in (system / "etc", *(path for path in (system / "etc").rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    (system / "etc/systemd").mkdir(exist_ok=True)
    (system / "etc/systemd/system").symlink_to("/engine/units")
    (server.engine / "units").mkdir()
    write_program(server.stubs / "systemctl", "#!/bin/bash\nprintf '%s\\n' \"$*\" >>/engine/systemctl\n")
    return dataclasses.replace(server, system=system)


INSTALL_WITH_SYSTEMD = ("bash", "-c", f"mkdir -p /run/systemd/system && exec {INSTALL}")


def test_backups_begin_with_the_installation(with_systemd: ScriptServer) -> None:
    """And the stack does not: it is enabled, for the next boot."""
    result = with_systemd.run(*INSTALL_WITH_SYSTEMD)
    assert result.code == 0, result.output
    units = {path.name for path in (with_systemd.engine / "units").iterdir()}
    assert units == {"booksync-backup.service", "booksync-backup.timer", "booksync.service"}
    reload, *calls = (with_systemd.engine / "systemctl").read_text().splitlines()
    assert reload == "daemon-reload"
    assert sorted(calls) == ["enable --now booksync-backup.timer", "enable booksync.service"]


def test_edits_are_kept_through_every_update(installed: ScriptServer) -> None:
    path = installed.folder / "nginx/nginx.conf"
    path.write_text("# mine\n")
    assert installed.run(INSTALL).code == 0
    # as of another version
    path.write_text("# theirs\n")
    result = installed.run(INSTALL)
    assert result.code == 0, result.output
    kept = {file.read_text() for file in path.parent.glob("nginx.conf.old*")}
    assert kept == {"# mine\n", "# theirs\n"}


def test_compose_file_of_the_operators_is_kept(server: ScriptServer) -> None:
    """The original guide has a file where the link is."""
    path = server.folder / "docker-compose.yml"
    path.write_text("# mine\n")
    assert server.run(INSTALL).code == 0
    path.unlink()
    path.symlink_to("mine.yml")
    result = server.run(INSTALL)
    assert result.code == 0, result.output
    assert "docker-compose.yml differed from the new one: it is kept as docker-compose.yml.old" in result.output
    assert path.readlink().name == "docker-compose.prod.yml"
    assert (server.folder / "docker-compose.yml.old").readlink().name == "mine.yml"
    assert (server.folder / "docker-compose.yml.old.~1~").read_text() == "# mine\n"
    assert "is kept" not in server.run(INSTALL).output


def test_edited_units_are_kept(with_systemd: ScriptServer) -> None:
    assert "is kept" not in with_systemd.run(*INSTALL_WITH_SYSTEMD).output
    units = with_systemd.engine / "units"
    timer = units / "booksync-backup.timer"
    ours, mine = timer.read_text(), timer.read_text().replace("03:15:00", "05:00:00")
    timer.write_text(mine)
    result = with_systemd.run(*INSTALL_WITH_SYSTEMD)
    assert result.code == 0, result.output
    assert "booksync-backup.timer differed from the new one: it is kept as booksync-backup.timer.old" in result.output
    assert (timer.read_text(), (units / "booksync-backup.timer.old").read_text()) == (ours, mine)
    assert {path.stat().st_mode & 0o777 for path in units.iterdir()} == {0o644}
    assert len(list(units.iterdir())) == 4
    # and those that are as they were installed are not
    assert "is kept" not in with_systemd.run(*INSTALL_WITH_SYSTEMD).output


def test_new_configuration_of_nginx_says_what_reads_it(installed: ScriptServer) -> None:
    said = "docker restart booksync-nginx"
    assert said not in installed.run(INSTALL).output
    (installed.folder / "nginx/nginx.conf").write_text("# another version's\n")
    assert said in installed.run(INSTALL).output


def test_installing_again_keeps_what_is_the_operators(installed: ScriptServer) -> None:
    before = secrets_of(installed)
    (installed.folder / ".env").write_text("API_ADDRESS=127.0.0.1\n")
    (installed.folder / "nginx/nginx.conf").write_text("# mine\n")
    result = installed.run(INSTALL)
    assert result.code == 0, result.output
    assert secrets_of(installed) == before
    assert (installed.folder / ".env").read_text() == "API_ADDRESS=127.0.0.1\n"
    assert (installed.folder / "nginx/nginx.conf.old").read_text() == "# mine\n"
    assert (installed.folder / "nginx/nginx.conf").read_text() == (installed.deploy / "nginx/nginx.conf").read_text()


@pytest.mark.parametrize(
    ("directory", "said"),
    [
        ("relative", "relative: expected an absolute path of plain characters"),
        ("/srv/with space", "/srv/with space: expected an absolute path of plain characters"),
        ("/source/deploy", "/source/deploy is the folder that this is installed from"),
    ],
)
def test_a_folder_that_will_not_do_is_refused(server: ScriptServer, directory: str, said: str) -> None:
    result = server.run(INSTALL, directory)
    assert result.code == 1
    assert said in result.output
    assert list(server.folder.iterdir()) == []


def test_secrets_are_random_and_belong_to_who_reads_them(installed: ScriptServer) -> None:
    secrets = secrets_of(installed)
    assert secrets.pop("mangacollec_client_secret") == ""
    assert secrets.keys() | {"mangacollec_client_secret"} == SECRETS.keys()
    assert len(set(secrets.values())) == len(secrets)
    for value in secrets.values():
        assert re.fullmatch("[0-9a-f]{64}", value)
    lines = (installed.engine / "owners").read_text().splitlines()
    owners = {path: owner for owner, path in (line.split() for line in lines)}
    for name, (owner, mode) in SECRETS.items():
        path = installed.folder / "secrets" / name
        assert path.stat().st_mode & 0o777 == mode
        assert owners[f"/srv/booksync/secrets/{name}"] == owner


def test_secrets_that_are_there_stay(installed: ScriptServer) -> None:
    before = secrets_of(installed)
    path = installed.folder / "secrets/jwt_secret_key"
    path.chmod(0o644)
    (installed.folder / "secrets/app_secret_key").unlink()
    result = installed.run("scripts/secrets.sh")
    assert result.code == 0, result.output
    after = secrets_of(installed)
    assert after.pop("app_secret_key") != before.pop("app_secret_key")
    assert after == before
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_run_left_is_not_written_through(installed: ScriptServer) -> None:
    """It had the number that this one has, and its last secret has two names."""
    before = secrets_of(installed)
    left = 'cd secrets && rm app_secret_key && ln jwt_secret_key ".partial-$$" && exec ../scripts/secrets.sh'
    result = installed.run("bash", "-c", left)
    assert result.code == 0, result.output
    after = secrets_of(installed)
    assert after.pop("app_secret_key") != before.pop("app_secret_key")
    assert after == before


def test_env_file_of_the_guide_goes_on(server: ScriptServer) -> None:
    (server.folder / ".env").write_text(
        "DB_AUTH_PASSWORD=auth-secure-password\n"
        "JWT_SECRET_KEY='f3b1c8f3b1c8f3b1c8 with = and spaces'  \n"
        '# MANGACOLLEC_CLIENT_SECRET="not this"\nMANGACOLLEC_CLIENT_SECRET="9f8e"\n'
    )
    result = server.run(INSTALL)
    assert result.code == 0, result.output
    secrets = secrets_of(server)
    assert secrets["db_auth_password"] == "auth-secure-password"
    assert secrets["jwt_secret_key"] == "f3b1c8f3b1c8f3b1c8 with = and spaces"
    assert secrets["mangacollec_client_secret"] == "9f8e"
    assert "jwt_secret_key is what .env has: remove it there" in result.output
    assert "f3b1c8" not in result.output


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("abcdef # made 2026", "abcdef"),
        ("abc#def", "abc#def"),
        ('"p w" # note', "p w"),
        ("'p w' # the 'old' one", "p w"),
        ('"p # w"', "p # w"),
        ("'a \"b\" c'", 'a "b" c'),
        ('abc"d # e"', 'abc"d'),
        ("  abc", "abc"),
        ('"a\\"b"', 'a"b'),
        ('"a\\\\b"', r"a\b"),
        ('"pa\\$word"', "pa$word"),
        ('"pa$1$"', "pa$1$"),
        ("pa$1$ # $word", "pa$1$"),
        ("'pa$word'", "pa$word"),
        (r"'a\'b'", "a'b"),
        (r"'a\nb'", r"a\nb"),
    ],
)
def test_env_file_is_read_as_compose_reads_it(server: ScriptServer, line: str, value: str) -> None:
    (server.folder / ".env").write_text(f"DB_AUTH_PASSWORD={line}\n")
    result = server.run(INSTALL)
    assert result.code == 0, result.output
    assert secrets_of(server)["db_auth_password"] == value


@pytest.mark.parametrize("line", ["pa$word", '"pa$word"', "pa${word}", "pa$$word", r'"a\nb"', '"of two lines'])
def test_value_that_compose_makes_another_one_of_is_not_taken_as_it_is(server: ScriptServer, line: str) -> None:
    """The containers of before have the other one."""
    (server.folder / ".env").write_text(f"JWT_SECRET_KEY={line}\n")
    result = server.run(INSTALL)
    assert result.code == 1
    assert "JWT_SECRET_KEY in /srv/booksync/.env: expected a value that stands for itself, got one" in result.output
    assert "in single quotes" in result.output
    assert line not in result.output
    assert not (server.folder / "secrets/jwt_secret_key").exists()
    assert list((server.folder / "secrets").glob(".partial*")) == []
    (server.folder / ".env").write_text("JWT_SECRET_KEY='pa$word'\n")
    assert server.run(INSTALL).code == 0
    assert secrets_of(server)["jwt_secret_key"] == "pa$word"


def test_value_that_nobody_takes_stops_nothing(installed: ScriptServer) -> None:
    (installed.folder / ".env").write_text("JWT_SECRET_KEY=pa$word\nDATABASE_URL=postgresql://$user@db\n")
    before = secrets_of(installed)
    result = installed.run(INSTALL)
    assert result.code == 0, result.output
    assert secrets_of(installed) == before


def test_a_folder_that_the_engine_made_is_no_secret(installed: ScriptServer) -> None:
    path = installed.folder / "secrets/jwt_secret_key"
    path.unlink()
    path.mkdir()
    result = installed.run("scripts/secrets.sh")
    assert result.code == 1
    assert "jwt_secret_key is no file" in result.output


def test_an_empty_secret_is_said(installed: ScriptServer) -> None:
    (installed.folder / "secrets/jwt_secret_key").write_text("")
    result = installed.run("scripts/secrets.sh")
    assert result.code == 1
    assert "jwt_secret_key is empty" in result.output


def test_certificate_is_nginxs_to_read_and_made_once(installed: ScriptServer) -> None:
    result = installed.run("scripts/certificate.sh", "booksync.home", "192.168.1.10")
    assert result.code == 0, result.output
    folder = installed.folder / "nginx/tls"
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    assert (folder / "certificate.pem").stat().st_mode & 0o777 == 0o644
    shown = installed.run("openssl", "x509", "-in", "nginx/tls/certificate.pem", "-noout", "-ext", "subjectAltName")
    assert "DNS:booksync.home, IP Address:192.168.1.10" in shown.output
    before = (folder / "key.pem").read_bytes()
    assert installed.run("scripts/certificate.sh", "booksync.home").code == 1
    assert (folder / "key.pem").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == ["certificate.pem", "key.pem"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("-subj", "certificate.sh: usage: certificate.sh NAME..."),
        ("a b", "certificate.sh: a b is neither a host name nor an IP address"),
        ("", "certificate.sh:  is neither a host name nor an IP address"),
        ("::1,DNS:evil", "certificate.sh: ::1,DNS:evil is neither a host name nor an IP address"),
        ("12:34", "bad ip address"),
    ],
)
def test_certificate_of_no_name_is_refused(installed: ScriptServer, name: str, said: str) -> None:
    result = installed.run("scripts/certificate.sh", name)
    assert result.code == 1
    assert said in result.output
    assert list((installed.folder / "nginx/tls").iterdir()) == []
