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
from app.errors import NextdayError, TooBusy
from app.forecast import Forecast
from app.routes import body
from app.routes.predict import PATH, Asked, understand, written
from app.routes.state import State
from app.schemas import PredictRequest

_log = logging.getLogger(__name__)

_URL: Final = PATH.encode()
_OK: Final = 200
_OK_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


class ForecastProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, of one connection, with a shorter way for forecasts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as they are handed on
        super().__init__(*args, **kwargs)
        self._collected: bytearray | None = None
        """The body of a plain request, of which the rest is on its way."""

    def on_headers_complete(self) -> None:
        """Keep a plain request to ourselves, and hand on any other."""
        if self._is_plain():
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
        """Put a plain request into the queue, or answer why not."""
        if self._collected is None:
            super().on_message_complete()
            return
        try:
            asked = self._understood(bytes(self._collected))
            if asked is not None:
                exchange = _Exchange(self, asked)
                self._state["batches"].put(asked.part, asked.window, asked.levels, exchange)
                self.cycle = exchange  # type: ignore[assignment]  # a cycle to uvicorn, see there
        except Exception as error:  # noqa: BLE001 - the caller gets an answer, the log the reason
            self._collected = None
            self.refuse(error)
            self.on_response_complete()
            return
        if asked is None:
            self._hand_on()
            super().on_message_complete()
        self._collected = None

    def shutdown(self) -> None:
        """Let a request finish that has begun, as uvicorn's own do."""
        if self._collected is not None:
            self._hand_on()
        super().shutdown()

    @property
    def _state(self) -> State:
        # a plain dictionary to uvicorn; it is what the app's lifespan gave
        state: State = self.app_state  # type: ignore[assignment]
        return state

    def _is_plain(self) -> bool:
        """Tell whether it is a request for one forecast on a connection that stays."""
        return (
            self.url == _URL
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and not self.root_path
            and not self.access_log
            # the one before it on this connection has been answered, and somebody reads
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
        )

    def _understood(self, content: bytes) -> Asked | None:
        """Check a plain request; None stands for one whose forecast has to be waited for."""
        state = self._state
        state["batches"].admit()
        body.check(self.headers, state["settings"].max_body_bytes)
        question = body.parse(PredictRequest, content)
        if question.version is not None:
            return None
        asked = understand(question, state["store"].current(question.model))
        return None if asked.is_long or not asked.part.network.ready else asked

    def _hand_on(self) -> None:
        """Make an ASGI request of what has come so far."""
        collected, self._collected = self._collected, None
        super().on_headers_complete()
        if collected:
            super().on_body(bytes(collected))

    def respond(self, status: int, head: bytes, content: bytes) -> None:
        """Write an answer, of which `head` has the status line and some headers."""
        telemetry.answered(PATH, status)
        lines = [head]
        for name, value in self.server_state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        lines.append(b"content-length: %d\r\n\r\n" % len(content))
        lines.append(content)
        self.transport.write(b"".join(lines))

    def refuse(self, error: Exception) -> None:
        """Write a problem."""
        if isinstance(error, TooBusy):
            response = _too_busy
        elif isinstance(error, NextdayError):
            response = problems.of(error)
        else:
            _log.error("an error of ours, at %s", PATH, exc_info=error)
            response = problems.internal()
        self.respond(response.status_code, _head(response), bytes(response.body))


class _Exchange:
    """
    A request that waits for its forecast, and its answer.

    To uvicorn's protocol it is what a cycle of its own would be: it asks whether the response
    is complete, and says whether the connection is to stay.
    """

    def __init__(self, protocol: ForecastProtocol, asked: Asked) -> None:
        self._protocol = protocol
        self._asked = asked
        self.response_complete = False
        self.keep_alive = True
        self.disconnected = False
        self.message_event = _Nobody()

    def has_left(self) -> bool:
        """Tell whether the connection has gone."""
        return self._protocol.transport.is_closing()

    def take(self, forecast: Forecast | None) -> None:
        """Answer with a forecast."""
        try:
            content = written(self._asked, forecast)
        except Exception as error:  # noqa: BLE001 - those who ran with it get their answers still
            self.fail(error)
        else:
            self._protocol.respond(_OK, _OK_HEAD, content)
            self._complete()

    def fail(self, error: Exception) -> None:
        """Answer with a problem."""
        self._protocol.refuse(error)
        self._complete()

    def _complete(self) -> None:
        self.response_complete = True
        if not self.keep_alive:
            self._protocol.transport.close()
        self._protocol.on_response_complete()


class _Nobody:
    """In place of the event by which a cycle's application is woken: here nobody sleeps."""

    def set(self) -> None:
        pass


# written once: under overload it is most of the answers
_too_busy: Final = problems.of(TooBusy())


def _head(response: Response) -> bytes:
    """Return the status line of a response and its headers, but its length."""
    lines = [b"HTTP/1.1 %d \r\n" % response.status_code]
    lines += (
        b"%b: %b\r\n" % header for header in response.raw_headers if header[0] != b"content-length"
    )
    return b"".join(lines)
