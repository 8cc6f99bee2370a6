"""tritonclient, synchronous: no content type, gevent underneath."""

import importlib
from typing import Any, Final

from tools.conformance.clients import Ask, Told
from tools.conformance.exchange import PATIENCE_S, Server

_http: Final = importlib.import_module("tritonclient.http")
Refused: Final = importlib.import_module("tritonclient.utils").InferenceServerException

DECODING: Final = "an exception occurred in the client"
"""How the client begins where an error was not as it reads them."""


class Connected:
    ENCODINGS = ("", "gzip", "deflate")
    DOCUMENTS = ("server", "model", "config", "index", "stats")

    def __init__(self, server: Server) -> None:
        self._client = _http.InferenceServerClient(
            server.authority,
            ssl=server.is_secure,
            connection_timeout=PATIENCE_S,
            network_timeout=PATIENCE_S,
        )

    def infer(self, ask: Ask) -> Told:
        return told(self._client.infer(**arguments(ask)))

    def error(self, ask: Ask) -> str:
        try:
            self._client.infer(**arguments(ask))
        except Refused as error:
            return said(error)
        raise AssertionError("the client raised nothing")

    def is_ready(self, model: str, version: str | None) -> bool:
        client = self._client
        return bool(
            client.is_server_live()
            and client.is_server_ready()
            and client.is_model_ready(model, version or "")
        )

    def document(self, what: str, model: str, version: str | None) -> object:
        method, arguments_ = call(what, model, version)
        return getattr(self._client, method)(*arguments_)


def arguments(ask: Ask) -> dict[str, Any]:
    """Return what `infer` takes; both of tritonclient's take the same."""
    inputs = []
    for tensor in ask.inputs:
        posted = _http.InferInput(tensor.name, tensor.shape, tensor.datatype)
        posted.set_data_from_numpy(tensor.values, binary_data=ask.binary_in)
        inputs.append(posted)
    outputs = ask.outputs and [
        _http.InferRequestedOutput(name, binary_data=ask.binary_out) for name in ask.outputs
    ]
    return {
        "model_name": ask.model,
        "model_version": ask.version or "",
        "inputs": inputs,
        "outputs": outputs,
        "request_id": ask.id,
        "request_compression_algorithm": ask.encoding or None,
        "response_compression_algorithm": ask.encoding or None,
    }


def told(result: Any) -> Told:
    """Return what an InferResult holds."""
    response = result.get_response()
    names = [output["name"] for output in response["outputs"]]
    return Told(response.get("id", ""), {name: result.as_numpy(name) for name in names})


def said(error: Any) -> str:
    """Return what the server said; raise AssertionError where the client could not read it."""
    message = str(error.message())
    assert not message.startswith(DECODING), message.splitlines()[0]
    return message


def call(what: str, model: str, version: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the method that asks for a document, and its arguments."""
    return {
        "server": ("get_server_metadata", ()),
        "model": ("get_model_metadata", (model, version or "")),
        "config": ("get_model_config", (model, version or "")),
        "index": ("get_model_repository_index", ()),
        "stats": ("get_inference_statistics", (model, version or "")),
    }[what]
