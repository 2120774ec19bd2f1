"""The few requests to a registry that oras does not make: is it there, and can blobs be mounted.

oras (1.3) mounts blobs only from registry to registry, not from a layout. Our images share their lower layers, so for
each blob that a repository lacks and a sibling has, the registry is asked to take it over (distribution specification,
"Mounting a blob from another repository"), and oras then finds it there. All of that is optional: when a registry
declines, oras sends the bytes.
"""

import contextlib
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from booksync_apps import transport
from booksync_apps.challenge import choose_challenge
from booksync_apps.credentials import Credential
from booksync_apps.diagnosis import PLAIN, TRUST
from booksync_apps.errors import AppError
from booksync_apps.progress import format_bytes
from booksync_apps.reference import is_local
from booksync_apps.transport import NoAnswerError, RefusedError, Transport, create_context, describe_failure

USER_AGENT = "booksync-push"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPES = f"{INDEX_TYPE}, application/vnd.oci.image.manifest.v1+json"

#: Bytes of an answer. Nothing here needs more, and a manifest itself may have that many (distribution specification).
BODY_LIMIT = 4 << 20
CHUNK = 1 << 16

#: Docker Hub answers elsewhere than its images' names say (oras-go, registry.Reference.Host).
API_HOSTS = {"docker.io": "registry-1.docker.io"}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: to follow it would hand the Authorization header to another host."""

    def redirect_request(self, *_: object) -> None:
        return None


class _Proxies(urllib.request.ProxyHandler):
    """The proxies of the environment, but for this machine: oras asks them for nothing here (Go's net/http)."""

    def proxy_open(self, req: urllib.request.Request, proxy: str, type: str) -> Any:  # noqa: A002 - urllib's name
        return None if is_local(req.host) else super().proxy_open(req, proxy, type)


@dataclass(frozen=True)
class Answer:
    """Status and headers, and the body where it is small.

    :param headers: name in small letters -> value; of several the last, and all challenges, joined
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Registry:
    """One registry's HTTP API.

    :param host: HOST or HOST:PORT
    """

    host: str
    transport: Transport
    credential: Credential
    environment: Mapping[str, str]
    _tokens: dict[tuple[str, ...], str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect(), _Proxies()]
        if self.transport != "plain":
            context = create_context(verify=self.transport == "tls", environment=self.environment)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)
        self._api_host = API_HOSTS.get(self.host, self.host)
        self._base = f"{'http' if self.transport == 'plain' else 'https'}://{self._api_host}"

    def probe(self) -> None:
        """Talk to the registry once; whatever it answers is an answer.

        :raises NoAnswerError: there is none
        """
        self._send("GET", f"{self._base}/v2/", headers={})

    def manifest_digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a manifest, empty where the registry does not say; None where it has none.

        :param reference: a tag or a digest
        :raises NoAnswerError: it does not say whether it has one
        """
        answer = self._request(
            "HEAD", f"/v2/{repository}/manifests/{reference}", pull=[repository], headers={"Accept": MANIFEST_TYPES}
        )
        return answer.headers.get("docker-content-digest", "") if _is_there(answer) else None

    def has_blob(self, repository: str, digest: str) -> bool:
        """Tell whether a repository has a blob; a redirect to where its bytes are is a yes.

        :raises NoAnswerError: the registry does not say
        """
        answer = self._request("HEAD", f"/v2/{repository}/blobs/{digest}", pull=[repository])
        # "Pulling a layer": 307 is how a registry leaves that to a store
        return answer.status == http.client.TEMPORARY_REDIRECT or _is_there(answer)

    def list_referrers(self, repository: str, digest: str) -> set[str] | None:
        """Return the digests that the tag which lists what is about a manifest has ("Referrers Tag Schema").

        :return: None where the registry has an API of it, and makes the list itself
        :raises NoAnswerError: the registry does not say
        """
        answer = self._request("GET", f"/v2/{repository}/referrers/{digest}", pull=[repository])
        if answer.status == http.client.OK and answer.headers.get("content-type", "").startswith(INDEX_TYPE):
            return None
        path = f"/v2/{repository}/manifests/{digest.replace(':', '-')}"
        answer = self._request("GET", path, pull=[repository], headers={"Accept": MANIFEST_TYPES})
        if not _is_there(answer):
            return set()
        try:
            return {entry["digest"] for entry in json.loads(answer.body)["manifests"]}
        except (ValueError, KeyError, TypeError) as error:
            raise NoAnswerError(f"{path}: expected an index, got {type(error).__name__}: {error}") from error

    def mount_blob(self, repository: str, digest: str, *, source: str) -> bool:
        """Ask for a blob of another repository; False when the registry would rather have its bytes.

        :raises NoAnswerError: this registry does not mount, or not for us
        """
        query = urllib.parse.urlencode({"mount": digest, "from": source})
        answer = self._request(
            "POST", f"/v2/{repository}/blobs/uploads/?{query}", push=[repository], pull=[repository, source]
        )
        if answer.status == http.client.CREATED:
            return True
        if answer.status != http.client.ACCEPTED:
            raise _refused(answer)
        # an upload was opened instead: close it, where that can be; else the registry does so in time
        with contextlib.suppress(NoAnswerError, ValueError):
            self._close_upload(repository, answer.headers.get("location", ""))
        return False

    def _close_upload(self, repository: str, location: str) -> None:
        url = urllib.parse.urlsplit(urllib.parse.urljoin(f"{self._base}/", location))
        # behind a proxy that speaks TLS for it, a registry may name another scheme than ours
        if location and url.netloc == self._api_host:
            self._request("DELETE", url._replace(scheme="", netloc="").geturl(), push=[repository])

    def _request(
        self,
        method: str,
        path: str,
        *,
        pull: Iterable[str] = (),
        push: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request, and again with what the registry asks for (RFC 9110 section 11.6.1).

        :raises NoAnswerError: it cannot say now; what it refuses or does not have is an answer
        """
        scopes = tuple(
            f"repository:{name}:{'pull,push' if name in set(push) else 'pull'}" for name in sorted({*pull, *push})
        )
        sent = dict(headers or {})
        if scopes in self._tokens:
            sent["Authorization"] = self._tokens[scopes]
        answer = self._send(method, self._base + path, headers=sent)
        if answer.status == http.client.UNAUTHORIZED:
            authorization = self._authorize(answer.headers.get("www-authenticate", ""), scopes)
            if authorization:
                self._tokens[scopes] = authorization
                answer = self._send(method, self._base + path, headers={**sent, "Authorization": authorization})
        if answer.status == http.client.TOO_MANY_REQUESTS or answer.status >= http.client.INTERNAL_SERVER_ERROR:
            raise NoAnswerError(f"status code {answer.status}")
        return answer

    def _authorize(self, header: str, scopes: tuple[str, ...]) -> str:
        """Return the Authorization header that the first known of the challenges asks for, empty where we have none.

        Bearer tokens: distribution's token authentication specification and its OAuth 2 variant.
        """
        challenge = choose_challenge(header, ("basic", "bearer"))
        if challenge.scheme == "basic":
            return self.credential.basic() if self.credential.user else ""
        # empty where there is no challenge
        realm, service = (challenge.parameters.get(name, "") for name in ("realm", "service"))
        if not realm.startswith("https://" if self.transport == "tls" else ("https://", "http://")):
            return ""
        headers: dict[str, str] = {}
        if self.credential.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": self.credential.identity_token,
                "service": service,
                "client_id": USER_AGENT,
                "scope": " ".join(scopes),
            }
            answer = self._send("POST", realm, headers=headers, body=urllib.parse.urlencode(form).encode())
        else:
            if self.credential.user:
                headers["Authorization"] = self.credential.basic()
            query = [("service", service), *(("scope", scope) for scope in scopes)]
            separator = "&" if "?" in realm else "?"
            answer = self._send("GET", f"{realm}{separator}{urllib.parse.urlencode(query)}", headers=headers)
        if answer.status != http.client.OK:
            return ""
        try:
            token = json.loads(answer.body)
            return f"Bearer {token.get('token') or token['access_token']}"
        except (ValueError, KeyError, AttributeError):
            return ""

    def _send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        # every URL begins with _base, or is a realm that _authorize has looked at
        request = urllib.request.Request(  # noqa: S310
            url, method=method, data=body, headers={"User-Agent": USER_AGENT, **headers}
        )
        try:
            try:
                response = self._opener.open(request, timeout=transport.TIMEOUT_S)
            except urllib.error.HTTPError as error:
                response = error
            with response:
                lower = {name.lower(): value for name, value in response.headers.items()}
                lower["www-authenticate"] = ", ".join(response.headers.get_all("www-authenticate", []))
                return Answer(status=response.status, headers=lower, body=_read_body(response))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise describe_failure(error) from error


def _is_there(answer: Answer) -> bool:
    """Read the answer to HEAD ("Checking if content exists in the registry") or GET."""
    if answer.status not in (http.client.OK, http.client.NOT_FOUND):
        raise _refused(answer)
    return answer.status == http.client.OK


def _refused(answer: Answer) -> RefusedError:
    # in oras's words, which are understood already
    return RefusedError(f"status code {answer.status}")


def _read_body(response: http.client.HTTPResponse | urllib.error.HTTPError) -> bytes:
    """Read an answer's body, which is no longer, and takes no longer, than it may.

    :raises NoAnswerError: it is longer
    :raises TimeoutError: it takes longer
    """
    body = bytearray()
    until = time.monotonic() + transport.TIMEOUT_S
    while chunk := response.read1(CHUNK):
        body += chunk
        if len(body) > BODY_LIMIT:
            raise NoAnswerError(f"it answers with more than {format_bytes(BODY_LIMIT)}")
        if time.monotonic() > until:
            raise TimeoutError
    return bytes(body)


def connect(host: str, *, insecure: bool, credential: Credential, environment: Mapping[str, str]) -> Registry:
    """Find out how a registry is talked to; with ``insecure`` also TLS without verification, then plain HTTP.

    :raises AppError: there is no answer, or not in a way that is allowed
    """
    transports: tuple[Transport, ...] = ("tls-unverified", "plain") if insecure else ("tls",)
    failures = []
    for allowed in transports:
        registry = Registry(host=host, transport=allowed, credential=credential, environment=environment)
        try:
            registry.probe()
        except NoAnswerError as error:
            failures.append(error)
        else:
            return registry
    first = failures[0]
    if first.plain and not insecure:
        raise AppError(f"{host}: {first}", way_out=PLAIN)
    if first.untrusted:
        raise AppError(
            f"{host}: {first}",
            way_out=TRUST,
        )
    reasons = dict.fromkeys(str(failure) for failure in failures if not failure.plain)
    raise AppError(
        f"{host}: cannot be reached: {'; '.join(reasons)}",
        way_out="is the name right, the registry up, a proxy needed?",
    )
