"""Calls that are too many, too late or left, and a server that starts and stops."""

import asyncio
import importlib
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest
import trustme
import uvloop
from grpc import StatusCode, aio

import app.grpc
from app import errors
from app.artifact import rollout
from app.artifact.rollout import Rollout
from app.errors import NextdayError
from app.grpc import inference_pb2 as pb
from app.grpc import server
from app.grpc.interceptor import CODES
from app.main import create_app
from app.settings import Settings
from tests import asgi
from tests.builders import (
    fails_above_graph,
    point,
    publish,
    publish_quantiles,
    slow_graph,
)

if TYPE_CHECKING:
    from app.serving.app_state import AppState

from tests.grpc_calls import (
    MANY,
    VERSION,
    WINDOW,
    Service,
    counted,
    outcomes,
    refusal,
    request,
    run,
    serving,
    until,
    windows,
)
from tools.testbed.waiting import PATIENCE_S


@pytest.fixture
def root(tmp_path: Path) -> Path:
    publish_quantiles(tmp_path, window=WINDOW)
    return tmp_path


@pytest.mark.parametrize(
    ("count", "bound"),
    [
        pytest.param(20, {"max_batches": 1}, id="a few windows"),
        pytest.param(20_000, {"max_batches": 1}, id="many windows"),
    ],
)
def test_those_beyond_what_may_wait_are_told_to_come_back(
    root: Path, count: int, bound: dict[str, int]
) -> None:
    async def test(service: Service) -> None:
        asked = request(windows(20).repeat(count // 20 or 1, axis=0)[:count])
        found = await outcomes([service.infer(asked) for _ in range(30)])
        assert "ok" in found
        assert "too_busy" in found
        assert set(found) == {"ok", "too_busy"}
        # and later they are answered
        await service.infer(asked)

    run(test, root, **bound)


class Eager:
    """Waits for a forecast, and for another one as soon as it has it."""

    def __init__(self, state: "AppState") -> None:
        self.state, self.left = state, False

    def ask(self) -> None:
        model = self.state["store"].current("default")
        self.state["batcher"].put(model, windows()[0], (), self)

    def has_left(self) -> bool:
        return self.left

    def take(self, *_: object) -> None:
        pass

    def send(self) -> None:
        self.ask()

    def fail(self, error: Exception) -> None:
        raise error


def test_where_the_queue_is_full_a_single_window_is_told_to_come_back(root: Path) -> None:
    async def test(service: Service) -> None:
        eager = Eager(service.state)
        eager.ask()
        asked = request(windows())
        await refusal(service.infer(asked), StatusCode.RESOURCE_EXHAUSTED, "too_busy")
        eager.left = True

    run(test, root, max_waiting=1)


def test_an_answer_that_takes_too_long_is_not_waited_for(root: Path) -> None:
    async def test(service: Service) -> None:
        asked = request(MANY)
        await refusal(service.infer(asked), StatusCode.DEADLINE_EXCEEDED, "too_late")
        [(seen, status)] = service.told
        assert (seen.code, status) == ("too_late", 504)

    run(test, root, deadline_seconds=0.05)


def background() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name.startswith("background")}


def test_who_leaves_is_not_answered_and_the_work_ends(root: Path) -> None:
    async def test(service: Service) -> None:
        before = background()
        asking = service.send("ModelInfer", request(MANY).SerializeToString())
        await until(lambda: not background() <= before)
        asking.cancel()
        await until(lambda: bool(service.told))
        [(seen, status)] = service.told
        assert (seen.route, seen.run_s, status) == ("grpc ModelInfer", None, 499)
        # it holds the only place no longer
        await service.infer(request(windows(2)))

    run(test, root, max_batches=1)


def test_who_leaves_before_the_message_has_come_has_left(root: Path) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def test(service: Service) -> None:
        asking: Any = service.channel.stream_unary(f"/{server.SERVICE}/ModelInfer")
        while not service.told:
            # one that has not reached the service is none of its calls
            call = asking(nothing(), timeout=PATIENCE_S)
            await asyncio.sleep(0.1)
            call.cancel()
            await asyncio.sleep(0.1)
        assert {(seen.code, status) for seen, status in service.told} == {(None, 499)}

    run(test, root)


def test_an_error_of_ours_is_told_to_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path, window=WINDOW, graph=fails_above_graph(steps=WINDOW))

    async def test(service: Service) -> None:
        await service.infer(request(np.full((1, WINDOW, 1), 150.0)))
        asking = service.infer(request(np.full((1, WINDOW, 1), 900.0)))
        details = await refusal(asking, StatusCode.INTERNAL, "internal_error")
        assert "log" in details
        assert "onnx" not in details.lower()
        assert service.told[-1][1] == 500

    run(test, tmp_path)
    assert "onnx" in caplog.text.lower()


def test_a_candidate_forecasts_unseen_beside_it(root: Path) -> None:
    publish_quantiles(root, version=2, window=WINDOW)
    point(root, "default", 1)
    unseen = Rollout(candidate=2, mode="shadow", share=1)
    (root / "default" / rollout.ROLLOUT).write_text(unseen.model_dump_json())
    differences = 'nextday_shadow_difference_ratio_count{model="default",version="2"}'

    async def test(service: Service) -> None:
        before = counted(differences)
        assert (await service.infer(request(windows()))).model_version == "1"
        await until(lambda: counted(differences) > before)

    run(test, root)


def test_on_sigterm_it_is_not_ready_and_answers_still(root: Path) -> None:
    def told_again(*_: Any) -> None:
        pytest.fail("the stop came too early")

    async def test(service: Service) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: service.state["shutdown"].begun)
        asked = pb.ServerReadyRequest()
        assert not (await service.call("ServerReady", asked, pb.ServerReadyResponse)).ready
        await service.infer(request(windows()))

    before = signal.signal(signal.SIGTERM, told_again)
    try:
        run(test, root, drain_seconds=60)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_is_under_way_at_the_end_is_finished_and_read(tmp_path: Path) -> None:
    publish(tmp_path, window=WINDOW, graph=slow_graph(steps=WINDOW))
    posted = windows(20, fields=1).repeat(5000, axis=0)

    async def whole() -> None:
        async with serving(tmp_path) as service:
            before = background()
            # streamed, so that the answer is seen before the end of the call
            asking: Any = service.channel.unary_stream(f"/{server.SERVICE}/ModelInfer")
            many = asking(request(posted).SerializeToString(), timeout=PATIENCE_S)
            await until(lambda: not background() <= before)
            ending = asyncio.ensure_future(service.end())
            await asyncio.sleep(0.01)
            assert not many.done()
            await refusal(service.infer(request(windows(fields=1))), StatusCode.UNAVAILABLE)
            answer = pb.ModelInferResponse.FromString(await many.read())
            assert list(answer.outputs[0].shape) == [len(posted)]
            # the connection is closed with its last call: not while an answer is on its way
            await asyncio.sleep(0.05)
            assert not many.done()
            assert await many.code() == StatusCode.OK
            await ending

    uvloop.run(whole())


def test_a_call_that_needs_nearly_all_its_time_is_finished_too(root: Path) -> None:
    async def late() -> AsyncIterator[bytes]:
        await asyncio.sleep(2.5)
        yield pb.ModelReadyRequest(name="default").SerializeToString()

    async def test(service: Service) -> None:
        asking: Any = service.channel.stream_unary(f"/{server.SERVICE}/ModelReady")
        call = asking(late(), timeout=PATIENCE_S)
        await asyncio.sleep(0.05)
        ending = asyncio.ensure_future(service.end())
        assert pb.ModelReadyResponse.FromString(await call).ready
        await ending

    run(test, root, deadline_seconds=4, receive_seconds=4)


@pytest.mark.parametrize("run_loop", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_it_runs_on_either_event_loop(
    root: Path, run_loop: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    async def whole() -> None:
        async with serving(root) as service:
            await service.infer(request(windows()))

    run_loop(whole())


def test_with_a_certificate_it_speaks_tls(root: Path, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    known = grpc.ssl_channel_credentials(authority.cert_pem.bytes())

    async def test(service: Service) -> None:
        async with aio.secure_channel(f"localhost:{service.port}", known) as channel:
            answer = await service.through(channel).infer(request(windows()))
            assert answer.model_name == "default"
        await refusal(service.infer(request(windows())), StatusCode.UNAVAILABLE)

    files = {"tls_certificate": folder / "certificate.pem", "tls_key": folder / "key.pem"}
    run(test, root, **files)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_share_a_port_and_nobody_else_does(root: Path, workers: int) -> None:
    async def test(service: Service) -> None:
        again = Settings(models=root, grpc_port=service.port, workers=workers)
        beside = server.serving(service.state, again, version=VERSION)
        if workers > 1:
            async with beside as port:
                assert port == service.port
        else:
            with pytest.raises(OSError, match="NEXTDAY_GRPC_PORT"):
                await beside.__aenter__()

    run(test, root, workers=workers)


def test_it_listens_where_http_does(root: Path) -> None:
    async def test(service: Service) -> None:
        async with aio.insecure_channel(f"[::1]:{service.port}") as channel:
            await service.through(channel).infer(request(windows()))

    run(test, root, host="::1")


def test_the_app_speaks_it_where_its_port_is_set(root: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def whole() -> None:
        app = create_app(Settings(models=root, grpc_port=port))
        async with asgi.running(app), aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            asking: Any = channel.unary_unary(f"/{server.SERVICE}/ModelInfer")
            answer = await asking(request(windows()).SerializeToString(), timeout=PATIENCE_S)
            assert pb.ModelInferResponse.FromString(answer).model_name == "default"

    uvloop.run(whole())


def test_every_error_has_a_status() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, NextdayError)
    }
    roots = {NextdayError, errors.Refused}

    assert {kind for kind in kinds if not set(kind.__mro__) & CODES.keys()} == roots


def test_where_the_extra_is_missing_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)

    with pytest.raises(ImportError, match=r"install nextday\[grpc\]"):
        importlib.reload(app.grpc)
