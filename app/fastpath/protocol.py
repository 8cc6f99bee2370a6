"""
The shortest way of a request: a plain forecast answered where its bytes arrive.

uvicorn's protocol makes of every request an ASGI scope, a task, and messages in and out, which
together cost more than the forecast. This one does that for everything but a plain request for
one forecast that needs nothing to be waited for: that is read as soon as it is whole, waits with
others for the same model, and is written back from the run that answered it. Whatever is not plain
is handed on as if it had just arrived.
"""

from enum import Enum, auto
from typing import Any, Final

from app.connection.http_connection import HttpConnection, head_of
from app.connection.request_parsing import Phase
from app.errors import TooBusy
from app.fastpath import doors
from app.fastpath.pending_response import PendingResponse
from app.inference.worker_threads import INLINE_BYTES
from app.observability import request_record
from app.observability.request_record import RequestRecord
from app.transport import problem_details


class Way(Enum):
    """Who sees to the newest request of a connection."""

    FRAMEWORK = auto()
    """ASGI."""
    HERE = auto()
    """We do, as soon as its body has come."""
    REFUSED = auto()
    """It was answered at its head, and its body is thrown away."""


class ForecastProtocol(HttpConnection):
    """A connection of HTTP, with a shorter way for forecasts."""

    __slots__ = (
        "_body",
        "_door",
        "_headers",
        "_most_bytes",
        "_pending",
        "_record",
        "_way",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as they are handed on
        super().__init__(*args, **kwargs)
        state = self._state
        self._pending = PendingResponse(self, state["pipeline"], state["recorders"])
        self._most_bytes = min(INLINE_BYTES, state["settings"].max_body_bytes)
        """Bodies beyond are not read on the event loop."""
        self._way = Way.FRAMEWORK
        # of a request of ours
        self._door: doors.Door
        self._headers = self.headers
        self._record: RequestRecord
        self._body = bytearray()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hold nothing that holds us."""
        super().connection_lost(exc)
        del self._pending

    def begin_request(self) -> None:
        """Keep a plain request to ourselves, and hand on any other."""
        parser, headers, door = self.parser, self.headers, None
        if (
            parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not self.access_log
            and self.is_free()
        ):
            door = doors.find(self.url, headers, self._most_bytes)
        if door is None:
            self._way = Way.FRAMEWORK
            super().begin_request()
            return
        self._door, self._headers, self._body = door, headers, bytearray()
        self._record = request_record.begin(door.route, headers)
        try:
            # the order of all doors: the key, its rate, room, and then what is posted
            self._record.caller = self._state["access"].admit(headers)
            self._state["pipeline"].admit()
        except Exception as error:  # noqa: BLE001 - the caller gets an answer, the log the reason
            self._refuse(error)
        else:
            self._way = Way.HERE

    def take_body(self, body: bytes) -> None:
        """Collect the body of a plain request; what turns out to be large is none."""
        if self._way is Way.FRAMEWORK:
            super().take_body(body)
        elif self._way is Way.HERE:
            self._body += body
            if len(self._body) > self._most_bytes:
                self._hand_on()

    def unread_bytes(self) -> int:
        """Count the body of a plain request, too, until that is whole."""
        is_ours = self._way is Way.HERE and self._phase is Phase.BODY
        return super().unread_bytes() + (len(self._body) if is_ours else 0)

    def end_request(self) -> None:
        """Let a plain request wait for its forecast, or refuse it, or hand it on."""
        if self._way is Way.HERE:
            pipeline, record = self._state["pipeline"], self._record
            try:
                call = self._door.read(pipeline, self._headers, bytes(self._body), record)
                if call is not None:
                    pipeline.put(call.query, self._pending)
                    self._pending.begin(record, call)
                    self.cycle = self._pending  # type: ignore[assignment]  # a cycle to uvicorn
                    return
                self._hand_on()
            except Exception as error:  # noqa: BLE001 - answered, and logged there
                self._refuse(error)
        if self._way is Way.FRAMEWORK:
            super().end_request()

    def shutdown(self) -> None:
        """Let a request finish that has begun, as uvicorn's own do."""
        if self._way is Way.HERE and self._phase is Phase.BODY:
            self._hand_on()
        super().shutdown()

    def may_answer(self) -> bool:
        """Tell whether the newest request has no answer yet."""
        is_refused = self._way is Way.REFUSED and self._phase is Phase.BODY
        return not is_refused and super().may_answer()

    def refuse(self, record: RequestRecord, error: Exception) -> None:
        """Write a problem, and record it."""
        if not isinstance(error, TooBusy) or record.route.startswith("/v2/"):
            super().refuse(record, error)
            return
        record.code = _TOO_BUSY_CODE
        self.transport.write(self.encode(record, _TOO_BUSY_HEAD, _TOO_BUSY_BODY))
        self._state["recorders"].record(record, _too_busy.status_code)

    def _refuse(self, error: Exception) -> None:
        self._way = Way.REFUSED
        self._body = bytearray()
        self.refuse(self._record, error)
        self.on_response_complete()

    def _hand_on(self) -> None:
        """Make an ASGI request of what has come so far, which has passed the key and its rate."""
        self._way = Way.FRAMEWORK
        self.headers = self._headers
        super().begin_request()
        # middleware.py takes it from there, in a later turn of the loop
        self.scope["record"] = self._record  # type: ignore[typeddict-unknown-key]  # ours, not ASGI's
        if self._body:
            super().take_body(bytes(self._body))


# written once: under overload it is most of the answers
_too_busy: Final = problem_details.response_for(TooBusy(), "/predict")
_TOO_BUSY_CODE: Final = problem_details.kind_of(TooBusy()).code
_TOO_BUSY_HEAD: Final = head_of(_too_busy)
_TOO_BUSY_BODY: Final = bytes(_too_busy.body)
