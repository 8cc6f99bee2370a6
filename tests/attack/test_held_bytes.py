"""What all connections together may keep in memory, and that the others are answered meanwhile."""

import contextlib
import gzip
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attack.test_bodies import MIB, chunked, little_memory
from tools.fuzz.seeds import seeds
from tools.testbed.service import Service, request, serving
from tools.testbed.waiting import until

HELD_MIB = 24
WHOLE = seeds()[0][0].content
TARGETS = {
    "/predict/batch": "application/json",
    "/bars": "text/csv",
    "/v2/models/default/infer": "application/octet-stream",
}


@pytest.fixture(scope="module")
def small(models: Path) -> Iterator[Service]:
    with serving(
        models, max_held_bytes=HELD_MIB * MIB, max_batch_body_bytes=8 * MIB, max_batches=1000
    ) as service:
        yield service


def is_held_no_more(service: Service) -> bool:
    """Tell whether a body of the largest size is read again."""
    body = b'{"windows":[[1,2,3]]' + b" " * (8 * MIB - 30) + b"}"
    return service.send(request("POST", "/predict/batch", body)).status != 503


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("is_announced", [True, False])
def test_bodies_that_are_not_finished_share_a_budget(
    small: Service, target: str, *, is_announced: bool
) -> None:
    head = chunked(target) + b"%x\r\n" % (8 * MIB)
    if is_announced:
        head = request("POST", target, b"").replace(b"Length: 0", b"Length: %d" % (8 * MIB))
    head = head.replace(b"application/json", TARGETS[target].encode())
    refused = 0
    with contextlib.ExitStack() as stack, little_memory(small, 3 * HELD_MIB):
        for _ in range(30):
            connection = stack.enter_context(small.connect())
            connection.send(head)
            with contextlib.suppress(ConnectionError):
                connection.send(b" " * (8 * MIB - 1))
            # a plain forecast finds room
            assert small.send(WHOLE).status == 200
            connection.socket.settimeout(0.001)
            with contextlib.suppress(TimeoutError):
                answer = connection.answer()
                refused += answer is not None and answer.status == 503
    until(lambda: is_held_no_more(small), "the room is given back", process=small.process)

    assert refused >= 20


def test_small_bodies_that_are_not_finished_share_it(small: Service) -> None:
    head = request("POST", "/predict", b"").replace(b"Length: 0", b"Length: 65536")
    statuses = []
    with contextlib.ExitStack() as stack, little_memory(small, 3 * HELD_MIB):
        held = []
        for _ in range(900):
            connection = stack.enter_context(small.connect())
            connection.send(head + b" " * 65_000)
            held.append(connection)
        for connection in held:
            connection.socket.settimeout(0.001)
            with contextlib.suppress(TimeoutError):
                answer = connection.answer()
                statuses.append(answer.status if answer else 0)
    until(lambda: is_held_no_more(small), "the room is given back", process=small.process)

    assert len(statuses) > 400
    assert set(statuses) == {503}


def test_answers_that_are_not_read_share_it(small: Service) -> None:
    windows = [[100.0 + number % 7] * 3 for number in range(10_000)]
    levels = [1 + number for number in range(32)]
    document = {"model": "closes", "windows": windows, "levels": levels}
    asked = request("POST", "/predict/batch", json.dumps(document).encode())
    with contextlib.ExitStack() as stack, little_memory(small, 6 * HELD_MIB):
        for _ in range(60):
            connection = stack.enter_context(small.connect())
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.send(asked)
        until(small.is_at_rest, "all have their answers", process=small.process)
        assert small.send(WHOLE).status == 200
    until(lambda: is_held_no_more(small), "the room is given back", process=small.process)


def test_bodies_that_are_decompressed_share_it(small: Service) -> None:
    body = json.dumps({"model": "closes", "windows": [[1, 2, 3.5]] * 9_000}).encode()
    # as well compressed as may be
    packed = gzip.compress(body + b" " * 2 * MIB, 9)
    sent = request("POST", "/predict/batch", packed, "Content-Encoding: gzip")
    with ThreadPoolExecutor(40) as threads, little_memory(small, 6 * HELD_MIB):
        statuses = [each.status for each in threads.map(small.send, [sent] * 120)]

    assert set(statuses) <= {200, 413, 503}
