"""The use case: windows in, forecasts out; and the values it speaks in."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, Literal, NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from app.artifact.manifest import BARS, Manifest
from app.errors import BadInput
from app.forecasting import conformal, novelty, quantiles, screening
from app.forecasting.arrays import Bools, Float32s, Floats
from app.forecasting.scalers import LevelScaler, ReturnScaler

# prices may jump so far that nothing finite comes out: `Forecasts.usable` tells, not NumPy
_overflowing: Final = np.errstate(over="ignore", invalid="ignore", divide="ignore")


class Network(Protocol):
    """Anything that maps inputs (n, steps, features) to outputs (n, k), both without unit."""

    @property
    def ready(self) -> bool:
        """Tell whether a run may begin at once."""
        ...

    def open(self) -> object:
        """Make it ready, which may take some milliseconds."""
        ...

    def run(self, inputs: Float32s) -> Float32s:
        """Map inputs to outputs."""
        ...


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Model:
    """A published model, loaded: what it says of itself, its scaler and its network."""

    manifest: Manifest
    scaler: LevelScaler | ReturnScaler
    network: Network
    card: str
    close_only: "Model | None" = None
    """What answers for closes alone, where this is a model of bars that has such a network."""


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """One forecast for each window; every array is (n, ..) and of the unit of the prices."""

    last_prices: Floats
    predictions: Floats
    """Not finite where the window overflows; `usable` says which are."""
    intervals: Floats
    """Low and high of each level asked for, (n, levels, 2); a point model has no levels."""
    outside: Bools
    """Windows that hold a price beyond the range that the scaler was fitted on."""
    suspects: Bools
    """Windows that `guards.look` may have something to say of."""
    novelties: Floats | None
    """How unusual each window is, as `novelty.scores` has it; None where that is not known."""

    @property
    def usable(self) -> Bools:
        """Tell which forecasts are prices throughout."""
        usable: Bools = np.isfinite(self.predictions)
        if self.intervals.size:
            usable &= np.isfinite(self.intervals).all((1, 2))
        return usable


@dataclass(frozen=True, slots=True, eq=False)
class IntervalBasis:
    """What the intervals of one forecast rest on."""

    method: Literal["none", "model", "history"]
    """Nothing; the offsets of the manifest; or those, and the history of the request."""
    sessions: int
    """Forecasts that the calibration rests on."""
    coverage: Floats | None = None
    """The share of that history within each interval, as it would have been given, (levels,)."""


class Forecast(NamedTuple):
    """That of one window, in the unit of its prices."""

    last_price: float
    prediction: float
    intervals: list[tuple[float, float]]
    """Low and high of each level asked for."""
    outside: bool
    is_suspect: bool
    novelty: float | None
    """How unusual the window is, 0 to 1; None where the model does not know."""
    basis: IntervalBasis | None
    """None where the model forecasts a point."""


def answering_part(model: Model, *, bars: bool) -> Model:
    """
    Return the part of a model that answers for bars, or for prices.

    Raises BadInput where a model of bars cannot answer for prices alone.
    """
    if bars or model.manifest.fields != BARS:
        return model
    if model.close_only is None:
        raise BadInput("this model reads open, high, low and close; post bars, not prices alone")
    return model.close_only


@_overflowing
def forecast(model: Model, windows: Floats, levels: tuple[float, ...] = ()) -> Forecasts:
    """
    Forecast the session after each window; windows are (n, sessions, fields).

    `levels` are those of the intervals, in percent; a point model has none to give.
    """
    return _forecasts(model, windows, model.network.run(model.scaler.inputs(windows)), levels)


@_overflowing
def forecast_each(
    model: Model, windows: Floats, levels: Sequence[tuple[float, ...]]
) -> list[Forecast | None]:
    """
    Forecast from windows (n, sessions, fields) of n callers, each with levels of its own.

    The network runs once. None stands for a forecast that is not finite.
    """
    outputs = model.network.run(model.scaler.inputs(windows))
    different = set(levels)
    if len(different) == 1:
        # nearly always: nobody asks for levels of their own
        return _singly(model, _forecasts(model, windows, outputs, levels[0]))
    each: list[Forecast | None] = [None] * len(windows)
    for asked in different:
        rows = [row for row, own in enumerate(levels) if own == asked]
        for row, one in zip(
            rows,
            _singly(model, _forecasts(model, windows[rows], outputs[rows], asked)),
            strict=True,
        ):
            each[row] = one
    return each


def adapts_by(model: Model, sessions: int) -> int:
    """Return how many forecasts a history of so many sessions is calibrated by, 0 for none."""
    known = sessions - model.manifest.window
    if known < conformal.FEWEST or not _gain(model):
        return 0
    return min(known, conformal.MOST)


def forecast_adapted(
    model: Model, history: Floats, levels: tuple[float, ...] = ()
) -> Forecast | None:
    """
    Forecast the session after a history (sessions, fields) by which `adapts_by` says to adapt.

    Every session that it counts is forecast too, and the intervals are adapted to the
    instrument by what became of them. None stands for a forecast that is not finite.
    """
    adapted = _adapted(model, history, levels)
    if adapted is None:
        newest = history[None, -model.manifest.window :]
        [answer] = forecast_each(model, newest, [levels])
        return answer
    forecasts, basis = adapted
    [answer] = _singly(model, forecasts, basis)
    # all of the history counts here
    return answer and answer._replace(is_suspect=bool(screening.screen(history[None]).suspects[0]))


@_overflowing
def _adapted(
    model: Model, history: Floats, levels: tuple[float, ...]
) -> tuple[Forecasts, IntervalBasis] | None:
    """Forecast from all of a history; None where some part of it overflows."""
    manifest, known = model.manifest, adapts_by(model, len(history))
    recent = history[-known - manifest.window :]
    windows = sliding_window_view(recent, manifest.window, axis=0).swapaxes(1, 2)
    closes = recent[manifest.window :, -1]
    outcomes = model.scaler.targets(windows[:-1], closes).astype(np.float64)
    outputs = model.network.run(model.scaler.inputs(windows)).astype(np.float64)
    own = _calibrated(model, outputs)
    if not (np.isfinite(own).all() and np.isfinite(outcomes).all()):
        return None
    spreads = quantiles.spread(quantiles.outward(outputs), manifest.quantiles)
    adapted = conformal.adapt(own, spreads, outcomes[:, 0], manifest.quantiles, _gain(model))
    ends = quantiles.intervals(adapted[:-1], manifest.quantiles, levels)
    inside = (ends[:, :, 0] <= outcomes) & (outcomes <= ends[:, :, 1])
    basis = IntervalBasis("history", known, inside.mean(axis=0))
    return _between(model, windows[-1:], adapted[-1:], levels), basis


def _singly(
    model: Model, forecasts: Forecasts, basis: IntervalBasis | None = None
) -> list[Forecast | None]:
    """Take forecasts apart, by way of lists: reading an array number by number is slow."""
    basis = basis or _own_basis(model.manifest)
    columns = zip(
        forecasts.last_prices.tolist(),
        forecasts.predictions.tolist(),
        forecasts.intervals.tolist(),
        forecasts.outside.tolist(),
        forecasts.suspects.tolist(),
        repeat(None) if forecasts.novelties is None else forecasts.novelties.tolist(),
        forecasts.usable.tolist(),
        # where novelties are not known, None has no end
        strict=False,
    )
    return [
        Forecast(last_price, prediction, intervals, outside, is_suspect, unusual, basis)
        if usable
        else None
        for last_price, prediction, intervals, outside, is_suspect, unusual, usable in columns
    ]


def _forecasts(
    model: Model, windows: Floats, outputs: Float32s, levels: tuple[float, ...]
) -> Forecasts:
    if not model.manifest.quantiles:
        return _priced(model, windows, outputs)
    return _between(model, windows, _calibrated(model, outputs), levels)


def _calibrated(model: Model, outputs: Float32s | Floats) -> Floats:
    """Return quantiles (n, k) in the unit of the outputs, with the manifest's own calibration."""
    manifest, raw = model.manifest, quantiles.outward(outputs.astype(np.float64))
    if manifest.calibration is None:
        return raw
    return quantiles.shifted(raw, manifest.quantiles, manifest.calibration.offsets)


def _between(
    model: Model, windows: Floats, outputs: Floats, levels: tuple[float, ...]
) -> Forecasts:
    """Turn quantiles (n, k) into medians and intervals, as prices."""
    ends = quantiles.intervals(outputs, model.manifest.quantiles, levels)
    median = outputs[:, outputs.shape[1] // 2, None]
    # together: what is equal before it is a price stays so
    return _priced(model, windows, np.concatenate([median, ends.reshape(len(ends), -1)], axis=1))


def _priced(model: Model, windows: Floats, outputs: Float32s | Floats) -> Forecasts:
    """Make forecasts of outputs (n, 1 + 2 levels): the prediction, then low and high of each."""
    prices = model.scaler.prices(windows, outputs)
    seen, fitted_on = screening.screen(windows), model.manifest.distribution
    return Forecasts(
        last_prices=windows[:, -1, -1],
        predictions=prices[:, 0],
        intervals=prices[:, 1:].reshape(len(prices), prices.shape[1] // 2, 2),
        outside=model.scaler.outside(windows),
        suspects=seen.suspects,
        novelties=None if fitted_on is None else novelty.scores(seen, fitted_on),
    )


def _gain(model: Model) -> float:
    calibrated = model.manifest.calibration
    return calibrated.gain if calibrated else 0.0


def _own_basis(manifest: Manifest) -> IntervalBasis | None:
    if not manifest.quantiles:
        return None
    if manifest.calibration is None:
        return IntervalBasis("none", 0)
    return IntervalBasis("model", manifest.calibration.sessions)
