"""SIGTERM: not ready at once, gone a little later, and nobody's request is lost."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.serving.graceful_shutdown import GracefulShutdown
from tests.app.test_process import connected, process

BODY = Path("docs/example.json").read_bytes()
JSON = {"Content-Type": "application/json"}
DRAIN_S = 1.0


@pytest.fixture
def draining() -> Iterator[None]:
    os.environ["NEXTDAY_DRAIN_SECONDS"] = str(DRAIN_S)  # noqa: TID251 - for a child
    yield
    del os.environ["NEXTDAY_DRAIN_SECONDS"]  # noqa: TID251 - as above


def status(connection: http.client.HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    return response.status


def post(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("POST", "/predict", BODY, JSON)
    response = connection.getresponse()
    json.loads(response.read())
    return response


@pytest.mark.usefixtures("draining")
@pytest.mark.parametrize("workers", [1, 2])
def test_it_is_not_ready_first_and_gone_later(workers: int) -> None:
    with process(workers) as (running, port):
        with connected(port) as kept:
            assert post(kept).getheader("connection") is None
            told = time.monotonic()
            running.send_signal(signal.SIGTERM)
            seen = 200
            while seen == 200 and time.monotonic() < told + 5:
                with connected(port) as asking:
                    seen = status(asking, "/readyz")
            assert seen == 503
            # others go on, each answer asking its client to connect anew
            with connected(port) as fresh:
                answered = post(fresh)
                assert answered.status == 200
                assert answered.getheader("connection") == "close"
            with connected(port) as fresh:
                assert status(fresh, "/livez") == 200
            assert post(kept).getheader("connection") == "close"
        assert running.wait(20) == 0
        assert time.monotonic() - told >= DRAIN_S


@pytest.mark.usefixtures("draining")
def test_who_follows_readyz_loses_no_request() -> None:
    """Sixteen clients post, on connections that they keep; a balancer looks at readyz."""
    found: list[int] = []
    lost: list[Exception] = []
    balanced = threading.Event()

    def client(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        while not balanced.is_set():
            try:
                # http.client connects anew where the answer before asked for that
                found.append(post(connection).status)
            except (OSError, http.client.HTTPException) as error:
                lost.append(error)
                return
        connection.close()

    with process() as (running, port):
        clients = [threading.Thread(target=client, args=(port,)) for _ in range(16)]
        for each in clients:
            each.start()
        time.sleep(0.5)
        running.send_signal(signal.SIGTERM)
        with connected(port) as balancer:
            while status(balancer, "/readyz") == 200:
                time.sleep(0.05)
        balanced.set()
        for each in clients:
            each.join(10)
        assert running.wait(20) == 0

    assert lost == []
    assert set(found) == {200}
    assert len(found) > 100


@pytest.mark.usefixtures("draining")
def test_told_twice_it_goes_at_once() -> None:
    with process() as (running, _):
        told = time.monotonic()
        running.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        assert time.monotonic() - told < DRAIN_S


def test_without_seconds_to_drain_it_goes_at_once() -> None:
    with process() as (running, _):
        running.send_signal(signal.SIGTERM)
        assert running.wait(5) == 0


def test_where_nobody_handles_the_signal_it_stays_so() -> None:
    script = (
        "import asyncio, os, signal\n"
        "from app.serving.graceful_shutdown import GracefulShutdown\n"
        "async def main():\n"
        "    with GracefulShutdown(9).on_sigterm():\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        await asyncio.sleep(9)\n"
        "asyncio.run(main())\n"
    )

    ended = subprocess.run([sys.executable, "-c", script], timeout=8, check=False)

    assert ended.returncode == -signal.SIGTERM


def test_beside_the_main_thread_there_are_no_signals() -> None:
    async def within() -> bool:
        draining = GracefulShutdown(9)
        with draining.on_sigterm():
            return draining.begun

    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(within())))
    thread.start()
    thread.join()

    assert found == [False]
