"""The proof that what the service loads forecasts what was fitted, on real windows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from app.forecasting.arrays import Float32s, Floats
from app.forecasting.forecaster import Model, forecast
from training.errors import ParityError

_TOLERANCE: Final = 1e-5
"""Largest relative difference between the served price and the fitted network's own."""
_QUANTILE_TOLERANCE: Final = 5e-5
"""The same of quantiles, which are returns in percent: relative to a forecast's largest."""


@dataclass(slots=True, eq=False)
class Parity:
    """Whether a model, as the service loads it, forecasts what was fitted, on real windows."""

    windows: Floats
    expected: Floats
    """The fitted network's own forecasts of `windows`, in prices (n,)."""
    worst: float = 0.0
    """The largest relative difference found."""

    def prove(self, model: Model) -> None:
        """Compare the windows one by one, in 64s and together; raise ParityError beyond 1e-5."""
        served = _in_batches(lambda windows: forecast(model, windows).predictions, self.windows)
        self.worst = float(np.abs(np.stack([*served]) / self.expected - 1).max())
        _require("forecasts", self.worst, _TOLERANCE)


@dataclass(slots=True, eq=False)
class QuantileParity:
    """Whether a model of quantiles, as the service loads it, gives what was fitted, on bars."""

    bars: Floats
    """(n, sessions, 4)"""
    expected: Floats
    """The fitted network's own quantiles of `bars`, in percent, (n, k)."""
    expected_of_closes: Floats
    """Those of the network for closes alone."""
    worst: float = 0.0
    """The largest difference found, relative to the largest quantile of the same forecast."""

    def prove(self, model: Model) -> None:
        """Compare the windows one by one, in 64s and together; raise ParityError beyond 5e-5."""
        pairs = [(model, self.bars, self.expected)]
        if model.close_only is not None:
            pairs.append((model.close_only, self.bars[:, :, 3:], self.expected_of_closes))
        for part, windows, expected in pairs:
            largest = np.abs(expected).max(axis=1, keepdims=True)
            for served in _in_batches(part.network.run, part.scaler.inputs(windows)):
                # NumPy's maximum keeps NaN
                difference = (np.abs(served - expected) / largest).max()
                self.worst = float(np.maximum(self.worst, difference))
        _require("quantiles", self.worst, _QUANTILE_TOLERANCE)


_Array = TypeVar("_Array", Floats, Float32s)


def _in_batches(run: Callable[[_Array], Floats | Float32s], inputs: _Array) -> Iterator[Floats]:
    """Yield what `run` gives for all inputs: one by one, in 64s and together."""
    for size in (1, 64, len(inputs)):
        starts = range(0, len(inputs), size)
        yield np.concatenate(
            [run(inputs[start : start + size]) for start in starts], dtype=np.float64
        )


def _require(what: str, worst: float, tolerance: float) -> None:
    """Raise ParityError beyond the tolerance, and where the difference is no number."""
    if not worst <= tolerance:
        raise ParityError(
            f"served and fitted {what} differ by {worst:.1e}; {tolerance:.0e} is allowed"
        )
