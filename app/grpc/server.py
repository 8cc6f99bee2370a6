"""The gRPC server, on the event loop of the HTTP service."""

import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Final, TypeAlias

import grpc
from grpc import aio

from app.grpc.call_slots import CallSlots
from app.grpc.coalescing import CallCoalescer
from app.grpc.interceptor import READS_S, Answering, CallInterceptor, Shared, refuse_unknown
from app.grpc.message_reader import MessageReader
from app.grpc.servicer import Servicer
from app.serving.app_state import AppState
from app.settings import Settings

_log = logging.getLogger(__name__)

SERVICE: Final = "inference.GRPCInferenceService"
_IDLE_MS: Final = 300_000
"""A connection without calls for so long is closed."""
_OLDEST_MS: Final = 600_000
"""
So old a connection is asked to end: its client goes on by another one, and what it has not read by
the end of the deadline is given up, which else could be held for good.
"""
_SLOW_BYTES: Final = 2**27
"""That messages may take which do not come at once."""
_READ_AHEAD: Final = 2**16
"""Bytes that gRPC takes of a message before we ask for it."""
_METADATA_BYTES: Final = 2**14
"""Of the metadata of a call."""

_Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


@contextlib.asynccontextmanager
async def serving(state: AppState, settings: Settings, *, version: str) -> AsyncIterator[int]:
    """
    Serve the Open Inference Protocol on `grpc_port` of the settings; give the port, where it is 0.

    `version` is the server's own. At the end no new call is taken, and those under way finish.
    Raises OSError where the port cannot be had.
    """
    server = aio.server(options=_options(settings))
    coalescer = CallCoalescer()
    shared = Shared(
        coalescer,
        CallSlots(_most_calls(settings)),
        MessageReader(settings.receive_seconds, _SLOW_BYTES, settings.max_batch_body_bytes),
    )
    server.add_generic_rpc_handlers((_Methods(state, version, shared),))
    port = _listen(server, settings)
    await server.start()
    _log.info("the Open Inference Protocol is spoken by gRPC on port %d", port)
    try:
        yield port
    finally:
        coalescer.is_last = True
        await server.stop(settings.deadline_seconds + READS_S)


def _most_calls(settings: Settings) -> int:
    """Return how many calls can wait for anything: for a run, or a thread."""
    return settings.max_waiting + settings.max_batches


def _options(settings: Settings) -> list[tuple[str, int]]:
    """Return gRPC's channel arguments; where they bound nothing, gRPC does not either."""
    return [
        ("grpc.max_receive_message_length", settings.max_batch_body_bytes),
        # of one connection; its client keeps further ones back until there is room
        ("grpc.max_concurrent_streams", max(1, _most_calls(settings) // 4)),
        # one bound: between two, gRPC refuses at random
        ("grpc.max_metadata_size", _METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
        ("grpc.http2.lookahead_bytes", _READ_AHEAD),
        # which would let a fast connection send more ahead
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_connection_idle_ms", _IDLE_MS),
        ("grpc.max_connection_age_ms", _OLDEST_MS),
        ("grpc.max_connection_age_grace_ms", int(1000 * (settings.deadline_seconds + READS_S))),
        # only where it is meant: otherwise two services would share a port unnoticed
        ("grpc.so_reuseport", int(settings.workers != 1)),
    ]


class _Methods(grpc.GenericRpcHandler):
    """Finds who answers a call."""

    def __init__(self, state: AppState, version: str, shared: Shared) -> None:
        self._known = {
            f"/{SERVICE}/{name}": _handler(CallInterceptor(state, name, method, shared).answer)
            for name, method in Servicer(state, version, shared.coalescer).methods.items()
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
