"""The documentation page: Swagger UI on the OpenAPI document, with all its files from here, under a strict policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOLDER: Final = Path(__file__).parent
_SHOWN: Final = (
    ("/docs", "index.html", "text/html"),
    ("/docs/start.js", "start.js", "text/javascript"),
    ("/docs/swagger-ui-bundle.js", "swagger-ui/swagger-ui-bundle.js", "text/javascript"),
    ("/docs/swagger-ui.css", "swagger-ui/swagger-ui.css", "text/css"),
)
_POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src data:",  # the icons of the style sheet
    "connect-src 'self'",  # the document, and what is tried out
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
_HEADERS: Final = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # a browser keeps it, and asks whether it is still the same
}


def viewer_routes() -> list[Route]:
    """The page, and what it loads."""
    return [Route(path, _show(_FOLDER / file, media_type)) for path, file, media_type in _SHOWN]


def _show(file: Path, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def show(request: Request) -> Response:
        content, etag = await run_in_threadpool(_read, file)
        headers = {**_HEADERS, "ETag": etag}
        if etag in request.headers.get("if-none-match", ""):
            return Response(None, HTTPStatus.NOT_MODIFIED, headers)
        return Response(content, headers=headers, media_type=media_type)

    return show


@cache
def _read(file: Path) -> tuple[bytes, str]:
    """A file, and its `ETag`."""
    content = file.read_bytes()
    return content, f'"{sha256(content).hexdigest()}"'
