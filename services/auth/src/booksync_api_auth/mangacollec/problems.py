"""What goes wrong with Mangacollec, as this service answers it."""

import math

from booksync_common.problems import ProblemError


class BadCredentialsError(Exception):
    """Mangacollec does not take the email and password, or the refresh token."""


def not_configured(detail: str) -> ProblemError:
    """Make the answer where Mangacollec cannot be asked at all."""
    return ProblemError(503, "mangacollec_not_configured", detail)


def unavailable(detail: str, *, retry_after: float | None = None) -> ProblemError:
    """Make the answer to what Mangacollec would have had to say.

    :param retry_after: s
    """
    headers = {} if retry_after is None else {"Retry-After": str(max(1, math.ceil(retry_after)))}
    return ProblemError(502, "mangacollec_unavailable", detail, headers=headers)


def timed_out() -> ProblemError:
    """Make the answer where Mangacollec takes too long."""
    return ProblemError(504, "mangacollec_unavailable", "Mangacollec did not answer in time.")


def invalid_credentials() -> ProblemError:
    """Make the answer to an email and a password that Mangacollec does not take."""
    detail = "Mangacollec does not accept this email address and password."
    return ProblemError(422, "mangacollec_invalid_credentials", detail)


def not_linked() -> ProblemError:
    """Make the answer for a profile without an account at Mangacollec."""
    return ProblemError(404, "mangacollec_not_linked", "This profile is not linked to a Mangacollec account.")


def password_missing() -> ProblemError:
    """Make the answer for a profile that is only told by its account, and would lose it."""
    detail = "Give the profile a password first: without one, its Mangacollec account is what shows whose it is."
    return ProblemError(409, "password_missing", detail)


def current_password_missing() -> ProblemError:
    """Make the answer to somebody who has to confirm whose profile is to be linked, and does not."""
    return ProblemError(422, "current_password_missing", "This profile's password is needed to link it.")


def relink_required() -> ProblemError:
    """Make the answer for a link that Mangacollec, or a changed key of ours, has ended."""
    detail = "The link to Mangacollec has ended: enter the Mangacollec password again."
    return ProblemError(409, "mangacollec_relink_required", detail)
