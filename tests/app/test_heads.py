"""Requests whose head has been read before: answered without the parser, and as with it."""

import asyncio
import json
from pathlib import Path

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.fastpath.header_cache import Heads
from tests.builders import publish
from tests.wire import BODY, Connection, Service, request, run

HEAD = b"POST /predict HTTP/1.1\r\nContent-Length: 5"
HEADERS = [(b"content-length", b"5")]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    publish(tmp_path)
    publish(tmp_path, version=2, scale=0.5)
    return tmp_path


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Collect what the parser is given."""
    given: list[bytes] = []
    feed = HttpToolsProtocol.data_received

    def feeding(protocol: HttpToolsProtocol, data: bytes) -> None:
        given.append(data)
        feed(protocol, data)

    monkeypatch.setattr(HttpToolsProtocol, "data_received", feeding)
    return given


async def known(service: Service, sent: bytes | None = None) -> Connection:
    """Return a connection on which a request has been answered."""
    connection = await service.connect()
    await connection.send(sent or request())
    await connection.answer()
    return connection


def test_the_same_head_is_parsed_once_on_whatever_connection(
    models: Path, parsed: list[bytes]
) -> None:
    other = json.dumps({"prices": [150.0, 160.0, 180.0]}).encode()
    other += b" " * (len(BODY) - len(other))

    async def test(service: Service) -> None:
        first = await known(service)
        second = await service.connect()
        await second.send(request(other))
        assert (await second.answer())[2]["last_price"] == 180.0
        await first.send(request())
        assert (await first.answer())[2]["last_price"] == 104.0
        await first.close()
        await second.close()

    run(test, models)

    assert parsed == [request()]


@pytest.mark.parametrize("cut", [1, 60, 105, 109, 120])
def test_with_a_known_head_it_may_come_in_pieces(
    models: Path, parsed: list[bytes], cut: int
) -> None:
    whole = request()
    body_begins = len(whole) - len(BODY)

    async def test(service: Service) -> None:
        connection = await known(service)
        for _ in range(2):
            await connection.send(whole[:cut])
            await connection.send(whole[cut:-3])
            await connection.send(whole[-3:])
            assert (await connection.answer())[0] == 200
        await connection.close()

    run(test, models)

    # a piece of a head is none that is known
    assert (len(parsed) == 1) == (cut >= body_begins)


def test_a_head_that_came_alone_is_known_afterwards(models: Path, parsed: list[bytes]) -> None:
    whole = request()
    cut = len(whole) - len(BODY)

    async def test(service: Service) -> None:
        connection = await service.connect()
        for _ in range(3):
            await connection.send(whole[:cut])
            await connection.send(whole[cut:])
            assert (await connection.answer())[0] == 200
        await connection.close()

    run(test, models)

    assert parsed == [whole[:cut], whole[cut:]]


def test_behind_a_known_head_there_may_be_more_than_one_request(models: Path) -> None:
    other = json.dumps({"prices": [150.0, 160.0, 180.0]}).encode()

    async def test(service: Service) -> None:
        connection = await known(service)
        await connection.send(request() + request(other) + request(other) + request()[:-4])
        await connection.send(request()[-4:] + request(other))
        answers = [(await connection.answer())[2]["last_price"] for _ in range(5)]
        assert answers == [104.0, 180.0, 180.0, 104.0, 180.0]
        await connection.close()

    run(test, models)


def test_what_cannot_be_answered_at_once_is_handed_on(models: Path, parsed: list[bytes]) -> None:
    pinned = json.dumps({"prices": [100.0, 102.0, 104.0], "version": 1}).encode()
    served = json.dumps({"prices": [100.0, 102.0, 104.0]}).encode()
    served += b" " * (len(pinned) - len(served))

    async def test(service: Service) -> None:
        connection = await known(service, request(served))
        for body, version in [(pinned, 1), (served, 2), (b"{" * len(pinned), None), (pinned, 1)]:
            await connection.send(request(body))
            answer = (await connection.answer())[2]
            assert answer.get("version") == version
        await connection.close()

    run(test, models)

    assert parsed == [request(served), request(pinned), request(pinned)]


@pytest.mark.parametrize(
    "other",
    [
        request(BODY, "Connection: close"),
        request(BODY, "Expect: 100-continue"),
        request(path="/predict?x"),
        request(version="1.0"),
        request().replace(b"\r\nContent-Length", b"\nContent-Length"),
    ],
)
def test_what_is_not_plain_is_parsed_each_time(
    models: Path, parsed: list[bytes], other: bytes
) -> None:
    async def test(service: Service) -> None:
        for _ in range(2):
            connection = await known(service)
            await connection.send(other)
            await connection.reader.readuntil(b"\r\n\r\n")
            await connection.close()

    run(test, models)

    assert parsed == [request(), other, other]


def test_what_has_begun_is_answered_before_the_service_stops(models: Path) -> None:
    async def test(service: Service) -> None:
        connection = await known(service)
        await connection.send(request()[:-9])
        service.server.should_exit = True
        await asyncio.sleep(0.3)
        await connection.send(request()[-9:])
        assert (await connection.answer())[0] == 200
        assert await connection.reader.read() == b""
        await connection.close()

    run(test, models)


def test_a_connection_on_which_nothing_is_asked_is_closed(models: Path) -> None:
    async def test(service: Service) -> None:
        idle, asking, slow = [await known(service) for _ in range(3)]
        # the head again, but not all of the body
        await slow.send(request()[:-9])
        for _ in range(6):
            await asyncio.sleep(0.25)
            await asking.send(request())
            assert (await asking.answer())[0] == 200
        assert await asyncio.wait_for(idle.reader.read(), 0.1) == b""
        await slow.send(request()[-9:])
        assert (await slow.answer())[0] == 200
        # and these, too, once nothing is asked on them
        for connection in (asking, slow):
            assert await asyncio.wait_for(connection.reader.read(), 2.5) == b""
        for connection in (idle, asking, slow):
            await connection.close()

    run(test, models, keep_alive_s=1)


def test_only_a_head_beyond_doubt_is_kept() -> None:
    heads: Heads[None] = Heads()
    doubtful = [
        (HEAD, []),
        (HEAD, HEADERS * 2),
        (HEAD, [*HEADERS, (b"transfer-encoding", b"chunked")]),
        (HEAD, [*HEADERS, (b"x-request-id", b"never-again")]),
        (HEAD, [(b"content-length", b"+5")]),
        (HEAD, [(b"content-length", b"70000")]),
        (HEAD + b"\nX: y", HEADERS),
        (HEAD + b"\rX: y", HEADERS),
        (HEAD + b"\n\rX: y", HEADERS),
        (b"\r\n" + HEAD, HEADERS),
        (b"", HEADERS),
        (HEAD + b"\r\nX: " + b"y" * 2048, HEADERS),
    ]

    for head, headers in doubtful:
        heads.keep(head, headers, None, None)

    assert [heads.find(head) for head, _ in doubtful] == [None] * len(doubtful)
    heads.keep(HEAD, HEADERS, None, None)
    assert heads.find(HEAD) == (5, HEADERS, None, None)


def test_of_many_heads_the_oldest_go() -> None:
    heads: Heads[None] = Heads()

    for number in range(1025):
        heads.keep(HEAD + b"\r\nX: %d" % number, HEADERS, None, None)

    assert heads.find(HEAD + b"\r\nX: 0") is None
    assert (
        heads.find(HEAD + b"\r\nX: 1")
        == heads.find(HEAD + b"\r\nX: 1024")
        == (5, HEADERS, None, None)
    )
