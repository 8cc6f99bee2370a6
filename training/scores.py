"""
Scores of point forecasts.

Every score takes actual and expected values (n,) and gives one number, in their unit.
"""

import math

import numpy as np

from app.scaling import Floats


def mae(actual: Floats, expected: Floats) -> float:
    """Mean absolute error."""
    return float(np.abs(actual - expected).mean())


def rmse(actual: Floats, expected: Floats) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.square(actual - expected).mean()))


def diebold_mariano(losses: Floats, reference: Floats) -> float | None:
    """
    Return the t of Diebold and Mariano (1995) for one-step losses, one for each date, (n,).

    Negative where `losses` are smaller than the `reference` losses. The variance is that of
    Newey and West (1987) with floor(4 (n / 100)^(2/9)) lags. None where the two never differ.
    For a panel, average over instruments within each date first.
    """
    difference = losses - reference
    count = len(difference)
    centred = difference - difference.mean()
    variance = float(centred @ centred) / count
    lags = math.floor(4 * (count / 100) ** (2 / 9))
    for lag in range(1, min(lags, count - 1) + 1):
        covariance = float(centred[lag:] @ centred[:-lag]) / count
        variance += 2 * (1 - lag / (lags + 1)) * covariance
    if variance <= 0:
        return None
    return float(difference.mean()) / math.sqrt(variance / count)
