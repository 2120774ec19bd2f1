"""Mangacollec's API: tokens by password and by refresh token, and the account that they belong to."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import SecretStr

from booksync_api_auth.mangacollec import problems
from booksync_api_auth.mangacollec.answers import Account, TokenAnswer, parse, parse_error
from booksync_api_auth.mangacollec.gate import Gate
from booksync_common.clients import AnswerTooLongError, read_answer
from booksync_common.problems import ProblemError
from booksync_common.retry_after import parse_retry_after

logger = logging.getLogger(__name__)

#: s; of a whole answer, however slowly it drips. Under the database's lock_timeout, as a row is locked meanwhile.
DEADLINE = 8.0
#: Bytes; tokens and accounts have a few hundred.
MAX_ANSWER = 256 * 1024

#: Errors that are about us rather than the person (RFC 6749, section 5.2).
_CLIENT_ERRORS = frozenset({"invalid_client", "unauthorized_client"})
_GRANT_ERRORS = frozenset({"", "invalid_grant", "access_denied"})


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One turn with Mangacollec."""

    client: httpx.AsyncClient
    gate: Gate
    token_path: str
    client_id: str
    client_secret: SecretStr

    async def sign_in(self, email: str, password: str) -> TokenAnswer:
        """Get tokens for a person.

        :raises BadCredentialsError: Mangacollec does not know them.
        :raises ProblemError: 502, 503, 504.
        """
        return await self._fetch_tokens({"grant_type": "password", "username": email, "password": password})

    async def refresh(self, refresh_token: str) -> TokenAnswer:
        """Get new tokens for old ones.

        :raises BadCredentialsError: the old one is not good any more.
        :raises ProblemError: 502, 503, 504.
        """
        return await self._fetch_tokens({"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def find_account(self, tokens: TokenAnswer) -> Account:
        """Find out whose tokens they are.

        :raises ProblemError: 502, 504.
        """
        headers = {"Authorization": f"Bearer {tokens.access_token.get_secret_value()}"}
        return self._understand(Account, await self._ask("GET", "/v1/users/me", headers=headers))

    async def _fetch_tokens(self, grant: dict[str, str]) -> TokenAnswer:
        body = {**grant, "client_id": self.client_id, "client_secret": self.client_secret.get_secret_value()}
        answer = await self._ask("POST", self.token_path, json=body)
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
            error = parse_error(answer.body)
            if error in _CLIENT_ERRORS:
                self.gate.note_answer()
                logger.error("Mangacollec does not take MANGACOLLEC_CLIENT_ID and MANGACOLLEC_CLIENT_SECRET")
                raise problems.not_configured("Mangacollec does not accept this service's client id and secret.")
            if error in _GRANT_ERRORS:
                self.gate.note_answer()
                raise problems.BadCredentialsError
        return self._understand(TokenAnswer, answer)

    def _understand[M: (TokenAnswer, Account)](self, model: type[M], answer: _Answer) -> M:
        content = parse(model, answer.body) if answer.status == HTTPStatus.OK else None
        if content is None:
            raise self._refuse_answer(f"status {answer.status}, {len(answer.body)} bytes")
        self.gate.note_answer()
        return content

    def _refuse_answer(self, why: str) -> ProblemError:
        self.gate.note_failure()
        logger.warning("Mangacollec gave no answer to use: %s", why)
        return problems.unavailable("Mangacollec gave no answer that can be used.")

    async def _ask(self, method: str, path: str, **options: Any) -> _Answer:
        try:
            async with asyncio.timeout(DEADLINE), self.client.stream(method, path, **options) as response:
                if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                    self.gate.pause(parse_retry_after(response.headers.get("retry-after"), datetime.now(UTC)))
                    raise problems.unavailable("Mangacollec asks for a pause.", retry_after=self.gate.rest)
                return _Answer(response.status_code, await read_answer(response, limit=MAX_ANSWER))
        except (TimeoutError, httpx.TimeoutException):
            self.gate.note_failure()
            logger.warning("Mangacollec did not answer in time")
            raise problems.timed_out() from None
        except AnswerTooLongError as error:
            raise self._refuse_answer(str(error)) from None
        except httpx.HTTPError as error:
            self.gate.note_failure()
            # the kind alone: what is in the message is not ours
            logger.warning("Mangacollec cannot be asked: %s", type(error).__name__)
            raise problems.unavailable("Mangacollec cannot be reached.") from None
