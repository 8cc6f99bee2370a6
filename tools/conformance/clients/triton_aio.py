"""tritonclient, asynchronous: everything is called octets, aiohttp underneath."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from tools.conformance.clients import Ask, Told, triton
from tools.conformance.exchange import PATIENCE_S, Server

_aio: Final = importlib.import_module("tritonclient.http.aio")

T = TypeVar("T")


class Connected:
    ENCODINGS = triton.Connected.ENCODINGS
    DOCUMENTS = triton.Connected.DOCUMENTS

    def __init__(self, server: Server) -> None:
        self._server = server

    def infer(self, ask: Ask) -> Told:
        arguments = triton.arguments(ask)
        return triton.told(self._run(lambda client: client.infer(**arguments)))

    def error(self, ask: Ask) -> str:
        try:
            self.infer(ask)
        except triton.Refused as error:
            return triton.said(error)
        raise AssertionError("the client raised nothing")

    def is_ready(self, model: str, version: str | None) -> bool:
        async def ask(client: Any) -> bool:
            return bool(
                await client.is_server_live()
                and await client.is_server_ready()
                and await client.is_model_ready(model, version or "")
            )

        return self._run(ask)

    def document(self, what: str, model: str, version: str | None) -> object:
        method, arguments = triton.call(what, model, version)
        return self._run(lambda client: getattr(client, method)(*arguments))

    def _run(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        async def run() -> T:
            async with _aio.InferenceServerClient(
                self._server.authority, ssl=self._server.is_secure, conn_timeout=PATIENCE_S
            ) as client:
                return await ask(client)

        return asyncio.run(run())
