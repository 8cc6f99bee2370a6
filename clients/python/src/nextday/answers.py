"""What the service answers, as frozen values. Prices are in the unit of those that were sent."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from nextday import _frames

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Skill:
    """
    How the model did on sessions that it had not seen; None was not measured.

    Both skills are improvements, as shares: above 0 is better than the reference.
    """

    mae_skill_vs_naive: float
    """By how much its mean absolute error is below that of "tomorrow = today"."""
    crps_skill_vs_garch: float | None
    """By how much its CRPS, a score of the whole distribution, is below that of a GARCH(1,1)-t."""
    coverage_90: float | None
    """The share of outcomes within its 90 % intervals."""
    forecasts: int
    """How many forecasts the figures rest on."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the next price lies with a probability of `level` percent."""

    level: float
    low: float
    high: float
    coverage: float | None
    """The share of the posted history that such intervals held; None where it is too short."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the intervals rest on: `none`, `model` or `history`, and of how many forecasts."""

    method: str
    sessions: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know about an answer: a stable code, a sentence, and the row it is about."""

    code: str
    message: str
    row: int | None
    """Counted from 0, oldest session first; None where it is about no single one."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The next session of one instrument."""

    model: str
    version: int
    target: str
    forecast_date: date | None
    """The session that is forecast; None without dates and calendar: it is never guessed."""
    sessions_missing: int | None
    last_price: float
    prediction: float
    naive: float
    """The forecast "tomorrow = today"."""
    intervals: tuple[Interval, ...]
    calibration: Calibration | None
    skill: Skill
    novelty: float | None
    """How unusual the window is, 0 to 1: the share of the fitted windows that were less so."""
    warnings: tuple[Notice, ...]

    def interval(self, level: float) -> Interval:
        """Return the interval of a level in percent; raise KeyError where there is none."""
        for interval in self.intervals:
            if interval.level == level:
                return interval
        raise KeyError(level)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row, by `forecast_date`; intervals are the columns low_80, high_80, …."""
        return _frames.of_forecast(self)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The ends of one interval, one for each window; None where it has no forecast."""

    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class BatchNotice:
    """Something to know about a window, or about all of them where `index` is None."""

    code: str
    message: str
    row: int | None
    index: int | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a window of a batch has no forecast."""

    index: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class BatchForecast:
    """Forecasts in columns of equal length; None where `errors` has the reason."""

    model: str
    version: int
    target: str
    instruments: tuple[str, ...] | None
    """Their names, in the order of the columns; None where windows were posted without."""
    predictions: tuple[float | None, ...]
    last_prices: tuple[float | None, ...]
    intervals: dict[str, Bounds]
    """By level, as in `{"80": …}`."""
    skill: Skill
    warnings: tuple[BatchNotice, ...]
    errors: tuple[Failure, ...]

    def to_frame(self) -> "pd.DataFrame":
        """
        Return one row for each window, in order; NaN and an `error` where it has none.

        The index is the `instruments`, or counts windows where they have no names.
        """
        return _frames.of_batch(self)


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A model in one row."""

    name: str
    version: int
    fields: tuple[str, ...]
    target: str
    window: int
    """Sessions that it looks back on."""
    skill: Skill
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedModel:
    """A version that was published and is not served."""

    name: str
    version: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class ModelList:
    """The models that answer, and those that were refused."""

    models: tuple[ModelSummary, ...]
    refused: tuple[RefusedModel, ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """The version that answers under each name."""

    status: str
    models: dict[str, int]
    refused: tuple[RefusedModel, ...]
