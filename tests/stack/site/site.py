"""Mangacollec in a container beside the stack: `site.py COLLECTION ACCOUNT`, both files of JSON.

It runs on the CPython of an image of ours, with the fake of the Auth API's tests beside it.
"""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from booksync_auth_testing.mangacollec import Mangacollec

PORT = 8080


@dataclass
class Site(Mangacollec):
    """The site, with one collection."""

    collection: object = None

    def answer(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, object]:
        """Answer a request as the site does."""
        if path != "/v2/users/me/collection":
            return super().answer(path, headers, body)
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.access_tokens:
            return 401, {"errors": ["Unauthorized"]}
        return 200, self.collection


async def serve(site: Site) -> None:
    """Serve until the container ends."""
    site.is_answering.set()
    server = await asyncio.start_server(site.serve, "0.0.0.0", PORT)  # noqa: S104 - in the stack's own network
    await server.serve_forever()


if __name__ == "__main__":
    collection, account = (json.loads(Path(name).read_text()) for name in sys.argv[1:])
    mangacollec = Site(collection=collection)
    mangacollec.add(**account)
    asyncio.run(serve(mangacollec))
