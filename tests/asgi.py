"""An app in this process and on this event loop, asked without a server between."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


class Client:
    """Asks an app whose lifespan has begun."""

    def __init__(self, app: ASGIApp, state: dict[str, Any]) -> None:
        self._app = app
        self.state = state

    async def post(self, path: str, body: bytes, *, root_path: str = "") -> Answer:
        left = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if left:
                return left.pop()
            # the client waits for its answer, and stays
            return await asyncio.Event().wait() and {}

        return await self.exchange(path, receive, len(body), root_path)

    async def exchange(self, path: str, receive: Any, length: int, root_path: str = "") -> Answer:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": root_path + path,
            "raw_path": path.encode(),
            "root_path": root_path,
            "scheme": "http",
            "query_string": b"",
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % length),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "state": self.state.copy(),
        }
        await self._app(scope, receive, send)
        start, *parts = sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(
            start["status"], headers, json.loads(b"".join(part["body"] for part in parts))
        )


@contextlib.asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[Client]:
    """Begin the app's lifespan, and end it."""
    state: dict[str, Any] = {}
    begun, stop = asyncio.Event(), asyncio.Event()
    told: asyncio.Queue[Message] = asyncio.Queue()
    told.put_nowait({"type": "lifespan.startup"})

    async def send(message: Message) -> None:
        assert message["type"].endswith("complete"), message
        (stop if begun.is_set() else begun).set()

    living = asyncio.ensure_future(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}, told.get, send)
    )
    await begun.wait()
    try:
        yield Client(app, state)
    finally:
        told.put_nowait({"type": "lifespan.shutdown"})
        await stop.wait()
        await living
