"""A service that speaks gRPC, in this process, and calls to it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import pytest
import uvloop
from google.protobuf.message import Message
from grpc import StatusCode, aio

from app.artifact.manifest import BARS
from app.forecasting.arrays import Floats
from app.grpc import inference_pb2 as pb
from app.grpc import server
from app.main import create_app
from app.observability import metrics
from app.observability.request_record import Recorders, RequestRecord
from app.settings import Settings
from tests import asgi
from tests.builders import (
    random_bars,
    random_walk,
)
from tools.testbed.waiting import PATIENCE_S

if TYPE_CHECKING:
    from app.serving.app_state import AppState

_Answer = TypeVar("_Answer", bound=Message)

WINDOW = 5
KEY = "a key of more than sixteen characters"
VERSION = "1.2.3"


class Service:
    """The service, asked by gRPC on a port of its own and by HTTP within this process."""

    def __init__(
        self,
        http: asgi.Client,
        port: int,
        channel: aio.Channel,
        end: Callable[[], Awaitable[None]],
    ) -> None:
        self.http, self.port, self.channel, self.end = http, port, channel, end
        self.state = cast("AppState", http.state)
        self.told: list[tuple[RequestRecord, int]] = []
        self.state["recorders"] = Recorders([lambda seen, status: self.told.append((seen, status))])

    async def call(
        self, name: str, request: Message, kind: type[_Answer], **metadata: str
    ) -> _Answer:
        """Ask as a generated stub does."""
        answer: bytes = await self.send(name, request.SerializeToString(), **metadata)
        return kind.FromString(answer)

    def send(self, name: str, message: bytes, **metadata: str) -> Any:
        asking: Any = self.channel.unary_unary(f"/{server.SERVICE}/{name}")
        named = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
        return asking(message, metadata=named, timeout=PATIENCE_S)

    async def infer(self, request: pb.ModelInferRequest, **metadata: str) -> pb.ModelInferResponse:
        return await self.call("ModelInfer", request, pb.ModelInferResponse, **metadata)

    def through(self, channel: aio.Channel) -> "Service":
        """Return the same, asked through another channel."""
        return Service(self.http, self.port, channel, self.end)

    async def infer_by_http(self, windows: Floats, **members: Any) -> dict[str, Any]:
        posted = {"name": "window", "shape": windows.shape, "datatype": "FP64"}
        body = {"inputs": [posted | {"data": windows.ravel().tolist()}]} | members
        answer = await self.http.post("/v2/models/default/infer", json.dumps(body).encode())
        assert answer.status == 200, answer.body
        return dict(answer.body)


Test = Callable[[Service], Coroutine[Any, Any, None]]


@contextlib.asynccontextmanager
async def serving(root: Path, **given: Any) -> AsyncIterator[Service]:
    # main starts none of its own: its port is not set
    chosen = Settings(models=root, grpc_port=0, **given)
    async with (
        asgi.running(create_app(Settings(models=root, **given))) as http,
        contextlib.AsyncExitStack() as ending,
    ):
        state = cast("AppState", http.state)
        port = await ending.enter_async_context(server.serving(state, chosen, version=VERSION))
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Service(http, port, channel, ending.aclose)


def run(test: Test, root: Path, **given: Any) -> None:
    async def whole() -> None:
        async with asyncio.timeout(PATIENCE_S), serving(root, **given) as service:
            await test(service)

    uvloop.run(whole())


def windows(count: int = 1, *, fields: int = 4) -> Floats:
    """Return windows of as many successive bars, or closes, (count, sessions, fields)."""
    if fields == 1:
        columns = random_walk(count + WINDOW - 1)[:, None]
    else:
        bars = random_bars(count + WINDOW - 1)
        columns = np.column_stack([bars[field] for field in BARS])
    return np.stack([columns[start : start + WINDOW] for start in range(count)])


MANY = windows(20).repeat(5000, axis=0)


def request(
    posted: Floats,
    *,
    datatype: str = "FP64",
    raw: bool = True,
    outputs: Sequence[str] = (),
    **members: Any,
) -> pb.ModelInferRequest:
    asked = pb.ModelInferRequest(**({"model_name": "default"} | members))
    tensor = asked.inputs.add(name="window", datatype=datatype, shape=posted.shape)
    if raw:
        kept = {"FP64": "<f8", "FP32": "<f4"}[datatype]
        asked.raw_input_contents.append(posted.astype(kept).tobytes())
    else:
        getattr(tensor.contents, f"{datatype.lower()}_contents").extend(posted.ravel().tolist())
    for name in outputs:
        asked.outputs.add(name=name)
    return asked


def tensors(answer: pb.ModelInferResponse) -> dict[str, Floats]:
    return {
        output.name: np.frombuffer(raw, "<f8").reshape(output.shape)
        for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
    }


def by_http(answer: dict[str, Any]) -> dict[str, Floats]:
    return {
        output["name"]: np.array(output["data"]).reshape(output["shape"])
        for output in answer["outputs"]
    }


def assert_same(one: dict[str, Floats], other: dict[str, Floats]) -> None:
    """Assert that two answers are the same, to the last bit."""
    assert list(one) == list(other)
    for name, values in one.items():
        assert values.shape == other[name].shape
        assert values.tobytes() == other[name].tobytes()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.01)


async def refusal(asking: Any, code: StatusCode, word: str | None = None) -> str:
    """Assert that a call is refused; return what it is told."""
    with pytest.raises(aio.AioRpcError) as refused:
        await asking
    error = refused.value
    assert error.code() == code, error
    said = dict(error.trailing_metadata() or ())
    if word is not None:
        assert said["nextday-code"] == word
        assert said["x-request-id"]
    details = str(error.details())
    assert len(details) <= 400
    return details


def counted(line: str) -> float:
    """Return a metric; they add up over the tests of this process."""
    lines = metrics.render().decode().splitlines()
    return sum(float(each.rsplit(" ", 1)[1]) for each in lines if each.startswith(line))


async def outcomes(calls: Sequence[Any]) -> list[str]:
    """Return what became of calls: their status, or our own word for it."""
    found = []
    for answer in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(answer, aio.AioRpcError):
            said = dict(answer.trailing_metadata() or ())
            found.append(str(said.get("nextday-code", answer.code().name)))
        else:
            assert not isinstance(answer, BaseException), answer
            found.append("ok")
    return found
