"""Which version answers a request while a candidate is on trial, and what is seen of it."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Final, NamedTuple

from app.artifact.manifest import Manifest
from app.errors import NextdayError, TooBusy, Unforecastable
from app.forecasting.forecaster import Forecast, Model
from app.inference.microbatching import Run
from app.inference.model_store import Trial
from app.observability import metrics
from app.observability.request_record import Headers

KEY_HEADER: Final = b"nextday-key"
"""Whose request it is, if the caller says so: an account or an instrument stays with a version."""

_log = logging.getLogger(__name__)


class Choice(NamedTuple):
    """The version that answers a request."""

    model: Model
    shadow: Model | None = None
    """That which forecasts from it as well, unseen."""
    on_trial: bool = False
    """There is a candidate, so that versions are counted apart."""


def choose(served: Model, trial: Trial, headers: Headers, content: bytes) -> Choice:
    """Choose who answers while a candidate is on trial, by the header's key or the whole body."""
    key = next((value for header, value in headers if header == KEY_HEADER), content)
    if not trial.rollout.takes(key):
        return Choice(served, on_trial=True)
    if trial.rollout.mode == "canary":
        return Choice(trial.candidate, on_trial=True)
    return Choice(served, shadow=trial.candidate, on_trial=True)


@contextlib.contextmanager
def counted(choice: Choice) -> Iterator[None]:
    """Count what becomes of a request, by version, while there is a candidate."""
    try:
        yield
    except Exception as error:
        count(choice, error)
        raise
    count(choice)


def count(choice: Choice, error: Exception | None = None) -> None:
    """Count an answer, or an error that is the version's, while there is a candidate."""
    own = not isinstance(error, NextdayError) or isinstance(error, Unforecastable)
    if choice.on_trial and own:
        manifest = choice.model.manifest
        metrics.record_trial_answer(manifest.name, manifest.version, "error" if error else "ok")


class Shadow(NamedTuple):
    """A candidate's forecast of a request that another version has answered, as it waits."""

    manifest: Manifest
    """The candidate's."""
    answered: Forecast
    """The forecast that was given, to hold the candidate's against."""

    def has_left(self) -> bool:
        """Tell that the forecast is wanted."""
        return False

    def take(self, forecast: Forecast | None, _: Run) -> None:
        """Measure how far the two are from each other, relative to the last price."""
        manifest, answered = self.manifest, self.answered
        metrics.record_trial_answer(manifest.name, manifest.version, "ok" if forecast else "error")
        if forecast is not None:
            difference = abs(forecast.prediction - answered.prediction) / answered.last_price
            metrics.record_shadow_difference(manifest.name, manifest.version, difference)

    def send(self) -> None:
        """Send nothing: nobody is to see it."""

    def fail(self, error: Exception) -> None:
        """Count the failure, unless there was no room to begin."""
        if not isinstance(error, TooBusy):
            metrics.record_trial_answer(self.manifest.name, self.manifest.version, "error")
        if not isinstance(error, NextdayError):
            _log.error("the candidate on trial failed", exc_info=error)
