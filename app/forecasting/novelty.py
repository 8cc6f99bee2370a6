"""Novelty: how unusual a window is compared with those that its model was fitted on."""

from typing import Final

import numpy as np

from app.artifact.manifest import Distribution
from app.forecasting.arrays import Floats
from app.forecasting.screening import Screening

_LEVELS: Final = np.linspace(0, 1, Distribution.LEVELS)
_UNUSUAL: Final = 2 * _LEVELS - 1
_LEAST: Final = 1e-12
"""Of a volatility: of prices that never move there is no largest move to speak of."""


def measures(seen: Screening) -> tuple[Floats, Floats]:
    """
    Return what windows are told apart by: volatility in percent, and the largest move over it.

    A network that scales returns by their own volatility has seen any level of it; both say
    how far what it is given lies from what it was fitted on. Each is (n,).
    """
    return 100 * seen.volatilities, seen.largest / np.maximum(seen.volatilities, _LEAST)


def distribution_of(seen: Screening) -> Distribution:
    """Return the percentiles of the windows that a model is fitted on."""
    volatility, largest = (np.quantile(values, _LEVELS).tolist() for values in measures(seen))
    return Distribution(volatility=tuple(volatility), largest_move=tuple(largest))


def scores(seen: Screening, fitted_on: Distribution) -> Floats:
    """
    Return which share of the fitted windows were less unusual than each, (n,), 0 to 1.

    It is the larger of two: twice the distance of the percentile from the median, by volatility,
    and by the largest move. 1 is beyond everything that the model has seen.
    """
    volatility, largest = measures(seen)
    of_volatility, of_largest = fitted_on.arrays
    by_volatility = np.abs(np.interp(volatility, of_volatility, _UNUSUAL))
    by_largest = np.abs(np.interp(largest, of_largest, _UNUSUAL))
    either: Floats = np.maximum(by_volatility, by_largest)
    return either
