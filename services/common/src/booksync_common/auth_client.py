"""The Auth API's addresses, and a client that tries one after the other."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import httpx
from pydantic import AnyHttpUrl, BaseModel, SecretStr, ValidationError

from booksync_common.clients import NO_COOKIES, read_answer
from booksync_common.problems import unavailable
from booksync_common.settings import Finding, ServiceSettings, check_key

logger = logging.getLogger(__name__)

#: The names of the Auth API in the guide's compose file: of the service, and of the container.
DEFAULT_ADDRESSES = ("http://auth-api:8000", "http://booksync_auth_api:8000")
TIMEOUT = httpx.Timeout(5.0, connect=2.0)  # s
#: Kept for 2 s, less than the 5 after which Uvicorn closes a connection, which would be just when the next question
#: comes; and only so many, as each token that nobody knows yet is a question of its own.
LIMITS = httpx.Limits(max_connections=50, keepalive_expiry=2.0)
#: What it looks like when a connection that was kept is not one any more: the Auth API was started anew.
STALE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
#: Bytes; an answer that is longer is not the Auth API's.
MAX_ANSWER = 4 * 1024 * 1024


#: Codes of problems that are of what the Auth API asks in turn: it is well itself, and has answered.
OF_OTHERS = "mangacollec_"


class _Problem(BaseModel):
    code: str


class AuthClientSettings(ServiceSettings):
    """The settings of a service that asks the Auth API."""

    auth_api_url: AnyHttpUrl | None = None
    #: What machines send as X-API-Key.
    app_secret_key: SecretStr | None = None
    #: What there is without it.
    without_key: ClassVar[str] = "a machine needs an API key of the Auth API"

    def findings(self) -> Iterator[Finding]:
        """Yield what is missing or unsafe."""
        yield from super().findings()
        yield from check_key("APP_SECRET_KEY", self.app_secret_key, missing=self.without_key, required=False)

    @property
    def auth_addresses(self) -> Sequence[str]:
        """Where the Auth API is, in the order in which the addresses are tried."""
        return DEFAULT_ADDRESSES if self.auth_api_url is None else (str(self.auth_api_url).rstrip("/"),)


class AuthClient:
    """The Auth API, as another service reaches it."""

    def __init__(self, addresses: Sequence[str]) -> None:
        """Remember the addresses; connects to nothing.

        :param addresses: like http://auth-api:8000; the first that answers is asked first from then on.
        """
        self._addresses = list(addresses)
        self._client: httpx.AsyncClient | None = None
        #: Whether the last question was answered; None before the first.
        self.is_answering: bool | None = None

    async def open(self) -> None:
        """Make the connections' pool."""
        # the environment's proxies are for the way out of the house
        self._client = httpx.AsyncClient(timeout=TIMEOUT, limits=LIMITS, cookies=NO_COOKIES, trust_env=False)

    async def close(self) -> None:
        """Close every connection."""
        if self._client is not None:
            await self._client.aclose()

    async def get(
        self, path: str, *, token: str | None = None, patience: httpx.Timeout | None = None
    ) -> httpx.Response:
        """Get a path; see `_send`."""
        return await self._send("GET", path, token=token, patience=patience)

    async def post(self, path: str, *, token: str, form: Mapping[str, str]) -> httpx.Response:
        """Post a form; see `_send`."""
        return await self._send("POST", path, token=token, form=form)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        token: str | None,
        form: Mapping[str, str] | None = None,
        patience: httpx.Timeout | None = None,
    ) -> httpx.Response:
        """Return the first address's answer that is not a failure of the Auth API's own.

        :param patience: with each address; `TIMEOUT` by default.
        :raises ProblemError: 503 `auth_unavailable`, when no address gives one.
        """
        headers = {"Accept": "application/json"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
        reasons = []
        for address in list(self._addresses):
            url = f"{address}{path}"
            try:
                try:
                    response = await self._attempt(method, url, headers=headers, form=form, patience=patience)
                except STALE:
                    response = await self._attempt(method, url, headers=headers, form=form, patience=patience)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                reasons.append(f"{address}: {str(error) or type(error).__name__}")
                if isinstance(error, httpx.ReadTimeout):
                    break  # it is there, and slow; another name of it would be as slow
                continue
            if response.is_redirect or (response.is_server_error and not read_code(response).startswith(OF_OTHERS)):
                reasons.append(f"{address}: status {response.status_code}")
                continue
            self._addresses.sort(key=lambda other: other != address)
            self._note(is_answering=True)
            return response
        self._note(is_answering=False, reason="; ".join(reasons))
        raise unavailable("auth_unavailable", "There is no usable answer of the Auth API.")

    async def _attempt(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
        patience: httpx.Timeout | None,
    ) -> httpx.Response:
        if self._client is None:
            message = "the client is not open"
            raise httpx.ConnectError(message)
        async with self._client.stream(
            method, url, headers=headers, data=form, timeout=patience or TIMEOUT
        ) as response:
            body = await read_answer(response, limit=MAX_ANSWER)
        return httpx.Response(response.status_code, content=body, request=response.request)

    def _note(self, *, is_answering: bool, reason: str = "") -> None:
        """Say it once when the Auth API goes away or comes back, not with every request."""
        if is_answering != self.is_answering:
            if not is_answering:
                logger.warning("no usable answer of the Auth API: %s", reason)
            elif self.is_answering is not None:
                logger.info("the Auth API answers again")
        self.is_answering = is_answering


def read_code(response: httpx.Response) -> str:
    """Return the code of the problem (RFC 9457) that an answer is; empty where it is none."""
    try:
        return _Problem.model_validate_json(response.content).code
    except ValidationError:
        return ""
