"""The use case: windows in, forecasts out; and the values it speaks in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.artifact import Manifest
from app.errors import BadPrice, Unforecastable, WindowTooShort
from app.scaling import Bools, Float32s, Floats, Levels, Returns


class Network(Protocol):
    """Anything that maps inputs (n, steps, features) to outputs (n, k), both without unit."""

    def run(self, inputs: Float32s) -> Float32s:
        """Map inputs to outputs."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A published model, loaded: what it says of itself, its scaler and its network."""

    manifest: Manifest
    scaler: Levels | Returns
    network: Network
    card: str


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """One forecast for each window; every array is (n,) and of the unit of the prices."""

    last_prices: Floats
    predictions: Floats
    """Not finite where the window overflows; `usable` says which are."""
    outside: Bools
    """Windows that hold a price beyond the range that the scaler was fitted on."""

    @property
    def usable(self) -> Bools:
        """Tell which predictions are prices."""
        usable: Bools = np.isfinite(self.predictions)
        return usable


def newest_window(prices: Sequence[float], sessions: int, *, field: str = "prices") -> Floats:
    """
    Return the newest window (sessions, 1) of a list of prices, oldest first.

    Raises BadPrice where any price is not finite or not above zero, also before the window:
    such a list has been damaged on its way. Raises WindowTooShort where there are too few.
    """
    values = np.asarray(prices, dtype=np.float64)
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        row = int(bad.argmax())
        fault = "is not above zero" if np.isfinite(values[row]) else "is not a finite number"
        raise BadPrice(f"{field}[{row}] {fault}; rows count from 0", field=field, index=row)
    if len(values) < sessions:
        raise WindowTooShort(sessions, len(values), field=field)
    return values[-sessions:, None]


def forecast(model: Model, windows: Floats) -> Forecasts:
    """Forecast the session after each window; windows are (n, sessions, fields)."""
    outputs = model.network.run(model.scaler.inputs(windows))
    target = model.manifest.fields.index(model.manifest.target)
    return Forecasts(
        last_prices=windows[:, -1, target],
        predictions=model.scaler.prices(windows, outputs)[:, 0],
        outside=model.scaler.outside(windows),
    )


def forecast_one(model: Model, window: Floats) -> Forecasts:
    """Forecast the session after one window (sessions, fields); raise Unforecastable."""
    forecasts = forecast(model, window[None])
    if not forecasts.usable[0]:
        raise Unforecastable(
            "the moves in this window are too large for a finite forecast", field="prices"
        )
    return forecasts
