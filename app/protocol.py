"""
The shortest way of a request: `POST /predict` answered where its bytes arrive.

uvicorn's protocol makes of every request an ASGI scope, a task, and messages in and out, which
together cost more than the forecast. This one is uvicorn's own, and does that for everything but
a plain `POST /predict` that needs nothing to be waited for: that is understood as soon as it is
read, put beside those that wait for the same model, and written back from the batch that it ran
in. Whatever is not plain is handed on as if it had just arrived, so that there is one place for
all the rest.
"""

import logging
from typing import Any, Final

from fastapi import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app import problems, telemetry
from app.batching import Batches
from app.errors import NextdayError, TooBusy
from app.forecast import Forecast
from app.heads import Headers
from app.routes import body, rollouts
from app.routes.predict import PATH, Asked, shadow, understand, written
from app.routes.state import State
from app.schemas import PredictRequest

_log = logging.getLogger(__name__)

_URL: Final = PATH.encode()
_OK: Final = 200
_CLOSE: Final = (b"connection", b"close")
_HEAD_END: Final = b"\r\n\r\n"
_OK_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


class ForecastProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, of one connection, with a shorter way for forecasts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as they are handed on
        super().__init__(*args, **kwargs)
        self._exchange = _Exchange(self)
        self._between = True
        """The parser has read whole requests so far, and nothing of another one."""
        self._held = b""
        """A known head, and less of its body than it announces; the parser has none of it."""
        self._arrived = b""
        """The bytes with which the request that is being parsed begins."""
        self._head = b""
        """The head in them."""
        self._collected: bytearray | None = None
        """The body of a plain request that is being parsed."""
        self._is_handed_on = False
        """What arrived is one request, of which we know that it cannot be answered here."""
        self._is_last = False
        """Our answer has told the client to connect anew."""
        self._answered_at = 0.0

    def data_received(self, data: bytes) -> None:
        """Take a request with a known head as it is, and parse any other."""
        if self._state["draining"].begun:
            # uvicorn makes these anew every second, and closes where they say so
            self.server_state.default_headers = self._headers_of_all()
        if self._held:
            data, self._held = self._held + data, b""
        if self._between and self._is_free():
            head, _, content = data.partition(_HEAD_END)
            known = self._state["heads"].find(head)
            if known is not None and len(content) < known.length:
                self._held = data
                return
            if known is not None and len(content) == known.length:
                if self._ask(content, known.headers):
                    return
                self._is_handed_on = True
        if self._between:
            self._arrived = data
        super().data_received(data)
        self._arrived, self._is_handed_on = b"", False

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        self._between = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Keep a plain request to ourselves, and hand on any other."""
        if self._is_plain():
            self._head, end, _ = self._arrived.partition(_HEAD_END)
            if not end:
                self._head = b""
            self._collected = bytearray()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Collect the body of a plain request; one that is too large is none."""
        if self._collected is None:
            super().on_body(body)
            return
        self._collected += body
        if len(self._collected) > self._state["settings"].max_body_bytes:
            self._hand_on()

    def on_message_complete(self) -> None:
        """Ask for the forecast of a plain request."""
        self._between, self._arrived = True, b""
        if self._collected is not None:
            if self._ask(bytes(self._collected), self.headers, parsed=True):
                self._collected = None
                return
            self._hand_on()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Be ready for the next request; no timer is set for it where there still is one."""
        if self.pipeline:
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        if self._is_last:
            self.transport.close()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self._answered_at = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self._close_unless_asked(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if nothing has come since the last answer, or look again later."""
        self.timeout_keep_alive_task = None
        if not self._is_idle():
            return
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._close_unless_asked(left)
        else:
            # a loop that was busy looks at its timers before its sockets: what has come by now
            # is read before the second of these calls
            self.loop.call_soon(self.loop.call_soon, self._close_if_idle)

    def shutdown(self) -> None:
        """Let a request finish that has begun, as uvicorn's own do."""
        if self._held:
            data, self._held = self._held, b""
            super().data_received(data)
        if self._collected is not None:
            self._hand_on()
        super().shutdown()

    def answer(self, status: int, head: bytes, content: bytes) -> bytes:
        """Return an answer as it is sent; `head` has the status line and some headers."""
        telemetry.answered(PATH, status)
        headers = self._headers_of_all()
        self._is_last = _CLOSE in headers
        lines = [b"%b: %b\r\n" % header for header in headers]
        return b"".join((head, *lines, b"content-length: %d\r\n\r\n" % len(content), content))

    def refuse(self, error: Exception) -> None:
        """Write a problem."""
        if isinstance(error, TooBusy):
            status, head, content = _too_busy.status_code, _TOO_BUSY_HEAD, _TOO_BUSY_BODY
        else:
            if isinstance(error, NextdayError):
                response = problems.of(error)
            else:
                _log.error("an error of ours, at %s", PATH, exc_info=error)
                response = problems.internal()
            status, head, content = response.status_code, _head(response), bytes(response.body)
        self.transport.write(self.answer(status, head, content))

    @property
    def batches(self) -> Batches:
        """What waits for a forecast."""
        return self._state["batches"]

    @property
    def _state(self) -> State:
        # a plain dictionary to uvicorn; it is what the app's lifespan gave
        state: State = self.app_state  # type: ignore[assignment]
        return state

    def _headers_of_all(self) -> Headers:
        """Return the headers that every answer has, with a goodbye where we are about to stop."""
        headers = self.server_state.default_headers
        if self._state["draining"].begun and _CLOSE not in headers:
            return [*headers, _CLOSE]
        return headers

    def _is_free(self) -> bool:
        """Tell whether the request before this one has been answered, and somebody reads."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def _is_idle(self) -> bool:
        """Tell whether nothing has been asked that is not answered, nor begun to be."""
        return self._between and not self._held and self._is_free()

    def _is_plain(self) -> bool:
        """Tell whether it is a request for one forecast on a connection that stays."""
        return (
            self.url == _URL
            and not self._is_handed_on
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and not self.root_path
            and not self.access_log
            and self._is_free()
        )

    def _ask(self, content: bytes, headers: Headers, *, parsed: bool = False) -> bool:
        """Put a plain request into the queue or refuse it; False if it has to wait elsewhere."""
        state = self._state
        try:
            state["batches"].admit()
            if parsed:
                body.check(headers, state["settings"].max_body_bytes)
                state["heads"].keep(self._head, headers)
            question = body.parse(PredictRequest, content)
            if question.version is not None:
                return False
            choice = rollouts.choose(state["store"], question.model, headers, content)
            asked = understand(question, choice)
            if asked.is_long or not asked.part.network.ready:
                return False
            state["batches"].put(asked.part, asked.window, asked.levels, self._exchange)
        except Exception as error:  # noqa: BLE001 - the caller gets an answer, the log the reason
            self.refuse(error)
            self.on_response_complete()
        else:
            self._exchange.begin(asked)
            self.cycle = self._exchange  # type: ignore[assignment]  # a cycle to uvicorn, see there
        return True

    def _hand_on(self) -> None:
        """Make an ASGI request of what has been parsed so far."""
        collected, self._collected = self._collected, None
        super().on_headers_complete()
        if collected:
            super().on_body(bytes(collected))

    def _close_if_idle(self) -> None:
        if self._is_idle() and self.timeout_keep_alive_task is None:
            super().timeout_keep_alive_handler()

    def _close_unless_asked(self, after_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            after_s, self.timeout_keep_alive_handler
        )


class _Exchange:
    """
    What a connection's request waits as, and answers by: one after the other, so one is enough.

    To uvicorn's protocol it is what a cycle of its own would be: it asks whether the response
    is complete, and says whether the connection is to stay.
    """

    def __init__(self, protocol: ForecastProtocol) -> None:
        self._protocol = protocol
        self._asked: Asked
        self._forecast: Forecast | None = None
        self._answer = b""
        self.keep_alive = True
        self.response_complete = True
        self.disconnected = False
        self.message_event = _Nobody()

    def begin(self, asked: Asked) -> None:
        """Wait for a forecast."""
        self._asked = asked
        self.response_complete = False

    def has_left(self) -> bool:
        """Tell whether the connection has gone."""
        return self._protocol.transport.is_closing()

    def take(self, forecast: Forecast | None) -> None:
        """Make an answer of a forecast."""
        try:
            content = written(self._asked, forecast)
        except Exception as error:  # noqa: BLE001 - those who ran with it get their answers still
            self.fail(error)
        else:
            rollouts.count(self._asked.choice)
            self._answer = self._protocol.answer(_OK, _OK_HEAD, content)
            self._forecast = forecast

    def send(self) -> None:
        """Send the answer, unless that was a problem and has been sent."""
        if self._answer:
            self._protocol.transport.write(self._answer)
            shadow(self._asked, self._forecast, self._protocol.batches)
            self._complete()

    def fail(self, error: Exception) -> None:
        """Answer with a problem."""
        rollouts.count(self._asked.choice, error)
        self._protocol.refuse(error)
        self._complete()

    def _complete(self) -> None:
        # it holds the model
        del self._asked
        self._forecast = None
        self._answer = b""
        self.response_complete = True
        if not self.keep_alive:
            self._protocol.transport.close()
        self._protocol.on_response_complete()


class _Nobody:
    """In place of the event by which a cycle's application is woken: here nobody sleeps."""

    def set(self) -> None:
        pass


def _head(response: Response) -> bytes:
    """Return the status line of a response and its headers, but its length."""
    lines = [b"HTTP/1.1 %d \r\n" % response.status_code]
    lines += (
        b"%b: %b\r\n" % header for header in response.raw_headers if header[0] != b"content-length"
    )
    return b"".join(lines)


# written once: under overload it is most of the answers
_too_busy: Final = problems.of(TooBusy())
_TOO_BUSY_HEAD: Final = _head(_too_busy)
_TOO_BUSY_BODY: Final = bytes(_too_busy.body)
