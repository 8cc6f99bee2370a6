"""Traces, received by a real server that speaks OTLP over HTTP."""

import contextlib
import gzip
import importlib
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from app.observability import request_record
from app.observability.request_record import Recorders, RequestRecord
from app.observability.tracing import Traces
from tests.builders import PRICES, publish, serving
from tools.testbed.waiting import until

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{PARENT}-01"
MS = 1_000_000


class Receiver(ThreadingHTTPServer):
    """Takes traces, once it is open."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.opened = Event()
        self.opened.set()
        self.received: list[ResourceSpans] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def spans(self) -> list[Span]:
        return [
            span for each in self.received for scope in each.scope_spans for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.opened.wait(20)
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        found = self.path == "/v1/traces"
        if found:
            self.server.received += ExportTraceServiceRequest.FromString(body).resource_spans
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200 if found else 404)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield server
        finally:
            server.opened.set()
            server.shutdown()
            serving.join()


@contextlib.contextmanager
def sending(endpoint: str) -> Iterator[Traces]:
    traces = Traces(endpoint)
    try:
        yield traces
    finally:
        traces.close()


def request(
    traceparent: str | None = None, *, route: str = "/predict", **noted: Any
) -> RequestRecord:
    """Return a request that came in 10 ms ago."""
    headers = [] if traceparent is None else [(request_record.TRACEPARENT, traceparent.encode())]
    came = request_record.begin(route, headers)
    came.whole_s = 0.01
    for name, value in noted.items():
        setattr(came, name, value)
    return came


def forecast(traceparent: str | None = None, **noted: Any) -> RequestRecord:
    """Return a request that was answered by a forecast: 2 ms of waiting, 5 ms of running."""
    made: dict[str, Any] = {
        "model": "default",
        "version": 3,
        "windows": 1,
        "wait_s": 0.002,
        "run_s": 0.005,
    }
    return request(traceparent, **made, **noted)


def attributes(span: Span) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, str(each.value.WhichOneof("value")))
        for each in span.attributes
    }


def test_a_forecast_is_a_span_with_its_wait_and_its_run_below(receiver: Receiver) -> None:
    before = time.time_ns()

    with sending(receiver.endpoint) as traces:
        traces.record(forecast(SAMPLED, id="an-id"), 200)

    after = time.time_ns()
    whole, wait, run = receiver.spans
    assert (whole.name, wait.name, run.name) == ("/predict", "wait", "run")
    assert whole.kind == Span.SPAN_KIND_SERVER
    assert wait.kind == run.kind == Span.SPAN_KIND_INTERNAL
    assert before <= whole.end_time_unix_nano <= after
    assert whole.end_time_unix_nano - whole.start_time_unix_nano == 10 * MS
    assert wait.start_time_unix_nano == whole.start_time_unix_nano
    assert wait.end_time_unix_nano - wait.start_time_unix_nano == 2 * MS
    assert run.start_time_unix_nano == wait.end_time_unix_nano
    assert run.end_time_unix_nano - run.start_time_unix_nano == 5 * MS
    assert {span.trace_id.hex() for span in (whole, wait, run)} == {TRACE}
    assert whole.parent_span_id.hex() == PARENT
    assert wait.parent_span_id == run.parent_span_id == whole.span_id
    assert len({span.span_id for span in (whole, wait, run)}) == 3
    assert attributes(whole) == {
        "http.response.status_code": 200,
        "nextday.request_id": "an-id",
        "nextday.model": "default",
        "nextday.version": 3,
        "nextday.windows": 1,
    }


def test_the_service_is_called_nextday(receiver: Receiver) -> None:
    with sending(receiver.endpoint) as traces:
        traces.record(forecast(), 200)

    [resource] = receiver.received
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert named["service.name"] == "nextday"


def test_the_whole_address_of_an_endpoint_will_do(receiver: Receiver) -> None:
    for address in (f"{receiver.endpoint}/", f"{receiver.endpoint}/v1/traces"):
        with sending(address) as traces:
            traces.record(request(), 200)

    assert len(receiver.spans) == 2


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        pytest.param(422, "bad_price", Status.STATUS_CODE_UNSET, id="the caller's fault"),
        pytest.param(503, "too_busy", Status.STATUS_CODE_ERROR, id="ours"),
    ],
)
def test_a_refusal_is_one_span_that_says_why(
    receiver: Receiver, status: int, code: str, expected: int
) -> None:
    with sending(receiver.endpoint) as traces:
        traces.record(request(code=code), status)

    [span] = receiver.spans
    assert span.status.code == expected
    assert attributes(span)["error.type"] == code
    assert attributes(span)["http.response.status_code"] == status
    assert "nextday.model" not in attributes(span)


def test_what_the_caller_does_not_trace_is_not_sent(receiver: Receiver) -> None:
    with sending(receiver.endpoint) as traces:
        traces.record(forecast(f"00-{TRACE}-{PARENT}-00"), 200)
        traces.record(forecast(SAMPLED), 200)

    assert len(receiver.spans) == 3


@pytest.mark.parametrize(
    "traceparent",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("garbage", id="no such thing"),
        pytest.param(f"ff-{TRACE}-{PARENT}-01", id="a version that cannot be"),
        pytest.param(f"00-{'0' * 32}-{PARENT}-01", id="a trace of zeros"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", id="a span of zeros"),
        pytest.param(f"00-{TRACE}-{PARENT}", id="cut short"),
        pytest.param(f"00-{TRACE.upper()}-{PARENT}-01", id="in capitals"),
        pytest.param(f"00-{TRACE}-{PARENT}-01\n\xff", id="with more behind it"),
    ],
)
def test_a_request_that_is_part_of_no_trace_begins_one(
    receiver: Receiver, traceparent: str | None
) -> None:
    with sending(receiver.endpoint) as traces:
        came = forecast()
        came.traceparent = traceparent
        traces.record(came, 200)

    whole, wait, run = receiver.spans
    assert whole.parent_span_id == b""
    assert whole.trace_id.hex() != TRACE
    assert any(whole.trace_id)
    assert whole.trace_id == wait.trace_id == run.trace_id


def test_spans_are_sent_while_the_service_runs(receiver: Receiver) -> None:
    with sending(receiver.endpoint) as traces:
        traces.record(request(), 200)
        until(lambda: receiver.spans, "a span")

        assert len(receiver.spans) == 1


def test_a_receiver_that_hangs_holds_nobody_up_and_what_waits_is_bounded(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.opened.clear()

    with sending(receiver.endpoint) as traces:
        # were one of them to wait for the receiver, this would not end
        for _ in range(20_000):
            traces.record(request(), 200)
        receiver.opened.set()

    # those that were on their way when it hung, and a full queue
    assert 4096 <= len(receiver.spans) <= 4096 + 512
    assert "dropping" in caplog.text


def test_an_end_is_not_put_off_by_a_receiver_that_is_not_there() -> None:
    with Receiver() as gone:
        endpoint = gone.endpoint

    with sending(endpoint) as traces:
        traces.record(request(), 200)


def test_a_teller_among_others_is_told_of_every_request(receiver: Receiver) -> None:
    with sending(receiver.endpoint) as traces, ThreadPoolExecutor(1) as pool:
        tellers = Recorders([traces.record])
        for n in range(700):
            pool.submit(tellers.record, request(route=f"/{n}"), 200)

    assert {span.name for span in receiver.spans} == {f"/{n}" for n in range(700)}
    assert all(span.end_time_unix_nano > span.start_time_unix_nano for span in receiver.spans)


def test_the_app_sends_traces_where_there_is_an_endpoint_for_them(
    receiver: Receiver, tmp_path: Path
) -> None:
    publish(tmp_path)

    with serving(tmp_path, otlp_endpoint=receiver.endpoint) as client:
        headers = {"traceparent": SAMPLED, "x-request-id": "an-id"}
        client.post("/predict", json={"prices": PRICES}, headers=headers)

    whole, wait, run = receiver.spans
    assert (whole.name, whole.trace_id.hex(), whole.parent_span_id.hex()) == (
        "/predict",
        TRACE,
        PARENT,
    )
    assert attributes(whole)["nextday.request_id"] == "an-id"
    assert wait.end_time_unix_nano == run.start_time_unix_nano


def test_where_the_extra_is_missing_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, OTLPSpanExporter.__module__, None)
    monkeypatch.delitem(sys.modules, Traces.__module__)

    with pytest.raises(ImportError, match=r"install nextday\[traces\]"):
        importlib.import_module(Traces.__module__)
