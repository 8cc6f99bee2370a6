"""
What a walk forward shows: every forecaster scored on the same sessions.

Prices differ in unit, so errors are in percent of the last price, and scores of distributions
in percent of log return.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.artifact.manifest import ModelCalibration, Scores
from app.forecasting import quantiles as intervals
from app.forecasting.arrays import Bools, Floats
from training.datasets.panel import Dates, Rows
from training.datasets.quantile_levels import LEVELS
from training.datasets.windows import as_date
from training.evaluation import calibration, point_scores, quantile_scores
from training.evaluation.quantile_scores import Comparison
from training.evaluation.walk_forward import CLOSES, LOG_HAR, LOG_HAR_STRONG, NETWORK, Walk

GARCH: Final = "GARCH(1,1)-t"
REFERENCES: Final = (GARCH, LOG_HAR, LOG_HAR_STRONG)
PERCENTS: Final = (80.0, 90.0, 95.0, 98.0)
GAIN: Final = 0.02
"""Of the in-request calibration; chosen on 2009 to 2012, see docs/log.md."""
POSTED: Final = 340
"""Forecasts to adapt by: what 400 bars leave before a window of 60."""
_TAILS: Final = (0.01, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class ScoredForecasts:
    """One forecaster on the scored sessions; arrays are (n,)."""

    quantiles: Floats
    """(n, k) with the calibration of the folds before, for the networks."""
    crps: Floats
    errors: Floats
    """Of the median, in percent of the last price."""
    tails: Floats
    """Sum of the pinball losses at 1 and 99 %."""

    def inside(self, actual: Floats, percent: float) -> Bools:
        """Tell which sessions lay in the central interval of so many percent."""
        low, high = quantile_scores.interval(self.quantiles, LEVELS, percent)
        return (low <= actual) & (actual <= high)


@dataclass(frozen=True, slots=True, eq=False)
class Accuracy:
    """Every forecaster of a walk forward on the same sessions; arrays are (n,)."""

    walk: Walk
    ends: Rows
    dates: Dates
    """The sessions forecast."""
    instruments: Rows
    actual: Floats
    """Log returns in percent."""
    judged: dict[str, ScoredForecasts]
    adapted: Floats
    """(n, k) the network's forecasts as a request with 400 bars would have them."""
    calibrations: dict[str, ModelCalibration]
    """Of the networks, on all folds: what is published."""

    def compared(self, name: str, reference: str) -> Comparison:
        """Hold one forecaster's CRPS against another's."""
        return quantile_scores.compare(
            self.judged[name].crps, self.judged[reference].crps, self.dates, self.instruments
        )

    def relative(self, name: str) -> tuple[float, float, float]:
        """Return MAE and RMSE over those of tomorrow = today, and the worst instrument's MAE."""
        ours, naive = self.judged[name].errors, self.judged["naive"].errors
        by = [np.bincount(self.instruments, np.abs(each)) for each in (ours, naive)]
        seen = by[1] > 0
        mae = float(np.abs(ours).mean() / np.abs(naive).mean())
        rmse = float(np.sqrt(np.square(ours).mean() / np.square(naive).mean()))
        return mae, rmse, float((by[0][seen] / by[1][seen]).max())

    def tail_skill(self, name: str) -> float:
        """Return by what share the loss at 1 and 99 % is below GARCH's."""
        return quantile_scores.skill(self.judged[name].tails, self.judged[GARCH].tails)

    def qlike(self, name: str) -> float:
        """Return QLIKE of squared returns under the variance that the forecasts imply."""
        spread = intervals.spread(self.judged[name].quantiles, tuple(LEVELS.tolist()))
        return quantile_scores.qlike(self.actual**2, spread**2)

    def summary(self) -> dict[str, object]:
        """Return the figures of both networks, for machines."""
        return {
            "first": str(self.dates.min()),
            "last": str(self.dates.max()),
            "forecasts": len(self.actual),
            "networks": {
                name: {
                    **self.scores(name).model_dump(mode="json"),
                    "tails_vs_garch": self.tail_skill(name),
                    "crps_skill": {
                        reference: dataclasses.asdict(self.compared(name, reference))
                        for reference in REFERENCES
                    },
                }
                for name in self.calibrations
            },
        }

    def scores(self, name: str) -> Scores:
        """Return what the manifest says of a forecaster."""
        ours, naive = self.judged[name].errors, self.judged["naive"].errors
        by_date = [
            point_scores.mean_by_date(self.dates, np.abs(errors)) for errors in (ours, naive)
        ]
        mae, naive_mae = float(np.abs(ours).mean()), float(np.abs(naive).mean())
        rmse, naive_rmse = (float(np.sqrt(np.square(each).mean())) for each in (ours, naive))
        return Scores(
            first=as_date(self.dates.min()),
            last=as_date(self.dates.max()),
            sessions=len(self.actual),
            instruments=len(np.unique(self.instruments)),
            unit="percent of the last price",
            mae=mae,
            rmse=rmse,
            naive_mae=naive_mae,
            naive_rmse=naive_rmse,
            mae_vs_naive=mae / naive_mae,
            rmse_vs_naive=rmse / naive_rmse,
            dm_t=point_scores.diebold_mariano(*by_date),
            crps_vs_garch=self.compared(name, GARCH).skill,
            coverage_90=float(self.judged[name].inside(self.actual, 90).mean()),
        )


def measure(walk: Walk) -> Accuracy:
    """Score every forecaster; one fold's quantiles of one forecaster are read at a time."""
    panel, scored = walk.data.panel, walk.folds[1:]
    ends = np.concatenate([fold.test for fold in scored])
    actual = panel.returns[ends + 1]
    judged, calibrations, adapted = {}, {}, np.empty(0)
    for name in walk.names:
        raw = np.concatenate([walk.kept.quantiles(fold, name) for fold in walk.folds])
        if name in {NETWORK, CLOSES}:
            own = _calibrated(walk, raw)
            calibrations[name] = _calibration(walk, raw)
            if name == NETWORK:
                adapted = _adapted(walk, raw, own)[-len(ends) :]
        else:
            own = raw
        judged[name] = _judge(own[-len(ends) :], actual)
    return Accuracy(
        walk=walk,
        ends=ends,
        dates=panel.dates[ends + 1],
        instruments=panel.instruments[ends],
        actual=actual,
        judged=judged,
        adapted=adapted,
        calibrations=calibrations,
    )


def _judge(quantiles: Floats, actual: Floats) -> ScoredForecasts:
    tails = [int(np.argmin(np.abs(LEVELS - level))) for level in _TAILS]
    median = quantiles[:, len(LEVELS) // 2]
    return ScoredForecasts(
        quantiles=quantiles,
        crps=quantile_scores.crps(actual, quantiles, LEVELS),
        errors=100 * (np.exp(median / 100) - np.exp(actual / 100)),
        tails=quantile_scores.pinball(actual, quantiles[:, tails], LEVELS[tails]).sum(1),
    )


def _parts(walk: Walk) -> Iterator[slice]:
    """Yield where each fold's forecasts lie among those of all folds."""
    start = 0
    for fold in walk.folds:
        yield slice(start, start + len(fold.test))
        start += len(fold.test)


def _actual(walk: Walk) -> Floats:
    ends = np.concatenate([fold.test for fold in walk.folds])
    actual: Floats = walk.data.panel.returns[ends + 1]
    return actual


def _calibrated(walk: Walk, raw: Floats) -> Floats:
    """Shift each fold's quantiles by the offsets of the folds before it; the first has none."""
    actual, levels, result = _actual(walk), tuple(LEVELS.tolist()), raw.copy()
    for part in list(_parts(walk))[1:]:
        known = slice(0, part.start)
        offsets = calibration.offsets(actual[known], raw[known], LEVELS)
        result[part] = intervals.shifted(raw[part], levels, offsets)
    return result


def _calibration(walk: Walk, raw: Floats) -> ModelCalibration:
    offsets = calibration.offsets(_actual(walk), raw, LEVELS)
    return ModelCalibration(offsets=offsets, gain=GAIN, sessions=len(raw))


def _adapted(walk: Walk, raw: Floats, own: Floats) -> Floats:
    """Adapt each instrument's calibrated forecasts by those before them, fold after fold."""
    panel, actual, result = walk.data.panel, _actual(walk), own.copy()
    ends = np.concatenate([fold.test for fold in walk.folds])
    spreads = intervals.spread(raw, tuple(LEVELS.tolist()))
    instruments = panel.instruments[ends]
    for instrument in np.unique(instruments):
        rows = np.flatnonzero(instruments == instrument)
        result[rows] = calibration.adapt_to_history(
            own[rows],
            spreads[rows],
            actual[rows],
            LEVELS,
            gain=GAIN,
            posted=POSTED,
        )
    return result
