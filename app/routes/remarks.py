"""What is said beside a forecast: which levels it has, and what the caller should know of it."""

from typing import Final

from app.forecast import Model
from app.schemas import BatchRequest, PredictRequest, Warning_

_NOT_WORSE: Final = 1.01
"""Errors up to this ratio to naive's earn no warning: a short test cannot tell them apart."""


def levels_of(part: Model, question: PredictRequest | BatchRequest) -> tuple[float, ...]:
    """Return the intervals to give, in percent; a point model has none."""
    return question.asked_levels if part.manifest.quantiles else ()


def warnings_of(
    model: Model, part: Model, *, outside: int, levels: list[float] | None
) -> list[Warning_]:
    """
    Say what the caller should know: of this answer, and of the part of the model it is from.

    `outside` counts windows beyond the training range, `levels` are those that were posted.
    """
    warnings = []
    scores = part.manifest.scores
    if part is not model:
        message = "this model reads bars and was given prices; its intervals are wider for it"
        warnings.append(Warning_(code="close_only", message=message))
    if outside:
        message = (
            f"{outside} window(s) hold prices beyond those that the model was fitted on;"
            " its forecasts there are extrapolation"
        )
        warnings.append(Warning_(code="outside_training_range", message=message))
    if scores.mae_vs_naive > _NOT_WORSE:
        message = (
            f"on {scores.sessions} held-out sessions this model's mean absolute error was"
            f" {scores.mae_vs_naive:.2f} times that of the naive forecast; use `naive`"
        )
        warnings.append(Warning_(code="worse_than_naive", message=message))
    if levels and not part.manifest.quantiles:
        message = "this model forecasts a point and has no intervals to give"
        warnings.append(Warning_(code="no_intervals", message=message))
    return warnings
