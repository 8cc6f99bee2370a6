"""Candidate, incumbent and naive, scored on the same held-out sessions: what a verdict rests on."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.forecasting.arrays import Bools, Floats
from training.datasets.panel import Dates
from training.datasets.quantile_levels import LEVELS
from training.datasets.windows import as_date
from training.evaluation import quantile_scores
from training.evaluation.accuracy import Accuracy
from training.evaluation.point_scores import mean_by_date
from training.evaluation.walk_forward import NETWORK
from training.retraining import incumbent, verdict
from training.retraining.incumbent import Incumbent, ModelForecasts, NotComparable
from training.retraining.run_record import Standing, Standings
from training.retraining.verdict import Bounds, Evidence


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """What was measured."""

    standings: Standings
    evidence: Evidence
    notes: tuple[str, ...]
    """Why the incumbent takes part in some of it only, or in none."""


def compare(
    found: Accuracy, bars: pd.DataFrame, current: Incumbent, bounds: Bounds
) -> ModelComparison:
    """
    Score all three on the sessions that a walk forward has scored, from the bars of its panel.

    An incumbent that cannot forecast some of them, as one with a longer window, takes those
    from all three, if enough sessions are left to judge. Else, and where it is damaged or of
    another kind, the candidate is compared with naive alone.
    """
    theirs, notes = _incumbents(found, bars, current, bounds.fewest_sessions)
    rows = theirs.made if theirs else np.ones(len(found.ends), dtype=np.bool_)
    actual, dates = found.actual[rows], found.dates[rows]
    ours, naive = _of(found, NETWORK, rows), _of(found, "naive", rows)
    naive_mae = float(np.abs(naive.errors).mean())
    candidate = _standing(ours, actual, naive_mae)
    manifest = current.model.manifest if current.model else None
    losses = seen = None
    if manifest and theirs:
        seen = incumbent.was_fitted_on(manifest, dates)
        of_points = theirs.quantiles is None
        reference = _losses(theirs, actual, of_points=of_points)
        losses = (
            _losses(ours, actual, of_points=of_points),
            reference * np.where(seen, 1 + bounds.seen_allowance, 1),
        )
    return ModelComparison(
        standings=Standings(
            sessions=len(np.unique(dates)),
            forecasts=len(dates),
            candidate=candidate,
            incumbent=_standing(theirs, actual, naive_mae) if theirs else None,
            naive=_standing(naive, actual, naive_mae),
            incumbent_saw=None if seen is None else len(np.unique(dates[seen])),
        ),
        evidence=Evidence(
            sessions=len(np.unique(dates)),
            mae_vs_naive=_number(candidate.mae_vs_naive),
            worse_than_naive=_worse(np.abs(ours.errors), np.abs(naive.errors), dates),
            coverage_90=_number(candidate.coverage_90),
            last=as_date(found.walk.data.panel.dates.max()),
            worse_than_incumbent=_worse(*losses, dates) if losses else None,
            incumbent_last=manifest.trained_on.last if manifest else None,
        ),
        notes=notes,
    )


def _incumbents(
    found: Accuracy, bars: pd.DataFrame, current: Incumbent, fewest: int
) -> tuple[ModelForecasts | None, tuple[str, ...]]:
    """Return the incumbent's forecasts, and what is to be said of them."""
    if current.fault:
        return None, (f"judged without the incumbent: {current.fault}",)
    if current.model is None:
        return None, ()
    without = f"judged without the incumbent, version {current.version}: "
    try:
        theirs = incumbent.forecasts(current.model, bars, found.walk.data.panel, found.ends)
    except NotComparable as reason:
        return None, (f"{without}{reason}",)
    sessions, made = len(np.unique(found.dates[theirs.made])), int(theirs.made.sum())
    if sessions < fewest:
        return None, (f"{without}it can forecast {sessions} held-out sessions, needs {fewest}",)
    if made == len(found.ends):
        return theirs, ()
    left_out = f"judged on {made} of {len(found.ends)} forecasts: the incumbent cannot make others"
    return theirs, (left_out,)


def _of(found: Accuracy, name: str, rows: Bools) -> ModelForecasts:
    scored = found.scored[name]
    return ModelForecasts(rows, scored.errors[rows], scored.quantiles[rows])


def _standing(forecasts: ModelForecasts, actual: Floats, naive_mae: float) -> Standing:
    mae, crps, coverage = float(np.abs(forecasts.errors).mean()), None, None
    if forecasts.quantiles is not None:
        crps = float(quantile_scores.crps(actual, forecasts.quantiles, LEVELS).mean())
        ends = quantile_scores.interval(forecasts.quantiles, LEVELS, 90)
        coverage = quantile_scores.coverage(actual, *ends)
    over = mae / naive_mae if naive_mae else None
    return Standing(mae=mae, mae_vs_naive=over, crps=crps, coverage_90=coverage)


def _losses(forecasts: ModelForecasts, actual: Floats, *, of_points: bool) -> Floats:
    """Return the CRPS of forecasts, or their absolute errors where the other's are points."""
    if of_points or forecasts.quantiles is None:
        return np.abs(forecasts.errors)
    return quantile_scores.crps(actual, forecasts.quantiles, LEVELS)


def _worse(losses: Floats, reference: Floats, dates: Dates) -> float:
    """Return `verdict.worse` of the losses' means by date: instruments of one day move together."""
    return verdict.worse(mean_by_date(dates, losses), mean_by_date(dates, reference))


def _number(value: float | None) -> float:
    return math.nan if value is None else value
