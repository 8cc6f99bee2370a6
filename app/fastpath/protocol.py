"""
The shortest way of a request: `POST /predict` answered where its bytes arrive.

uvicorn's protocol makes of every request an ASGI scope, a task, and messages in and out, which
together cost more than the forecast. This one is uvicorn's own, and does that for everything but
a plain `POST /predict` that needs nothing to be waited for: that is understood as soon as it is
read, put beside those that wait for the same model, and written back from the batch that it ran
in. Whatever is not plain is handed on as if it had just arrived, so that there is one place for
all the rest.
"""

import asyncio
from typing import Any, ClassVar, Final

from fastapi import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api import predict
from app.errors import BodyTooSlow, HeadersTooLarge, NotHttp, TooBusy
from app.fastpath.pending_response import PendingResponse
from app.inference.microbatching import MicroBatcher
from app.observability import request_record
from app.observability.request_record import RequestRecord
from app.serving.app_state import AppState
from app.serving.pipeline import Endpoint, note_choice
from app.transport import problem_details
from app.transport.headers import Headers

_MAX_HEAD: Final = 64 * 1024
"""Bytes of a request before its body: the parser itself has no bound."""
_SELDOM_S: Final = 5.0
"""Between two looks at a connection at most: a request may begin, or end, right after one."""
_AGAIN_S: Final = 1.0
"""Between two looks at one that has waited long, and is still of use."""
_CLOSE: Final = (b"connection", b"close")
_HEAD_END: Final = b"\r\n\r\n"


class ForecastProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, of one connection, with a shorter way for forecasts."""

    # uvicorn's own attributes are few enough for Python to keep them together, ours are not
    __slots__ = (
        "_arrived",
        "_between",
        "_collected",
        "_endpoint",
        "_exchange",
        "_head",
        "_head_left",
        "_held",
        "_is_handed_on",
        "_is_last",
        "_state",
        "_timer",
        "_waits_since",
    )

    _state: AppState
    _last_headers: ClassVar[tuple[Headers, bytes, bool]] = ([], b"", False)
    """The headers of the last answer that all have, the same written, and whether it closes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as they are handed on
        super().__init__(*args, **kwargs)
        # what the app's lifespan gave
        self._state = self.app_state  # type: ignore[assignment]  # any dictionary, to uvicorn
        self._exchange = PendingResponse(self)
        self._between = True
        """The parser has read whole requests so far, and nothing of another one."""
        self._held = b""
        """A known head, and less of its body than it announces; the parser has none of it."""
        self._arrived = b""
        """The bytes with which the request that is being parsed begins."""
        self._head = b""
        """The head in them."""
        self._head_left = 0
        """Bytes that the head that is being parsed may still take; 0 where none is."""
        self._endpoint: Endpoint | None = None
        """That of the plain request that is being parsed."""
        self._collected: bytearray | None = None
        """Its body."""
        self._is_handed_on = False
        """What arrived is one request, of which we know that it cannot be answered here."""
        self._is_last = False
        """Our answer has told the client to connect anew."""
        self._waits_since = 0.0
        """When we began to wait for a request, or for the rest of one."""
        self._timer: asyncio.TimerHandle | None = None

    # narrower than asyncio's, as uvicorn has it
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, but not forever."""
        super().connection_made(transport)
        self._waits_since = self.loop.time()
        self._look_again(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more, and hold nothing that holds us: garbage in cycles waits to be collected."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()
        # whoever still works on an answer has these without us
        del self._timer, self._exchange
        self.pipeline.clear()
        self.cycle = self.scope = None  # type: ignore[assignment]  # as uvicorn has them at first

    def data_received(self, data: bytes) -> None:
        """Take a request with a known head as it is, and parse any other."""
        if self._state["draining"].begun:
            # uvicorn makes these anew every second, and closes where they say so
            self.server_state.default_headers = self._headers_of_all()
        held, self._held = self._held, b""
        if held:
            data = held + data
        if self._between:
            if self._is_free() and self._is_known(data, goes_on=bool(held)):
                return
            self._arrived = data
        super().data_received(data)
        self._arrived, self._is_handed_on = b"", False
        if self._head_left:
            self._head_left -= len(data)
            if self._head_left <= 0:
                self._end(HeadersTooLarge())

    def _is_known(self, data: bytes, *, goes_on: bool) -> bool:
        """Take a request whose head is known, whole or in part; False where it has to be parsed."""
        head, _, content = data.partition(_HEAD_END)
        known = self._state["heads"].find(head)
        if known is None or len(content) > known.length:
            return False
        if len(content) < known.length:
            self._held = data
            if not goes_on:
                self._waits_since = self.loop.time()
            return True
        self._is_handed_on = not self._ask(content, known.headers, known.endpoint, known.caller)
        return not self._is_handed_on

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        self._between = False
        self._waits_since = self.loop.time()
        self._head_left = _MAX_HEAD
        super().on_message_begin()
        if self._is_handed_on:
            # a key of ours in ASGI's scope: observed.py is not to count the request again
            self.scope["admitted"] = True  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        """Keep a plain request to ourselves, and hand on any other."""
        self._head_left = 0
        self._endpoint = self._plain_endpoint()
        if self._endpoint is not None:
            self._head, end, _ = self._arrived.partition(_HEAD_END)
            if not end:
                self._head = b""
            self._collected = bytearray()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Collect the body of a plain request; one that is too large is none."""
        if self._collected is None or self._endpoint is None:
            super().on_body(body)
            return
        self._collected += body
        if len(self._collected) > self._endpoint.longest:
            self._hand_on()

    def on_message_complete(self) -> None:
        """Ask for the forecast of a plain request."""
        self._between, self._arrived = True, b""
        if self._collected is not None and self._endpoint is not None:
            if self._ask(bytes(self._collected), self.headers, self._endpoint, parsed=True):
                self._collected = None
                return
            self._hand_on()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Be ready for the next request."""
        self._waits_since = self.loop.time()
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        if self._is_last:
            self.transport.close()
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Answer what is not HTTP."""
        self._end(NotHttp())

    def shutdown(self) -> None:
        """Let a request finish that has begun, as uvicorn's own do."""
        if self._held:
            data, self._held = self._held, b""
            super().data_received(data)
        if self._collected is not None:
            self._hand_on()
        super().shutdown()

    def answer(self, request: RequestRecord, head: bytes, content: bytes) -> bytes:
        """Return an answer as it is sent; `head` has the status line and some headers."""
        headers = self._headers_of_all()
        known, lines, self._is_last = ForecastProtocol._last_headers
        if headers is not known:
            # uvicorn makes them anew once a second
            lines = b"".join(b"%b: %b\r\n" % header for header in headers)
            self._is_last = _CLOSE in headers
            ForecastProtocol._last_headers = (headers, lines, self._is_last)
        end = b"x-request-id: %b\r\ncontent-length: %d\r\n\r\n"
        return b"".join((head, lines, end % (request.id.encode(), len(content)), content))

    def refuse(self, request: RequestRecord, error: Exception) -> None:
        """Write a problem."""
        request.code = problem_details.kind_of(error).code
        if isinstance(error, TooBusy) and request.route == predict.PATH:
            status, head, content = _too_busy.status_code, _TOO_BUSY_HEAD, _TOO_BUSY_BODY
        else:
            response = problem_details.response_for(error, request.route)
            status, head, content = response.status_code, _head(response), bytes(response.body)
        self.transport.write(self.answer(request, head, content))
        self.record(request, status)

    def record(self, request: RequestRecord, status: int) -> None:
        """Tell that a request was answered."""
        self._state["recorders"].record(request, status)

    @property
    def batches(self) -> MicroBatcher:
        """What waits for a forecast."""
        return self._state["batches"]

    def _headers_of_all(self) -> Headers:
        """Return the headers that every answer has, with a goodbye where we are about to stop."""
        headers = self.server_state.default_headers
        if (self._is_last or self._state["draining"].begun) and _CLOSE not in headers:
            return [*headers, _CLOSE]
        return headers

    def _look_again(self, left_s: float) -> None:
        after_s = _AGAIN_S
        if left_s > 0:
            after_s = min(left_s, self.timeout_keep_alive, _SELDOM_S)
        self._timer = self.loop.call_later(after_s, self._look)

    def _look(self) -> None:
        """End a connection on which nothing has come for too long, or look again later."""
        if self.transport.is_closing():
            # told to close, and still there: nobody reads what we have written
            self.transport.abort()
            return
        is_partial = self._is_partial()
        longest = self._state["settings"].receive_seconds if is_partial else self.timeout_keep_alive
        left = longest - (self.loop.time() - self._waits_since)
        if is_partial and left <= 0:
            self._end(BodyTooSlow())
        elif self._is_idle() and left <= 0:
            # a loop that was busy looks at its timers before its sockets: what has come by now
            # is read before the second of these calls
            self.loop.call_soon(self.loop.call_soon, self._close_if_idle)
        self._look_again(left)

    def _close_if_idle(self) -> None:
        if self._is_idle() and self.loop.time() - self._waits_since >= self.timeout_keep_alive:
            self.transport.close()

    def _end(self, error: Exception) -> None:
        """Refuse what has come of a request, unless it has an answer, and end the connection."""
        self._is_last = True
        cycle = self.cycle
        # an endpoint that waits for its body has begun with this request
        is_begun = cycle is not None and getattr(cycle, "scope", None) is self.scope
        is_open = not (cycle.response_started or self.pipeline) if is_begun else self._is_free()
        if is_open and not self.flow.write_paused and not self.transport.is_closing():
            self.refuse(request_record.begin(request_record.UNKNOWN, ()), error)
        if cycle is not None and not cycle.response_complete:
            # what it would write now, nobody is to read
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

    def _is_free(self) -> bool:
        """Tell whether the request before this one has been answered, and somebody reads."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def _is_partial(self) -> bool:
        """Tell whether a part of a request has come, and the rest is waited for."""
        return bool(self._held) or not (self._between or self.flow.read_paused)

    def _is_idle(self) -> bool:
        """Tell whether nothing has been asked that is not answered, nor begun to be."""
        return self._between and not self._held and self._is_free()

    def _plain_endpoint(self) -> Endpoint | None:
        """Return what is asked for one forecast, on a connection that stays, and nothing more."""
        if (
            self._is_handed_on
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or not self.parser.should_keep_alive()
            or self.parser.should_upgrade()
            or self.expect_100_continue
            or self.root_path
            or self.access_log
            or not self._is_free()
        ):
            return None
        return self._state["endpoints"].find(self.url, self.headers)

    def _ask(
        self,
        content: bytes,
        headers: Headers,
        endpoint: Endpoint,
        caller: str | None = None,
        *,
        parsed: bool = False,
    ) -> bool:
        """Put a plain request into the queue or refuse it; False if it has to wait elsewhere."""
        state = self._state
        # a head that is known names no request
        request = request_record.begin(endpoint.route, headers if parsed else ())
        try:
            state["batches"].admit()
            if parsed:
                caller = state["access"].caller(headers)
                endpoint.check(headers)
                state["heads"].keep(self._head, headers, endpoint, caller)
            request.caller = caller
            state["access"].admit(caller)
            asked = endpoint.understand(state, headers, content)
            if asked is None:
                if parsed:
                    # as in on_message_begin, which is past
                    self.scope["admitted"] = True  # type: ignore[typeddict-unknown-key]
                return False
            note_choice(request, asked)
            state["batches"].put(asked.part, asked.window, asked.levels, self._exchange)
        except Exception as error:  # noqa: BLE001 - the caller gets an answer, the log the reason
            self.refuse(request, error)
            self.on_response_complete()
        else:
            self._exchange.begin(request, asked)
            self.cycle = self._exchange  # type: ignore[assignment]  # a cycle to uvicorn, see there
        return True

    def _hand_on(self) -> None:
        """Make an ASGI request of what has been parsed so far."""
        collected, self._collected = self._collected, None
        super().on_headers_complete()
        if collected:
            super().on_body(bytes(collected))


def _head(response: Response) -> bytes:
    """Return the status line of a response and its headers, but its length."""
    lines = [b"HTTP/1.1 %d \r\n" % response.status_code]
    lines += (
        b"%b: %b\r\n" % header for header in response.raw_headers if header[0] != b"content-length"
    )
    return b"".join(lines)


# written once: under overload it is most of the answers
_too_busy: Final = problem_details.response_for(TooBusy(), predict.PATH)
_TOO_BUSY_HEAD: Final = _head(_too_busy)
_TOO_BUSY_BODY: Final = bytes(_too_busy.body)
