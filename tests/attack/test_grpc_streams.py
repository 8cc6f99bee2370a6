"""gRPC streams that hold slots: opened, and then nothing is sent or nothing is read."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import pytest
from grpc import StatusCode, aio

from app.grpc import inference_pb2 as pb
from app.grpc import server
from tests.attack.partial_messages import PartialMessages
from tests.builders import publish_quantiles
from tests.grpc_calls import (
    KEY,
    MANY,
    WINDOW,
    Service,
    outcomes,
    refusal,
    request,
    run,
    until,
    windows,
)
from tools.testbed.service import RSS_SLACK_MIB, serving
from tools.testbed.waiting import PATIENCE_S

OTHER = "another key of more than sixteen characters"
PATIENT = {"receive_seconds": PATIENCE_S, "deadline_seconds": PATIENCE_S}
"""So that no stream ends because its time is over."""
LARGEST_MIB = 32
SLOW = 128 // LARGEST_MIB
"""Streams that may be slow: as many of the largest messages as fit into 128 MiB."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish_quantiles(tmp_path, window=WINDOW)
    return tmp_path


class Streams:
    """Calls that are begun, on a connection of their own, and send nothing until they are told."""

    def __init__(self, service: Service, *, key: str | None = None) -> None:
        options = [
            # without this all channels of a process share their connections
            ("grpc.use_local_subchannel_pool", 1),
            # and with this one would take answers that nobody reads
            ("grpc.http2.bdp_probe", 0),
            ("grpc.max_receive_message_length", -1),
        ]
        self._channel = aio.insecure_channel(f"127.0.0.1:{service.port}", options=options)
        self._metadata = (("x-api-key", key),) if key else ()
        self._comes = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    def open(self, name: str, count: int = 1) -> list[Any]:
        asking: Any = self._channel.stream_unary(f"/{server.SERVICE}/{name}")
        return [
            asking(self._message(), metadata=self._metadata, timeout=PATIENCE_S)
            for _ in range(count)
        ]

    def send(self) -> None:
        self._comes.set()

    def ask(self, message: bytes) -> Any:
        """Send a message, and read nothing of its answer."""
        asking: Any = self._channel.unary_stream(f"/{server.SERVICE}/ModelInfer")
        return asking(message, metadata=self._metadata, timeout=PATIENCE_S)

    async def _message(self) -> AsyncIterator[bytes]:
        await self._comes.wait()
        yield request(windows()).SerializeToString()


def refused(service: Service, code: str) -> int:
    """Return how many calls have been refused so."""
    return sum(record.code == code for record, _ in service.told)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("ServerLive", "ok"),
        ("ServerReady", "ok"),
        ("ModelInfer", "unauthorized"),
        ("ModelReady", "unauthorized"),
        ("Unknown", "UNIMPLEMENTED"),
    ],
)
def test_grpc_streams_without_a_key_are_answered_at_once_and_hold_nothing(
    root: Path, name: str, outcome: str
) -> None:
    async def test(service: Service) -> None:
        async with Streams(service) as strangers:
            found = await outcomes(strangers.open(name, 50))
            # a client may take an end that comes while it still begins for a lost connection
            assert {*found} <= {outcome, "UNAVAILABLE"}
            assert found.count(outcome) >= 40
        await service.infer(request(windows()), x_api_key=KEY)

    run(test, root, api_keys=(KEY,), max_waiting=3, max_batches=1, **PATIENT)


def test_grpc_streams_that_never_send_make_room_for_who_does(root: Path) -> None:
    async def test(service: Service) -> None:
        async with contextlib.AsyncExitStack() as stack:
            silent = [await stack.enter_async_context(Streams(service)) for _ in range(4)]
            calls = [call for each in silent for call in each.open("ModelInfer", 10)]
            while refused(service, "too_busy") < 40 - SLOW:
                # whoever sends is served all the time
                await service.infer(request(windows()))
                await asyncio.sleep(0.05)
            ended = [call for call in calls if call.done()]
            assert await outcomes(ended) == ["too_busy"] * len(ended)
            # those that may be slow are still waited for, but for one where ours came just then
            for each in silent:
                each.send()
            assert (await outcomes(calls)).count("ok") in {SLOW - 1, SLOW}

    run(test, root, **PATIENT)


def test_grpc_streams_of_one_connection_leave_room_for_others(root: Path) -> None:
    async def test(service: Service) -> None:
        async with Streams(service) as silent:
            calls = silent.open("ModelInfer", 50)
            for _ in range(10):
                await service.infer(request(windows()))
                await asyncio.sleep(0.05)
            assert not any(call.done() for call in calls)

    run(test, root, max_waiting=3, max_batches=1, **PATIENT)


def test_grpc_streams_of_one_key_leave_room_for_another(root: Path) -> None:
    async def test(service: Service) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(10):
                streams = await stack.enter_async_context(Streams(service, key=KEY))
                streams.open("ModelInfer")
            # half of the eight slots are for whoever else comes
            await until(lambda: refused(service, "too_busy") == 10 - 4)
            for _ in range(10):
                await service.infer(request(windows()), x_api_key=OTHER)
            asking = service.infer(request(windows()), x_api_key=KEY)
            await refusal(asking, StatusCode.RESOURCE_EXHAUSTED, "too_busy")

    run(test, root, api_keys=(KEY, OTHER), max_waiting=3, max_batches=1, **PATIENT)


def test_grpc_streams_of_one_key_do_not_end_a_slow_one_of_another(root: Path) -> None:
    async def test(service: Service) -> None:
        async with Streams(service, key=OTHER) as slow, Streams(service, key=KEY) as silent:
            [call] = slow.open("ModelInfer")
            await asyncio.sleep(0.2)
            silent.open("ModelInfer", 30)
            await until(lambda: refused(service, "too_busy") == 31 - SLOW)
            slow.send()
            assert pb.ModelInferResponse.FromString(await call).model_name == "default"

    run(test, root, api_keys=(KEY, OTHER), **PATIENT)


def test_grpc_streams_whose_answers_are_never_read_end_with_their_connection(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_OLDEST_MS", 1000)
    many = request(MANY).SerializeToString()

    async def test(service: Service) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(2):
                service.told.clear()
                streams = await stack.enter_async_context(Streams(service, key=KEY))
                unread = streams.ask(many)
                await until(lambda: bool(service.told))
                assert not unread.done()
                assert service.told[0][1] == 200
            # they hold all slots that their key may have, and in the end none
            asking = service.infer(request(windows()), x_api_key=KEY)
            await refusal(asking, StatusCode.RESOURCE_EXHAUSTED, "too_busy")
            found: list[str] = []
            while found != ["ok"]:
                found = await outcomes([service.infer(request(windows()), x_api_key=KEY)])

    run(test, root, api_keys=(KEY,), max_waiting=1, max_batches=1, deadline_seconds=5)


def test_grpc_streams_that_send_a_part_of_a_large_message_take_bounded_memory(models: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    largest = LARGEST_MIB * 2**20
    with (
        serving(models, grpc_port=port) as service,
        contextlib.closing(
            PartialMessages(port, f"/{server.SERVICE}/ModelInfer", streams=100, announced=largest)
        ) as partial,
    ):
        before = service.resident_mib()
        sent = -1
        while partial.sent > sent or partial.ended < 100 - SLOW:
            sent = partial.sent
            partial.flood(0.5)
        # gRPC keeps what it has of a message in pieces, which take up to twice as much, and more
        # comes between two looks: it was 26 times as much without them
        assert service.peak_mib() - before < 3 * SLOW * LARGEST_MIB + RSS_SLACK_MIB
        assert service.is_ready()
