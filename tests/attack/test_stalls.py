"""One body that stops everybody: what is small to send, and long or large to read."""

import contextlib
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.attack.test_bodies import MIB, little_memory
from tools.testbed.service import Answer, Service, request

SIZE = 32 * MIB - 1024
TRIES = 5
HOLD_S = 0.25
"""That a request may hold the event loop, on a machine that has other work as well."""
MEMORY_MIB = 4 * 32
"""Four times the largest body."""


def repeated(before: bytes, part: bytes, after: bytes, size: int = SIZE) -> bytes:
    return before + part * ((size - len(before) - len(after)) // len(part)) + after


def members(before: bytes, after: bytes, size: int = SIZE) -> bytes:
    parts = (b'"%07x":1,' % number for number in range((size - len(before) - len(after)) // 12))
    return before + b"".join(parts) + after


JSON: dict[str, Callable[[], bytes]] = {
    "lists in windows": lambda: repeated(b'{"windows":[', b"[[]],", b"[[]]]}"),
    "empty windows": lambda: repeated(b'{"windows":[', b"[],", b"[]]}"),
    "a long member of bars": lambda: repeated(b'{"bars":[{"a":[', b"1,", b"1]}]}"),
    "a long column of bars": lambda: repeated(b'{"bars":[{"close":[', b"1,", b"1]}]}"),
    "one long window": lambda: repeated(b'{"windows":[[', b"1,", b"1]]}"),
    "two long windows": lambda: (
        repeated(b'{"windows":[[', b"1,", b"1],[", SIZE // 2)
        + repeated(b"", b"1,", b"1]]}", SIZE // 2)
    ),
    "a long window of texts": lambda: repeated(b'{"windows":[[', b'"",', b'""]]}'),
    "a long text": lambda: repeated(b'{"windows":["', b"\\n", b'"]}'),
    "a text without an end": lambda: repeated(b'{"windows":["', b"\\n", b""),
    "a long number": lambda: repeated(b'{"windows":[', b"1", b"]}"),
    "objects in bars": lambda: repeated(b'{"bars":[', b"{},", b"{}]}"),
    "one object of many members": lambda: members(b'{"bars":[{', b'"a":1}]}'),
    "members beside the windows": lambda: members(b'{"windows":[[1,2,3]],', b'"a":1}'),
    "members before the windows": lambda: members(b"{", b'"windows":[[1,2,3]]}'),
    "a list beside the windows": lambda: repeated(b'{"windows":[[1,2]],"levels":[', b"1,", b"1]}"),
    "white space": lambda: repeated(b'{"windows":[[1,2', b" ", b"]]}"),
    "brackets": lambda: repeated(b'{"windows":', b"[", b""),
    "braces": lambda: repeated(b'{"bars":[', b'{"a":', b""),
    "names of windows": lambda: repeated(b"{", b'"windows":', b""),
    "whole windows, then none": lambda: repeated(b'{"windows":[', b"[1,2,3],", b"[1,,2]]}", 70_000),
}
CSV: dict[str, Callable[[], bytes]] = {
    "commas": lambda: repeated(b"Date,Close", b",", b"\n2026-01-02,1\n"),
    "names": lambda: repeated(b"Date,Close", b",ab", b"\n2026-01-02,1\n"),
    "many cells": lambda: repeated(b"Date,Close\n", b"2026-01-02,1" + b",ab" * 1000 + b"\n", b""),
    "quotes": lambda: repeated(b'Date,Close\n"', b'""', b'"\n'),
    "quoted lines": lambda: repeated(b"Date,Close\n2026-01-02,1", b',"\n"', b"\n"),
    "lines": lambda: repeated(b"Date,Close\n", b"\n", b"2026-01-02,1\n"),
    "rows": lambda: repeated(b"Date,Close\n", b"1,1\n", b"", 100_000 * 4),
    "no line": lambda: repeated(b"Date,Close", b"a", b""),
    "one letter that takes four bytes": lambda: repeated(
        "Date,Close,\U0001f4c8\n".encode(), b"2026-01-02,1,\n", b""
    ),
}


@contextlib.contextmanager
def watched(service: Service) -> Iterator[list[float]]:
    """Ask for /livez again and again meanwhile; give how long each answer took, in seconds."""
    took: list[float] = []
    done = threading.Event()

    def ask() -> None:
        with service.connect() as connection:
            while not done.is_set():
                began = time.perf_counter()
                connection.send(request("GET", "/livez"))
                assert connection.answer() is not None
                took.append(time.perf_counter() - began)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
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
    assert answer.status == 422 or case == "many cells"
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
