"""The Auth API: profiles, sessions and the link to Mangacollec."""

from collections.abc import Sequence

from booksync_api_auth.api.routers import ROUTERS
from booksync_api_auth.commands import create_admin, reset_password
from booksync_api_auth.keys import Keys
from booksync_api_auth.mangacollec.part import Mangacollec
from booksync_api_auth.passwords import Passwords
from booksync_api_auth.program import PROGRAM
from booksync_api_auth.settings import AuthSettings
from booksync_api_auth.tables import METADATA
from booksync_common.parts import Part
from booksync_common.service import Service


def make_parts(settings: AuthSettings) -> Sequence[Part]:
    """Make what the service has beside its database."""
    return Keys(settings), Passwords(settings), Mangacollec(settings)


SERVICE = Service(
    program=PROGRAM,
    title="BookSync Auth API",
    settings=AuthSettings,
    metadata=METADATA,
    routers=ROUTERS,
    max_body=256 * 1024,  # the largest that anybody means has an avatar of 64 KiB in it
    parts=make_parts,
    commands={
        "create-admin": create_admin,
        "reset-password": reset_password,
    },
)
