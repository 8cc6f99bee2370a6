"""
What a walk forward shows: every forecaster scored on the same sessions.

Prices differ in unit, so errors are in percent of the last price, and scores of distributions
in percent of log return.
"""

import dataclasses
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.artifact.manifest import ModelCalibration, Scores
from app.forecasting import quantiles as intervals
from app.forecasting.arrays import Bools, Floats
from training.datasets.panel import Dates, Rows
from training.datasets.quantile_levels import LEVELS
from training.evaluation import calibration, point_scores, quantile_scores
from training.evaluation.calibration import HistoryCalibration
from training.evaluation.quantile_scores import Comparison
from training.evaluation.walk_forward import CLOSES, LOG_HAR, LOG_HAR_STRONG, NETWORK, Walk

GARCH: Final = "GARCH(1,1)-t"
REFERENCES: Final = (GARCH, LOG_HAR, LOG_HAR_STRONG)
PERCENTS: Final = (80.0, 90.0, 95.0, 98.0)
HISTORY: Final = HistoryCalibration(gain=0.02, posted=340)
"""A gain chosen on 2009 to 2012, see docs/log.md; what 400 bars leave before a window of 60."""
_LEVELS: Final = tuple(LEVELS.tolist())
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
    scored: dict[str, ScoredForecasts]
    with_history: Floats
    """(n, k) the network's forecasts as a request with 400 bars would have them."""
    calibrations: dict[str, ModelCalibration]
    """Of the networks, on all folds: what is published."""

    def compare(self, name: str, reference: str) -> Comparison:
        """Compare one forecaster's CRPS with another's."""
        return quantile_scores.compare(
            self.scored[name].crps, self.scored[reference].crps, self.dates, self.instruments
        )

    def relative(self, name: str) -> tuple[float, float, float]:
        """Return MAE and RMSE over those of tomorrow = today, and the worst instrument's MAE."""
        ours, naive = self.scored[name].errors, self.scored["naive"].errors
        by = [np.bincount(self.instruments, np.abs(each)) for each in (ours, naive)]
        present = by[1] > 0
        mae = float(np.abs(ours).mean() / np.abs(naive).mean())
        rmse = float(np.sqrt(np.square(ours).mean() / np.square(naive).mean()))
        return mae, rmse, float((by[0][present] / by[1][present]).max())

    def tail_skill(self, name: str) -> float:
        """Return by what share the loss at 1 and 99 % is below GARCH's."""
        return quantile_scores.skill(self.scored[name].tails, self.scored[GARCH].tails)

    def qlike(self, name: str) -> float:
        """Return QLIKE of squared returns under the variance that the forecasts imply."""
        spread = intervals.spread(self.scored[name].quantiles, _LEVELS)
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
                        reference: dataclasses.asdict(self.compare(name, reference))
                        for reference in REFERENCES
                    },
                }
                for name in self.calibrations
            },
        }

    def scores(self, name: str) -> Scores:
        """Return what the manifest says of a forecaster."""
        ours, naive = self.scored[name], self.scored["naive"]
        points = point_scores.summarise(
            self.dates,
            self.instruments,
            ours.errors,
            naive.errors,
            unit="percent of the last price",
        )
        return points.model_copy(
            update={
                "crps_vs_garch": self.compare(name, GARCH).skill,
                "coverage_90": float(ours.inside(self.actual, 90).mean()),
            }
        )


def measure(walk: Walk) -> Accuracy:
    """Score every forecaster; one fold's quantiles of one forecaster are read at a time."""
    panel, folds = walk.data.panel, walk.folds
    ends = np.concatenate([fold.test for fold in folds])
    of_all = _AllFolds(
        actual=panel.returns[ends + 1],
        instruments=panel.instruments[ends],
        starts=np.cumsum([len(fold.test) for fold in folds])[:-1].tolist(),
    )
    scored = slice(of_all.starts[0], None)
    actual = of_all.actual[scored]
    forecasts, calibrations, with_history = {}, {}, np.empty(0)
    for name in walk.names:
        quantiles = np.concatenate([walk.cache.quantiles(fold, name) for fold in folds])
        if name in {NETWORK, CLOSES}:
            raw, quantiles = quantiles, of_all.calibrate(quantiles)
            offsets = calibration.offsets(of_all.actual, raw, LEVELS)
            calibrations[name] = ModelCalibration(
                offsets=offsets, gain=HISTORY.gain, sessions=len(raw)
            )
            if name == NETWORK:
                with_history = of_all.adapt(raw, quantiles)[scored]
        forecasts[name] = _score(quantiles[scored], actual)
    return Accuracy(
        walk=walk,
        dates=panel.dates[ends + 1][scored],
        ends=ends[scored],
        instruments=of_all.instruments[scored],
        actual=actual,
        scored=forecasts,
        with_history=with_history,
        calibrations=calibrations,
    )


def _score(quantiles: Floats, actual: Floats) -> ScoredForecasts:
    tails = [int(np.argmin(np.abs(LEVELS - level))) for level in _TAILS]
    median = quantiles[:, len(LEVELS) // 2]
    return ScoredForecasts(
        quantiles=quantiles,
        crps=quantile_scores.crps(actual, quantiles, LEVELS),
        errors=100 * (np.exp(median / 100) - np.exp(actual / 100)),
        tails=quantile_scores.pinball(actual, quantiles[:, tails], LEVELS[tails]).sum(1),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _AllFolds:
    """The forecast sessions of all folds, the one to calibrate by included; arrays are (m,)."""

    actual: Floats
    instruments: Rows
    starts: list[int]
    """Where each fold after the first begins."""

    def calibrate(self, raw: Floats) -> Floats:
        """Shift each fold's quantiles by the offsets of the folds before; the first has none."""
        result = raw.copy()
        for start, stop in zip(self.starts, [*self.starts[1:], len(raw)], strict=True):
            offsets = calibration.offsets(self.actual[:start], raw[:start], LEVELS)
            result[start:stop] = intervals.shifted(raw[start:stop], _LEVELS, offsets)
        return result

    def adapt(self, raw: Floats, calibrated: Floats) -> Floats:
        """Adapt each instrument's calibrated forecasts by those before them."""
        spreads, result = intervals.spread(raw, _LEVELS), calibrated.copy()
        for instrument in np.unique(self.instruments):
            rows = np.flatnonzero(self.instruments == instrument)
            result[rows] = HISTORY.adapt(calibrated[rows], spreads[rows], self.actual[rows], LEVELS)
        return result
