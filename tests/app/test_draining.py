"""SIGTERM: not ready at once, gone a little later, and nobody's request is lost."""

import asyncio
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app.serving.graceful_shutdown import GracefulShutdown
from tools.testbed.service import Service, request, serving
from tools.testbed.waiting import PATIENCE_S, until

pytestmark = pytest.mark.process

MODELS = Path("models")
BODY = Path("docs/example.json").read_bytes()
JSON = {"Content-Type": "application/json"}
DRAIN_S = 4.0
LONG_S = 900.0
"""So long that it is not over by itself, on the busiest machine."""


def is_draining(service: Service) -> bool:
    return service.get("/readyz")[0] == 503


def post(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("POST", "/predict", BODY, JSON)
    response = connection.getresponse()
    json.loads(response.read())
    return response


@pytest.mark.parametrize("workers", [1, 2])
def test_it_is_not_ready_first_and_gone_later(workers: int) -> None:
    asked = request("POST", "/predict", BODY)
    with serving(MODELS, workers=workers, drain_seconds=DRAIN_S) as service:
        with service.connect() as kept:
            kept.send(asked)
            answer = kept.answer()
            assert answer is not None
            assert "connection" not in answer.headers
            told = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            until(lambda: is_draining(service), "not ready", process=service.process)
            # others go on, each answer asking its client to connect anew
            fresh = service.send(asked)
            assert (fresh.status, fresh.headers["connection"]) == (200, "close")
            assert service.get("/livez")[0] == 200
            kept.send(asked)
            answer = kept.answer()
            assert answer is not None
            assert answer.headers["connection"] == "close"
        assert service.process.wait(PATIENCE_S) == 0
        assert time.monotonic() - told >= DRAIN_S


def test_told_twice_it_goes_at_once() -> None:
    with serving(MODELS, drain_seconds=LONG_S) as service:
        told = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        until(lambda: is_draining(service), "not ready", process=service.process)
        assert service.end() == 0
        assert time.monotonic() - told < LONG_S


def test_who_follows_readyz_loses_no_request() -> None:
    """Sixteen clients post, on connections that they keep; a balancer looks at readyz."""
    found: list[int] = []
    lost: list[Exception] = []
    balanced = threading.Event()

    def client(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        while not balanced.is_set():
            try:
                # http.client connects anew where the answer before asked for that
                found.append(post(connection).status)
            except (OSError, http.client.HTTPException) as error:
                lost.append(error)
                return
        connection.close()

    with serving(MODELS, drain_seconds=LONG_S) as service:
        clients = [threading.Thread(target=client, args=(service.port,)) for _ in range(16)]
        for each in clients:
            each.start()
        until(lambda: len(found) > 100 or lost, "a hundred answers")
        service.process.send_signal(signal.SIGTERM)
        until(lambda: is_draining(service), "not ready", process=service.process)
        balanced.set()
        for each in clients:
            each.join()
        assert service.end() == 0

    assert lost == []
    assert set(found) == {200}


def test_without_seconds_to_drain_it_goes_at_once() -> None:
    with serving(MODELS) as service:
        assert service.end() == 0


def test_where_nobody_handles_the_signal_it_stays_so() -> None:
    script = (
        "import asyncio, os, signal\n"
        "from app.serving.graceful_shutdown import GracefulShutdown\n"
        "async def main():\n"
        "    with GracefulShutdown(999).on_sigterm():\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        await asyncio.sleep(999)\n"
        "asyncio.run(main())\n"
    )

    ended = subprocess.run([sys.executable, "-c", script], timeout=PATIENCE_S, check=False)

    assert ended.returncode == -signal.SIGTERM


def test_beside_the_main_thread_there_are_no_signals() -> None:
    async def within() -> bool:
        draining = GracefulShutdown(999)
        with draining.on_sigterm():
            return draining.begun

    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(within())))
    thread.start()
    thread.join()

    assert found == [False]
