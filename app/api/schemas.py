"""The JSON bodies, in and out."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

# pydantic asks for this one below Python 3.12
from typing_extensions import TypedDict

from app.artifact.manifest import Manifest, PriceField, Scores
from app.artifact.rollout import Rollout
from app.market_data.anomalies import DataWarning

DEFAULT_MODEL: Final = "default"
MAX_WINDOWS: Final = 10_000

_Level = Annotated[float, Field(gt=0, lt=100, allow_inf_nan=False)]
_Prices = Annotated[list[float], Field(fail_fast=True)]

# strict: "187.2" and true are no prices. Unknown members are refused by transport/request_body.py:
# pydantic itself would make an error of each, and a body may hold a hundred thousand
_POSTED: Final = ConfigDict(
    frozen=True, extra="allow", strict=True, json_schema_extra={"additionalProperties": False}
)


class Bars(BaseModel):
    """The newest bars of one instrument: columns of equal length, oldest first."""

    model_config = _POSTED

    open: _Prices
    high: _Prices
    low: _Prices
    close: _Prices

    @property
    def columns(self) -> dict[PriceField, list[float]]:
        """The four, by name."""
        return {"open": self.open, "high": self.high, "low": self.low, "close": self.close}


# in place, by its value: a reference would be looked for at the root of the document
_described_as_bars: Final = WithJsonSchema(Bars.model_json_schema())


class _Question(BaseModel):
    model_config = _POSTED

    ways: ClassVar[tuple[str, str]]
    """Two members, of which exactly one is given."""

    model: str = DEFAULT_MODEL
    version: Annotated[int, Field(ge=1)] | None = None
    """A version to pin; the one being served where none is given."""
    levels: Annotated[list[_Level], Field(max_length=32)] | None = None
    """Intervals to give, in percent; 80 and 95 where none are given."""
    strict: bool = False
    """Whether what looks damaged is refused, and not only told of in `warnings`."""

    @model_validator(mode="after")
    def _holds_one(self) -> Self:
        first, second = self.ways
        if (getattr(self, first) is None) == (getattr(self, second) is None):
            names = {"names": f"{first} and {second}"}
            raise PydanticCustomError("exactly_one", "give exactly one of {names}", names)
        return self


def _one_of(*names: str) -> ConfigDict:
    """Say in the document that exactly one of two members is given, null being not given."""
    null: dict[str, JsonValue] = {"type": "null"}
    ways: list[JsonValue] = [
        {"required": [name], "properties": {**dict.fromkeys(names, null), name: {"not": null}}}
        for name in names
    ]
    return ConfigDict(json_schema_extra={"additionalProperties": False, "oneOf": ways})


class PredictRequest(_Question):
    """The newest prices or bars of one instrument: exactly one of them."""

    ways = ("prices", "bars")
    model_config = _one_of(*ways)

    prices: _Prices | None = None
    """The model's target column, oldest first."""
    bars: Annotated[Bars, _described_as_bars] | None = None
    """Whole bars; a model of a single field takes that column of them."""
    dates: Annotated[list[date], Field(fail_fast=True)] | None = None
    """The day of each session, as 2026-08-27."""
    calendar: Annotated[str, Field(max_length=32)] | None = None
    """An exchange by its MIC (ISO 10383) or alias, `24/7` or `weekdays`."""


# Any: each window is judged by itself, so that a bad one is an error of its own
_Windows = Annotated[
    list[Annotated[Any, WithJsonSchema({"type": "array", "items": {"type": "number"}})]],
    Field(max_length=MAX_WINDOWS),
]
_WindowsOfBars = Annotated[list[Annotated[Any, _described_as_bars]], Field(max_length=MAX_WINDOWS)]


class BatchRequest(_Question):
    """The newest prices or bars of many instruments: exactly one of them."""

    ways = ("windows", "bars")
    model_config = _one_of(*ways)

    windows: _Windows | None = None
    """The prices of each, as in `prices` of a single one."""
    bars: _WindowsOfBars | None = None
    """The bars of each."""


class Window(BaseModel):
    """One window of a batch, as prices."""

    model_config = ConfigDict(strict=True)

    prices: _Prices


class WindowOfBars(BaseModel):
    """One window of a batch, as bars."""

    model_config = ConfigDict(strict=True)

    bars: Bars


# the answers are plain dictionaries, checked by mypy: they are written once and never validated
class Skill(TypedDict):
    """
    How the version did on sessions held out from fitting; null was not measured.

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


_SKILL_DECIMALS: Final = 6
"""Of `1 - ratio`, which would show the rounding errors of the subtraction."""


def skill_of(scores: Scores) -> Skill:
    """Take what callers need of a manifest's scores."""
    return Skill(
        # plus 0: an error that is hardly larger than naive's is no skill of -0.0
        mae_skill_vs_naive=round(1 - scores.mae_vs_naive, _SKILL_DECIMALS) + 0.0,
        crps_skill_vs_garch=scores.crps_vs_garch,
        coverage_90=scores.coverage_90,
        forecasts=scores.sessions,
    )


class AnswerWarning(TypedDict):
    """Something that the caller should know about this answer."""

    code: str
    message: str
    row: int | None
    """In what was posted, from 0; null where it is about no single one."""


def warning_of(warning: DataWarning) -> AnswerWarning:
    """Write a warning."""
    return AnswerWarning(code=warning.code, message=warning.message, row=warning.row)


class BatchWarning(AnswerWarning):
    """Something that the caller should know about a window, or about all of them."""

    index: int | None
    """The window; null where it is about all of them."""


class Interval(TypedDict):
    """Where the next price lies with a probability of `level` percent."""

    level: float
    low: float
    high: float
    coverage: float | None
    """The share of the posted history that such intervals held; null where it is too short."""


class CalibrationUsed(TypedDict):
    """What the intervals rest on."""

    method: Literal["none", "model", "history"]
    """Nothing; the model's own calibration; or that, adapted by the posted history."""
    sessions: int
    """Forecasts that it rests on."""


class PredictResponse(TypedDict):
    """The next session's forecast of one instrument, in the unit of its prices."""

    model: str
    version: int
    target: PriceField
    forecast_date: date | None
    """The session that is forecast; null without `dates` and `calendar`: it is never guessed."""
    sessions_missing: int | None
    """Sessions of the calendar within `dates` that are not there."""
    last_price: float
    prediction: float
    naive: float
    """The forecast "tomorrow = today", to hold the prediction against."""
    intervals: list[Interval]
    """In the order asked for."""
    calibration: CalibrationUsed | None
    """Null where there are no intervals to calibrate."""
    skill: Skill
    """That of the network that answered."""
    novelty: float | None
    """How unusual the window is, 0 to 1: the share of the fitted windows that were less so."""
    warnings: list[AnswerWarning]


class Columns(TypedDict):
    """The lower and upper ends of one interval, one for each window."""

    low: list[float | None]
    high: list[float | None]


class ItemError(TypedDict):
    """Why a window of a batch has no forecast."""

    index: int
    code: str
    message: str


class BatchResponse(TypedDict):
    """Forecasts in columns of equal length; null where `errors` has the reason."""

    model: str
    version: int
    target: PriceField
    instruments: list[str] | None
    """Their names, where a file was posted."""
    predictions: list[float | None]
    last_prices: list[float | None]
    intervals: dict[str, Columns]
    """By level, as in `{"80": ..}`; empty where the model has none."""
    skill: Skill
    warnings: list[BatchWarning]
    errors: list[ItemError]


class SkippedLines(TypedDict):
    """A line of a file that is no session."""

    line: int
    reason: str


class ReadingResponse(TypedDict):
    """How a file was read: what was taken for what, and what was not read."""

    encoding: str
    """As Python calls it; `JSON` where it was a message."""
    delimiter: str
    """Of cells: comma, semicolon, tab, bar, or none."""
    header: int | None
    """The line of the header; null where there is none."""
    columns: dict[str, str]
    """The head of the column of each role: date, open, high, low, close, adjusted, volume .."""
    unused: list[str]
    """The heads of other columns, at most twenty."""
    date_form: str | None
    """How the dates are written, by example; null where there are none."""
    decimal: str
    """What ends the whole part of a number: point or comma."""
    instrument: str | None
    """Where the file names it."""
    left_out: list[SkippedLines]
    """At most twenty."""


class TableResponse(TypedDict):
    """What a file holds, oldest first."""

    dates: list[date] | None
    bars: dict[PriceField, list[float]]
    """The columns that the file has."""
    lines: list[int]
    """The line of the file that each session is from; of JSON the record."""
    read_as: ReadingResponse
    warnings: list[AnswerWarning]


class CalendarList(BaseModel):
    """The exchanges whose sessions are known."""

    exchanges: tuple[str, ...]
    """By MIC (ISO 10383)."""
    aliases: dict[str, str]
    others: tuple[str, ...] = ("24/7", "weekdays")
    """For what has no exchange."""
    source: str


class CalendarDetail(BaseModel):
    """What is known of one exchange."""

    name: str
    first: date
    last: date
    """The last day that is known: past it there is no `forecast_date`."""
    next_session: date | None
    """The first session after today, in UTC."""
    early_closes: list[date]
    """The sessions to come that end early."""


class ModelSummary(BaseModel):
    """A model in one row."""

    name: str
    version: int
    fields: tuple[PriceField, ...]
    target: PriceField
    window: int
    skill: Skill
    created_at: datetime


class RefusedModel(BaseModel):
    """A version that was published and is not served."""

    name: str
    version: int | None
    reason: str


class ModelList(BaseModel):
    """The models that answer, and those that were refused."""

    models: list[ModelSummary]
    refused: list[RefusedModel]


class ModelDetail(BaseModel):
    """A model, its published versions and the manifest of the one being served."""

    name: str
    version: int
    versions: list[int]
    rollout: Rollout | None
    """The candidate beside it, where there is one."""
    manifest: Manifest


class VersionDetail(BaseModel):
    """One published version: its manifest, and its card as Markdown."""

    name: str
    version: int
    manifest: Manifest
    card: str


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Forecasts can be had."""

    status: Literal["ready"] = "ready"
    models: dict[str, int]
    """The version that answers under each name."""
    refused: list[RefusedModel]
