"""Requests to the service: in this process, or wherever it runs."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode, urlsplit

from starlette.types import ASGIApp, Message

from app.main import create_app
from app.settings import Settings


class Answer(NamedTuple):
    """A status, and the JSON below it; None where that is none."""

    status: int
    body: Any

    @property
    def detail(self) -> str:
        """What a refusal says."""
        return str(self.body.get("detail", "")) if isinstance(self.body, dict) else ""

    @property
    def warnings(self) -> list[dict[str, Any]]:
        """The warnings of an answer."""
        return self.body.get("warnings") or [] if isinstance(self.body, dict) else []


class Asker(Protocol):
    """A way to the service."""

    async def post(
        self, path: str, query: dict[str, str], content: bytes, media_type: str
    ) -> Answer:
        """Post a body, and return the answer to it."""


def _answer(status: int, content: bytes) -> Answer:
    try:
        return Answer(status, json.loads(content))
    except ValueError:
        return Answer(status, None)


class InProcess:
    """Asks an app on this event loop, whose lifespan has begun."""

    def __init__(self, app: ASGIApp, state: dict[str, Any]) -> None:
        """Take the app, and what its lifespan has made."""
        self._app, self._state = app, state

    async def post(
        self, path: str, query: dict[str, str], content: bytes, media_type: str
    ) -> Answer:
        """Post a body, and return the answer to it."""
        sent: list[Message] = []
        left = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> Message:
            # the client stays until it has its answer
            return left.pop() if left else await asyncio.Event().wait() and {}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": urlencode(query).encode(),
            "headers": [
                (b"content-type", media_type.encode()),
                (b"accept", b"application/json"),
                (b"content-length", b"%d" % len(content)),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "state": self._state.copy(),
        }
        await self._app(scope, receive, send)
        start, *parts = sent
        return _answer(start["status"], b"".join(part["body"] for part in parts))


class ByHttp:
    """Asks a service that runs elsewhere, by one connection."""

    def __init__(self, url: str) -> None:
        """Take the service's address."""
        parts = urlsplit(url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.netloc, timeout=60)
        self._root = parts.path.rstrip("/")

    async def post(
        self, path: str, query: dict[str, str], content: bytes, media_type: str
    ) -> Answer:
        """Post a body, and return the answer to it."""
        target = f"{self._root}{path}?{urlencode(query)}"
        headers = {"Content-Type": media_type, "Accept": "application/json"}
        for attempt in (1, 2):
            try:
                self._connection.request("POST", target, content, headers)
                response = self._connection.getresponse()
                return _answer(response.status, response.read())
            except (http.client.HTTPException, ConnectionError):
                # an idle connection may have been ended
                self._connection.close()
                if attempt == 2:
                    raise
        raise AssertionError


@contextlib.asynccontextmanager
async def asking(url: str | None, models: Path) -> AsyncIterator[Asker]:
    """Give a way to the service at an address, or to one of these models in this process."""
    if url is not None:
        yield ByHttp(url)
        return
    app = create_app(Settings(models=models, request_log=False))
    state: dict[str, Any] = {}
    messages: asyncio.Queue[Message] = asyncio.Queue()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def send(message: Message) -> None:
        assert message["type"].endswith("complete"), message
        (ended if begun.is_set() else begun).set()

    messages.put_nowait({"type": "lifespan.startup"})
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
    living = asyncio.ensure_future(app(scope, messages.get, send))
    await begun.wait()
    try:
        yield InProcess(app, state)
    finally:
        messages.put_nowait({"type": "lifespan.shutdown"})
        await ended.wait()
        await living
