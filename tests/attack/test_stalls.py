"""One body that stops everybody: what is small to send, and long or large to read."""

import contextlib
import gzip
import json
import threading
import time
from collections.abc import Iterator

import pytest

from tests.attack.test_bodies import MIB, little_memory
from tools.fuzz.bodies import CSV, JSON
from tools.testbed.service import Answer, Service, request

TRIES = 5
HOLD_S = 0.25
"""That a request may hold the event loop, on a machine that has other work as well."""
MEMORY_MIB = 4 * 32
"""Four times the largest body."""


@contextlib.contextmanager
def watched(service: Service) -> Iterator[list[float]]:
    """Ask for /livez again and again meanwhile; give how long each answer took, in seconds."""
    took: list[float] = []
    asked, done = threading.Event(), threading.Event()

    def ask() -> None:
        with service.connect() as connection:
            while not done.is_set():
                began = time.perf_counter()
                connection.send(request("GET", "/livez"))
                assert connection.answer() is not None
                took.append(time.perf_counter() - began)
                asked.set()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        # on a busy machine what is watched could be over before the thread begins
        assert asked.wait(60)
        yield took
    finally:
        done.set()
        asking.join()


def held_s(service: Service, sent: bytes) -> tuple[Answer, float]:
    """Send a request, several times where it seems to hold the event loop; how long it does."""
    shortest = float("inf")
    for _ in range(TRIES):
        with watched(service) as took:
            answer = service.send(sent)
        shortest = min(shortest, max(took))
        if shortest < HOLD_S:
            break
    return answer, shortest


@pytest.mark.parametrize("case", JSON)
def test_one_body_of_json_stops_nobody(service: Service, case: str) -> None:
    body = JSON[case]()
    with little_memory(service, MEMORY_MIB):
        answer, longest = held_s(service, request("POST", "/predict/batch", body))

    assert answer.status in {400, 413, 422}
    assert longest < HOLD_S


@pytest.mark.parametrize(
    "target",
    ["/predict", "/v1/timeseries/forecast", "/v2/models/default/infer", "/v2/repository/index"],
)
@pytest.mark.parametrize("case", JSON)
def test_one_small_body_of_json_stops_nobody(service: Service, case: str, target: str) -> None:
    """As much as these routes read at once."""
    body = JSON[case]()[: MIB - 1]
    with little_memory(service, 64):
        answer, longest = held_s(service, request("POST", target, body))

    assert answer.status in {400, 413, 422}
    assert longest < HOLD_S


@pytest.mark.parametrize("target", ["/predict", "/bars"])
@pytest.mark.parametrize("case", CSV)
def test_one_file_stops_nobody(service: Service, case: str, target: str) -> None:
    sent = request("POST", target, CSV[case](), content_type="text/csv")
    with little_memory(service, MEMORY_MIB):
        answer, longest = held_s(service, sent)

    # what is beside the prices is left out, if it is not too much
    assert answer.status == 422 or case in {"many cells", "rows"}
    assert longest < HOLD_S


@pytest.mark.parametrize("case", JSON)
def test_a_bomb_is_not_even_read(service: Service, case: str) -> None:
    packed = gzip.compress(JSON[case](), 9)
    assert len(packed) < MIB * 8
    sent = request("POST", "/predict/batch", packed, "Content-Encoding: gzip")
    with little_memory(service, MEMORY_MIB):
        answer, longest = held_s(service, sent)

    assert answer.status in {400, 413, 422}
    assert longest < HOLD_S


def test_many_outputs_are_not_written_as_json(service: Service) -> None:
    """A small binary tensor is many numbers of JSON."""
    windows = 20_000
    head = {
        "inputs": [
            {
                "name": "window",
                "shape": [windows, 5, 4],
                "datatype": "FP64",
                "parameters": {"binary_data_size": windows * 5 * 4 * 8},
            }
        ]
    }
    document = json.dumps(head).encode()
    tensor = b"\0\0\0\0\0\0\x59\x40" * (windows * 20)
    length = f"Inference-Header-Content-Length: {len(document)}"
    target = "/v2/models/default/infer"
    answer, longest = held_s(service, request("POST", target, document + tensor, length))

    assert answer.status == 400
    assert b"binary" in answer.content
    assert longest < HOLD_S
