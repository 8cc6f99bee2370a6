"""What is said beside a forecast: which levels it has, and what the caller should know of it."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from app.api.schemas import DEFAULT_LEVELS, Skill, Warning_, skill_of
from app.errors import Suspicious
from app.forecasting.forecaster import Model
from app.market_data.anomalies import DataWarning

_NOT_WORSE: Final = 1.01
"""Errors up to this ratio to naive's earn no warning: a short test cannot tell them apart."""

UNLIKE_TRAINING: Final = DataWarning(
    "unlike_training", "these prices move as in no window that the model was fitted on"
)

_NO_INTERVALS: Final = DataWarning(
    "no_intervals", "this model forecasts a point and has no intervals to give"
)


def levels_of(part: Model, wanted: Sequence[float] | None) -> tuple[float, ...]:
    """Return the intervals to give, in percent; a point model has none."""
    if not part.manifest.quantiles:
        return ()
    return DEFAULT_LEVELS if wanted is None else tuple(wanted)


def of_levels(wanted: Sequence[float] | None, given: tuple[float, ...]) -> tuple[DataWarning, ...]:
    """Say that intervals were asked for and are not given."""
    return (_NO_INTERVALS,) if wanted and not given else ()


def warning_of(remark: DataWarning) -> Warning_:
    """Write a remark."""
    return Warning_(code=remark.code, message=remark.message, row=remark.row)


def refuse(remarks: list[DataWarning], field: str) -> None:
    """Raise Suspicious with the first remark, where there is one."""
    for first in remarks[:1]:
        raise Suspicious(f"{first.code}: {first.message}", field=field, index=first.row)


def outside(windows: int) -> DataWarning:
    """Say that so many windows lie beyond what the scaler was fitted on."""
    message = (
        f"{windows} window(s) hold prices beyond those that the model was fitted on;"
        " its forecasts there are extrapolation"
    )
    return DataWarning("outside_training_range", message)


def of_fitted(part: Model, last: date) -> Iterator[DataWarning]:
    """Say that a model was fitted on what it is to forecast from a history that ends so."""
    fitted_to = part.manifest.trained_on.last
    if last < fitted_to:
        message = (
            f"the model was fitted on sessions to {fitted_to}, of this instrument or of others: its"
            " forecasts of those say nothing of how good it is"
        )
        yield DataWarning("in_sample", message)


class OfModel(NamedTuple):
    """What is said of a model beside each of its forecasts, whatever was posted."""

    skill: Skill
    warnings: tuple[Warning_, ...]


def of_model(model: Model, part: Model) -> OfModel:
    """Return what is said of a model, `part` of which answers; made once for each."""
    found = _of_parts.get(part)
    if found is None:
        remarks = map(warning_of, _of_model(model, part))
        found = _of_parts[part] = OfModel(skill_of(part.manifest.scores), tuple(remarks))
    return found


# it must not keep a model that nobody serves any more
_of_parts: Final[WeakKeyDictionary[Model, OfModel]] = WeakKeyDictionary()


def _of_model(model: Model, part: Model) -> Iterator[DataWarning]:
    scores = part.manifest.scores
    if part is not model:
        message = "this model reads bars and was given prices; its intervals are wider for it"
        yield DataWarning("close_only", message)
    if scores.mae_vs_naive > _NOT_WORSE:
        message = (
            f"on {scores.sessions} held-out sessions this model's mean absolute error was"
            f" {scores.mae_vs_naive:.2f} times that of the naive forecast; use `naive`"
        )
        yield DataWarning("worse_than_naive", message)
