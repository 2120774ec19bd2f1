"""The commands of who is locked out: a new administrator, or a new password, without a token."""

import pytest
from sqlalchemy.engine import URL

from booksync_auth_testing.household import PASSWORD, V1, Household, problem
from booksync_service_testing import processes
from booksync_service_testing.processes import find_free_port
from booksync_service_testing.server import render

NEW = "a new long sentence"


def run(url: URL, command: str, *lines: str) -> tuple[int, str, str]:
    """Run a command, with lines on its standard input."""
    variables = {"DATABASE_URL": render(url), "BCRYPT_ROUNDS": "4"}
    result = processes.run("auth", command, stdin="".join(f"{line}\n" for line in lines), **variables)
    assert NEW not in result.stdout + result.stderr
    return result.returncode, result.stdout, result.stderr


async def test_create_admin(house: Household) -> None:
    assert run(house.url, "create-admin", "Ana", NEW)[:2] == (0, "Ana is an administrator\n")
    ana = await house.log_in("Ana", NEW)
    assert ana.answer["user"]["role"] == "admin"
    code, output, errors = run(house.url, "create-admin", "ANA", NEW)
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert "username" in errors


async def test_reset_password_opens_what_was_closed(house: Household) -> None:
    ana = await house.add("Ana")
    await house.query("UPDATE auth.users SET is_active = false")
    assert run(house.url, "reset-password", "ana", NEW)[0] == 0
    assert problem(await house.find(ana)) == (401, "token_revoked")
    old = await house.client.post(f"{V1}/auth/login", json={"username": "Ana", "password": PASSWORD})
    assert problem(old) == (401, "invalid_credentials")
    assert (await house.log_in("Ana", NEW)).id == ana.id


@pytest.mark.parametrize(
    ("command", "lines", "reason"),
    [
        ("create-admin", ["Ana"], "standard input"),
        ("create-admin", ["Ana", "short"], "at least 8"),
        ("reset-password", ["Nobody", NEW], "no such profile"),
    ],
)
async def test_what_will_not_do_is_one_line(house: Household, command: str, lines: list[str], reason: str) -> None:
    code, output, errors = run(house.url, command, *lines)
    assert (code, output) == (1, "")
    (line,) = errors.splitlines()
    assert reason in line


@pytest.mark.parametrize("command", ["create-admin", "reset-password"])
def test_database_that_is_away_is_one_line(command: str) -> None:
    address = URL.create("postgresql+asyncpg", "booksync_auth", "x", "127.0.0.1", find_free_port(), "booksync")
    code, output, errors = run(address, command, "Ana", NEW)
    assert (code, output) == (1, "")
    (line,) = errors.splitlines()
    assert f"booksync on 127.0.0.1:{address.port}: " in line
    assert "Connect call failed" in line


def test_help_names_the_commands() -> None:
    text = processes.run("auth", "--help").stdout
    assert "create-admin" in text
    assert "reset-password" in text
