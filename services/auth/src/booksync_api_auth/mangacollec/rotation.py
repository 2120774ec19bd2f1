"""Encrypt with today's key what yesterday's has closed; done at each start, so that an old key can be taken away."""

import logging

from sqlalchemy.ext.asyncio import AsyncConnection

from booksync_api_auth.repositories.credentials import list_of_other_keys, save_rotated
from booksync_api_auth.vault import Vault

logger = logging.getLogger(__name__)


async def rotate(connection: AsyncConnection, vault: Vault) -> None:
    """Rotate what can be; a link whose key is gone is shown as `relink_required`."""
    done = lost = 0
    for credential in await list_of_other_keys(connection, vault.key_id):
        sealed = {
            "access_token_enc": credential.access_token_enc,
            "refresh_token_enc": credential.refresh_token_enc,
            "password_enc": credential.password_enc,
        }
        rotated = {name: None if value is None else vault.rotate(value) for name, value in sealed.items()}
        if any(rotated[name] is None for name, value in sealed.items() if value is not None):
            lost += 1
            continue
        await save_rotated(connection, credential.user_id, key_id=vault.key_id, **rotated)
        done += 1
    await connection.commit()
    if done:
        logger.info("%s links to Mangacollec are encrypted with the newest key now", done)
    if lost:
        logger.warning(
            "%s links to Mangacollec cannot be decrypted: add the earlier key to CREDENTIALS_KEY (NEW,OLD), or"
            " let their users link again",
            lost,
        )
