"""The links of profiles to Mangacollec: made by a password, kept by refresh tokens, which are encrypted at rest.

Mangacollec's refresh tokens are good once, so a link must not be refreshed twice at a time. Within the process one task
refreshes for all who ask; between replicas the row is locked meanwhile. The turn with Mangacollec is taken before the
connection to the database, so that a slow site holds one connection, not the pool.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from booksync_api_auth.keys import Keys, KeysOf
from booksync_api_auth.mangacollec import problems
from booksync_api_auth.mangacollec.answers import Account, TokenAnswer
from booksync_api_auth.mangacollec.conversation import DEADLINE, Conversation
from booksync_api_auth.mangacollec.models import AccessToken, SignedIn
from booksync_api_auth.mangacollec.part import Mangacollec, MangacollecOf
from booksync_api_auth.models import Credential, Origin
from booksync_api_auth.names import make_key
from booksync_api_auth.repositories import credentials
from booksync_api_auth.repositories.credentials import Credentials
from booksync_api_auth.repositories.rate_limits import RateLimits
from booksync_api_auth.settings import AuthSettings, SettingsOf
from booksync_common.database import Database, DatabaseOf
from booksync_common.problems import ProblemError

#: A token that ends sooner is refreshed before it is given out.
MARGIN = timedelta(seconds=60)

#: `last_error` of a link that Mangacollec has ended.
REFUSED = "refused"

State = Literal["linked", "relink_required"]


class Links:
    """What profiles have at Mangacollec."""

    def __init__(self, database: Database, keys: Keys, mangacollec: Mangacollec, settings: AuthSettings) -> None:
        """Take what it is made of."""
        self._database = database
        self._keys = keys
        self._mangacollec = mangacollec
        self._keeps_passwords = settings.mangacollec_store_password

    async def sign_in(self, email: str, password: str, *, origin: Origin) -> SignedIn:
        """Have Mangacollec check an email and a password; that may be tried as often as those of this service.

        :raises ProblemError: 422 mangacollec_invalid_credentials, 429, 502, 503, 504.
        """
        _ = self._keys.vault
        account = f"mangacollec {make_key(email)}"
        async with self._database.session() as session:
            await RateLimits(session).take(account, origin.address)
        try:
            async with self._mangacollec.converse() as conversation:
                tokens = await conversation.sign_in(email, password)
                found = await conversation.find_account(tokens)
        except problems.BadCredentialsError:
            raise problems.invalid_credentials() from None
        except ProblemError:
            async with self._database.session() as session:
                await RateLimits(session).undo(account, origin.address)
            raise
        async with self._database.session() as session:
            await RateLimits(session).give_back(account, origin.address)
        kept = password if self._keeps_passwords else None
        return SignedIn(account=found, email=email, tokens=tokens, password=kept)

    async def store(self, session: AsyncSession, user_id: UUID, signed_in: SignedIn) -> AccessToken:
        """Keep what a sign-in has brought."""
        vault, tokens = self._keys.vault, signed_in.tokens
        text, refresh_token = tokens.access_token.get_secret_value(), tokens.refresh_token
        expires_at, account_id = tokens.expires_at(datetime.now(UTC)), str(signed_in.account.id)
        await Credentials(session).save(
            user_id,
            account_email=signed_in.email,
            external_user_id=account_id,
            access_token_enc=vault.seal(text),
            refresh_token_enc=None if refresh_token is None else vault.seal(refresh_token.get_secret_value()),
            password_enc=None if signed_in.password is None else vault.seal(signed_in.password),
            key_id=vault.key_id,
            token_expires_at=expires_at,
            scope=tokens.scope,
        )
        return AccessToken(text=text, expires_at=expires_at, account_id=account_id)

    async def find_if_any(self, user_id: UUID) -> Credential | None:
        """Find a profile's link; None without one."""
        async with self._database.reader() as connection:
            return await credentials.find(connection, user_id)

    async def find(self, user_id: UUID) -> Credential:
        """Find a profile's link.

        :raises ProblemError: 404 mangacollec_not_linked.
        """
        credential = await self.find_if_any(user_id)
        if credential is None:
            raise problems.not_linked()
        return credential

    def state(self, credential: Credential) -> State:
        """Say whether a link works, as far as one can know without asking."""
        is_ended = credential.last_error == REFUSED or self._open(credential.access_token_enc) is None
        return "relink_required" if is_ended else "linked"

    async def find_token(self, user_id: UUID) -> AccessToken:
        """Return a token that is good for a minute at least.

        :raises ProblemError: 404 mangacollec_not_linked, 409 mangacollec_relink_required, 502, 503, 504.
        """
        credential = await self.find(user_id)
        if self.state(credential) == "relink_required":
            raise problems.relink_required()
        token = self._read(credential)
        if token is None:
            token = await self._mangacollec.share(user_id, lambda: self._refresh(user_id))
        return token

    def _read(self, credential: Credential) -> AccessToken | None:
        """Return the token that is stored, if it lasts."""
        text, expires_at = self._open(credential.access_token_enc), credential.token_expires_at
        if text is None or expires_at is None or expires_at - datetime.now(UTC) < MARGIN:
            return None
        return AccessToken(text=text, expires_at=expires_at, account_id=credential.external_user_id)

    def _open(self, sealed: bytes | None) -> str | None:
        return None if sealed is None else self._keys.vault.open(sealed)

    async def _refresh(self, user_id: UUID) -> AccessToken:
        async with self._mangacollec.converse() as conversation, self._database.session() as session:
            outcome = await self._refresh_locked(conversation, session, user_id)
        # raised after the commit: that a link has ended has to last
        if isinstance(outcome, ProblemError):
            raise outcome
        return outcome

    async def _refresh_locked(
        self, conversation: Conversation, session: AsyncSession, user_id: UUID
    ) -> AccessToken | ProblemError:
        credential = await Credentials(session).lock(user_id)
        if credential is None:
            return problems.not_linked()
        if (token := self._read(credential)) is not None:
            return token  # another replica was faster
        tokens = await self._fetch(conversation, credential)
        if tokens is None:
            await Credentials(session).note_error(user_id, REFUSED)
            return problems.relink_required()
        signed_in = SignedIn(
            account=Account(id=UUID(credential.external_user_id)),
            email=credential.account_email or "",
            tokens=tokens,
            password=self._open(credential.password_enc),
        )
        return await self.store(session, user_id, signed_in)

    async def _fetch(self, conversation: Conversation, credential: Credential) -> TokenAnswer | None:
        """Get new tokens by the refresh token, or else by the password, if it is kept; None when neither is taken.

        Both have the time of one answer together, as the row is locked meanwhile.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._fetch_by_either(conversation, credential)
        except TimeoutError:
            raise problems.timed_out() from None

    async def _fetch_by_either(self, conversation: Conversation, credential: Credential) -> TokenAnswer | None:
        refresh_token, password = self._open(credential.refresh_token_enc), self._open(credential.password_enc)
        if refresh_token is not None:
            try:
                tokens = await conversation.refresh(refresh_token)
            except problems.BadCredentialsError:
                pass
            else:
                kept = tokens.refresh_token or SecretStr(refresh_token)
                return tokens.model_copy(update={"refresh_token": kept})
        if password is None or credential.account_email is None:
            return None
        try:
            return await conversation.sign_in(credential.account_email, password)
        except problems.BadCredentialsError:
            return None


async def get_links(database: DatabaseOf, keys: KeysOf, mangacollec: MangacollecOf, settings: SettingsOf) -> Links:
    """Give a request the links."""
    return Links(database, keys, mangacollec, settings)


LinksOf = Annotated[Links, Depends(get_links)]
