"""Around every request: an id, a key, a deadline, and one record of what became of it."""

import asyncio
from collections.abc import Container
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import NextdayError, TooLate
from app.observability import request_record
from app.observability.request_record import REQUEST_ID, UNKNOWN, Recorders, RequestRecord
from app.serving.auth import AccessControl, needs_no_key
from app.transport import problem_details
from app.transport.dependencies import route_path

_GONE: Final = 499
"""What nginx logs where a client has left before there was an answer."""


class RequestMiddleware:
    """ASGI: lets a request in, gives it so long, and records it; the rest is another app's."""

    def __init__(self, app: ASGIApp, paths: Container[str], deadline_s: float) -> None:
        """Stand before `app`, which has these paths and may take so long for each request."""
        self._app = app
        self._paths = paths
        self._deadline_s = deadline_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = route_path(scope)
        # the fast path has let a request in that it hands on
        is_admitted = "record" in scope
        if not is_admitted:
            # who is refused gets no further, and is recorded all the same
            route = path if path in self._paths else UNKNOWN
            scope["record"] = request_record.begin(route, scope["headers"])
        record: RequestRecord = scope["record"]
        sending = _Sending(send, record, is_head=scope["method"] == "HEAD")
        if sending.is_head:
            # wherever GET answers, HEAD does; a copy, since the server looks at its own
            scope = {**scope, "method": "GET"}
        try:
            with scope["state"]["bodies"].reserve() as scope["room"]:
                await self._answer(
                    scope, receive, sending, is_admitted=is_admitted or needs_no_key(path)
                )
        finally:
            found = scope.get("route")
            if record.route == UNKNOWN and found is not None:
                record.route = found.path
            recorders: Recorders = scope["state"]["recorders"]
            recorders.record(record, sending.status or _GONE)

    async def _answer(
        self, scope: Scope, receive: Receive, sending: "_Sending", *, is_admitted: bool
    ) -> None:
        access: AccessControl = scope["state"]["access"]
        record: RequestRecord = scope["record"]
        try:
            if not is_admitted:
                record.caller = access.admit(scope["headers"])
                scope["state"]["bodies"].admit()
            async with asyncio.timeout(self._deadline_s):
                await self._app(scope, receive, sending)
        except (NextdayError, TimeoutError) as error:
            known = error if isinstance(error, NextdayError) else TooLate()
            record.code = problem_details.kind_of(known).code
            # of an answer that has begun, the end cannot be another
            if not sending.status:
                response = problem_details.response_for(known, route_path(scope))
                await response(scope, receive, sending)
        except Exception:
            # the framework has answered and logged it, and raises it once more for the server
            if not sending.status:
                raise


class _Sending:
    """Sends on, with the request's id; and knows the status that was sent."""

    def __init__(self, send: Send, record: RequestRecord, *, is_head: bool) -> None:
        self._send = send
        self._id = (REQUEST_ID, record.id.encode())
        self.is_head = is_head
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[Any] = [*message.get("headers", ()), self._id]
            message = {**message, "headers": headers}
        elif self.is_head:
            message = {**message, "body": b""}
        await self._send(message)
