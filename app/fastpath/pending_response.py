"""What a request waits as, where it arrived, and by which it is answered there."""

from typing import Final

from app.connection.http_connection import HttpConnection
from app.fastpath.doors import Call
from app.forecasting.forecaster import Forecast
from app.inference.microbatching import Run
from app.observability.request_record import Recorders, RequestRecord
from app.serving import canary
from app.serving.pipeline import Pipeline
from app.transport.encoded_answer import JSON

_OK: Final = 200
_OK_LINE: Final = b"HTTP/1.1 200 OK\r\n"
_OK_HEAD: Final = _OK_LINE + b"content-type: application/json\r\n"


class PendingResponse:
    """
    What a connection's request waits as, and is answered by: one after the other, so one will do.

    To uvicorn's protocol it is what a cycle of its own would be: it asks whether the response
    is complete, and says whether the connection is to stay.
    """

    __slots__ = (
        "_answer",
        "_call",
        "_connection",
        "_pipeline",
        "_record",
        "_recorders",
        "disconnected",
        "keep_alive",
        "message_event",
        "response_complete",
    )

    def __init__(
        self, connection: HttpConnection, pipeline: Pipeline, recorders: Recorders
    ) -> None:
        """Answer on a connection."""
        self._connection = connection
        self._pipeline = pipeline
        self._recorders = recorders
        self._record: RequestRecord
        self._call: Call
        self._answer = b""
        self.keep_alive = True
        self.response_complete = True
        self.disconnected = False
        self.message_event = _NoEvent()

    def begin(self, record: RequestRecord, call: Call) -> None:
        """Wait for a forecast."""
        self._record = record
        self._call = call
        self.response_complete = False

    def has_left(self) -> bool:
        """Tell whether the connection has gone."""
        return self._connection.transport.is_closing()

    def take(self, forecast: Forecast | None, run: Run) -> None:
        """Make an answer of a forecast."""
        try:
            finished = self._pipeline.finish(self._call.query, forecast, run, self._record)
            answer = self._call.encode(finished)
        except Exception as error:  # noqa: BLE001 - those who ran with it get their answers still
            self._refuse(error)
        else:
            head = _OK_HEAD
            if answer.headers is not JSON:
                head = _OK_LINE + b"".join(b"%b: %b\r\n" % header for header in answer.headers)
            self._answer = self._connection.encode(self._record, head, answer.content)

    def send(self) -> None:
        """Send the answer, unless that was a problem and has been sent."""
        if self._answer:
            self._connection.transport.write(self._answer)
            self._recorders.record(self._record, _OK)
            self._complete()

    def fail(self, error: Exception) -> None:
        """Answer with a problem where nothing was forecast."""
        canary.count(self._call.query.choice, error)
        self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        self._connection.refuse(self._record, error)
        self._complete()

    def _complete(self) -> None:
        # it holds the model
        del self._call
        self._answer = b""
        self.response_complete = True
        if not self.keep_alive:
            self._connection.transport.close()
        self._connection.on_response_complete()


class _NoEvent:
    """In place of the event by which a cycle's application is woken: here nobody sleeps."""

    def set(self) -> None:
        pass
