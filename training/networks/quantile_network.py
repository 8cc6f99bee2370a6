"""
The global network: moves of one window in, quantiles of the next session's return out.

It begins as the log-HAR regression of `log_har`, strong form: an LSTM over the window, in units of
the window's own volatility, adds a correction that is zero before fitting, to the volatility
and to the shape of the distribution. Quantiles are the median plus and minus sums of positive
gaps, so they cannot cross; the median stays where the regression has it, a constant in units
of the volatility, because a free one overfits the market's dates. Several members, each with
weights of its own, are averaged, and the regression itself may have a share in the average.
All of it is one graph.
"""

from typing import Any, Final, TypeAlias

import keras
import numpy as np
from keras import layers, ops

from app.forecasting.arrays import Float32s, Floats
from training.baselines import log_har
from training.baselines.log_har import LogHar
from training.networks.lstm import LSTM
from training.recipes.network_kinds import QuantileNetwork

Tensor: TypeAlias = Any

_CLIP: Final = 8.0
"""Moves beyond so many volatilities are cut to it: one bad row must not rule the state."""
_SPAN: Final = 1.0
"""Largest correction of the log volatility, and of each term of the shape, either way."""
_WIDEST: Final = 5.0
"""Log volatilities, in percent, are kept within plus and minus this: 0.7 basis points to 148 %."""
_FARTHEST: Final = 5.0
"""Standard deviations, of the regression's features, as the dense layer sees them."""
_SHAPES: Final = 2
"""Terms of the shape beside the volatility."""
_HALF_LIFE: Final = 11
"""Sessions, of the variance that scales the steps: RiskMetrics' 0.94."""


class _Regression(layers.Layer):  # type: ignore[misc] # Keras ships no types
    """Bars (n, steps, 4) -> standardised features (n, 44) and the log volatility (n, 1)."""

    def __init__(self, fitted: LogHar) -> None:
        super().__init__()
        self._fitted = fitted

    def call(self, bars: Tensor) -> tuple[Tensor, Tensor]:
        fitted = self._fitted
        features = log_har.features(bars, ops, strong=True)
        features = (features - _constant(fitted.means)) / _constant(fitted.scales)
        features = ops.clip(features, -log_har.CLIP, log_har.CLIP)
        return features, ops.matmul(features, _constant(fitted.weights[:, None])) + fitted.intercept


class _Bars(layers.Layer):  # type: ignore[misc] # as above
    """Moves of bars, or of closes alone, as bars."""

    def call(self, moves: Tensor) -> Tensor:
        return log_har.as_bars(moves, ops)


class _Steps(layers.Layer):  # type: ignore[misc] # as above
    """Bars (n, steps, 4) -> what the LSTM reads, (n, steps, 6), without scale."""

    def call(self, bars: Tensor) -> Tensor:
        daily = ops.maximum(log_har.variances(bars), 0.0)  # (n, steps)
        weights = log_har.exponential_weights(bars.shape[1], (_HALF_LIFE,))
        recent = ops.matmul(daily, weights) + log_har.EPSILON  # (n, 1)
        in_units = ops.clip(bars / ops.sqrt(recent)[..., None], -_CLIP, _CLIP)
        size = ops.abs(in_units[..., :1] + in_units[..., 3:])
        logs = ops.clip(ops.log((daily + log_har.EPSILON) / recent) / 2, -_CLIP, _CLIP)
        return ops.concatenate([in_units, size, logs[..., None]], -1)


class _Quantiles(layers.Layer):  # type: ignore[misc] # as above
    """Log volatility (n, 1) and corrections (n, 3) -> quantiles (n, k)."""

    def __init__(self, standard: Floats) -> None:
        super().__init__()
        middle = len(standard) // 2
        self._median = float(standard[middle])
        # the gap that each step away from the median adds, upwards and downwards
        upwards, downwards = np.diff(standard[middle:]), -np.diff(standard[: middle + 1])[::-1]
        further = np.triu(np.ones((middle, middle)))
        self._sums = _constant(
            np.concatenate(
                [
                    (downwards[:, None] * further)[:, ::-1],
                    np.zeros((middle, 1)),
                    upwards[:, None] * further,
                ],
                axis=1,
            )
        )
        rank = np.linspace(-1, 1, middle)
        # smooth in the rank of the gap: heavier or lighter tails, and shoulders
        self._shapes = _constant(np.stack([rank, rank**2 - np.mean(rank**2)]))

    def call(self, log_volatility: Tensor, corrections: Tensor) -> Tensor:
        corrections = _SPAN * ops.tanh(corrections)
        log_volatility = log_volatility + corrections[:, :1]
        volatility = ops.exp(ops.clip(log_volatility, -_WIDEST, _WIDEST))
        gaps = ops.exp(ops.matmul(corrections[:, 1:], self._shapes))  # (n, k // 2)
        return volatility * (self._median + ops.matmul(gaps, self._sums))


class _Served(layers.Layer):  # type: ignore[misc] # as above
    """Quantiles of all forecasters (n, members + 1, k), averaged, (n, k)."""

    def __init__(self, shares: Floats) -> None:
        super().__init__()
        self._shares = _constant(shares[:, None])

    def call(self, quantiles: Tensor) -> Tensor:
        return ops.sum(quantiles * self._shares, axis=1)


def build(
    spec: QuantileNetwork,
    fitted: LogHar,
    *,
    steps: int,
    fields: int,
    recurrent: Any = LSTM,  # noqa: ANN401 - a layer's class
) -> keras.Model:
    """
    Return a network, unfitted, that maps moves (n, steps, fields) to (n, members + 1, k).

    Members share nothing but the regression, whose own quantiles are the last, so that all
    are fitted in one go.
    """
    moves = keras.Input((steps, fields), name="window")
    bars = _Bars()(moves)
    features, log_volatility = _Regression(fitted)(bars)
    unit_steps = _Steps()(bars)
    quantiles = _Quantiles(fitted.standard)
    forecasts = []
    for _ in range(spec.members):
        state = recurrent(spec.units)(unit_steps)  # (n, units)
        both = layers.Concatenate()([state, ops.clip(features, -_FARTHEST, _FARTHEST)])
        hidden = layers.Dropout(spec.dropout)(both)
        hidden = layers.Dense(spec.dense, activation="relu")(hidden)
        hidden = layers.Dropout(spec.dropout)(hidden)
        # zero at first: the regression's own forecast
        corrections = layers.Dense(1 + _SHAPES, kernel_initializer="zeros")(hidden)
        forecasts.append(quantiles(log_volatility, corrections))
    nothing = ops.zeros_like(log_volatility)
    forecasts.append(quantiles(log_volatility, ops.repeat(nothing, 1 + _SHAPES, axis=1)))
    return keras.Model(moves, ops.stack(forecasts, axis=1))


def served_model(
    spec: QuantileNetwork, fitted: LogHar, network: keras.Model, *, own: bool
) -> keras.Model:
    """
    Return the network that is published: moves (n, steps, fields) to quantiles (n, k).

    The members' mean, in which the regression has its share. With `own`, of Keras's own LSTM
    layers, which the converter knows.
    """
    _, steps, fields = network.inputs[0].shape
    if own:
        copy = build(spec, fitted, steps=steps, fields=fields, recurrent=layers.LSTM)
        copy.set_weights(network.get_weights())
        network = copy
    share = spec.regression_share
    shares = np.r_[np.full(spec.members, (1 - share) / spec.members), share]
    return keras.Model(network.input, _Served(shares)(network.output))


def _constant(values: Floats) -> Float32s:
    return values.astype(np.float32)
