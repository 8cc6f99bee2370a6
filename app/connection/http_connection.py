"""
One connection of HTTP: uvicorn's own protocol, with bounds on what a client may do to it.

A request has a longest time to arrive; a client that has been answered and stays away is let go,
and so is one that does not read its answers. What is wrong with a request as HTTP is answered as a
problem, like anything else, and who is still sending then is listened to for a moment, or the
answer would be lost.
"""

import asyncio
from typing import Any, ClassVar, Final

from fastapi import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from app.connection.flow_control import BoundedFlow
from app.connection.request_parsing import Phase, RequestParsing
from app.errors import BodyTooSlow
from app.observability import request_record
from app.observability.request_record import RequestRecord
from app.serving.app_state import AppState
from app.transport import problem_details

_LINGER_S: Final = 2.0
"""
That a connection is read on after its last answer, since its client has last sent something, and
as long in all as a request may take to arrive.
"""
_LINGER_BYTES: Final = 2**20
"""That are read then at most, and after the refusal of a body twice as much as one may hold."""
_HALF_CLOSED_S: Final = 1.0
"""
That a client who says no more may wait for its answers: whoever has gone looks the same, and work
for nobody should end soon.
"""
_SELDOM_S: Final = 5.0
"""Between two looks at a connection at most: a request may begin, or end, right after one."""
_AGAIN_S: Final = 1.0
"""Between two looks at one that has waited long, and is still of use."""
_CLOSE: Final = (b"connection", b"close")


class HttpConnection(RequestParsing):
    """uvicorn's HTTP protocol, of one connection, with bounds."""

    __slots__ = ("_failure", "_is_half_closed", "_is_last", "_state", "_timer")

    _state: AppState
    _last_headers: ClassVar[tuple[list[tuple[bytes, bytes]], bytes, bool]] = ([], b"", False)
    """The headers of the last answer that all have, the same written, and whether it closes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as they are handed on
        super().__init__(*args, **kwargs)
        # what the app's lifespan gave
        self._state = self.app_state  # type: ignore[assignment]  # any dictionary, to uvicorn
        self._failure: Exception | None = None
        """What ends the connection, once what was asked before it has its answers."""
        self._is_last = False
        """Our answer has told the client to connect anew."""
        self._is_half_closed = False
        """The client sends no more."""
        self._timer: asyncio.TimerHandle | None = None

    # narrower than asyncio's, as uvicorn has it
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, but not forever."""
        super().connection_made(transport)
        state = self._state
        self.flow = BoundedFlow(transport, state["bodies"], state["settings"].receive_seconds)
        self._waits_since = self.loop.time()
        self._look_again(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more, and hold nothing that holds us: garbage in cycles waits to be collected."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()
        self.flow.release()
        # whoever still works on an answer has these without us
        del self._timer
        self.pipeline.clear()
        self.cycle = self.scope = None  # type: ignore[assignment]  # as uvicorn has them at first

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self._phase is Phase.CLOSING:
            self._waits_since = self.loop.time()
            self._framing_left -= len(data)
            if self._framing_left <= 0:
                self.transport.close()
            return
        if self._state["shutdown"].begun:
            # uvicorn makes these anew every second, and closes where they say so
            self.server_state.default_headers = self._headers_of_all()
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # wider than uvicorn's, as asyncio has it
        """Answer a client who says no more, and may still read, what it has asked by then."""
        if self.scheme == "https" or self._phase is not Phase.BETWEEN or self._is_idle():
            # nothing was asked, or but half of it; and TLS knows no connection that is half closed
            return False
        self._is_half_closed = True
        self.loop.call_later(_HALF_CLOSED_S, self.transport.close)
        return True

    def begin_request(self) -> None:
        """Make an ASGI request of a head."""
        super().begin_request()
        # which closes as we do
        self.cycle.transport = self  # type: ignore[assignment]  # as much of one as it uses

    def is_over(self) -> bool:
        """Tell whether nothing that still comes is of use."""
        return self._failure is not None or self.is_closing()

    def on_response_complete(self) -> None:
        """Be ready for the next request."""
        self._waits_since = self.loop.time()
        if self._phase is Phase.CLOSING:
            return
        self.parse_more()
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        failure, self._failure = self._failure, None
        if failure is not None:
            self.end(failure)
        if self._is_last or (self._is_half_closed and not self._held):
            self.close()
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def write(self, data: bytes) -> None:
        """Write a part of an answer."""
        if not self.is_closing():
            self.transport.write(data)

    def is_closing(self) -> bool:
        """Tell whether nothing more is to be written."""
        return self._phase is Phase.CLOSING or self.transport.is_closing()

    def close(self) -> None:
        """
        Close once all is written; where the client is in the middle of a request, a little later.

        What is sent to a closed connection is met with a reset, at which the client may throw our
        answer away (RFC 9112, section 9.6).
        """
        if self._phase is Phase.BETWEEN:
            self.transport.close()
        elif not self.is_closing():
            self._linger(2 * self._state["settings"].max_batch_body_bytes)

    def _linger(self, most_bytes: int) -> None:
        """Say that there will be no more answers, and throw away for a while what still comes."""
        self._phase, self._held = Phase.CLOSING, b""
        self._framing_left = most_bytes
        self.pipeline.clear()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.let_go(read_on=True)
        self.flow.resume_reading()
        if self._timer is not None:
            self._timer.cancel()
        self._waits_since = self.loop.time()
        self._leave_later(self._waits_since + self._state["settings"].receive_seconds)

    def _leave_later(self, latest: float) -> None:
        now = self.loop.time()
        if now < min(self._waits_since + _LINGER_S, latest):
            self._timer = self.loop.call_later(_AGAIN_S, self._leave_later, latest)
            return
        self.transport.close()
        # whoever has not read our last answer has had time enough
        self._timer = self.loop.call_later(_AGAIN_S, self.transport.abort)

    def encode(self, record: RequestRecord, head: bytes, content: bytes) -> bytes:
        """Return an answer as it is sent; `head` has the status line and some headers."""
        headers = self._headers_of_all()
        known, lines, self._is_last = HttpConnection._last_headers
        if headers is not known:
            # uvicorn makes them anew once a second
            lines = b"".join(b"%b: %b\r\n" % header for header in headers)
            self._is_last = _CLOSE in headers
            HttpConnection._last_headers = (headers, lines, self._is_last)
        end = b"x-request-id: %b\r\ncontent-length: %d\r\n\r\n"
        return b"".join((head, lines, end % (record.id.encode(), len(content)), content))

    def refuse(self, record: RequestRecord, error: Exception) -> None:
        """Write a problem, and record it."""
        record.code = problem_details.kind_of(error).code
        response = problem_details.response_for(error, record.route)
        self.transport.write(self.encode(record, head_of(response), bytes(response.body)))
        self._state["recorders"].record(record, response.status_code)

    def _headers_of_all(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that every answer has, with a goodbye where we are about to stop."""
        headers = self.server_state.default_headers
        if (self._is_last or self._state["shutdown"].begun) and _CLOSE not in headers:
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
        is_partial = self._phase is not Phase.BETWEEN and not self.flow.read_paused
        longest = self._state["settings"].receive_seconds if is_partial else self.timeout_keep_alive
        left = longest - (self.loop.time() - self._waits_since)
        if is_partial and left <= 0:
            self.end(BodyTooSlow())
        elif self._is_idle() and left <= 0:
            # a loop that was busy looks at its timers before its sockets: what has come by now
            # is read before the second of these calls
            self.loop.call_soon(self.loop.call_soon, self._close_if_idle)
        self._look_again(left)

    def _close_if_idle(self) -> None:
        if self._is_idle() and self.loop.time() - self._waits_since >= self.timeout_keep_alive:
            self.transport.close()

    def end(self, error: Exception) -> None:
        """Refuse what has come of a request, unless it has an answer, and end the connection."""
        if self.is_closing():
            return
        if self._is_behind():
            self._failure = error
            self.flow.pause_reading()
            return
        self._is_last = True
        if self.may_answer() and not self.flow.write_paused:
            self.refuse(request_record.begin(request_record.UNKNOWN, ()), error)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            # what it would write now, nobody is to read
            cycle.disconnected = True
            cycle.message_event.set()
        self._linger(_LINGER_BYTES)

    def _is_behind(self) -> bool:
        """Tell whether requests before the newest have no answer yet; it is out of the queue."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return False
        if self._phase is not Phase.BODY or not self._is_of_newest():
            return True
        if self.pipeline:
            self.pipeline.popleft()
            return True
        return False

    def may_answer(self) -> bool:
        """Tell whether the newest request has no answer yet, and those before it have theirs."""
        # an endpoint that waits for its body has begun with this request
        if self._is_of_newest():
            return not (self.cycle.response_started or self.pipeline)
        return self.is_free()

    def _is_of_newest(self) -> bool:
        """Tell whether what answers, or will, is ASGI's of the newest request."""
        return self.scope is not None and getattr(self.cycle, "scope", None) is self.scope

    def is_free(self) -> bool:
        """Tell whether the request before this one has been answered, and somebody reads."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def _is_idle(self) -> bool:
        """Tell whether nothing has been asked that is not answered, nor begun to be."""
        return self._phase is Phase.BETWEEN and self.is_free()


def head_of(response: Response) -> bytes:
    """Return the status line of a response and its headers, but its length."""
    lines = [STATUS_LINE[response.status_code]]
    lines += (
        b"%b: %b\r\n" % header for header in response.raw_headers if header[0] != b"content-length"
    )
    return b"".join(lines)
