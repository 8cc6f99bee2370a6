"""
What one request costs, in calls: a slow way that is added by accident fails here.

A call of a function is counted, in Python or compiled; with the same versions of everything the
count is the same each time, however busy the machine is.
"""

import asyncio
import json
import sys
import tracemalloc
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.server import ServerState

from app.api import predict
from app.api.examples import EXAMPLE_BARS, EXAMPLE_PRICES
from app.api.schemas import PredictRequest
from app.fastpath.protocol import ForecastProtocol
from app.inference.model_store import ModelStore
from app.main import create_app
from app.serving.canary import Choice
from app.settings import Settings
from app.transport import request_body
from tests.asgi import running
from tests.builders import publish

PRICES = json.dumps({"prices": EXAMPLE_PRICES}).encode()
BARS = json.dumps({"bars": EXAMPLE_BARS}).encode()
SHIPPED = Path("models")


@pytest.fixture
def closes(tmp_path: Path) -> Path:
    """Publish a model of closes."""
    publish(tmp_path, window=60)
    return tmp_path


def test_prices_take_few_calls(closes: Path) -> None:
    # 331 were counted, a quarter of them by asyncio and as many for the log and the metrics; the
    # rest is room for other versions
    assert calls_by_protocol(closes, PRICES) <= 370


def test_bars_and_intervals_take_few_calls() -> None:
    # 423 were counted
    assert calls_by_protocol(SHIPPED, BARS) <= 470


def test_behind_another_server_prices_take_few_calls_too(closes: Path) -> None:
    # 404 were counted
    assert calls(create_app(Settings(models=closes)), PRICES) <= 450


def test_the_short_way_is_much_shorter_than_the_frameworks(closes: Path) -> None:
    app = create_app(Settings(models=closes))

    # below another root the router finds the same endpoint
    assert calls(app, PRICES) < 0.6 * calls(app, PRICES, root_path="/below")


def calls(app: ASGIApp, body: bytes, *, root_path: str = "") -> int:
    """Return how many calls one request makes, after a few that fill what is kept."""
    return asyncio.run(_calls(app, body, root_path))


async def _calls(app: ASGIApp, body: bytes, root_path: str) -> int:
    count = 0

    def counting(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    async with running(app) as client:
        for _ in range(3):
            await client.post("/predict", body, root_path=root_path)
        sys.setprofile(counting)
        try:
            answer = await client.post("/predict", body, root_path=root_path)
        finally:
            sys.setprofile(None)
    assert answer.status == 200
    return count


class Wire(asyncio.Transport):
    """What a connection's protocol writes to."""

    def __init__(self) -> None:
        super().__init__({})
        self.written: asyncio.Queue[bytes] = asyncio.Queue()

    def write(self, data: Any) -> None:
        self.written.put_nowait(bytes(data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Stay, as nobody reads."""


def calls_by_protocol(models: Path, body: bytes) -> int:
    """Return how many calls one request makes, from its bytes to those of its answer."""
    return asyncio.run(_calls_by_protocol(models, body))


async def _calls_by_protocol(models: Path, body: bytes) -> int:
    request = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    app = create_app(Settings(models=models))
    async with running(app) as client:
        config = Config(app, access_log=False)
        config.load()
        protocol = ForecastProtocol(config, ServerState(), client.state)
        wire = Wire()
        protocol.connection_made(wire)
        count = 0

        def counting(_: FrameType, event: str, __: object) -> None:
            nonlocal count
            count += event in {"call", "c_call"}

        for _ in range(3):
            protocol.data_received(request)
            await wire.written.get()
        sys.setprofile(counting)
        try:
            protocol.data_received(request)
            answer = await wire.written.get()
        finally:
            sys.setprofile(None)
        protocol.connection_lost(None)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    return count


def test_what_waits_holds_little_but_its_prices(closes: Path) -> None:
    store = ModelStore(closes)
    store.refresh()
    choice = Choice(store.current("default"))

    def waiting() -> predict.Question:
        return predict.understand(request_body.parse(PredictRequest, PRICES), choice)

    first = waiting()
    tracemalloc.start()
    try:
        many = [waiting() for _ in range(100)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held / len(many) < len(EXAMPLE_PRICES) * 8 + 400
    assert first.history[:, 0].tolist() == list(EXAMPLE_PRICES)
