"""A request for a forecast, whichever protocol it came by, once it has been checked."""

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeAlias

from fastapi import Response

from app.errors import NextdayError
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Forecast, Model
from app.inference.microbatching import MicroBatcher, Run
from app.observability.request_record import RequestRecord
from app.serving.app_state import AppState
from app.serving.canary import Choice, Shadow
from app.transport.headers import Headers

JSON: Final = ((b"content-type", b"application/json"),)


class Answer(NamedTuple):
    """What is sent."""

    content: bytes
    headers: tuple[tuple[bytes, bytes], ...] = JSON

    @property
    def response(self) -> Response:
        """The same as the framework has it."""
        response = Response(self.content)
        response.raw_headers[:0] = self.headers
        return response


class Asked(Protocol):
    """A request for the forecast of one window, and what is to answer it."""

    @property
    def choice(self) -> Choice:
        """The version that answers, and that which is tried beside it."""
        ...

    @property
    def part(self) -> Model:
        """That version, or its part for closes alone."""
        ...

    @property
    def window(self) -> Floats:
        """The newest sessions, as many as the model looks back on, (sessions, fields)."""
        ...

    @property
    def levels(self) -> tuple[float, ...]:
        """The intervals that are wanted, in percent."""
        ...

    def of(self, model: Model) -> "Asked":
        """Ask another model the same; raise BadInput where it cannot forecast from it."""
        ...

    def written(self, forecast: Forecast | None) -> Answer:
        """Write the answer; raise Unforecastable where there is no finite forecast."""
        ...


Understand: TypeAlias = Callable[[AppState, Headers, bytes], Asked | None]
"""Reads a request: its headers, its body. None where it has to wait elsewhere."""


class Endpoint(NamedTuple):
    """A route whose requests are answered where they arrive, if they are plain; see protocol.py."""

    route: str
    """As metrics and logs call it."""
    longest: int
    """Bytes of a body that is read at once."""
    check: Callable[[Headers], None]
    """Raises where the headers are none of such a request."""
    understand: Understand


def shadow(asked: Asked, answered: Forecast | None, batches: MicroBatcher) -> None:
    """Let the candidate that is run unseen forecast from it too, where there is one and room."""
    candidate = asked.choice.shadow
    if candidate is None or answered is None:
        return
    waiting = Shadow(candidate.manifest, answered)
    try:
        other = asked.of(candidate)
        batches.put(other.part, other.window, other.levels, waiting)
    except NextdayError as error:
        waiting.fail(error)


def note_choice(seen: RequestRecord, asked: Asked) -> None:
    """Note who is to answer a request."""
    manifest = asked.part.manifest
    seen.model, seen.version = manifest.name, manifest.version


def note_forecast(seen: RequestRecord, forecast: Forecast | None, run: Run) -> None:
    """Note that a forecast was made for a request."""
    seen.wait_s, seen.run_s = run.began - seen.arrived, run.seconds
    seen.windows = 1
    if forecast is not None:
        seen.outside = int(forecast.outside)
