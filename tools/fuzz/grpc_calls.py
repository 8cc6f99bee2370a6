"""Calls of every gRPC method with messages made from valid ones, many at once, some held open."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Final

import numpy as np
from grpc import StatusCode, aio

from app.grpc import inference_pb2 as pb
from app.grpc.server import SERVICE
from tools.fuzz.mutations import CANARY

Chance = random.Random
AT_ONCE: Final = 32
_CHANNELS: Final = 4
_DEADLINE_S: Final = 60.0
_HELD_S: Final = 0.05
_FINE: Final = {
    StatusCode.OK,
    StatusCode.INVALID_ARGUMENT,
    StatusCode.NOT_FOUND,
    StatusCode.UNIMPLEMENTED,
    StatusCode.RESOURCE_EXHAUSTED,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.CANCELLED,
}
_METADATA: Final = (
    (),
    (("x-request-id", CANARY),),
    (("authorization", "Bearer " + CANARY),),
    (("traceparent", "00-0-0-01"),),
    (("x-of-theirs", "y" * 3000),),
)


def seeds(name: str, window: int) -> list[tuple[str, bytes]]:
    """Return valid messages, by their methods; the forecasts of a model of bars first."""
    values = np.full((2, window, 4), 100.0) + np.arange(window)[None, :, None]
    shape = [1, window, 4]
    raw = pb.ModelInferRequest(model_name=name, raw_input_contents=[values[:1].tobytes()])
    raw.inputs.add(name="window", datatype="FP64", shape=shape)
    typed = pb.ModelInferRequest(model_name=name)
    tensor = typed.inputs.add(name="window", datatype="FP64", shape=shape)
    tensor.contents.fp64_contents.extend(values[:1].ravel())
    many = pb.ModelInferRequest(
        model_name=name, raw_input_contents=[np.repeat(values, 500, axis=0).tobytes()]
    )
    many.inputs.add(name="window", datatype="FP64", shape=[1000, window, 4])
    infer = [("ModelInfer", each.SerializeToString()) for each in (raw, raw, raw, typed, many)]
    asked = pb.ModelMetadataRequest(name=name, version="1").SerializeToString()
    others = ("ModelMetadata", "ModelReady", "ModelConfig", "ModelStatistics")
    return [
        *infer,
        *((method, asked) for method in others),
        *((method, b"") for method in ("ServerLive", "ServerReady", "ServerMetadata")),
        ("RepositoryIndex", b""),
        ("NoSuchMethod", b"anything"),
    ]


def mutated(chance: Chance, message: bytes) -> bytes:
    """Return a message with some of its bytes changed, lost, repeated or followed by others."""
    body = bytearray(message)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(body) + 1)
        draw = chance.randrange(5)
        if draw == 0 and at < len(body):
            body[at] ^= 1 << chance.randrange(8)
        elif draw == 1:
            body[at:at] = chance.randbytes(chance.choice((1, 4, 40)))
        elif draw == 2:
            del body[at : at + chance.choice((1, 8, 64))]
        elif draw == 3:
            body[at:at] = body[at : at + chance.choice((1, 16, 256))] * chance.choice((1, 9))
        else:
            # members that take more memory once they are parsed
            body += chance.choice((b"\x2a\x00", b"\x22\x02\x0a\x00", b"\x32\x00")) * 2_000
    return bytes(body)


class GrpcFuzz:
    """Calls to a service, and what came of them."""

    def __init__(self, port: int, chance: Chance, named: list[tuple[str, bytes]]) -> None:
        """Call the service on a port."""
        self._port, self._chance, self._seeds = port, chance, named
        self.calls = 0
        self.statuses: Counter[str] = Counter()
        self.violations: Counter[str] = Counter()

    async def run(self, calls: int, seconds: float) -> None:
        """Make so many calls, or as many as there is time for."""
        end = asyncio.get_running_loop().time() + seconds
        channels = [
            aio.insecure_channel(f"127.0.0.1:{self._port}", [("grpc.channel_number", number)])
            for number in range(_CHANNELS)
        ]

        async def some() -> None:
            while self.calls < calls and asyncio.get_running_loop().time() < end:
                self.calls += 1
                await self._call(self._chance.choice(channels))

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        for channel in channels:
            await channel.close()

    async def _call(self, channel: aio.Channel) -> None:
        chance = self._chance
        method, message = chance.choice(self._seeds)
        path, metadata = f"/{SERVICE}/{method}", chance.choice(_METADATA)
        draw = chance.random()
        if draw < 0.03:
            await self._hold(channel, path)
            return
        is_whole = draw < 0.3
        expected = f"call-{self.calls}"
        if not is_whole:
            message = mutated(chance, message)
        elif method == "ModelInfer":
            # an id is field 3, and fields may come in any order
            message += b"\x1a" + bytes([len(expected)]) + expected.encode()
        try:
            ask: Any = channel.unary_unary(path)
            answer: bytes = await ask(message, timeout=_DEADLINE_S, metadata=metadata)
        except aio.AioRpcError as error:
            self._refused(method, error, is_whole=is_whole)
            return
        self.statuses["OK"] += 1
        if method == "ModelInfer" and is_whole:
            given = pb.ModelInferResponse.FromString(answer).id
            if given != expected:
                self.violations[f"an answer to another's call of {method}"] += 1

    def _refused(self, method: str, error: aio.AioRpcError, *, is_whole: bool) -> None:
        code = error.code()
        self.statuses[code.name] += 1
        details = error.details() or ""
        if code not in _FINE:
            self.violations[f"{method}: {code.name}: {details[:100]}"] += 1
        elif is_whole and method != "NoSuchMethod" and code is StatusCode.INVALID_ARGUMENT:
            self.violations[f"{method}: a valid call is refused: {details[:100]}"] += 1
        if CANARY in details or "Traceback" in details:
            self.violations[f"{method}: an error that repeats its call, or shows a traceback"] += 1

    async def _hold(self, channel: aio.Channel, path: str) -> None:
        """Open a call, send nothing, and leave."""

        async def nothing() -> AsyncIterator[bytes]:
            await asyncio.sleep(_HELD_S)
            yield b""

        ask: Any = channel.stream_unary(path)
        call = ask(nothing(), timeout=_DEADLINE_S)
        await asyncio.sleep(_HELD_S / 2)
        call.cancel()
        self.statuses["held"] += 1
