"""
One connection of HTTP: uvicorn's own protocol, with bounds on what a client may do to it.

A head has a largest size and a request a longest time to arrive; a client that has been answered
and stays away is let go. An offer to upgrade is not taken: the request is served as if it had not
been made. What is wrong with a request as HTTP is answered as a problem, like anything else.
"""

import asyncio
from enum import Enum, auto
from typing import Any, ClassVar, Final

import httptools
from fastapi import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.errors import BodyTooSlow, HeadersTooLarge, NotHttp
from app.observability import request_record
from app.observability.request_record import RequestRecord
from app.serving.app_state import AppState
from app.transport import problem_details

_MAX_HEAD: Final = 64 * 1024
"""Bytes of a request before its body: the parser itself has no bound."""
_SELDOM_S: Final = 5.0
"""Between two looks at a connection at most: a request may begin, or end, right after one."""
_AGAIN_S: Final = 1.0
"""Between two looks at one that has waited long, and is still of use."""
_CLOSE: Final = (b"connection", b"close")


class Phase(Enum):
    """What has come of the newest request of a connection."""

    BETWEEN = auto()
    """Whole requests so far, and nothing of another one."""
    HEAD = auto()
    """A part of its head."""
    BODY = auto()
    """Its head, and perhaps a part of its body."""
    OFFER = auto()
    """A head that offers an upgrade: the parser takes what follows for another protocol."""


class HttpConnection(HttpToolsProtocol):
    """uvicorn's HTTP protocol, of one connection, with bounds."""

    # uvicorn's own attributes are few enough for Python to keep them together, ours are not
    __slots__ = ("_failure", "_head_left", "_is_last", "_phase", "_state", "_timer", "_waits_since")

    _state: AppState
    _last_headers: ClassVar[tuple[list[tuple[bytes, bytes]], bytes, bool]] = ([], b"", False)
    """The headers of the last answer that all have, the same written, and whether it closes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as they are handed on
        super().__init__(*args, **kwargs)
        # what the app's lifespan gave
        self._state = self.app_state  # type: ignore[assignment]  # any dictionary, to uvicorn
        self._phase = Phase.BETWEEN
        self._head_left = 0
        """Bytes that the head that is being parsed may still take."""
        self._failure: Exception | None = None
        """What ends the connection, once what was asked before it has its answers."""
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
        del self._timer
        self.pipeline.clear()
        self.cycle = self.scope = None  # type: ignore[assignment]  # as uvicorn has them at first

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self._failure is not None:
            return
        if self._state["shutdown"].begun:
            # uvicorn makes these anew every second, and closes where they say so
            self.server_state.default_headers = self._headers_of_all()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data, offer.args[0])
        except httptools.HttpParserError:
            self._end(NotHttp())
        if self._phase is Phase.HEAD:
            self._head_left -= len(data)
            if self._head_left <= 0:
                self._end(HeadersTooLarge())

    def _decline(self, data: bytes, at: int) -> None:
        """Parse the rest of `data`: behind the head that ended at `at` comes its body."""
        rest = memoryview(data)[at:]
        while True:
            head = self._without_offer()
            try:
                self.parser.feed_data(head)
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                # the next request offers one, too
                rest = rest[offer.args[0] :]
            except httptools.HttpParserError:
                self._end(NotHttp())
                return
            else:
                return

    def _without_offer(self) -> bytes:
        """Return the head that has just been parsed, for a new parser, without its upgrade."""
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, version)]
        lines += (b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"".join([*lines, b"\r\n"])

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        self._phase = Phase.HEAD
        self._waits_since = self.loop.time()
        self._head_left = _MAX_HEAD
        self.url, self.headers, self.expect_100_continue = b"", [], False
        # made where ASGI needs one
        self.scope = None  # type: ignore[assignment]

    def on_headers_complete(self) -> None:
        """Begin with a request, unless its head is to be parsed again."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._phase = Phase.OFFER
            return
        self._phase = Phase.BODY
        self.begin_request()
        # what follows a chunked body is no header: it goes where nobody reads it
        self.headers = []

    def on_message_complete(self) -> None:
        """Go on with a request that has come whole."""
        if self._phase is Phase.BODY:
            self._phase = Phase.BETWEEN
            self.end_request()

    def begin_request(self) -> None:
        """Make an ASGI request of a head."""
        url, headers, is_expected = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, is_expected
        self.headers += headers
        super().on_headers_complete()

    def end_request(self) -> None:
        """Tell the ASGI request that it is whole."""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Be ready for the next request."""
        self._waits_since = self.loop.time()
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        failure, self._failure = self._failure, None
        if failure is not None:
            self._end(failure)
        if self._is_last:
            self.transport.close()
        if not self.transport.is_closing():
            self.flow.resume_reading()

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
        if self._is_behind():
            self._failure = error
            self.flow.pause_reading()
            return
        self._is_last = True
        if self.may_answer() and not self.flow.write_paused and not self.transport.is_closing():
            self.refuse(request_record.begin(request_record.UNKNOWN, ()), error)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            # what it would write now, nobody is to read
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()

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
