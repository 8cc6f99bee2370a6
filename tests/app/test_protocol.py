"""The service by its bytes: whatever way a request arrives, it is answered as any other is."""

import asyncio
import gc
import json
import logging
import weakref
from pathlib import Path

import pytest

from app.connection.http_connection import HttpConnection
from tests.builders import PRICES, fails_above_graph, levels, publish
from tests.wire import BODY, Service, request, run


@pytest.fixture
def models(tmp_path: Path) -> Path:
    publish(tmp_path)
    publish(tmp_path, version=2, scale=0.5)
    return tmp_path


@pytest.mark.parametrize("cut", [1, 20, 60, 105, 120])
def test_a_request_may_come_in_pieces(models: Path, cut: int) -> None:
    async def test(service: Service) -> None:
        connection = await service.connect()
        whole = request()
        await connection.send(whole[:cut])
        await connection.send(whole[cut:])
        status, headers, answer = await connection.answer()
        assert (status, answer["prediction"]) == (200, pytest.approx(102.0))
        assert headers["content-type"] == "application/json"
        assert "date" in headers
        await connection.close()

    run(test, models)


def test_a_connection_is_used_again_and_again_by_both_ways(models: Path) -> None:
    async def test(service: Service) -> None:
        connection = await service.connect()
        for path in ("/predict", "/predict?by=the-framework", "/predict", "/elsewhere", "/predict"):
            await connection.send(request(path=path))
            status, _, answer = await connection.answer()
            assert (status, answer.get("code")) == (
                (404, "not_found") if "else" in path else (200, None)
            )
        await connection.close()

    run(test, models)


def test_requests_that_do_not_wait_for_answers_get_them_in_order(models: Path) -> None:
    other = json.dumps({"prices": [150.0, 160.0, 180.0]}).encode()

    async def test(service: Service) -> None:
        connection = await service.connect()
        await connection.send(
            request() + request(other) + request(other, path="/predict?") + request()
        )
        answers = [(await connection.answer())[2]["last_price"] for _ in range(4)]
        assert answers == [104.0, 180.0, 180.0, 104.0]
        await connection.close()

    run(test, models)


@pytest.mark.parametrize("is_rude", [False, True])
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(request(), id="a forecast"),
        pytest.param(request()[:-3], id="less than a forecast"),
        pytest.param(request(path="/elsewhere"), id="a refusal, by the framework"),
        pytest.param(request() + request(path="/predict?") + request(), id="one after the other"),
        pytest.param(2 * request(path="/predict?") + request()[:-3], id="too much for now"),
    ],
)
def test_what_is_left_of_a_connection_needs_no_collector(
    models: Path, sent: bytes, *, is_rude: bool
) -> None:
    async def test(service: Service) -> None:
        connections = service.server.server_state.connections
        connection = await service.connect()
        await connection.send(sent)
        [left] = [weakref.ref(each) for each in connections]
        connection.writer.transport.abort() if is_rude else connection.writer.close()
        while connections:  # noqa: ASYNC110 - uvicorn's own, and no event
            await asyncio.sleep(0.01)
        # what was under way ends; if it were kept, this would not
        while left() is not None:  # noqa: ASYNC110 - nor is there one of this
            await asyncio.sleep(0.01)

    gc.disable()
    try:
        run(test, models)
    finally:
        gc.enable()


def test_a_body_in_chunks_is_read_up_to_the_cap(models: Path) -> None:
    head = request(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunk = b"%x\r\n%b\r\n" % (len(BODY), BODY)
    filler = b"40\r\n" + b" " * 64 + b"\r\n"

    async def test(service: Service) -> None:
        connection = await service.connect()
        await connection.send(head + filler + chunk + b"0\r\n\r\n")
        assert (await connection.answer())[0] == 200
        await connection.send(head + filler)
        await connection.send(filler * 2)
        await connection.send(filler)
        status, _, answer = await connection.answer()
        assert (status, answer["code"]) == (413, "body_too_large")
        await connection.close()

    run(test, models, max_body_bytes=200)


@pytest.mark.parametrize(
    ("sent", "stays"),
    [
        (request(BODY, "Connection: close"), False),
        (request(version="1.0"), False),
        (request(BODY, "Expect: 100-continue"), True),
        (request(json.dumps({"prices": PRICES, "version": 2}).encode()), True),
    ],
)
def test_what_is_not_plain_is_answered_too(models: Path, sent: bytes, stays: bool) -> None:  # noqa: FBT001 - a case
    async def test(service: Service) -> None:
        connection = await service.connect()
        await connection.send(sent)
        if b"100-continue" in sent:
            assert b"100 Continue" in await connection.reader.readuntil(b"\r\n\r\n")
        assert (await connection.answer())[0] == 200
        if stays:
            await connection.send(request())
            assert (await connection.answer())[0] == 200
        else:
            assert await connection.reader.read() == b""
        await connection.close()

    run(test, models)


def test_an_error_of_ours_costs_its_neighbours_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # scaled by the range from 100 to 200, 320 is above 2, where the network fails
    publish(tmp_path, window=5, graph=fails_above_graph(steps=5), scaler=levels())
    bad = json.dumps({"prices": [101.0] * 4 + [320.0]}).encode()
    good = json.dumps({"prices": [101.0] * 5}).encode()

    async def test(service: Service) -> None:
        several = [await service.connect() for _ in range(6)]
        for place, connection in enumerate(several):
            connection.writer.write(request(bad if place == 2 else good))
        found = [(await connection.answer())[0] for connection in several]
        assert found == [200, 200, 500, 200, 200, 200]
        for connection in several:
            await connection.close()

    run(test, tmp_path)

    assert "an error of ours" in caplog.text


def test_no_finite_forecast_is_told(models: Path) -> None:
    wild = json.dumps({"prices": [1e308, 1e-300, 1e308]}).encode()

    async def test(service: Service) -> None:
        connection = await service.connect()
        await connection.send(request(wild))
        status, _, answer = await connection.answer()
        assert (status, answer["code"], answer["field"]) == (422, "unforecastable", "prices")
        await connection.close()

    publish(models, version=3, scale=1e30)
    run(test, models)


def test_a_client_that_leaves_disturbs_nobody(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(service: Service) -> None:
        for sent in (request(), request()[:-9], b"POST /pre"):
            for _ in range(5):
                leaving = await service.connect()
                leaving.writer.write(sent)
                leaving.writer.transport.abort()
        staying = await service.connect()
        await staying.send(request())
        assert (await staying.answer())[0] == 200
        await staying.close()

    run(test, models)

    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_a_request_that_has_begun_is_answered_before_the_service_stops(models: Path) -> None:
    async def test(service: Service) -> None:
        begun, idle = await service.connect(), await service.connect()
        whole = request()
        await begun.send(whole[:-9])
        service.server.should_exit = True
        await asyncio.sleep(0.3)
        # nothing was asked on this one
        assert await idle.reader.read() == b""
        await begun.send(whole[-9:])
        assert (await begun.answer())[0] == 200
        assert await begun.reader.read() == b""
        await begun.close()
        await idle.close()

    run(test, models)


def test_who_does_not_read_is_not_written_to(models: Path) -> None:
    async def test(service: Service) -> None:
        connection = await service.connect()
        await connection.send(request())
        await connection.answer()
        [protocol] = service.server.server_state.connections
        assert isinstance(protocol, HttpConnection)
        # as the transport does when much has been written that nobody took
        protocol.pause_writing()
        await connection.send(request())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.reader.read(1), 0.2)
        protocol.resume_writing()
        assert (await connection.answer())[0] == 200
        await connection.close()

    run(test, models)
