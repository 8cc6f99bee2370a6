"""KServe's InferenceRESTClient: httpx underneath, JSON or octets, no compression of its own."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import numpy as np

from tools.conformance.clients import Ask, Told
from tools.conformance.exchange import PATIENCE_S, Server

_kserve: Final = importlib.import_module("kserve")
_client: Final = importlib.import_module("kserve.inference_client")
_types: Final = importlib.import_module("kserve.protocol.infer_type")
_httpx: Final = importlib.import_module("httpx")

T = TypeVar("T")


class Connected:
    ENCODINGS = ("",)
    DOCUMENTS = ()

    def __init__(self, server: Server) -> None:
        self._url = server.url

    def infer(self, ask: Ask) -> Told:
        response = self._run(lambda client: client.infer(self._url, **_arguments(ask)))
        outputs = {
            output.name: np.asarray(output.as_numpy()).reshape(output.shape)
            for output in response.outputs
        }
        return Told(response.id or "", outputs)

    def error(self, ask: Ask) -> str:
        try:
            self.infer(ask)
        except _httpx.HTTPStatusError as error:
            # ", '404 .." where the client could not read what the server said
            said = str(error).partition(", '")[0]
            assert said, "the client told the status alone"
            return said
        raise AssertionError("the client raised nothing")

    def is_ready(self, model: str, version: str | None) -> bool:
        async def ask(client: Any) -> bool:
            return bool(
                await client.is_server_live(self._url)
                and await client.is_server_ready(self._url)
                and await client.is_model_ready(self._url, _path(model, version))
            )

        return self._run(ask)

    def document(self, what: str, model: str, version: str | None) -> object:
        raise NotImplementedError(what)

    def _run(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        async def run() -> T:
            config = _client.RESTConfig(protocol="v2", timeout=PATIENCE_S)
            async with _client.InferenceRESTClient(config) as client:
                return await ask(client)

        return asyncio.run(run())


def _path(model: str, version: str | None) -> str:
    # the client knows no versions, and puts the name into the path as it is
    return model if version is None else f"{model}/versions/{version}"


def _arguments(ask: Ask) -> dict[str, Any]:
    inputs = []
    for tensor in ask.inputs:
        posted = _kserve.InferInput(tensor.name, tensor.shape, tensor.datatype)
        posted.set_data_from_numpy(tensor.values, binary_data=ask.binary_in)
        inputs.append(posted)
    outputs = ask.outputs and [
        _types.RequestedOutput(name, {"binary_data": ask.binary_out}) for name in ask.outputs
    ]
    request = _kserve.InferRequest(
        ask.model, inputs, request_id=ask.id or None, request_outputs=outputs
    )
    return {"data": request, "model_name": _path(ask.model, ask.version)}
