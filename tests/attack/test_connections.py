"""What a client may do to its own connection: pipelining, trailers, leaving half or too early."""

import contextlib
import http.client
import json
import socket
import struct
from pathlib import Path

import pytest

from tests.attack.test_bodies import chunked, little_memory
from tools.fuzz.seeds import seeds
from tools.testbed.service import Connection, Service, request, serving
from tools.testbed.waiting import until

KEY = "a-key-that-nobody-guesses"
BODY = seeds()[0][0].body or b""
WHOLE = request("POST", "/predict", BODY)
MIB = 2**20


def with_id(content: bytes, number: int) -> bytes:
    return content.replace(b"\r\n", b"\r\nX-Request-Id: n-%d\r\n" % number, 1)


def identities(connection: Connection, count: int) -> list[str]:
    found = []
    for _ in range(count):
        answer = connection.answer()
        assert answer is not None
        assert answer.status == 200
        found.append(answer.headers["x-request-id"])
    return found


@pytest.mark.parametrize(
    "one", [request("GET", "/livez"), WHOLE, request("GET", "/models")], ids=["GET", "POST", "list"]
)
def test_pipelining_a_thousand_requests_are_answered_in_order(service: Service, one: bytes) -> None:
    count = 1_000
    sent = b"".join(with_id(one, number) for number in range(count))
    with service.connect() as connection:
        # and the beginning of the next
        connection.send(sent + one[:20])
        found = identities(connection, count)
        connection.send(one[20:])
        identities(connection, 1)

    assert found == [f"n-{number}" for number in range(count)]


@pytest.mark.parametrize("size", [1, 7, 1000, 4096, 65536])
def test_pipelining_in_any_segments_is_answered_in_order(service: Service, size: int) -> None:
    kinds = (WHOLE, request("GET", "/livez"), chunked("/predict") + in_chunks(BODY))
    sent = b"".join(with_id(kinds[number % 3], number) for number in range(60))
    if size == 1:
        sent = sent[: len(sent) // 10]
    count = sum(sent.endswith(b"") and sent.count(b"X-Request-Id: n-%d\r\n" % n) for n in range(60))
    with service.connect() as connection:
        for start in range(0, len(sent), size):
            connection.send(sent[start : start + size])
        found = identities(connection, count - 1)

    assert found == [f"n-{number}" for number in range(count - 1)]


def in_chunks(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def test_pipelining_clients_that_never_read_cost_little_memory(service: Service) -> None:
    flood = request("GET", "/livez") * 20_000
    with contextlib.ExitStack() as stack:
        stack.enter_context(little_memory(service, 100))
        for _ in range(60):
            connection = stack.enter_context(service.connect())
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.socket.setblocking(False)  # noqa: FBT003 - the standard library's own
            with contextlib.suppress(BlockingIOError):
                left = flood
                while left:
                    left = left[connection.socket.send(left) :]
        assert service.send(WHOLE).status == 200


@pytest.mark.parametrize("target", ["/predict", "/predict/batch", "/nowhere", "/v2/health/live"])
@pytest.mark.parametrize("line", [b"X-%d: y\r\n", b"X: " + b"y" * 900 + b"%d\r\n", b"%d"])
def test_endless_trailers_are_bounded(models: Path, target: str, line: bytes) -> None:
    with serving(models, api_keys=KEY) as locked, locked.connect() as connection:
        with little_memory(locked, 16), contextlib.suppress(ConnectionError):
            connection.send(chunked(target) + b"1\r\n{\r\n0\r\n")
            part = b"".join(line % number for number in range(1000))
            for _ in range(64 * MIB // len(part)):
                connection.send(part)
        with contextlib.suppress(ConnectionError):
            while (answer := connection.answer()) is not None:
                assert answer.status in {401, 404, 405, 431}


def test_a_trailer_is_no_header(models: Path) -> None:
    with serving(models, api_keys=KEY) as locked, locked.connect() as connection:
        connection.send(
            chunked("/predict")
            + in_chunks(BODY)[:-2]
            + f"Authorization: Bearer {KEY}\r\nContent-Type: text/csv\r\n\r\n".encode()
        )
        answer = connection.answer()

        assert answer is not None
        assert answer.status == 401


@pytest.mark.parametrize(
    "target", ["/predict", "/predict/batch", "/bars", "/v2/models/default/infer", "/nowhere"]
)
def test_the_key_is_asked_for_before_a_body_is_kept(models: Path, target: str) -> None:
    """Hundreds of bodies without a key are not collected, in one segment or many."""
    head = request("POST", target, b"").replace(b"Length: 0", b"Length: %d" % MIB)
    with (
        serving(models, api_keys=KEY) as locked,
        contextlib.ExitStack() as stack,
        little_memory(locked, 48),
    ):
        for _ in range(200):
            connection = stack.enter_context(locked.connect())
            with contextlib.suppress(ConnectionError):
                connection.send(head)
                connection.send(b" " * (MIB - 1))
        assert locked.get("/livez")[0] == 200


@pytest.mark.parametrize("sent", [WHOLE, WHOLE * 20, request("GET", "/models")])
def test_a_client_that_says_no_more_gets_its_answers(service: Service, sent: bytes) -> None:
    count = max(1, sent.count(b"POST "))
    with service.connect() as connection:
        connection.send(sent)
        connection.socket.shutdown(socket.SHUT_WR)
        found = identities(connection, count)

        assert len(found) == count
        assert connection.ends()


def test_a_client_that_leaves_in_the_middle_is_let_go(service: Service) -> None:
    with service.connect() as connection:
        connection.send(WHOLE[:-1])
        connection.socket.shutdown(socket.SHUT_WR)

        assert connection.ends()


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("target", ["/predict", "/predict/batch", "/bars"])
def test_an_early_refusal_reaches_a_client_that_is_still_sending(
    service: Service, target: str, *, close: bool
) -> None:
    """Python's http.client sends all of its body before it reads; so does what is built on it."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=600)
    kind = "text/csv" if target == "/bars" else "application/json"
    headers = {"Content-Type": kind} | ({"Connection": "close"} if close else {})
    connection.request("POST", target, b" " * (48 * MIB), headers)
    answer = connection.getresponse()

    assert answer.status == 413
    assert json.loads(answer.read())["code"] == "body_too_large"
    connection.close()


def test_a_refusal_of_the_head_reaches_a_client_that_is_still_sending(service: Service) -> None:
    for sent in (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2**17, b"no HTTP" * 2**17):
        with service.connect() as connection:
            connection.send(sent)
            answer = connection.answer()

            assert answer is not None
            assert answer.status in {400, 431}
            assert connection.ends()


def test_a_client_that_is_reset_is_forgotten(service: Service) -> None:
    before = len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))
    for _ in range(50):
        with service.connect() as connection:
            connection.send(WHOLE * 3 + WHOLE[:100])
            linger = struct.pack("ii", 1, 0)
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    until(
        lambda: len(list(Path(f"/proc/{service.process.pid}/fd").iterdir())) <= before,
        "the connections are closed",
        process=service.process,
    )
