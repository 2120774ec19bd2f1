"""Access tokens: what python-jose would take or stumble over is refused, each time with the same 401."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from booksync_api_auth.access_tokens import AccessTokens, Claims, TokenError
from booksync_auth_testing.household import KEY, V1, Household, Person, problem

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def encode(content: bytes) -> str:
    """Write Base64 as JWTs have it."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def forge(header: object, content: object, *, key: bytes = KEY.encode(), algorithm: str = "HS256") -> str:
    """Make a token by hand; bytes are taken as they are."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, content)]
    signed = ".".join(encode(part) for part in parts)
    return f"{signed}.{encode(hmac.digest(key, signed.encode(), HASHES[algorithm]))}"


HEADER = {"alg": "HS256", "typ": "JWT"}


def claims_of(person: Person, **changes: Any) -> dict[str, Any]:
    """Return what a token of a person says, with something changed; None takes a claim out."""
    now = int(time.time())
    content = {
        "iss": "booksync-api-auth",
        "aud": "booksync",
        "sub": person.id,
        "sid": person.session_id,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "nbf": now,
        "typ": "access",
        **changes,
    }
    return {name: value for name, value in content.items() if value is not None}


async def ask(house: Household, token: str) -> tuple[int, str]:
    """Ask with a token."""
    answer = await house.client.get(f"{V1}/users/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code != 401 or "invalid_token" in answer.headers["www-authenticate"]
    return problem(answer)


async def test_token_that_is_made_by_hand_is_good(house: Household) -> None:
    ana = await house.add("Ana")
    answer = await house.client.get(
        f"{V1}/users/me", headers={"Authorization": f"Bearer {forge(HEADER, claims_of(ana))}"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None", "typ": "JWT"},
        {"alg": "HS384", "typ": "JWT"},
        {"alg": "HS512", "typ": "JWT"},
        {"alg": "RS256", "typ": "JWT"},
        {"alg": "dir", "enc": "A128GCM"},
        {"alg": ["HS256"]},
        {"alg": None},
        {},
        {**HEADER, "crit": ["exp"]},
        {**HEADER, "jwk": {"kty": "oct", "k": "AAAA"}},
        {**HEADER, "jku": "http://127.0.0.1/keys"},
        {**HEADER, "x5u": "http://127.0.0.1/keys"},
        {**HEADER, "b64": False},
        [],
        "HS256",
        1,
        None,
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"[" * 2000,
        b'{"alg":"HS256","alg":"none"}',
    ],
)
async def test_hostile_header(house: Household, header: object) -> None:
    ana = await house.add("Ana")
    named = header.get("alg") if isinstance(header, dict) else None
    algorithm = named if isinstance(named, str) and named in HASHES else "HS256"
    assert await ask(house, forge(header, claims_of(ana), algorithm=algorithm)) == (401, "token_invalid")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody-else"},
        {"aud": "somebody-else"},
        {"aud": ["somebody-else"]},
        {"aud": {"booksync": 1}},
        {"typ": "refresh"},
        {"sub": "not a uuid"},
        {"sub": 7},
        {"sid": "not a uuid"},
        {"sid": ["a"]},
        {"jti": 1},
        {"iat": "yesterday"},
        {"iat": []},
        {"iat": 10**30},
        {"iat": float("inf")},
        {"exp": "tomorrow"},
        {"exp": {}},
        {"exp": float("nan")},
        {"exp": 10**30},
        *({name: None} for name in ("iss", "aud", "sub", "sid", "jti", "iat", "nbf", "typ")),
    ],
)
async def test_hostile_claims(house: Household, changes: dict[str, object]) -> None:
    ana = await house.add("Ana")
    assert await ask(house, forge(HEADER, claims_of(ana, **changes))) == (401, "token_invalid")


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"7", b'"text"', b"\xff", b"[" * 2500, b'{"a":' * 600])
async def test_hostile_content(house: Household, content: bytes) -> None:
    assert await ask(house, forge(HEADER, content)) == (401, "token_invalid")


@pytest.mark.parametrize(
    "key", [b"", b"your-secret-key", KEY.encode()[:-1], json.dumps([KEY]).encode(), b"k" * 36], ids=repr
)
async def test_other_key(house: Household, key: bytes) -> None:
    ana = await house.add("Ana")
    assert await ask(house, forge(HEADER, claims_of(ana), key=key)) == (401, "token_invalid")


@pytest.mark.parametrize(
    "token", ["x", "..", "a.b", "a.b.c.d", "a.b.c", "é.é.é", "a" * 5000, "." * 4000, f"{'a' * 4090}.b.c"]
)
async def test_no_token_at_all(house: Household, token: str) -> None:
    headers = {b"Authorization": f"Bearer {token}".encode()}
    answer = await house.client.get(f"{V1}/users/me", headers=headers)
    assert problem(answer) == (401, "token_invalid")


async def test_good_token_that_is_too_long(house: Household) -> None:
    ana = await house.add("Ana")
    assert await ask(house, forge(HEADER, claims_of(ana, filling="x" * 4096))) == (401, "token_invalid")


async def test_expired(house: Household) -> None:
    ana = await house.add("Ana")
    assert await ask(house, forge(HEADER, claims_of(ana, exp=int(time.time()) - 5))) == (401, "token_expired")


async def test_session_that_is_not_there(house: Household) -> None:
    ana = await house.add("Ana")
    assert await ask(house, forge(HEADER, claims_of(ana, sid=str(uuid.uuid4())))) == (401, "token_revoked")


async def test_session_of_somebody_else(house: Household) -> None:
    ana = await house.add("Ana")
    bo = await house.add("Bo", by=ana)
    assert await ask(house, forge(HEADER, claims_of(bo, sid=ana.session_id))) == (401, "token_revoked")


def make_claims(**changes: Any) -> Claims:
    """Return claims of nobody."""
    values = {name: uuid.uuid4() for name in ("user_id", "session_id", "token_id")}
    return Claims(**{**values, "issued_at": datetime.now(UTC).replace(microsecond=0), "expires_at": None, **changes})


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_what_is_signed_is_read(algorithm: Any) -> None:
    tokens = AccessTokens(b"k" * 64, algorithm, expiring=False)
    claims = make_claims(expires_at=datetime(2100, 1, 1, tzinfo=UTC))
    assert tokens.read(tokens.sign(claims)) == claims
    assert tokens.sign(claims) == tokens.sign(claims)


def test_key_that_is_json_is_a_key_and_not_a_list_of_keys() -> None:
    tokens = AccessTokens(b'["first-key", "second-key"]', "HS256", expiring=False)
    signed = forge(HEADER, {"typ": "access"}, key=b"first-key")
    with pytest.raises(TokenError) as raised:
        tokens.read(signed)
    assert raised.value.code == "token_invalid"
    claims = make_claims()
    assert tokens.read(tokens.sign(claims)) == claims


def test_clock_of_the_database_may_be_ahead() -> None:
    tokens = AccessTokens(b"k" * 64, "HS256", expiring=False)
    claims = make_claims(issued_at=(datetime.now(UTC) + timedelta(seconds=20)).replace(microsecond=0))
    assert tokens.read(tokens.sign(claims)) == claims


def test_empty_key_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        AccessTokens(b"", "HS256", expiring=False)


#: Signs and reads a token as the service does; ends with the modules of ecdsa that came along.
USE_OF_TOKENS = """
import sys, uuid
from datetime import UTC, datetime
from booksync_api_auth import main
from booksync_api_auth.access_tokens import AccessTokens, Claims

tokens = AccessTokens(b"k" * 64, sys.argv[1], expiring=False)
now = datetime.now(UTC).replace(microsecond=0)
claims = Claims(user_id=uuid.uuid4(), session_id=uuid.uuid4(), token_id=uuid.uuid4(), issued_at=now, expires_at=None)
assert tokens.read(tokens.sign(claims)) == claims
print(*(name for name in sys.modules if name.partition(".")[0] == "ecdsa"))
"""


@pytest.mark.parametrize("algorithm", HASHES)
def test_ecdsa_is_not_even_loaded(algorithm: str) -> None:
    """What is published of CVE-2024-23342 rests on this: its code is on no way to a token."""
    command = [sys.executable, "-c", USE_OF_TOKENS, algorithm]
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
