"""The JSON bodies, in and out, with examples that can be pasted and run."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, FailFast, Field

from app.artifact import Manifest, PriceField, Scores

DEFAULT_MODEL: Final = "default"
DEFAULT_LEVELS: Final = (80.0, 95.0)
MAX_WINDOWS: Final = 10_000

# Made up: a seeded random walk. Not the prices of anything.
EXAMPLE_PRICES: Final = [
    182.4, 183.1, 181.76, 182.05, 184.33, 185.02, 184.6, 186.11, 187.45, 186.9,
    185.72, 186.38, 188.04, 188.91, 187.63, 186.2, 184.95, 185.41, 187.02, 188.3,
    189.74, 190.12, 189.05, 187.88, 188.46, 189.97, 191.3, 190.84, 192.05, 193.41,
    192.66, 191.02, 189.83, 190.57, 191.95, 193.22, 194.01, 193.35, 191.78, 190.44,
    188.92, 187.35, 188.1, 189.64, 190.88, 190.02, 188.57, 187.91, 186.48, 187.06,
    188.75, 189.93, 189.21, 187.64, 186.83, 185.97, 186.7, 188.02, 187.55, 187.2,
]  # fmt: skip

PREDICT_EXAMPLES: Final = {
    "newest prices": {
        "summary": "Sixty closes, oldest first: the least that the default model takes",
        "value": {"prices": EXAMPLE_PRICES},
    },
    "a pinned version": {
        "summary": "Always from this version, whatever is published later",
        "value": {"model": "default", "version": 1, "prices": EXAMPLE_PRICES},
    },
}

BATCH_EXAMPLES: Final = {
    "two instruments": {
        "summary": "Two windows, the second in another currency",
        "value": {
            "windows": [EXAMPLE_PRICES, [round(price * 157.3, 1) for price in EXAMPLE_PRICES]]
        },
    },
    "one bad window": {
        "summary": "A bad window is null in every column and costs its neighbours nothing",
        "value": {"windows": [EXAMPLE_PRICES, EXAMPLE_PRICES[:12]]},
    },
}

_Level = Annotated[float, Field(gt=0, lt=100, allow_inf_nan=False)]


class _Question(BaseModel):
    # strict: "187.2" and true are no prices. Unknown members are refused by routes/body.py:
    # pydantic itself would make an error of each, and a body may hold a hundred thousand
    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        strict=True,
        json_schema_extra={"additionalProperties": False},
    )

    model: str = DEFAULT_MODEL
    version: Annotated[int, Field(ge=1)] | None = None
    """A version to pin; the one being served where none is given."""
    levels: Annotated[list[_Level], Field(max_length=32)] | None = None
    """Intervals to give, in percent; 80 and 95 where none are given."""


class PredictRequest(_Question):
    """The newest prices of one instrument."""

    prices: Annotated[list[float], FailFast()]
    """The model's target column, oldest first; the newest part is used."""


class BatchRequest(_Question):
    """The newest prices of many instruments."""

    # Any: each window is judged by itself, so that a bad one is an error of its own
    windows: Annotated[
        list[Any],
        Field(
            max_length=MAX_WINDOWS,
            json_schema_extra={"items": {"type": "array", "items": {"type": "number"}}},
        ),
    ]


class Window(BaseModel):
    """One window of a batch."""

    model_config = ConfigDict(strict=True)

    prices: Annotated[list[float], FailFast()]


class Skill(BaseModel):
    """How the version did on sessions held out from fitting; null was not measured."""

    mae_vs_naive: float
    """Its mean absolute error over that of "tomorrow = today": below 1 is better."""
    crps_vs_garch: float | None
    coverage_90: float | None
    sessions: int
    """Forecasts that the figures rest on."""

    @classmethod
    def of(cls, scores: Scores) -> Self:
        """Take what callers need of a manifest's scores."""
        return cls(
            mae_vs_naive=scores.mae_vs_naive,
            crps_vs_garch=scores.crps_vs_garch,
            coverage_90=scores.coverage_90,
            sessions=scores.sessions,
        )


class Warning_(BaseModel):  # noqa: N801 - `Warning` is Python's
    """Something that the caller should know about this answer."""

    code: str
    message: str


class Interval(BaseModel):
    """Where the next price lies with a probability of `level` percent."""

    level: float
    low: float
    high: float


class PredictResponse(BaseModel):
    """The next session's forecast of one instrument, in the unit of its prices."""

    model: str
    version: int
    target: PriceField
    forecast_date: date | None
    last_price: float
    prediction: float
    naive: float
    """The forecast "tomorrow = today", to hold the prediction against."""
    intervals: list[Interval]
    skill: Skill
    warnings: list[Warning_]


class Columns(BaseModel):
    """The lower and upper ends of one interval, one for each window."""

    low: list[float | None]
    high: list[float | None]


class ItemError(BaseModel):
    """Why a window of a batch has no forecast."""

    index: int
    code: str
    message: str


class BatchResponse(BaseModel):
    """Forecasts in columns of equal length; null where `errors` has the reason."""

    model: str
    version: int
    target: PriceField
    predictions: list[float | None]
    last_prices: list[float | None]
    intervals: dict[str, Columns]
    skill: Skill
    warnings: list[Warning_]
    errors: list[ItemError]


class ModelSummary(BaseModel):
    """A model in one row."""

    name: str
    version: int
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


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | None = None
    index: int | None = None
