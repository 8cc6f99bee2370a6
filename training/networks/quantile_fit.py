"""Fit the network of quantiles on windows of all instruments at once."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import keras
import numpy as np
from keras import layers, ops

from app.forecasting.arrays import Float32s, Floats
from training.baselines import log_har
from training.baselines.log_har import LogHar
from training.datasets.panel import WindowSet
from training.datasets.quantile_levels import level_weights
from training.networks import quantile_network
from training.networks.fit import Losses, epoch_reporter
from training.recipes.network_kinds import QuantileNetwork
from training.recipes.recipe import Recipe

Tensor: TypeAlias = Any

_CLIPNORM: Final = 1.0


@dataclass(frozen=True, eq=False)
class FittedQuantiles:
    """A fitted network, and the regression that it corrects."""

    spec: QuantileNetwork
    regression: LogHar
    network: keras.Model
    losses: Losses
    """One number an epoch."""

    def outputs(self, moves: Floats) -> Floats:
        """Map moves (n, steps, fields) to quantiles (n, k), both in percent, by Keras."""
        served = quantile_network.served_model(self.spec, self.regression, self.network, own=False)
        quantiles: Float32s = served.predict(moves.astype(np.float32), batch_size=512, verbose=0)
        return quantiles.astype(np.float64)


def fit(recipe: Recipe, windows: WindowSet, levels: Floats, *, seed: int) -> FittedQuantiles:
    """
    Fit the recipe's network, of quantiles, on windows of a panel.

    The loss is the continuous ranked probability score of the next session's return, in
    percent, approximated by the pinball losses at `levels`; every window counts the same.
    Raises Diverged where it stops being a number.
    """
    panel, train, spec = windows.panel, windows.ends, recipe.quantile_network
    regression = log_har.fit(windows, levels, strong=True)
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    moves = panel.returns[:, None] if windows.closes_only else panel.moves
    steps, fields = windows.steps, moves.shape[1]
    network = quantile_network.build(spec, regression, steps=steps, fields=fields)
    row = keras.Input((1,), dtype="int32")
    fitting = keras.Model(row, network(_Windows(moves, steps)(row)))
    batches = math.ceil(len(train) / recipe.fit.batch_size)
    falling = keras.optimizers.schedules.CosineDecay(
        recipe.fit.learning_rate, batches * recipe.fit.epochs
    )
    fitting.compile(
        optimizer=keras.optimizers.AdamW(
            falling, weight_decay=recipe.fit.weight_decay, clipnorm=_CLIPNORM
        ),
        loss=_score(levels),
        jit_compile=True,
        steps_per_execution=batches,
    )
    with epoch_reporter(recipe.fit.epochs) as after_epoch:
        history = fitting.fit(
            train[:, None].astype(np.int32),
            windows.next_returns.astype(np.float32)[:, None],
            epochs=recipe.fit.epochs,
            batch_size=recipe.fit.batch_size,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=after_epoch)],
            verbose=0,
        )
    return FittedQuantiles(spec, regression, network, history.history)


class _Windows(layers.Layer):  # type: ignore[misc] # Keras ships no types
    """
    Rows (n, 1) -> the windows (n, steps, fields) of moves that end there.

    The panel is held once and each batch is gathered from it: half a million windows that
    overlap, copied out, would take gigabytes.
    """

    def __init__(self, moves: Floats, steps: int) -> None:
        super().__init__()
        self._moves = self.add_weight(shape=moves.shape, initializer="zeros", trainable=False)
        self._moves.assign(moves)
        self._before = np.arange(1 - steps, 1, dtype=np.int32)

    def call(self, rows: Tensor) -> Tensor:
        return ops.take(self._moves, rows + self._before, axis=0)


def _score(levels: Floats) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of returns (n, 1) and quantiles (n, members + 1, k): (n,)."""
    tau = levels.astype(np.float32)
    weights = (2 * level_weights(levels)).astype(np.float32)

    def score(actual: Tensor, quantiles: Tensor) -> Tensor:
        # the last is the regression's own, which is not fitted here
        above = actual[:, None] - quantiles[:, :-1]
        return ops.mean(ops.sum(ops.maximum(tau * above, (tau - 1) * above) * weights, -1), -1)

    return score
