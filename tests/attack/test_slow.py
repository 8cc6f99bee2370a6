"""Slow clients: who sends slowly, never, or without end, and who does not read."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.fuzz.seeds import seeds
from tools.testbed.service import Answer, Connection, Service, request, serving

RECEIVE_S = 1.0
KEEP_ALIVE_S = 5
"""After which a connection is closed on which nothing is asked."""
DEADLINE_S = 300
"""For an answer: long after what is slow must have ended."""
MOST_HEAD = 64 * 1024

BODY = seeds()[0][0].body or b""
WHOLE = request("POST", "/predict", BODY)
SLOW_BODIES = (
    *("/predict", "/predict/batch", "/v1/timeseries/forecast", "/v2/models/default/infer"),
    *("/v2/models/default/versions/1/infer", "/v2/repository/index", "/nowhere"),
)


class Ended(NamedTuple):
    """How a slow client fared."""

    seconds: float
    answers: list[Answer]


@pytest.fixture(scope="module")
def patient(models: Path) -> Iterator[Service]:
    with serving(
        models,
        receive_seconds=RECEIVE_S,
        keep_alive_seconds=KEEP_ALIVE_S,
        deadline_seconds=DEADLINE_S,
    ) as service:
        yield service


def drip(service: Service, first: bytes, more: bytes, every_s: float = 0.2) -> Ended:
    """Send some bytes, then one at a time, until the service ends it."""
    began = time.monotonic()
    answers = []
    with service.connect() as connection:
        connection.send(first)
        stop = threading.Event()
        sending = threading.Thread(target=_drip, args=(connection, more, every_s, stop))
        sending.start()
        try:
            while (answer := connection.answer()) is not None:
                answers.append(answer)
        except TimeoutError:
            return Ended(float("inf"), answers)
        finally:
            stop.set()
            sending.join()
    return Ended(time.monotonic() - began, answers)


def _drip(connection: Connection, more: bytes, every_s: float, stop: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not stop.wait(every_s):
            connection.send(more[:1])
            more = more[1:] + more[:1]


def announced(target: str, length: int = 1000) -> bytes:
    return request("POST", target, b"").replace(b"Length: 0", b"Length: %d" % length)


CASES: dict[str, Callable[[Service], Ended]] = {
    "a connection that never sends": lambda service: drip(service, b"", b"", 60),
    "a connection that sends nothing more": lambda service: drip(service, WHOLE, b"", 60),
    "a slow request line": lambda service: drip(service, b"POST /", b"a"),
    "a slow head": lambda service: drip(service, WHOLE[:40], b"X-A: b\r\n"),
    "a head that stops": lambda service: drip(service, WHOLE[:40], b"", 60),
    "a head without its last line": lambda service: drip(service, WHOLE[: -len(BODY) - 2], b"", 60),
    "a known head without its body": lambda service: drip(
        service, WHOLE + WHOLE[: -len(BODY)], b"", 60
    ),
    "line ends without a request": lambda service: drip(service, b"\r\n", b"\r\n"),
} | {
    f"a slow body of {target}": lambda service, target=target: drip(
        service, announced(target), b" "
    )
    for target in SLOW_BODIES
}


@pytest.fixture(scope="module")
def ended(patient: Service) -> Iterator[dict[str, Future[Ended]]]:
    """Let them all be slow at the same time: each takes seconds."""
    with ThreadPoolExecutor(len(CASES)) as threads:
        yield {name: threads.submit(case, patient) for name, case in CASES.items()}


@pytest.mark.parametrize("case", CASES)
def test_slow_loris_is_ended_within_the_time_to_arrive(
    ended: dict[str, Future[Ended]], case: str
) -> None:
    seconds, answers = ended[case].result()

    assert seconds < DEADLINE_S
    expected = {"/nowhere": 404, "/v2/repository/index": 408}
    begun = [answer for answer in answers if answer.status != 200]
    assert len(begun) <= 1, "one request has one answer"
    for answer in begun:
        target = case.rpartition(" ")[2]
        assert answer.status in {408, expected.get(target, 408)}


def test_slow_loris_many_of_them_keep_nobody_else_waiting(patient: Service) -> None:
    with contextlib.ExitStack() as stack:
        for each in range(300):
            connection = stack.enter_context(patient.connect())
            connection.send(
                (WHOLE[:40], announced("/predict"), announced("/predict/batch"))[each % 3]
            )
        assert {patient.send(WHOLE).status for _ in range(50)} == {200}


@pytest.mark.parametrize(
    "line", [b"X-A: b\r\n", b"A: " + b"b" * 30_000 + b"\r\n", b"A", b"A: b\r\n b\r\n", b": \r\n"]
)
def test_endless_headers_are_refused_at_the_cap(patient: Service, line: bytes) -> None:
    part = line * max(1, 4096 // len(line))
    sent = 0
    answer = None
    with patient.connect() as connection, contextlib.suppress(ConnectionError):
        connection.send(b"POST /predict HTTP/1.1\r\nHost: x\r\n")
        while sent < 100 * MOST_HEAD:
            connection.send(part)
            sent += len(part)
    with contextlib.suppress(ConnectionError):
        answer = connection.answer() if connection.socket.fileno() >= 0 else None

    assert sent < 100 * MOST_HEAD
    assert answer is None or answer.status in {400, 431}


def test_endless_headers_are_told_why(patient: Service) -> None:
    # more than is read at once, so that it is refused before its end is there
    many = [f"X-{each}: {'b' * 100}" for each in range(10 * MOST_HEAD // 100)]
    assert patient.send(request("POST", "/predict", BODY, *many)).status == 431
    assert patient.send(request("GET", "/" + "a" * 10 * MOST_HEAD)).status == 431


def test_readers_that_never_read_cost_little_memory_and_are_let_go(patient: Service) -> None:
    asked = request("GET", "/openapi.json")
    before = patient.resident_mib()
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(patient.connect()) for _ in range(8)]
        for reader in readers:
            reader.socket.setblocking(False)  # noqa: FBT003 - the standard library's own
            with contextlib.suppress(OSError):
                for _ in range(500):
                    reader.send(asked)
        assert patient.send(WHOLE).status == 200
        grown = patient.resident_mib() - before
        assert patient.send(WHOLE).status == 200
    # 8 readers, 500 answers of 60 kB each: 240 MB if all were written for them
    assert grown < 48
