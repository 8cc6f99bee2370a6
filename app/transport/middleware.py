"""Around every request: an id, a key, a deadline, and one telling of what became of it."""

import asyncio
from collections.abc import Container
from typing import TYPE_CHECKING, Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import NextdayError, TooLate
from app.observability import request_record
from app.observability.request_record import REQUEST_ID, UNKNOWN, RequestRecord
from app.serving.auth import needs_no_key
from app.transport import problem_details

if TYPE_CHECKING:
    from app.serving.app_state import AppState

_GONE: Final = 499
"""What nginx logs where a client has left before there was an answer."""

_HTTP: Final = "http"


class RequestMiddleware:
    """ASGI: lets a request in, gives it so long, and tells of it; the rest is another app's."""

    def __init__(self, app: ASGIApp, paths: Container[str], deadline_s: float) -> None:
        """Stand before `app`, which has these paths and may take so long for each request."""
        self._app = app
        self._paths = paths
        self._deadline_s = deadline_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != _HTTP:
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        # who is refused gets no further, and is told by it all the same
        request = request_record.begin(path if path in self._paths else UNKNOWN, scope["headers"])
        scope["seen"] = request
        sending = _Sending(send, request)
        try:
            await self._answer(scope, receive, sending)
        finally:
            route = scope.get("route")
            if request.route == UNKNOWN and route is not None:
                request.route = route.path
            state: AppState = scope["state"]
            state["recorders"].record(request, sending.status or _GONE)

    async def _answer(self, scope: Scope, receive: Receive, sending: "_Sending") -> None:
        state: AppState = scope["state"]
        try:
            if not needs_no_key(scope["path"]):
                request: RequestRecord = scope["seen"]
                request.caller = state["access"].caller(scope["headers"])
                if "admitted" not in scope:
                    # or protocol.py has counted it
                    state["access"].admit(request.caller)
            async with asyncio.timeout(self._deadline_s):
                await self._app(scope, receive, sending)
        except (NextdayError, TimeoutError) as error:
            await self._refuse(
                error if isinstance(error, NextdayError) else TooLate(), scope, receive, sending
            )

    async def _refuse(
        self, error: NextdayError, scope: Scope, receive: Receive, sending: "_Sending"
    ) -> None:
        scope["seen"].code = problem_details.kind_of(error).code
        # of an answer that has begun, the end cannot be another
        if not sending.status:
            response = problem_details.response_for(error, scope["path"])
            await response(scope, receive, sending)


class _Sending:
    """Sends on, with the request's id; and knows the status that was sent."""

    def __init__(self, send: Send, request: RequestRecord) -> None:
        self._send = send
        self._id = (REQUEST_ID, request.id.encode())
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[Any] = [*message.get("headers", ()), self._id]
            message = {**message, "headers": headers}
        await self._send(message)
