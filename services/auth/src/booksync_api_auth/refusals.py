"""Answers that several parts of the service give to those whom it does not serve."""

from booksync_common.problems import ProblemError


def unauthenticated() -> ProblemError:
    """Make the answer to somebody without a token."""
    return ProblemError(401, "token_missing", "A token is needed here.", headers={"WWW-Authenticate": "Bearer"})


def forbidden() -> ProblemError:
    """Make the answer to somebody who may not."""
    return ProblemError(403, "forbidden", "This profile may not do that.")


def invalid_credentials() -> ProblemError:
    """Make the answer to a wrong name or password, which does not say which."""
    return ProblemError(
        401, "invalid_credentials", "The name or the password is wrong.", headers={"WWW-Authenticate": "Bearer"}
    )


def password_changed() -> ProblemError:
    """Make the answer to somebody who has confirmed with a password that is another by now."""
    return ProblemError(409, "conflict", "The password was changed at the same time.")


def account_disabled() -> ProblemError:
    """Make the answer to the right password of a profile that an administrator has turned off."""
    return ProblemError(403, "account_disabled", "This profile has been turned off.")


def registration_closed() -> ProblemError:
    """Make the answer to somebody who would like to have a profile."""
    return ProblemError(403, "registration_closed", "Only an administrator makes profiles here.")


def user_not_found() -> ProblemError:
    """Make the answer to an id that is nobody's."""
    return ProblemError(404, "user_not_found", "There is no such profile.")
