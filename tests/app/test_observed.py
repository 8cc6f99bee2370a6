"""What is told of a request: its id, its line in the log, its counts; and its deadline."""

import asyncio
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.observability import metrics, request_record
from app.observability.access_log import RequestLog
from app.observability.request_record import Recorders
from tests.builders import PRICES, assert_problem, publish, serving
from tests.wire import BODY, Service, request, run


@pytest.fixture
def models(tmp_path: Path) -> Path:
    publish(tmp_path)
    return tmp_path


def lines(text: str) -> list[dict[str, Any]]:
    """Return the lines of the request log among what was written."""
    return [json.loads(line) for line in text.splitlines() if line.startswith('{"time"')]


@pytest.mark.parametrize("path", ["/predict", "/predict?by=the-framework", "/nowhere"])
def test_a_request_keeps_its_id_or_is_given_one(models: Path, path: str) -> None:
    async def test(service: Service) -> None:
        connection = await service.connect()
        found = []
        for header in (
            ["X-Request-Id: an-id.7"],
            [],
            [],
            ["X-Request-Id: two words"],
            ["X-Request-Id: " + "x" * 200],
        ):
            await connection.send(request(BODY, *header, path=path))
            found.append((await connection.answer())[1]["x-request-id"])
        assert found[0] == "an-id.7"
        assert len(set(found)) == 5
        assert all(re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", made) for made in found[1:])
        await connection.close()

    run(test, models)


def test_each_request_is_a_line_without_prices_or_keys(
    models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    key = "a-key-of-some-characters"
    # so long that no clock and no id shows it by chance
    price = "987654321.5"
    posted = f'{{"prices": [{price}, {price}, {price}]}}'.encode()

    async def test(service: Service) -> None:
        connection = await service.connect()
        for body, path in [
            (posted, "/predict"),
            (f'{{"prices": [{price}, {price}, -{price}]}}'.encode(), "/predict"),
            (posted, "/predict?x"),
            (f'{{"windows": [[{price}, {price}, {price}], [1]]}}'.encode(), "/predict/batch"),
            (b"", "/models/x%0d%0aSet-Cookie"),
        ]:
            await connection.send(request(body, f"X-API-Key: {key}", path=path))
            await connection.answer()
        await connection.close()

    run(test, models, api_keys=(key,))

    text = capfd.readouterr().out
    short, bad, framework, batch, unknown = lines(text)
    assert short.keys() == framework.keys()
    assert (short["route"], short["status"], short["model"], short["version"]) == (
        ("/predict", 200, "default", 1)
    )
    assert short["windows"] == 1
    assert 0 <= short["wait_ms"] < short["ms"]
    assert 0 < short["run_ms"] < short["ms"]
    assert re.fullmatch(r"[0-9a-f]{8}", short["key"])
    assert (bad["status"], bad["code"]) == (422, "bad_price")
    assert (batch["windows"], batch["route"]) == (2, "/predict/batch")
    assert (unknown["status"], unknown["route"]) == (405, "/models/{name}")
    assert key not in text
    assert price[:-2] not in text
    assert "Set-Cookie" not in text


def test_the_log_can_be_left_out(models: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(models, request_log=False) as client:
        client.post("/predict", json={"prices": PRICES})

    assert lines(capfd.readouterr().out) == []


def test_a_log_that_nobody_reads_any_more_stops_nothing() -> None:
    async def telling() -> None:
        stream = io.BytesIO()
        log = RequestLog(stream)
        tellers = Recorders([log.record])
        tellers.record(request_record.begin("/predict", ()), 200)
        while not stream.getvalue():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)
        assert json.loads(stream.getvalue())["status"] == 200
        stream.close()
        tellers.record(request_record.begin("/predict", ()), 200)
        await asyncio.sleep(0.15)
        log.flush()

    asyncio.run(telling())


def value(text: str, metric: str) -> float:
    found = re.search(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_metrics_tell_times_by_route_model_and_version(models: Path) -> None:
    of_version = 'model="default",route="/predict",version="1"'
    names = [f"nextday_{part}_seconds_count{{{of_version}}}" for part in ("request", "wait", "run")]
    names += [
        'nextday_refusals_total{code="bad_price",route="/predict"}',
        'nextday_requests_total{route="/predict",status="200"}',
        'nextday_requests_total{route="unknown",status="404"}',
        'nextday_outside_training_range_total{model="default",version="1"}',
        'nextday_forecasts_total{model="default",version="1"}',
    ]
    with serving(models) as client:
        before = client.get("/metrics").text
        client.post("/predict", json={"prices": PRICES})
        client.post("/predict", json={"prices": [1000.0] * 3})
        client.post("/predict", json={"prices": [-1.0] * 3})
        client.post("/predict/batch", json={"windows": [PRICES, [1000.0] * 3]})
        client.get("/made/up")
        after = client.get("/metrics").text

    grown = [value(after, name) - value(before, name) for name in names]
    assert grown == [2, 2, 2, 1, 2, 1, 2, 4]
    assert value(after, "nextday_models") >= 1
    assert value(after, "nextday_resident_bytes") > 1e7
    assert value(after, "nextday_open_files") > 3
    assert "made" not in after


def test_what_strangers_make_up_makes_no_series(models: Path) -> None:
    with serving(models) as client:
        client.post("/predict", json={"prices": PRICES, "model": "first"})
        client.get("/first")
        client.get("/v2/models/first")
        before = len(client.get("/metrics").text.splitlines())
        for number in range(30):
            client.post("/predict", json={"prices": PRICES, "model": f"x{number}"})
            client.get(f"/x{number}")
            client.get(f"/v2/models/x{number}")
        after = len(client.get("/metrics").text.splitlines())

    assert after == before


def test_a_request_that_takes_too_long_is_refused(models: Path) -> None:
    async def test(service: Service) -> None:
        slow, other = await service.connect(), await service.connect()
        # the framework's way, so that the body is waited for there
        await slow.send(request(BODY, path="/predict?x")[:-5])
        await other.send(request())
        assert (await other.answer())[0] == 200
        status, _, answer = await slow.answer()
        assert (status, answer["code"]) == (504, "too_late")
        for connection in (slow, other):
            await connection.close()

    run(test, models, deadline_seconds=2)


def test_whoever_has_waited_too_long_gets_no_forecast(models: Path) -> None:
    with serving(models, deadline_seconds=1e-9) as client:
        assert_problem(client.post("/predict", json={"prices": PRICES}), 504, "too_late")

    async def test(service: Service) -> None:
        connection = await service.connect()
        await connection.send(request())
        status, _, answer = await connection.answer()
        assert (status, answer["code"]) == (504, "too_late")
        await connection.close()

    run(test, models, deadline_seconds=1e-9)


@pytest.mark.parametrize("sent", [b"", b"POST /predict HT", request()[:-9]])
def test_a_request_that_does_not_come_whole_ends_its_connection(models: Path, sent: bytes) -> None:
    async def test(service: Service) -> None:
        connection, other = await service.connect(), await service.connect()
        if sent:
            await connection.send(sent)
        await other.send(request())
        assert (await other.answer())[0] == 200
        # a byte now and then does not help
        rest = asyncio.ensure_future(connection.reader.read())
        for _ in range(8):
            await asyncio.sleep(0.25)
            if len(sent) > 20 and not rest.done():
                connection.writer.write(b" ")
        answer = await rest
        assert answer == b"" if not sent else b"408" in answer.splitlines()[0]
        if sent:
            assert b"body_too_slow" in answer
            assert b"connection: close" in answer
        for each in (connection, other):
            await each.close()

    run(test, models, keep_alive_s=1, receive_seconds=1.0)


def test_a_request_that_does_not_come_whole_is_not_kept_as_long_as_an_idle_connection(
    models: Path,
) -> None:
    async def test(service: Service) -> None:
        connection = await service.connect()
        await connection.send(request()[:-9])
        answer = await connection.reader.read()
        assert b"body_too_slow" in answer
        await connection.close()

    run(test, models, keep_alive_s=75, receive_seconds=1.0)


def test_endless_headers_are_cut_off(models: Path) -> None:
    async def test(service: Service) -> None:
        connection = await service.connect()
        connection.writer.write(b"GET /livez HTTP/1.1\r\n" + b"X: yyyyyyyyyyyyyyyyyyy\r\n" * 4000)
        answer = await connection.reader.read()
        assert b" 431 " in answer.splitlines()[0]
        assert b"headers_too_large" in answer
        await connection.close()

    run(test, models)


def test_what_is_not_http_is_told_so(models: Path) -> None:
    async def test(service: Service) -> None:
        connection = await service.connect()
        connection.writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        answer = await connection.reader.read()
        assert b" 400 " in answer.splitlines()[0]
        assert b'"code":"not_http"' in answer
        await connection.close()

    run(test, models)


def test_the_metrics_of_the_process_are_there_without_linux(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.observability.metrics.sys.platform", "other")

    metrics.record_process(3)

    assert value(metrics.render().decode(), "nextday_models") == 3


def test_a_worker_that_was_killed_as_it_began_does_not_hide_the_others(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from app.observability import metrics
metrics.record_process(3)
(Path({str(tmp_path)!r}) / "gauge_livesum_1.db").touch()
print(metrics.render().decode())
"""
    # the folder is looked for as the metrics are made
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}  # noqa: TID251 - handed on
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout

    assert value(told, "nextday_models") == 3


def test_of_a_worker_that_is_gone_nothing_more_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead, here = (tmp_path / f"gauge_livesum_{pid}.db" for pid in (gone.pid, os.getpid()))
    dead.touch()
    here.touch()

    metrics.record_process(1)

    # a file that is empty still is of one that has just begun
    assert metrics.render() == b""
    assert [file.name for file in tmp_path.iterdir()] == [here.name]
