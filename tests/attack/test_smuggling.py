"""Request smuggling: where a request ends is beyond doubt, or it and its connection end."""

import contextlib
import json

import pytest

from tools.fuzz.seeds import seeds
from tools.testbed.service import Answer, Service, request

BODY = seeds()[0][0].body or b""
LENGTH = len(BODY)
HIDDEN = b"GET /v2/models/closes/config HTTP/1.1\r\nHost: x\r\n\r\n"
"""A request in the body of another; nothing else is answered like it."""
HOST = b"Host: x\r\nContent-Type: application/json\r\n"
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (LENGTH, BODY)
TARGETS = (b"/predict", b"/predict/batch", b"/v2/models/default/infer", b"/v1/timeseries/forecast")


def answers(service: Service, sent: bytes) -> tuple[list[Answer], bool]:
    """Return what comes of some bytes, and whether the service ends the connection."""
    found: list[Answer] = []
    with service.connect() as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(sent)
        connection.socket.settimeout(0.5)
        while True:
            try:
                answer = connection.answer()
            except TimeoutError:
                # it may only be slow
                if service.is_at_rest():
                    return found, False
                continue
            if answer is None:
                return found, True
            found.append(answer)


def is_hidden(answer: Answer) -> bool:
    return b"max_batch_size" in answer.content


def test_the_hidden_request_would_be_seen(service: Service) -> None:
    assert is_hidden(service.send(HIDDEN))


AMBIGUOUS = {
    "a length and chunks": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % LENGTH,
    "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n" % LENGTH,
    "chunks and no length": b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    "two lengths": b"Content-Length: %d\r\nContent-Length: 0\r\n" % LENGTH,
    "two lengths in a line": b"Content-Length: %d, %d\r\n" % (LENGTH, LENGTH),
    "a negative length": b"Content-Length: -%d\r\n" % LENGTH,
    "a length with a sign": b"Content-Length: +%d\r\n" % LENGTH,
    "a hexadecimal length": b"Content-Length: 0x%x\r\n" % LENGTH,
    "a length of two words": b"Content-Length: %d 0\r\n" % LENGTH,
    "an endless length": b"Content-Length: " + b"9" * 5000 + b"\r\n",
    "an empty length": b"Content-Length:\r\n",
    "a space before the colon": b"Content-Length : %d\r\n" % LENGTH,
    "a space before the coding's colon": b"Transfer-Encoding : chunked\r\n",
    "a folded coding": b"Transfer-Encoding:\r\n chunked\r\n",
    "a folded length": b"Content-Length: 0\r\n %d\r\n" % LENGTH,
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n",
    "chunks not last": b"Transfer-Encoding: chunked, identity\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "a bare LF in a line": b"X-A: b\nContent-Length: %d\r\n" % LENGTH,
    "a bare CR in a line": b"X-A: b\rContent-Length: %d\r\n" % LENGTH,
    "NUL in a line": b"X-A: \0\r\nContent-Length: %d\r\n" % LENGTH,
    "a name of no word": b"X A: b\r\nContent-Length: %d\r\n" % LENGTH,
    "a line that begins with a space": b" Content-Length: 0\r\nContent-Length: %d\r\n" % LENGTH,
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", AMBIGUOUS)
def test_request_smuggling_an_ambiguous_length_ends_the_connection(
    service: Service, case: str, target: bytes
) -> None:
    head = b"POST %b HTTP/1.1\r\n%b%b\r\n" % (target, HOST, AMBIGUOUS[case])
    for rest in (BODY + HIDDEN, CHUNKED + HIDDEN, b"0\r\n\r\n" + HIDDEN):
        found, has_ended = answers(service, head + rest)
        assert has_ended
        # or none: what the parser finds once an endpoint has been called is not told
        assert [answer.status for answer in found] in ([400], [])


@pytest.mark.parametrize(
    "chunks",
    [
        b"-1\r\n" + HIDDEN,
        b"0x5\r\nabcde\r\n0\r\n\r\n" + HIDDEN,
        b"\r\n0\r\n\r\n" + HIDDEN,
        b"g\r\n" + HIDDEN,
        b"1\n \n0\n\n" + HIDDEN,
        b"1\r\n  0\r\n\r\n" + HIDDEN,
        b"fffffffffffffffff\r\n" + HIDDEN,
        b'1;a="\n"\r\n \r\n0\r\n\r\n' + HIDDEN,
        b"0\r\nX: \0\r\n\r\n" + HIDDEN,
    ],
)
def test_request_smuggling_by_broken_chunks_ends_the_connection(
    service: Service, chunks: bytes
) -> None:
    head = b"POST /predict HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    found, has_ended = answers(service, head + chunks)

    assert has_ended
    assert not any(map(is_hidden, found))


@pytest.mark.parametrize(
    "head",
    [
        b"POST /predict HTTP/1.1\n" + HOST.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n",
        b"POST /predict HTTP/1.1\r\nHost: x\nContent-Length: %d\r\n\r\n" % len(HIDDEN),
        b"POST /predict\tHTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"POST /predict HTTP/1.1 \r\nContent-Length: 0\r\n\r\n",
        b"POST /predict HTTP/11\r\nContent-Length: 0\r\n\r\n",
        b"POST /a b HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"\0GET /livez HTTP/1.1\r\n\r\n",
    ],
)
def test_request_smuggling_by_line_ends_and_request_lines(service: Service, head: bytes) -> None:
    found, has_ended = answers(service, head + HIDDEN)

    assert has_ended
    assert [answer.status for answer in found] == [400]


def test_request_smuggling_a_request_without_a_version_is_the_last(service: Service) -> None:
    found, has_ended = answers(service, b"GET /livez\r\n\r\n" + HIDDEN)

    assert has_ended
    assert len(found) == 1


@pytest.mark.parametrize("target", TARGETS)
def test_request_smuggling_pipelining_after_a_refused_body(service: Service, target: bytes) -> None:
    size = 40 * 2**20
    head = b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (target, HOST, size)
    filler = HIDDEN * (size // len(HIDDEN))
    found, _ = answers(service, head + filler + b" " * (size - len(filler)))

    assert [answer.status for answer in found] == [413]


def test_request_smuggling_a_body_that_is_not_wanted_is_no_request(service: Service) -> None:
    for head in (b"GET /livez", b"POST /nowhere", b"DELETE /predict", b"OPTIONS /predict"):
        sent = b"%b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (
            head,
            len(HIDDEN),
            HIDDEN,
        )
        found, _ = answers(service, sent + HIDDEN)
        assert [is_hidden(answer) for answer in found] == [False, True], head


def test_request_smuggling_a_known_head_hides_nothing(service: Service) -> None:
    plain = request("POST", "/predict", BODY)
    with service.connect() as connection:
        for sent in (plain, plain, plain + HIDDEN, plain[:-1], plain[-1:] + plain + HIDDEN):
            connection.send(sent)
        kinds = []
        for _ in range(7):
            answer = connection.answer()
            assert answer is not None
            kinds.append("hidden" if is_hidden(answer) else answer.status)

    assert kinds == [200, 200, 200, "hidden", 200, 200, "hidden"]


def test_an_upgrade_to_another_protocol_is_refused_or_ignored(service: Service) -> None:
    for upgrade in (b"websocket", b"h2c", b"TLS/1.0"):
        lines = b"Connection: Upgrade\r\nUpgrade: %b\r\nHTTP2-Settings: AAA\r\n" % upgrade
        found, _ = answers(service, b"GET /livez HTTP/1.1\r\nHost: x\r\n%b\r\n" % lines + HIDDEN)
        assert 101 not in [answer.status for answer in found]
        assert json.loads(found[0].content)
