"""The short way to the endpoints that are asked most."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.transport import problem_details


class ShortCut:
    """
    ASGI: calls some endpoints itself, in place of the framework's way to them.

    That way (telemetry, middleware, matching of routes, exit stacks, dependencies) costs as much
    as the forecast. What it does for these endpoints is nothing else: they read their body
    themselves and answer with a response of their own. They are routes all the same, so they are
    in the OpenAPI document, and what is not exactly a POST to their path goes the long way.
    """

    def __init__(
        self, app: ASGIApp, posts: Mapping[str, Callable[[Request], Awaitable[Response]]]
    ) -> None:
        """Stand before `app`, and call those of `posts`, by path."""
        self._app = app
        self._posts = posts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the framework."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in self._posts:
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        scope["seen"].route = path
        try:
            response = await self._posts[path](Request(scope, receive))
        except Exception as error:  # noqa: BLE001 - the caller gets an answer, the log the reason
            scope["seen"].code = problem_details.kind_of(error).code
            response = problem_details.response_for(error, path)
        await response(scope, receive, send)
