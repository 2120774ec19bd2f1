"""What the link to Mangacollec is about: somebody who has signed in there, and a token."""

from dataclasses import dataclass, field
from datetime import datetime

from booksync_api_auth.mangacollec.answers import Account, TokenAnswer


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """Somebody whom Mangacollec knows."""

    account: Account
    email: str
    tokens: TokenAnswer
    password: str | None = field(default=None, repr=False)  # where it is to be kept


@dataclass(frozen=True, kw_only=True)
class AccessToken:
    """A token for Mangacollec's API."""

    text: str = field(repr=False)
    expires_at: datetime
    account_id: str
