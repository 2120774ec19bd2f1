"""What clients of other services have in common."""

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

#: Takes none: what a site sets for one user must not go with the next one's question.
NO_COOKIES = CookieJar(DefaultCookiePolicy(allowed_domains=()))


class AnswerTooLongError(httpx.DecodingError):
    """An answer that is longer than anything one would be asked for."""


async def read_answer(response: httpx.Response, *, limit: int) -> bytes:
    """Read what a response that streams still has.

    :param limit: bytes, after what compression hides them.
    :raises AnswerTooLongError: it has more; the rest is left unread.
    :raises httpx.HTTPError: the connection breaks, or its end is not what its head said.
    """
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > limit:
            message = f"an answer of more than {limit} bytes"
            raise AnswerTooLongError(message, request=response.request)
    return bytes(body)
