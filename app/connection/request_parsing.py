"""
The requests of one connection, parsed as they come, with bounds on what a client may send.

A head has a largest size, and so has what is no body behind it. Of requests that are sent ahead of
their answers few are parsed: the rest stays as bytes, and no more are read. An offer to upgrade is
not taken: the request is served as if it had not been made.
"""

from enum import Enum, auto
from typing import Any, Final

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.connection.flow_control import BoundedFlow
from app.errors import HeadersTooLarge, NotHttp, TooBusy

_MAX_HEAD: Final = 64 * 1024
"""
Bytes of a request before its body, and of what is no body behind it or between its parts (trailers,
say): the parser itself has no bound.
"""
_PIECE: Final = 4096
"""Bytes that are parsed at once; between pieces we look how much has been asked by then."""
_MOST_AHEAD: Final = 16
"""Requests of one connection that wait behind the one that is being answered."""
_MOST_A_TURN: Final = 64
"""Requests of one connection in one turn of the event loop."""


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
    CLOSING = auto()
    """The last answer has been written: what still comes is thrown away."""


class RequestParsing(HttpToolsProtocol):
    """uvicorn's HTTP protocol, as far as it parses what has come."""

    # uvicorn's own attributes are few enough for Python to keep them together, ours are not
    __slots__ = ("_asked_now", "_framing_left", "_held", "_phase", "_waits_since")

    flow: BoundedFlow

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as they are handed on
        super().__init__(*args, **kwargs)
        self._phase = Phase.BETWEEN
        self._framing_left = 0
        """Bytes that may still come before there is a body, or more of one."""
        self._held = b""
        """What was read and waits to be parsed, since much is under way."""
        self._asked_now = 0
        """Requests that began in this turn of the event loop."""
        self._waits_since = 0.0
        """When we began to wait for a request, or for the rest of one."""

    def is_over(self) -> bool:
        """Tell whether nothing that still comes is of use."""
        raise NotImplementedError

    def end(self, error: Exception) -> None:
        """Refuse what has come of a request, unless it has an answer, and end the connection."""
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        """Parse what has come, or hold it while enough is under way."""
        if self.is_over():
            return
        self._asked_now = 0
        if self._held or len(data) > _PIECE or len(self.pipeline) >= _MOST_AHEAD:
            self._held += data
            self._parse_held()
        else:
            self._parse(data)
        if self._phase is not Phase.BETWEEN or self.pipeline or self.flow.keeps_unread:
            self._reserve()

    def _reserve(self) -> None:
        """Reserve room for what was read and not yet worked on; leave where there is none."""
        try:
            self.flow.keep_unread(self.unread_bytes())
        except TooBusy as error:
            self._held = b""
            self.end(error)
            if self._phase is not Phase.CLOSING:
                # the answers before it would come first, and need what there is no room for
                self.transport.abort()

    def unread_bytes(self) -> int:
        """Return how much was read of requests on which nobody works yet."""
        return len(self._held) + sum(len(cycle.body) for cycle, _ in self.pipeline)

    def _parse_held(self) -> None:
        """Parse what is held, as far as there is room for what it asks; the rest waits."""
        data, self._held, at = memoryview(self._held), b"", 0
        while at < len(data) and self._has_room():
            self._parse(data[at : at + _PIECE])
            at += _PIECE
        if at >= len(data) or self.is_over():
            unread: bytes = getattr(self.cycle, "body", b"")
            self.flow.let_go(read_on=not self.pipeline and len(unread) <= HIGH_WATER_LIMIT)
            return
        self._held = bytes(data[at:])
        self.flow.hold()
        if len(self.pipeline) < _MOST_AHEAD:
            # others have their turn; else, an answer calls
            self.loop.call_soon(self._parse_on)

    def parse_more(self) -> None:
        """Parse what is held, in a later turn of the event loop, since there is room again."""
        if self._held and len(self.pipeline) <= _MOST_AHEAD:
            self.loop.call_soon(self._parse_on)

    def _parse_on(self) -> None:
        if self._held and not self.is_over():
            self._asked_now = 0
            self._parse_held()
            self._reserve()

    def _has_room(self) -> bool:
        return (
            len(self.pipeline) < _MOST_AHEAD
            and self._asked_now < _MOST_A_TURN
            and not self.is_over()
        )

    def _parse(self, data: bytes | memoryview) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data, offer.args[0])
        except httptools.HttpParserError:
            self.end(NotHttp())
        if self._phase is Phase.HEAD or self._phase is Phase.BODY:
            # where a head or a part of a body began or ended in this piece, as much was added
            self._framing_left -= len(data)
            if self._framing_left <= 0:
                self.end(HeadersTooLarge())

    def _decline(self, data: bytes | memoryview, at: int) -> None:
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
                self.end(NotHttp())
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
        if self._phase is Phase.CLOSING:
            return
        self._phase = Phase.HEAD
        self._waits_since = self.loop.time()
        self._framing_left = _MAX_HEAD + _PIECE
        self._asked_now += 1
        self.url, self.headers, self.expect_100_continue = b"", [], False
        # made where ASGI needs one
        self.scope = None  # type: ignore[assignment]

    def on_headers_complete(self) -> None:
        """Begin with a request, unless its head is to be parsed again."""
        if self._phase is Phase.CLOSING:
            return
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._phase = Phase.OFFER
            return
        self._phase = Phase.BODY
        self.begin_request()
        # what follows a chunked body is no header: it goes where nobody reads it
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if self._phase is not Phase.CLOSING:
            self._framing_left = _MAX_HEAD + _PIECE
            self.take_body(body)

    def on_message_complete(self) -> None:
        """Go on with a request that has come whole."""
        if self._phase is Phase.BODY:
            self._phase = Phase.BETWEEN
            self.end_request()

    def begin_request(self) -> None:
        """Make an ASGI request of a head."""
        self._framing_left = _MAX_HEAD + _PIECE
        url, headers, is_expected = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, is_expected
        self.headers += headers
        super().on_headers_complete()

    def take_body(self, body: bytes) -> None:
        """Give a part of a body to the ASGI request."""
        super().on_body(body)

    def end_request(self) -> None:
        """Tell the ASGI request that it is whole."""
        super().on_message_complete()
