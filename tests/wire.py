"""The service on a port of its own, and requests to it byte by byte."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from uvicorn import Config, Server

from app.__main__ import server_options
from app.main import create_app
from app.settings import Settings
from tests.builders import PRICES
from tools.testbed.waiting import PATIENCE_S

BODY = json.dumps({"prices": PRICES}).encode()


class Connection:
    """One connection to the service, written to and read from byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()
        # by itself, not together with what comes next
        await asyncio.sleep(0.02)

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        content = await self.reader.readexactly(int(headers["content-length"]))
        return int(lines[0].split()[1]), headers, json.loads(content)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Service:
    """The service on a port of its own, as `python -m app` runs it, but in this process."""

    def __init__(self, port: int, server: Server) -> None:
        self.port, self.server = port, server

    async def connect(self) -> Connection:
        return Connection(*await asyncio.open_connection("127.0.0.1", self.port))


@contextlib.asynccontextmanager
async def listening(models: Path, keep_alive_s: int, **settings: Any) -> AsyncIterator[Service]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        chosen = Settings(models=models, keep_alive_seconds=keep_alive_s, **settings)
        config = Config(create_app(chosen), log_config=None, **server_options(chosen))
        server = Server(config)
        serving = asyncio.ensure_future(server.serve(sockets=[bound]))
        while not server.started:  # noqa: ASYNC110 - uvicorn's own, and no event
            await asyncio.sleep(0.01)
        yield Service(bound.getsockname()[1], server)
        server.should_exit = True
        await serving


def run(
    test: Callable[[Service], Coroutine[Any, Any, None]],
    models: Path,
    *,
    keep_alive_s: int = 5,
    **settings: Any,
) -> None:
    async def whole() -> None:
        async with listening(models, keep_alive_s, **settings) as service:
            await asyncio.wait_for(test(service), PATIENCE_S)

    asyncio.run(whole())


def request(
    body: bytes = BODY, *headers: str, path: str = "/predict", version: str = "1.1"
) -> bytes:
    lines = [
        f"POST {path} HTTP/{version}",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
