"""All limits used at once: the service stays below the memory that it says it needs at most."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.attack.test_bodies import MIB
from tools.fuzz.bodies import CSV, JSON
from tools.fuzz.seeds import seeds
from tools.testbed.service import Service, request, serving

MAXIMUM_MIB = {256: 768, 128: 512}
"""Of a worker by NEXTDAY_MAX_HELD_BYTES in MiB, as docs/operations.md has it."""
WHOLE = seeds()[0][0].content
LARGE = 32 * MIB


def unfinished(service: Service, stack: contextlib.ExitStack) -> None:
    """Let half of the budget be bodies that never end."""
    for _ in range(4):
        connection = stack.enter_context(service.connect())
        head = request("POST", "/predict/batch", b"").replace(b"Length: 0", b"Length: %d" % LARGE)
        with contextlib.suppress(OSError):
            connection.send(head + b" " * (LARGE - 1))
    for _ in range(1_000):
        connection = stack.enter_context(service.connect())
        with contextlib.suppress(OSError):
            connection.send(
                request("POST", "/predict", b"").replace(b"Length: 0", b"Length: 65536")
                + b" " * 65_000
            )


def unread(service: Service, stack: contextlib.ExitStack) -> None:
    """Ask for answers that nobody reads, and for more behind them."""
    levels = [1 + number for number in range(32)]
    document = {"model": "closes", "windows": [[100.0, 101.0, 103.5]] * 10_000, "levels": levels}
    asked = request("POST", "/predict/batch", json.dumps(document).encode())
    for _ in range(30):
        connection = stack.enter_context(service.connect())
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.socket.settimeout(1)
        with contextlib.suppress(OSError):
            connection.send(asked + request("GET", "/openapi.json") * 5_000)


def large() -> Iterator[bytes]:
    """Yield requests that are as large as they may be, and costly to read."""
    for case in ("names", "many cells", "rows", "one letter that takes four bytes"):
        yield request("POST", "/bars", CSV[case](), content_type="text/csv")
    for case in ("lists in windows", "one long window", "members beside the windows"):
        yield request("POST", "/predict/batch", JSON[case]())
    windows = LARGE // (5 * 4 * 4) - 100
    described = {"name": "window", "shape": [windows, 5, 4], "datatype": "FP32"}
    size = {"parameters": {"binary_data_size": windows * 5 * 4 * 4}}
    outputs = {"parameters": {"binary_data_output": True}}
    head = json.dumps({"inputs": [described | size], **outputs}).encode()
    tensor = np.full(windows * 20, 100, "<f4").tobytes()
    length = f"Inference-Header-Content-Length: {len(head)}"
    yield request("POST", "/v2/models/default/infer", head + tensor, length)
    windows_of_closes = b",".join([b"[100.25,101.5,103.125]"] * 10_000)
    yield request(
        "POST", "/predict/batch", b'{"model":"closes","windows":[' + windows_of_closes + b"]}"
    )


@pytest.mark.parametrize("held_mib", MAXIMUM_MIB)
def test_all_limits_at_once_take_no_more_memory_than_is_said(models: Path, held_mib: int) -> None:
    with serving(models, max_held_bytes=held_mib * MIB) as service, contextlib.ExitStack() as stack:
        asked = [sent for sent in large() for _ in range(3)]
        holding = [
            threading.Thread(target=each, args=(service, stack)) for each in (unfinished, unread)
        ]
        for each in holding:
            each.start()
        with ThreadPoolExecutor(12) as threads:
            statuses = {answer.status for answer in threads.map(service.send, asked)}
        for each in holding:
            each.join()

        assert statuses <= {200, 400, 413, 422, 503, 504}
        assert service.send(WHOLE).status in {200, 503}
        assert service.process.poll() is None
        assert service.peak_mib() < MAXIMUM_MIB[held_mib]
