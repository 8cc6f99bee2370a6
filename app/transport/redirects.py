"""A slash too many or too few at the end of a path: the caller is told the path that is there."""

from urllib.parse import quote

from fastapi import FastAPI
from starlette.responses import RedirectResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

_PLAIN = "/:@!$&'()*+,;="
"""Characters that a path may hold as they are (RFC 3986, section 3.3)."""


def install(app: FastAPI) -> None:
    """
    Redirect by path alone, in place of the framework.

    Its own redirects name the host of the caller's `Host` header, which may be anybody's.
    """
    app.router.redirect_slashes = False
    app.router.default = _SlashRedirect(app, app.router.default)


class _SlashRedirect:
    """ASGI: redirects where the other path is there, and leaves all else to `otherwise`."""

    def __init__(self, app: FastAPI, otherwise: ASGIApp) -> None:
        self._app = app
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        other = path.rstrip("/") if path.endswith("/") else f"{path}/"
        if scope["type"] != "http" or not self._is_there({**scope, "path": other}):
            await self._otherwise(scope, receive, send)
            return
        query: bytes = scope["query_string"]
        target = quote(other, safe=_PLAIN) + (f"?{query.decode('latin-1')}" if query else "")
        await RedirectResponse(target)(scope, receive, send)

    def _is_there(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is not Match.NONE for route in self._app.router.routes)
