"""What a request waits as, where it arrived, and by which it is answered there."""

import asyncio
from typing import Final, Protocol

from app.forecasting.forecaster import Forecast
from app.inference.microbatching import MicroBatcher, Run
from app.observability.request_record import RequestRecord
from app.serving import canary
from app.serving.pipeline import JSON, Answer, Asked, note_forecast, shadow

_OK: Final = 200
_OK_LINE: Final = b"HTTP/1.1 200 OK\r\n"
_OK_HEAD: Final = _OK_LINE + b"content-type: application/json\r\n"


class Connection(Protocol):
    """A connection, as far as an answer needs it; see protocol.py."""

    transport: asyncio.Transport

    @property
    def batches(self) -> MicroBatcher:
        """What waits for a forecast."""
        ...

    def answer(self, request: RequestRecord, head: bytes, content: bytes) -> bytes:
        """Return an answer as it is sent; `head` has the status line and some headers."""
        ...

    def refuse(self, request: RequestRecord, error: Exception) -> None:
        """Write a problem."""
        ...

    def record(self, request: RequestRecord, status: int) -> None:
        """Tell that a request was answered."""
        ...

    def on_response_complete(self) -> None:
        """Be ready for the next request."""
        ...


class PendingResponse:
    """
    What a connection's request waits as, and answers by: one after the other, so one is enough.

    To uvicorn's protocol it is what a cycle of its own would be: it asks whether the response
    is complete, and says whether the connection is to stay.
    """

    __slots__ = (
        "_answer",
        "_asked",
        "_forecast",
        "_request",
        "_wire",
        "disconnected",
        "keep_alive",
        "message_event",
        "response_complete",
    )

    def __init__(self, wire: Connection) -> None:
        """Answer on a connection."""
        self._wire = wire
        self._request: RequestRecord
        self._asked: Asked
        self._forecast: Forecast | None = None
        self._answer = b""
        self.keep_alive = True
        self.response_complete = True
        self.disconnected = False
        self.message_event = _Nobody()

    def begin(self, request: RequestRecord, asked: Asked) -> None:
        """Wait for a forecast."""
        self._request = request
        self._asked = asked
        self.response_complete = False

    def has_left(self) -> bool:
        """Tell whether the connection has gone."""
        return self._wire.transport.is_closing()

    def take(self, forecast: Forecast | None, run: Run) -> None:
        """Make an answer of a forecast."""
        note_forecast(self._request, forecast, run)
        try:
            answer = self._asked.written(forecast)
        except Exception as error:  # noqa: BLE001 - those who ran with it get their answers still
            self.fail(error)
        else:
            canary.count(self._asked.choice)
            self._answer = self._wire.answer(self._request, _ok(answer), answer.content)
            self._forecast = forecast

    def send(self) -> None:
        """Send the answer, unless that was a problem and has been sent."""
        if self._answer:
            self._wire.transport.write(self._answer)
            self._wire.record(self._request, _OK)
            shadow(self._asked, self._forecast, self._wire.batches)
            self._complete()

    def fail(self, error: Exception) -> None:
        """Answer with a problem."""
        canary.count(self._asked.choice, error)
        self._wire.refuse(self._request, error)
        self._complete()

    def _complete(self) -> None:
        # it holds the model
        del self._asked
        self._forecast = None
        self._answer = b""
        self.response_complete = True
        if not self.keep_alive:
            self._wire.transport.close()
        self._wire.on_response_complete()


class _Nobody:
    """In place of the event by which a cycle's application is woken: here nobody sleeps."""

    def set(self) -> None:
        pass


def _ok(answer: Answer) -> bytes:
    """Return the status line of an answer, and its headers but those that all have."""
    if answer.headers is JSON:
        return _OK_HEAD
    return b"".join((_OK_LINE, *(b"%b: %b\r\n" % header for header in answer.headers)))
