"""
OpenTelemetry traces, sent by OTLP over HTTP: an extra, imported only where its endpoint is set.

A request is one span of a server, with its wait and its run below. They are made when it has been
answered, of what was noted on its way: nothing is done for a trace while anybody waits.
"""

import threading
import time
from functools import partial
from typing import Final

from app.observability.request_record import TRACEPARENT, RequestRecord

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    from opentelemetry.trace.status import Status, StatusCode
except ImportError:
    raise ImportError(
        "NEXTDAY_OTLP_ENDPOINT needs OpenTelemetry's SDK and exporter: install nextday[traces]"
    ) from None

_SERVICE: Final = "nextday"
_PATH: Final = "/v1/traces"
_MOST: Final = 4096
"""Spans that wait to be sent; those beyond are left out."""
_EVERY_MS: Final = 1000
_SEND_S: Final = 5.0
"""The longest that one sending may take, and the last one at the end."""
_FAULT: Final = 500
_NS: Final = 1_000_000_000

_KEPT: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope(_SERVICE)
_UNSET: Final = Status()
_ERROR: Final = Status(StatusCode.ERROR)

_propagator = TraceContextTextMapPropagator()


class Traces:
    """Sends spans, many at a time, from a thread."""

    def __init__(self, endpoint: str) -> None:
        """Send to an endpoint of OTLP over HTTP: its base, or all of its address."""
        base = endpoint.rstrip("/").removesuffix(_PATH)
        self._spans = BatchSpanProcessor(
            OTLPSpanExporter(endpoint=base + _PATH, timeout=_SEND_S),
            max_queue_size=_MOST,
            schedule_delay_millis=_EVERY_MS,
        )
        # as the SDK's own tracer would have it, at a quarter of the cost
        self._span = partial(
            ReadableSpan,
            resource=Resource.create({SERVICE_NAME: _SERVICE}),
            instrumentation_scope=_SCOPE,
        )
        self._ids = RandomIdGenerator()

    def record(self, record: RequestRecord, status: int) -> None:
        """Note the spans of a request, unless its caller has said that nobody wants them."""
        parent = _parent(record.traceparent)
        if parent is not None and not parent.trace_flags.sampled:
            return
        # back from now: the clock that requests are timed by has no time of day
        end = time.time_ns()
        start = end - int(_NS * record.whole_s)
        trace = self._ids.generate_trace_id() if parent is None else parent.trace_id
        whole = self._context(trace)
        span = self._span(
            record.route,
            whole,
            parent,
            kind=SpanKind.SERVER,
            attributes=_attributes(record, status),
            status=_ERROR if status >= _FAULT else _UNSET,
            start_time=start,
            end_time=end,
        )
        self._spans.on_end(span)
        if record.wait_s is not None and record.run_s is not None:
            began = start + int(_NS * record.wait_s)
            ended = began + int(_NS * record.run_s)
            for name, first, last in (("wait", start, began), ("run", began, ended)):
                part = self._span(
                    name, self._context(trace), whole, start_time=first, end_time=last
                )
                self._spans.on_end(part)

    def close(self) -> None:
        """Send what has been noted, for some seconds at most, and end."""
        # on its own it would try for half a minute where nobody takes them
        last = threading.Thread(target=self._spans.shutdown, daemon=True)
        last.start()
        last.join(_SEND_S)

    def _context(self, trace: int) -> SpanContext:
        return SpanContext(trace, self._ids.generate_span_id(), is_remote=False, trace_flags=_KEPT)


def _parent(traceparent: str | None) -> SpanContext | None:
    """Return the span that a request is part of; None where there is none as W3C has it."""
    if traceparent is None:
        return None
    context = _propagator.extract({TRACEPARENT.decode(): traceparent})
    parent = get_current_span(context).get_span_context()
    return parent if parent.is_valid else None


def _attributes(record: RequestRecord, status: int) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "http.response.status_code": status,
        "nextday.request_id": record.id,
    }
    if record.windows:
        attributes["nextday.model"] = record.model
        attributes["nextday.version"] = record.version
        attributes["nextday.windows"] = record.windows
    if record.code is not None:
        attributes["error.type"] = record.code
    return attributes
