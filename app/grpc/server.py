"""The gRPC server, on the event loop of the HTTP service."""

import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Final, TypeAlias

import grpc
from grpc import aio

from app.grpc.coalescing import CallCoalescer
from app.grpc.interceptor import READS_S, Answering, CallInterceptor, refuse_unknown
from app.grpc.servicer import Servicer
from app.serving.app_state import AppState
from app.settings import Settings

_log = logging.getLogger(__name__)

SERVICE: Final = "inference.GRPCInferenceService"
_IDLE_MS: Final = 300_000
"""A connection without calls for so long is closed."""

_Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


@contextlib.asynccontextmanager
async def serving(state: AppState, settings: Settings, *, version: str) -> AsyncIterator[int]:
    """
    Serve the Open Inference Protocol on `grpc_port` of the settings; give the port, where it is 0.

    `version` is the server's own. At the end no new call is taken, and those under way finish.
    Raises OSError where the port cannot be had.
    """
    server = aio.server(
        maximum_concurrent_rpcs=settings.max_waiting + settings.max_batches,
        options=[
            ("grpc.max_receive_message_length", settings.max_batch_body_bytes),
            ("grpc.max_connection_idle_ms", _IDLE_MS),
            # only where it is meant: otherwise two services would share a port unnoticed
            ("grpc.so_reuseport", int(settings.workers != 1)),
        ],
    )
    coalescer = CallCoalescer()
    server.add_generic_rpc_handlers((_Methods(state, version, coalescer),))
    port = _listen(server, settings)
    await server.start()
    _log.info("the Open Inference Protocol is spoken by gRPC on port %d", port)
    try:
        yield port
    finally:
        coalescer.is_last = True
        await server.stop(settings.deadline_seconds + READS_S)


class _Methods(grpc.GenericRpcHandler):
    """Finds who answers a call."""

    def __init__(self, state: AppState, version: str, coalescer: CallCoalescer) -> None:
        self._known = {
            f"/{SERVICE}/{name}": _handler(CallInterceptor(state, name, method, coalescer).answer)
            for name, method in Servicer(state, version, coalescer).methods.items()
        }
        self._unknown = _handler(partial(refuse_unknown, state))

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> _Handler:
        return self._known.get(handler_call_details.method, self._unknown)


def _handler(answer: Answering) -> _Handler:
    handler: _Handler = grpc.stream_stream_rpc_method_handler(answer)
    return handler


def _listen(server: aio.Server, settings: Settings) -> int:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{settings.grpc_port}"
    try:
        if settings.tls_certificate is None or settings.tls_key is None:
            return server.add_insecure_port(address)
        pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
        return server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    except RuntimeError as error:
        raise OSError(f"NEXTDAY_GRPC_PORT: {error}") from None
