"""Swagger's page, all of it served from here.

A home network may have no way out, and no other site gets to run scripts in a page in which people type passwords. The
Content-Security-Policy allows what the page has in it and nothing else.
"""

import base64
import hashlib
import re
from importlib import resources
from pathlib import Path

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, HTMLResponse

from booksync_common.problems import ProblemError

#: The package that has Swagger UI in it; its own application is not used.
PACKAGE = "fastapi_offline"
ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}

#: Swagger UI's style sheet has a dark half, which nothing but its own top bar would turn on.
FOLLOW_COLOR_SCHEME = """
<meta name="color-scheme" content="light dark">
<script>
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
</script>
"""

INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def build_policy(html: str) -> str:
    """Allow a page our own files, and its inline scripts by hash."""
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in INLINE_SCRIPT.findall(html)
    ]
    return (
        f"default-src 'none'; script-src 'self' {' '.join(hashes)}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )


def make_router(*, title: str, openapi_url: str) -> APIRouter:
    """Make the address of the page, and those of its files.

    :param openapi_url: relative to the page, so that it is right behind a proxy that adds a prefix.
    """
    page = get_swagger_ui_html(
        openapi_url=openapi_url,
        title=title,
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon.png",
        swagger_ui_parameters={"tryItOutEnabled": True},
    )
    html = bytes(page.body).decode().replace("</head>", f"{FOLLOW_COLOR_SCHEME}</head>", 1)
    headers = {"Content-Security-Policy": build_policy(html)}
    folder = Path(str(resources.files(PACKAGE))) / "static"
    router = APIRouter()

    @router.get("/docs", include_in_schema=False)
    async def get_docs() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)

    @router.get("/docs/{name}", include_in_schema=False)
    async def get_asset(name: str) -> FileResponse:
        if (media_type := ASSETS.get(name)) is None:
            raise ProblemError(404, "not_found", "Not Found")
        return FileResponse(folder / name, media_type=media_type, headers={"Cache-Control": "max-age=3600"})

    return router
